"""Models ranked by expected log predictive density.

Differences and their standard errors count a row of weight w as w rows; with w = 1 they are those
of ``az.compare``, to rounding. Stacking weights are ``az.compare``'s own, on copies of the rows.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics.elpd import Total, estimate
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.language.warned import warn

if TYPE_CHECKING:
    import pandas as pd

# Stacking with weights needs whole copies; fractional ones are rounded to this many in all.
COPIES = 1_000_000


def compare_elpd(models: Mapping[str, Any]) -> pd.DataFrame:
    r"""Rank models by expected log predictive density, with the uncertainty of each difference.

    Parameters
    ----------
    models : mapping of str to ELPD object
        What ``post.loo()`` or ``az.loo(…, pointwise=True)`` returned, for the same rows and y.

    Returns
    -------
    DataFrame
        Indexed by model, best first: rank (0 is best), elpd, elpd_diff (to the best, ≤ 0), dse (its
        standard error), p_worse (normal approximation to the probability that the model predicts
        worse than the best; NaN for the best), p_eff, weight (stacking), max_khat (of what is
        averaged; 0 where exact), method (in words).

    Raises
    ------
    BadArgument
        If rows, y or weights differ, pointwise values are missing, or one model left out single
        rows and another folds, or other folds: then elpd is not comparable. Exact values, PSIS and
        refits without a row all estimate p(y_i | y_-i) and can be compared with each other.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), https://doi.org/10.1007/s11222-016-9696-4, §5; Yao, Vehtari,
    Simpson & Gelman (2018), "Using stacking to average Bayesian predictive distributions",
    Bayesian Analysis 13(3), https://doi.org/10.1214/17-BA1091; Sivula et al. (2025),
    https://doi.org/10.48550/arXiv.2008.10296 (when the normal approximation is good).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> def loo_at(scale):
    ...     model = br.Model(br.Normal(scale), br.Gaussian(54.0))
    ...     return br.sample(model.condition(data.X, data.y, standardize=True), seed=1).loo()
    >>> compare_elpd({"tight": loo_at(1.0), "wide": loo_at(25.0)})["rank"].to_dict()
    {'wide': 0, 'tight': 1}
    """
    import pandas as pd

    if not models:
        raise BadArgument("compare_elpd needs at least one model")
    names = list(models)
    _refuse_incomparable(models)
    order = sorted(names, key=lambda name: -float(models[name].elpd))
    best = models[order[0]]
    weight = stacking_weights(models)
    records = []
    for rank, name in enumerate(order):
        model = models[name]
        diff = _difference(model, best) if rank else Total(0.0, 0.0, 0.0)
        dse = math.hypot(diff.se, diff.sampling_se)
        records.append(
            {
                "rank": rank,
                "elpd": float(model.elpd),
                "elpd_diff": diff.value,
                "dse": dse,
                "p_worse": _p_worse(diff.value, dse) if rank else math.nan,
                "p_eff": float(model.p),
                "weight": weight[name],
                "max_khat": _worst_khat(model),
                "method": str(model.elpd_i.attrs.get("method", model.kind)),
            }
        )
    return pd.DataFrame(records, index=pd.Index(order, name="prior"))


def stacking_weights(models: Mapping[str, Any]) -> dict[str, float]:
    """Weights of ``az.compare(method="stacking")``, rows repeated as often as they count."""
    names = list(models)
    if len(names) == 1:
        return {names[0]: 1.0}
    import arviz_stats
    from arviz_stats.utils import ELPDDataLOO
    from xarray import DataArray

    stats: Any = arviz_stats
    rows = _shared_rows(list(models.values()))
    weights = _weights(models[names[0]])
    weights = weights if rows is None else weights[rows]
    values = np.array([_per_copy(models[name], rows) for name in names])
    # A constant per row changes no weight, and keeps exp() from underflowing at outliers.
    values = np.repeat(values - values.max(axis=0), _copies(weights), axis=1)
    blank: dict[str, Any] = {"se": 0.0, "p": 0.0, "n_samples": 1, "scale": "log"}
    blank |= {"warning": False, "good_k": 0.7}
    inputs = {
        name: ELPDDataLOO(
            elpd=float(v.sum()), n_data_points=len(v), elpd_i=DataArray(v, dims="copy"), **blank
        )
        for name, v in zip(names, values, strict=True)
    }
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        table = stats.compare(inputs, method="stacking", round_to="none")
    for text in {str(w.message) for w in caught if issubclass(w.category, UserWarning)}:
        warn(text)
    raw = np.clip(table["weight"].loc[names].to_numpy(dtype=float), 0.0, 1.0)
    return dict(zip(names, (raw / raw.sum()).tolist(), strict=True))


def _copies(weights: Array) -> NDArray[np.intp]:
    """Whole copies of each row: the weights, or their multiples rounded, at least 1."""
    if np.array_equal(weights, np.rint(weights)) and weights.sum() <= max(COPIES, len(weights)):
        return weights.astype(np.intp)
    scale = max(COPIES, 20 * len(weights)) / weights.sum()
    return np.maximum(np.rint(weights * scale), 1.0).astype(np.intp)


def _difference(model: Any, best: Any) -> Total:
    """Elpd of a model minus that of the best, row by row."""
    rows = _shared_rows([model, best])
    weights = _weights(model)
    exact = _per_copy(model, rows) - _per_copy(best, rows)
    if rows is None:
        return estimate(exact, None, None, weights, ddof=0)
    approximate = _approximate(model) - _approximate(best)
    return estimate(exact, approximate, rows, weights, ddof=0)


def _worst_khat(model: Any) -> float:
    """The largest k̂; NaN where none was computed."""
    if model.pareto_k is None:
        return float(model.elpd_i.attrs.get("max_khat", math.nan))
    return float(np.nanmax(model.pareto_k.to_numpy()))


def _p_worse(difference: float, dse: float) -> float:
    """P(model worse than the best) under a normal; NaN when they are equal."""
    if difference == 0.0:
        return math.nan
    return 1.0 if dse == 0.0 else 0.5 * math.erfc(difference / dse / math.sqrt(2.0))


def _shared_rows(models: list[Any]) -> NDArray[np.intp] | None:
    """The rows that were left out in every model; None for all."""
    samples = [_sampled(m) for m in models]
    chosen = [s for s in samples if s is not None]
    if not chosen:
        return None
    if any(not np.array_equal(chosen[0], other) for other in chosen[1:]):
        raise BadArgument("LOO used different samples of rows; compute each with post.loo()")
    return chosen[0]


def _sampled(model: Any) -> NDArray[np.intp] | None:
    """Rows that were left out, sorted, for a subsampled result."""
    rows = getattr(model, "loo_subsample_observations", None)
    return None if rows is None else np.sort(np.asarray(rows, dtype=np.intp))


def _weights(model: Any) -> Array:
    coords = model.elpd_i.coords
    if "weight" in coords:
        return np.asarray(coords["weight"].to_numpy(), dtype=float)
    return np.ones(model.elpd_i.size)


def _per_copy(model: Any, rows: NDArray[np.intp] | None) -> Array:
    values = model.elpd_i.to_numpy().ravel() / _weights(model)
    return np.asarray(values if rows is None else values[rows], dtype=float)


def _approximate(model: Any) -> Array:
    """Log predictive density of all rows: the approximation, or the values themselves."""
    source = model.elpd_i if _sampled(model) is None else model.elpd_loo_approx
    return np.asarray(source.to_numpy().ravel() / _weights(model), dtype=float)


def _refuse_incomparable(models: Mapping[str, Any]) -> None:
    """Same rows, same y, same weights, or no comparison."""
    first_name = next(iter(models))
    first = models[first_name]
    for name, model in models.items():
        if getattr(model, "elpd_i", None) is None:
            raise BadArgument(f"{name!r} has no pointwise values; use post.loo() or pointwise=True")
        what = None
        if model.elpd_i.size != first.elpd_i.size:
            what = f"{first.elpd_i.size} and {model.elpd_i.size} rows"
        else:
            for key, text in (("y", "different y"), ("weight", "different weights")):
                a, b = (m.elpd_i.coords.get(key) for m in (first, model))
                if a is not None and b is not None and not np.array_equal(a.values, b.values):
                    what = text
        if what is not None:
            raise BadArgument(
                f"{first_name!r} and {name!r} were fitted to {what}: leave-one-out densities are "
                "comparable only on the same rows and the same, equally transformed, y"
            )
        if _scheme(model) != _scheme(first):
            raise BadArgument(
                f"{first_name!r} and {name!r} left out different sets of rows ({_scheme(first)} "
                f"and {_scheme(model)}): a fold of n/K rows teaches more than one row, so these "
                "are different quantities; use post.loo(method='kfold') for both"
            )


def _scheme(model: Any) -> str:
    """What was left out at a time."""
    folds = getattr(model, "n_folds", None)
    return "single rows" if folds is None else f"{folds} folds"
