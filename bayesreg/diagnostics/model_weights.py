"""Weights by which predictive distributions of several models could be mixed."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics.judgement import clear
from bayesreg.language.arguments import Array
from bayesreg.language.warned import warn

# Stacking with weights needs whole copies; fractional ones are rounded to this many in all.
COPIES = 1_000_000
BOOTSTRAPS, MOST = 1000, 5_000_000  # Bayesian bootstraps, fewer where that would be more numbers
SEED = 20180621  # of the bootstrap: the same values have the same weights


def stacking_weights(values: Array, weights: Array) -> Array:
    """Weights (K,) of ``az.compare(method="stacking")``, rows repeated as often as they count.

    Parameters
    ----------
    values : ndarray (K, m)
        log p(y_i | y_-i) of one copy of each row under each model.
    weights : ndarray (m,)
        Frequencies.
    """
    if len(values) == 1:
        return np.ones(1)
    import arviz_stats
    from arviz_stats.utils import ELPDDataLOO
    from xarray import DataArray

    stats: Any = arviz_stats
    # A constant per row changes no weight, and keeps exp() from underflowing at outliers.
    copies = np.repeat(values - values.max(axis=0), _copies(weights), axis=1)
    blank: dict[str, Any] = {"se": 0.0, "p": 0.0, "n_samples": 1, "scale": "log"}
    blank |= {"warning": False, "good_k": 0.7}
    inputs = {
        str(k): ELPDDataLOO(
            elpd=float(v.sum()), n_data_points=len(v), elpd_i=DataArray(v, dims="copy"), **blank
        )
        for k, v in enumerate(copies)
    }
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        table = stats.compare(inputs, method="stacking", round_to="none")
    for text in {str(w.message) for w in caught if issubclass(w.category, UserWarning)}:
        warn(text)
    raw = np.clip(table["weight"].loc[list(inputs)].to_numpy(dtype=float), 0.0, 1.0)
    return np.asarray(raw / raw.sum())


def pseudo_bma_weights(values: Array, weights: Array, rows: float | None = None) -> Array:
    r"""Weights (K,) of pseudo-BMA+: mean of softmax(N Σ v_i·elpd_i) over v ~ Dirichlet(weights).

    Unlike ``az.compare(method="BB-pseudo-BMA")`` in two points: a row of weight w has w copies, and
    the memory is bounded. Where the m rows are a sample, N is that of all `rows`.

    References
    ----------
    Yao, Vehtari, Simpson & Gelman (2018), "Using stacking to average Bayesian predictive
    distributions", Bayesian Analysis 13(3), §3.4, https://doi.org/10.1214/17-BA1091; Rubin (1981),
    "The Bayesian bootstrap", Annals of Statistics 9(1).

    Examples
    --------
    >>> pseudo_bma_weights(np.array([[-1.0, -2.0], [-2.0, -1.0]]), np.ones(2)).round(1).tolist()
    [0.5, 0.5]
    """
    total, rng = float(weights.sum()) if rows is None else rows, np.random.default_rng(SEED)
    mean = np.zeros(len(values))
    repeats = int(np.clip(MOST // len(weights), 100, BOOTSTRAPS))
    for _ in range(repeats):
        v = rng.standard_gamma(weights)
        size = values @ (v * (total / v.sum()))
        mean += np.exp(size - np.logaddexp.reduce(size))
    return mean / repeats


def tied(
    values: Array,
    weights: Array,
    stacked: Array,
    behind: NDArray[np.bool_],
    *,
    rows: float | None = None,
    khat: float = 0.0,
) -> bool:
    """Whether the data cannot tell the best models and their stacked mixture apart.

    Parameters
    ----------
    values, weights
        As in :func:`stacking_weights`.
    stacked : ndarray (K,)
        The stacking weights.
    behind : ndarray of bool (K,)
        Which models are clearly worse than the best; all weight is moved among the others.
    rows : float, optional
        How many there are in all, where the m are a sample of them.
    khat : float, default 0
        The largest k̂ of these others.

    Returns
    -------
    bool
        True where there are others, and the gain of the mixture over each is not `clear`.
    """
    near = np.flatnonzero(~behind)
    if len(near) < 2:
        return False
    with np.errstate(divide="ignore"):
        mixture = np.logaddexp.reduce(values + np.log(stacked)[:, None], axis=0)
    size = float(weights.sum())
    total = size if rows is None else rows
    for one in values[near]:
        gain = mixture - one
        mean = float(weights @ gain) / size
        sd = math.sqrt(float(weights @ np.square(gain - mean)) / size)
        if clear(mean * total, total * sd / math.sqrt(size), total, khat):
            return False
    return True


def _copies(weights: Array) -> NDArray[np.intp]:
    """Whole copies of each row: the weights, or their multiples rounded, at least 1."""
    if np.array_equal(weights, np.rint(weights)) and weights.sum() <= max(COPIES, len(weights)):
        return weights.astype(np.intp)
    scale = max(COPIES, 20 * len(weights)) / weights.sum()
    return np.maximum(np.rint(weights * scale), 1.0).astype(np.intp)
