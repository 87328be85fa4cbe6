"""What all tests share: figures are drawn without a display, and a worker keeps to its core."""

import os
import sys
from collections import Counter
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


# Long tables of laws: by default one case in so many, all of them in the long tests.
DRAWN = {
    "test_each_engine_serves_or_names_one_that_does": 4,
    "test_each_solver_serves_or_names_one_that_does": 3,
    "test_one_column_is_quadrature": 3,
    "test_several_columns_are_the_reference": 2,
    "test_without_data_gibbs_returns_the_prior": 3,
    "test_gibbs_at_scales_without_end": 2,
    "test_the_edges_are_certified_or_answered_with_advice": 2,
    "test_altered_files_are_refused_or_answer": 3,
    "test_every_map_is_certified": 2,
    "test_exact_loo_is_refitting": 2,
    "test_the_library_finds_our_optimum": 3,
    "test_local_variances_have_their_law": 2,
    "test_tabulated_densities_of_groups_are_their_integrals": 2,
    "test_other_penalties_are_certified_as_local_optima": 2,
    "test_a_streamed_formula_is_that_of_memory": 2,
    "test_extreme_scales": 2,
    "test_scan_leaves_the_posterior_invariant": 2,
    "test_agrees_with_gibbs": 2,
    "test_descent_is_the_plain_one": 2,
    "test_routes_agree": 2,
    "test_it_meets_tangent": 2,
    "test_a_comparison_of_null_models_answers": 3,
    "test_whatever_the_lams_and_the_columns_a_path_is_certified": 4,
    "test_the_margin_is_that_of_the_densities": 3,
    "test_no_draw_has_a_higher_density_than_the_map_at_its_lam": 3,
    "test_weights_count_in_averages_as_repeated_rows_do": 2,
    "test_without_data_draws_are_the_prior_s": 3,
    "test_rows_of_any_label_are_written_and_read_back": 2,
    "test_whatever_is_far_out_is_drawn": 3,
    "test_hostile_names_are_drawn_as_text": 2,
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what a default run does not draw from a long table."""
    seen: Counter[str] = Counter()
    for item in items:
        name = getattr(item, "originalname", "")
        if name in DRAWN and item.get_closest_marker("slow") is None:
            if seen[name] % DRAWN[name]:
                item.add_marker(pytest.mark.slow)
            seen[name] += 1


@pytest.fixture(autouse=True)
def no_figures() -> Iterator[None]:
    """Figures are pyplot's, and a test closes those that it opened, as a user would."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
