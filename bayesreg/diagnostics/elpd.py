"""Expected log predictive density of one model, as the object of ArviZ.

ArviZ knows no frequency weights. Sums and standard errors here count a row of weight w as w rows;
with w = 1 they are those of ``az.loo``, to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.warned import warn

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

# Vehtari et al. (2024), eq. 13: above this the estimate does not converge at a useful rate.
KHAT_MAX = 0.7


@dataclass(frozen=True, eq=False)
class Pointwise:
    """Log densities of one copy of each row that was left out.

    Attributes
    ----------
    elpd, lppd, khat : ndarray (m,)
        log p(y_i | y_-i), log p(y_i | y) and Pareto k̂ of what is averaged (0 where exact).
    weights : ndarray (n,)
        Frequencies of all rows.
    method : ndarray of str (m,)
        How each was computed: "exact", "psis", "integrated", "refit" or "kfold".
    rows : ndarray of int (m,) or None
        Which rows; None for all, m = n.
    approximate : ndarray (n,) or None
        An approximation to elpd at all rows, where only some were left out.
    mcse : float
        Monte Carlo error of Σw·elpd.
    """

    elpd: Array
    lppd: Array
    khat: Array
    weights: Array
    method: NDArray[np.str_]
    rows: NDArray[np.intp] | None = None
    approximate: Array | None = None
    mcse: float = 0.0


@dataclass(frozen=True)
class Total:
    """Σw·v over all rows, its standard error over rows, and that from taking a sample of them."""

    value: float
    se: float
    sampling_se: float


def good_khat(draws: int) -> float:
    """min(1 − 1/log10 S, 0.7): largest k̂ at which S draws suffice (Vehtari et al. 2024, §3.2.4)."""
    return min(1.0 - 1.0 / math.log10(draws), KHAT_MAX) if draws > 10 else KHAT_MAX


def elpd_data(values: Pointwise, problem: Problem, *, draws: int, note: str, method: str) -> Any:
    """ArviZ's ELPDDataLOO, or ELPDDataLOOSubsample where not every row was left out."""
    from arviz_stats.utils import ELPDDataLOO, ELPDDataLOOSubsample

    good_k = good_khat(draws)
    total = estimate(values.elpd, values.approximate, values.rows, values.weights, ddof=1)
    p = estimate(values.lppd - values.elpd, None, values.rows, values.weights, ddof=1).value
    bad, note = judged(values, good_k, note)
    label = _Label(values, problem, {"note": note, "method": method, "mcse": values.mcse})
    fields: dict[str, Any] = {
        "elpd": total.value,
        "se": total.se,
        "p": p,
        "n_samples": draws,
        "n_data_points": len(values.weights),
        "scale": "log",
        "warning": bad,
        "good_k": good_k,
        "elpd_i": label(values.elpd, weighted=True),
        "pareto_k": label(values.khat),
        "p_loo_i": label(values.lppd - values.elpd, weighted=True),
    }
    if values.rows is None:
        return ELPDDataLOO(**fields)
    assert values.approximate is not None
    return ELPDDataLOOSubsample(
        **fields,
        subsample_size=len(values.rows),
        subsampling_se=total.sampling_se,
        loo_subsample_observations=values.rows,
        elpd_loo_approx=label(values.approximate, weighted=True),
    )


def kfold_data(values: Pointwise, problem: Problem, *, draws: int, note: str, folds: int) -> Any:
    """ArviZ's ELPDDataLOOKFold."""
    from arviz_stats.utils import ELPDDataLOOKFold

    total = estimate(values.elpd, None, None, values.weights, ddof=1)
    bad, note = judged(values, good_khat(draws), note)
    fields: dict[str, Any] = {"good_k": None, "pareto_k": None}
    attrs = {"note": note, "method": f"{folds}-fold", "max_khat": float(values.khat.max())}
    attrs["mcse"] = values.mcse
    label = _Label(values, problem, attrs)
    return ELPDDataLOOKFold(
        elpd=total.value,
        se=total.se,
        p=float(values.weights @ (values.lppd - values.elpd)),
        n_samples=draws,
        n_data_points=len(values.weights),
        scale="log",
        warning=bad,
        elpd_i=label(values.elpd, weighted=True),
        n_folds=folds,
        p_kfold_i=label(values.lppd - values.elpd, weighted=True),
        **fields,
    )


