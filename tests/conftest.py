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


# Tables of laws: by default one case in so many, all of them in the long tests. A table of more
# than a few cases that is not named here has every third one.
FEW, THIRD = 8, 3
DRAWN = {
    "test_scikit_learn_checks": 1,
    "test_every_objective_is_ours_times_a_constant": 1,
    "test_bad_data_are_refused_by_name": 1,
    "test_bad_arguments_are_named": 1,
    "test_nist_digits": 1,
    "test_each_engine_serves_or_names_one_that_does": 5,
    "test_each_solver_serves_or_names_one_that_does": 4,
    "test_a_comparison_of_null_models_answers": 6,
    "test_whatever_the_lams_and_the_columns_a_path_is_certified": 4,
    "test_the_margin_is_that_of_the_densities": 8,
    "test_no_draw_has_a_higher_density_than_the_map_at_its_lam": 8,
    "test_weights_count_in_averages_as_repeated_rows_do": 2,
    "test_without_data_draws_are_the_prior_s": 3,
    "test_without_data_gibbs_returns_the_prior": 6,
    "test_rows_of_any_label_are_written_and_read_back": 4,
    "test_whatever_is_far_out_is_drawn": 3,
    "test_hostile_names_are_drawn_as_text": 6,
    "test_one_column_is_quadrature": 5,
    "test_several_columns_are_the_reference": 3,
    "test_tables_draw_the_conditional_law": 5,
    "test_local_variances_have_their_law": 4,
    "test_altered_files_are_refused_or_answer": 4,
    "test_a_model_without_a_proper_column_answers_every_question": 5,
    "test_a_yes_no_target_of_any_kind_gives_one_path": 3,
    "test_a_loaded_comparison_answers_as_before": 3,
    "test_unknowns_of_a_likelihood_are_at_the_joint_mode": 3,
    "test_every_name_is_read_as_it_is": 4,
    "test_nothing_global_changes": 4,
    "test_a_reports_figures_are_unknown_to_pyplot": 4,
    "test_ones_are_no_weights": 3,
    "test_under_noise_a_training_set_is_fitted_at_the_scale_of_that_noise": 3,
    "test_each_scale_is_its_own_posterior": 2,
    "test_joint_mode_is_a_mode": 3,
    "test_the_best_of_a_grid_is_not_better": 3,
    "test_a_loaded_fit_predicts_from_the_original_frame": 4,
    "test_the_library_finds_our_optimum": 3,
    "test_tabulated_densities_of_groups_are_their_integrals": 3,
    "test_other_penalties_are_certified_as_local_optima": 3,
    "test_a_streamed_formula_is_that_of_memory": 3,
    "test_scan_leaves_the_posterior_invariant": 3,
    "test_agrees_with_gibbs": 3,
    "test_descent_is_the_plain_one": 3,
    "test_it_meets_tangent": 3,
    "test_it_meets_trajectories_under_a_given_shape": 2,
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what a default run does not draw from a long table."""
    tables: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow") is None:
            name = getattr(item, "originalname", item.name)
            tables.setdefault((item.nodeid.split("::")[0], name), []).append(item)
    for (_, name), cases in tables.items():
        share = DRAWN.get(name, THIRD if len(cases) > FEW else 1)
        for number, item in enumerate(cases):
            if number % share:
                item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def no_figures() -> Iterator[None]:
    """Figures are pyplot's, and a test closes those that it opened, as a user would."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
