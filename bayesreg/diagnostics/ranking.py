"""Models ranked by expected log predictive density.

Differences and their standard errors count a row of weight w as w rows; with w = 1 they are those
of ``az.compare``, to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics.elpd import Total, estimate
from bayesreg.diagnostics.judgement import clear, p_worse
from bayesreg.diagnostics.model_weights import pseudo_bma_weights, stacking_weights, tied
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    import pandas as pd


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
        worse than the best; NaN for the best, and where the approximation means nothing: below 4
        nats, with fewer than 100 rows, or k̂ above 0.7), p_eff, weight (stacking; NaN for models
        that the data cannot tell apart, between which any weights will do), pseudo_bma (weights of
        pseudo-BMA+, which stay even there), max_khat (of what is averaged; 0 where exact), method
        (in words).

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
    if any(map(_in_passes, models.values())):
        _refuse_other_rows(models)
    else:
        _refuse_incomparable(models)
    order = sorted(models, key=lambda name: -float(models[name].elpd))
    ranked = [models[name] for name in order]
    best, rows = ranked[0], _size(ranked[0])
    records = []
    for rank, model in enumerate(ranked):
        diff = _difference(model, best) if rank else Total(0.0, 0.0, 0.0)
        dse = math.hypot(diff.se, diff.sampling_se)
        khat = _worst_khat(model)
        worst = float(np.fmax(khat, _worst_khat(best)))
        records.append(
            {
                "rank": rank,
                "elpd": float(model.elpd),
                "elpd_diff": diff.value,
                "dse": dse,
                "p_worse": p_worse(diff.value, dse, rows, worst),
                "p_eff": float(model.p),
                "max_khat": khat,
                "method": method_of(model),
                "clear": clear(diff.value, dse, rows, worst),
            }
        )
    table = pd.DataFrame(records, index=pd.Index(order, name="prior"))
    stacking, pseudo_bma = _mixing(ranked, table.pop("clear").to_numpy())
    table.insert(6, "weight", stacking)
    table.insert(7, "pseudo_bma", pseudo_bma)
    return table


def _mixing(models: list[Any], behind: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Stacking weights, NaN for models between which any will do, and those of pseudo-BMA+."""
    values, weights = _paired(models)
    total = _size(models[0])
    stacked = stacking_weights(values, weights)
    khats = [_worst_khat(model) for model, worse in zip(models, behind, strict=True) if not worse]
    khat = float(np.fmax.reduce(khats))
    if tied(values, weights, stacked, behind, rows=total, khat=khat):
        stacked[~behind] = math.nan
    return stacked, pseudo_bma_weights(values, weights, total)


def method_of(model: Any) -> str:
    """How densities were computed, in words."""
    return str(model.method if _in_passes(model) else model.elpd_i.attrs.get("method", model.kind))


def _in_passes(model: Any) -> bool:
    """Whether it is of rows that are read in passes, which have no value for each."""
    return hasattr(model, "approximate")


def _size(model: Any) -> float:
    """Σw."""
    return float(model.size if _in_passes(model) else _weights(model).sum())


def _paired(models: list[Any]) -> tuple[Array, Array]:
    """Log densities (K, m) of the rows that were left out in every model, and their weights."""
    if _in_passes(models[0]):
        return np.array([model.value for model in models]), models[0].weight
    rows, weights = _shared_rows(models), _weights(models[0])
    values = np.array([_per_copy(model, rows) for model in models])
    return values, weights if rows is None else weights[rows]


def _difference(model: Any, best: Any) -> Total:
    """Elpd of a model minus that of the best, row by row."""
    if _in_passes(model):
        found: Total = model.difference(best)
        return found
    rows = _shared_rows([model, best])
    weights = _weights(model)
    exact = _per_copy(model, rows) - _per_copy(best, rows)
    if rows is None:
        return estimate(exact, None, None, weights, ddof=0)
    approximate = _approximate(model) - _approximate(best)
    return estimate(exact, approximate, rows, weights, ddof=0)


def _worst_khat(model: Any) -> float:
    """The largest k̂; NaN where none was computed."""
    if _in_passes(model):
        return float(model.khat.max())
    if model.pareto_k is None:
        return float(model.elpd_i.attrs.get("max_khat", math.nan))
    return float(np.nanmax(model.pareto_k.to_numpy()))


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


def _refuse_other_rows(models: Mapping[str, Any]) -> None:
    """Of rows read in passes, the same source and the same sample."""
    from bayesreg.diagnostics.streamed_elpd import refuse_other_rows

    refuse_other_rows(dict(models))


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
        a, b = (m.elpd_i.attrs.get("measure") for m in (first, model))
        if what is None and None not in (a, b) and a != b:
            raise BadArgument(
                f"{first_name!r} gives y a {a} and {name!r} a {b}: a density is per unit of y, and "
                "no difference of the two says which predicts better"
            )
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
