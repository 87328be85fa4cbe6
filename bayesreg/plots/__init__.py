"""Figures: ``plot_*(result, ax=None) -> Axes``. They draw only: nothing is fitted, saved or shown.

Results are known by their fields. Without `ax` the figure is a new one of pyplot's, under the
backend and the rcParams that are set; with it, nothing else is touched.
"""

from __future__ import annotations

from bayesreg.plots.adequacy import plot_adequacy, plot_left_out
from bayesreg.plots.bayesian_path import plot_bayesian_path
from bayesreg.plots.calibration import plot_calibration
from bayesreg.plots.checks import (
    plot_agreement,
    plot_ppc,
    plot_rank,
    plot_residuals,
    plot_shares,
    plot_trace,
)
from bayesreg.plots.choice import plot_choice
from bayesreg.plots.coefficients import plot_forest, plot_map, plot_posterior
from bayesreg.plots.counts import plot_rootogram
from bayesreg.plots.densities import plot_densities, plot_priors
from bayesreg.plots.margins import plot_margins
from bayesreg.plots.paths import plot_path
from bayesreg.plots.prior_quantities import plot_expected
from bayesreg.plots.scales import plot_scale
from bayesreg.plots.shrinkage import (
    plot_effective,
    plot_profile,
    plot_shrinkage,
    plot_significance,
)

__all__ = [
    "plot_adequacy",
    "plot_agreement",
    "plot_bayesian_path",
    "plot_calibration",
    "plot_choice",
    "plot_densities",
    "plot_effective",
    "plot_expected",
    "plot_forest",
    "plot_left_out",
    "plot_map",
    "plot_margins",
    "plot_path",
    "plot_posterior",
    "plot_ppc",
    "plot_priors",
    "plot_profile",
    "plot_rank",
    "plot_residuals",
    "plot_rootogram",
    "plot_scale",
    "plot_shares",
    "plot_shrinkage",
    "plot_significance",
    "plot_trace",
]
