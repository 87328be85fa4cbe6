"""Expected log predictive density of one model, as the object of ArviZ.

ArviZ knows no frequency weights. Sums and standard errors here count a row of weight w as w rows;
with w = 1 they are those of ``az.loo``, to rounding.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics.tree import row_labels
from bayesreg.errors import BayesregWarning

if TYPE_CHECKING:
    from bayesreg.model import Problem

Array = NDArray[np.float64]
# Vehtari et al. (2024), eq. 13: above this the estimate does not converge at a useful rate.
KHAT_MAX = 0.7


@dataclass(frozen=True, eq=False)
class Pointwise:
    """Log densities of one copy of each row that was left out.

    Attributes
    ----------
    elpd, lppd, khat : ndarray (m,)
        log p(y_i | y_-i), log p(y_i | y) and Pareto k̂ (0 where exact).
    weights : ndarray (n,)
        Frequencies of all rows.
    rows : ndarray of int (m,) or None
        Which rows; None for all, m = n.
    approximate : ndarray (n,) or None
        log p(y_i | y) of all rows, where only some were left out.
    """

    elpd: Array
    lppd: Array
    khat: Array
    weights: Array
    rows: NDArray[np.intp] | None
    approximate: Array | None


@dataclass(frozen=True)
class Total:
    """Σw·v over all rows, its standard error over rows, and that from taking a sample of them."""

    value: float
    se: float
    sampling_se: float


def elpd_data(values: Pointwise, problem: Problem, *, draws: int = 0, note: str = "exact") -> Any:
    """ArviZ's ELPDDataLOO, or ELPDDataLOOSubsample where not every row was left out."""
    from arviz_stats.utils import ELPDDataLOO, ELPDDataLOOSubsample

    good_k = min(1.0 - 1.0 / math.log10(draws), KHAT_MAX) if draws > 10 else KHAT_MAX
    total = estimate(values.elpd, values.approximate, values.rows, values.weights, ddof=1)
    p = estimate(values.lppd - values.elpd, None, values.rows, values.weights, ddof=1).value
    bad = int(np.sum(values.khat > good_k))
    if bad:
        text = advice(bad, len(values.khat), float(values.khat.max()), good_k)
        warnings.warn(text, BayesregWarning, stacklevel=4)
        note = f"{note}; {text}"
    fields: dict[str, Any] = {
        "elpd": total.value,
        "se": total.se,
        "p": p,
        "n_samples": draws,
        "n_data_points": len(values.weights),
        "scale": "log",
        "warning": bad > 0,
        "good_k": good_k,
        "elpd_i": _labelled(values.elpd, values, problem, note, weighted=True),
        "pareto_k": _labelled(values.khat, values, problem, note),
        "p_loo_i": _labelled(values.lppd - values.elpd, values, problem, note, weighted=True),
    }
    if values.rows is None:
        return ELPDDataLOO(**fields)
    assert values.approximate is not None
    everything = Pointwise(
        values.approximate, values.approximate, values.khat, values.weights, None, None
    )
    approximate = _labelled(values.approximate, everything, problem, note, weighted=True)
    return ELPDDataLOOSubsample(
        **fields,
        subsample_size=len(values.rows),
        subsampling_se=total.sampling_se,
        loo_subsample_observations=values.rows,
        elpd_loo_approx=approximate,
    )


def advice(bad: int, count: int, worst: float, limit: float) -> str:
    """What a large Pareto k̂ means and what to do."""
    return (
        f"Pareto k-hat is above {limit:.2f} at {bad} of {count} rows (largest {worst:.2f}): "
        "leaving such a row out changes the posterior too much for importance sampling, so that "
        "elpd is uncertain and probably too high; look at those rows (outliers, leverage), or use "
        "K-fold cross-validation"
    )


def estimate(
    exact: Array,
    approximate: Array | None,
    rows: NDArray[np.intp] | None,
    weights: Array,
    *,
    ddof: int,
) -> Total:
    r"""Σ w_i v_i over all rows, from v at all of them, or at a simple random sample.

    With a sample of m of n rows and an approximation a to v at all of them (0 if None),

    .. math:: \hat T = \sum_i w_i a_i + \frac{n}{m} \sum_{i \in s} w_i (v_i - a_i)

    and Σwv² likewise, whence the variance over rows N/(N − ddof)·(Σwv² − T²/N): Magnusson et al.
    (2020), eqs. 7–10, https://proceedings.mlr.press/v108/magnusson20a.html, with weights.
    """
    size = float(np.sum(weights))
    if rows is None:
        value = float(weights @ exact)
        mean = value / size
        spread = float(weights @ (exact - mean) ** 2)
        sampling = 0.0
    else:
        n, m = len(weights), len(rows)
        a = np.zeros(n) if approximate is None else approximate
        w = weights[rows]
        gap = w * (exact - a[rows])
        value = float(weights @ a) + n * float(np.mean(gap))
        sampling = n * n * (1.0 - m / n) * float(np.var(gap, ddof=1)) / m
        mean = value / size
        # Squares are taken about the mean, where they do not cancel.
        squares = w * ((exact - mean) ** 2 - (a[rows] - mean) ** 2)
        spread = float(weights @ (a - mean) ** 2) + n * float(np.mean(squares)) + sampling / size
    factor = size / (size - ddof) if size > ddof else 0.0
    se = math.sqrt(max(0.0, factor * spread))
    return Total(value, se, math.sqrt(sampling))


def _labelled(
    values: Array, about: Pointwise, problem: Problem, note: str, *, weighted: bool = False
) -> Any:
    """Values by row, NaN where a row was not left out, with y and weights as coordinates."""
    from xarray import DataArray

    assert problem.design is not None
    full = values
    if about.rows is not None:
        full = np.full(len(about.weights), np.nan)
        full[about.rows] = values
    coords = {
        "obs_id": row_labels(problem),
        "y": ("obs_id", problem.design.y),
        "weight": ("obs_id", about.weights),
    }
    data = full * about.weights if weighted else full
    return DataArray(data, coords, dims=("obs_id",), attrs={"note": note})
