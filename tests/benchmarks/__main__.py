"""Print the benchmark table: ``uv run python -m tests.benchmarks [map] [direct] [moments]``."""

from __future__ import annotations

import sys
import warnings

from tests.benchmarks import draws, optima, passes
from tests.benchmarks.harness import report

SUITES = {"map": optima.rows, "direct": draws.rows, "moments": passes.rows}


def main(names: list[str]) -> None:
    """Run the suites named, or all."""
    warnings.simplefilter("ignore")
    for name in names or SUITES:
        report(SUITES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
