"""What all tests share: figures are drawn without a display, and a worker keeps to its core."""

import os
import sys
from collections.abc import Iterator

import pytest

# Read when matplotlib is first imported, here and in the kernels that notebooks run in; importing
# matplotlib here instead would cost every test run two seconds.
os.environ["MPLBACKEND"] = "Agg"


def pytest_xdist_setupnodes() -> None:
    """One thread of BLAS in each worker: where there is a worker for each core, more would wait.

    Before the workers start, since NumPy reads it when it is first imported. Under `-n 0` nothing
    is set, so the tests also hold with as many threads as there are cores.
    """
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def no_figures() -> Iterator[None]:
    """Figures are pyplot's, and a test closes those that it opened, as a user would."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