def judged(values: Pointwise, good_k: float, note: str) -> tuple[bool, str]:
    """Whether some k̂ is too large, with a warning and in the note."""
    bad = values.khat > good_k
    if not bad.any():
        return False, note
    worst = f"{int(bad.sum())} of {len(bad)} rows (largest {float(values.khat.max()):.2f})"
    if np.any(values.method[bad] == "psis"):
        text = (
            f"Pareto k-hat is above {good_k:.2f} at {worst}: leaving such a row out changes the "
            "posterior too much for importance sampling, so that elpd is uncertain and probably "
            "too high; look at those rows (outliers, leverage), and use post.loo(), which refits "
            "without them, or post.loo(method='kfold')"
        )
    else:
        text = (
            f"Pareto k-hat is above {good_k:.2f} at {worst} even without the row in the fit: it is "
            "so far out that few draws predict it, and elpd is uncertain by more than its Monte "
            "Carlo error; look at those rows"
        )
    warn(text)
    return True, f"{note}; {text}"


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
        spread = float(weights @ (exact - value / size) ** 2)
        return Known(len(weights), size, value, spread).itself(ddof=ddof)
    a = np.zeros(len(weights)) if approximate is None else approximate
    total = float(weights @ a)
    known = Known(len(weights), size, total, float(weights @ (a - total / size) ** 2))
    return known.corrected(exact, a[rows], weights[rows], ddof=ddof)


@dataclass(frozen=True)
class Known:
    """An approximation a to v at all rows: how many, Σw, Σwa and Σw(a − ā)²."""

    rows: int
    size: float
    total: float
    spread: float

    def itself(self, *, ddof: int) -> Total:
        """Σwa, where that is what was asked for."""
        return Total(self.total, _error(self.spread, self.size, ddof), 0.0)

    def corrected(self, exact: Array, approximate: Array, weights: Array, *, ddof: int) -> Total:
        """Σwv from v at a simple random sample of the rows: see :func:`estimate`."""
        n, m, size = self.rows, len(exact), self.size
        gap = weights * (exact - approximate)
        value = self.total + n * float(np.mean(gap))
        sampling = n * n * (1.0 - m / n) * float(np.var(gap, ddof=1)) / m
        mean = value / size
        # Squares are taken about the mean, where they do not cancel.
        squares = weights * ((exact - mean) ** 2 - (approximate - mean) ** 2)
        spread = self.spread + size * (self.total / size - mean) ** 2
        spread += n * float(np.mean(squares)) + sampling / size
        return Total(value, _error(spread, size, ddof), math.sqrt(sampling))


def _error(spread: float, size: float, ddof: int) -> float:
    """The standard error of a sum of so many rows."""
    factor = size / (size - ddof) if size > ddof else 0.0
    return math.sqrt(max(0.0, factor * spread))


def measured(problem: Problem) -> dict[str, str]:
    """Whether p(y_i | y_-i) is a probability or a density, which no difference may mix."""
    return {"measure": "probability" if problem.likelihood.discrete else "density"}


class _Label:
    """Makes values by row into DataArrays that share y, weight and method as coordinates."""

    def __init__(self, values: Pointwise, problem: Problem, attrs: dict[str, Any]) -> None:
        from xarray import DataArray

        assert problem.design is not None
        self.weights, self.rows = values.weights, values.rows
        # As wide as the longest word, not as the longest possible.
        method = values.method.astype(f"<U{max(map(len, set(values.method.tolist())))}")
        if values.rows is not None:
            chosen, method = method, np.zeros(len(values.weights), method.dtype)
            method[values.rows] = chosen
        coords = {
            "obs_id": problem.design.obs_id,
            "y": ("obs_id", problem.design.y),
            "weight": ("obs_id", values.weights),
            "method": ("obs_id", method),
        }
        attrs = attrs | measured(problem)
        self.blank = DataArray(values.weights, coords, dims=("obs_id",), attrs=attrs)

    def __call__(self, values: Array, *, weighted: bool = False) -> Any:
        """One value per row, NaN where a row was not left out."""
        full = values
        if len(values) < len(self.weights):
            full = np.full(len(self.weights), np.nan)
            full[self.rows] = values
        return self.blank.copy(deep=False, data=full * self.weights if weighted else full)
