"""What the compiled sampler reads from tables: densities without a short formula.

The density of a group's ‖u‖ with its local variance integrated out, over log ‖u‖.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import TABLE_LOW, TABLE_NODES, TABLE_STEP
from bayesreg.engines.loops.slices import HYPER
from bayesreg.language.arguments import Array
from bayesreg.priors import HyperPrior, ScaleMixture
from bayesreg.priors.base import Mixing

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block


TABULATED = ("half_cauchy", "half_cauchy_product", "gamma")


def hyper(prior: HyperPrior | None) -> tuple[int, float, float]:
    """Code and numbers of a hyperprior."""
    name, numbers = ("", ()) if prior is None else prior.law
    first, second = (*numbers, 0.0, 0.0)[:2]
    return HYPER[name], first, second


def collapsed(blocks: tuple[Block, ...]) -> tuple[NDArray[np.int64], Array]:
    """Per group, the row of its density; and the rows."""
    rows: dict[tuple[Mixing, int], int] = {}
    place = []
    for block in blocks:
        assert isinstance(block.prior, ScaleMixture)
        mixing = block.prior.mixing
        for size in block.sizes.tolist():
            needed = mixing.law in TABULATED and block.scale is None
            place.append(rows.setdefault((mixing, size), len(rows)) if needed else 0)
    values = [_log_density(mixing, size) for mixing, size in rows]
    return np.array(place, dtype=np.int64), np.array(values or [np.zeros(4)])


@cache
def _log_density(mixing: Mixing, size: int) -> Array:
    r"""log ∫ t^(−m/2) e^(−x/2t) p(t) dt over log √x, for a group of m columns, up to a constant.

    In y = log t the integrand is log-concave or nearly so; the trapezium rule over y converges
    geometrically for it (Trefethen & Weideman 2014, SIAM Review 56(3)).
    """
    y = np.linspace(-260.0, 260.0, 5201)
    log_prior = _LOG_PRIOR[mixing.law](y, *mixing.parameters)
    log_x = 2.0 * (TABLE_LOW + TABLE_STEP * np.arange(TABLE_NODES))
    out = np.empty(TABLE_NODES)
    for start in range(0, TABLE_NODES, 100):
        rows = slice(start, start + 100)
        with np.errstate(over="ignore"):
            body = log_prior - 0.5 * size * y - 0.5 * np.exp(log_x[rows, None] - y)
        top = body.max(axis=1)
        out[rows] = top + np.log(np.exp(body - top[:, None]).sum(axis=1))
    return out


def _half_cauchy(y: Array) -> Array:
    """Log density of y = log t, √t half-Cauchy(1)."""
    return 0.5 * y - np.logaddexp(0.0, y)


def _half_cauchy_product(y: Array) -> Array:
    """The same for the square of a product of two: √t·log(t)/(t − 1)."""
    safe = np.where(np.abs(y) < 1e-6, 1e-6, y)
    return 0.5 * y + np.log(np.abs(safe) / -np.expm1(-np.abs(safe))) - np.maximum(y, 0.0)


def _gamma(y: Array, shape: float) -> Array:
    """The same for t ~ Gamma(shape, rate ½)."""
    with np.errstate(over="ignore"):
        return shape * y - 0.5 * np.exp(y)


_LOG_PRIOR: dict[str, Callable[..., Array]] = {
    "half_cauchy": _half_cauchy,
    "half_cauchy_product": _half_cauchy_product,
    "gamma": _gamma,
}
