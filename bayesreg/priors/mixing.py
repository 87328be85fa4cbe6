r"""The law of a local variance t, known by the log density of y = log t: its table, and its draws.

Every law is tabulated on one grid of y. Steps of 1/128 hold whatever varies over tenths of y: a
cubic between them is then exact to 1e-7 of the log density, which is checked. Beyond the ends t
is e^(±260), far from any effect that a float could tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

LOW, STEP, NODES = -260.0, 1 / 128, 520 * 128 + 1
FLOOR = -1e250  # stands for −∞: differences of it are still numbers
ROUGH = 1e-5  # error of the log density between nodes that is not tolerated
SEEN = 40.0  # below the maximum by more, nothing is ever drawn

LogMixing = Callable[[Array], Array]


@dataclass(frozen=True)
class Mixing:
    """The law of the local variances t of a scale mixture, as the compiled sampler knows it.

    Attributes
    ----------
    law : str
        "tabulated" for one that is known by its log density alone. Laws with draws of their own:
        "constant", "exponential" (mix, rest), "inverse_gamma" (df), "half_cauchy",
        "half_cauchy_product", "gamma" (shape), "stable" (q), "slab" (slab_scale, slab_df) or
        "dirichlet" (concentration).
    parameters : tuple of float
        What the law needs.
    """

    law: str
    parameters: tuple[float, ...] = ()


@lru_cache(maxsize=64)
def tabulated(log_mixing: LogMixing) -> Array:
    """The log density of y on the grid, normalised.

    Parameters
    ----------
    log_mixing : callable
        The method of a prior, which is hashed with all of its arguments.

    Raises
    ------
    NotSupported
        If it varies too fast for the grid.
    """
    y = LOW + STEP * np.arange(NODES, dtype=float)
    with np.errstate(over="ignore", divide="ignore"):
        table = np.maximum(log_mixing(y), FLOOR)
        between = np.maximum(log_mixing(y[1:-2] + 0.5 * STEP), FLOOR)
    cubic = (9.0 * (table[1:-2] + table[2:-1]) - table[:-3] - table[3:]) / 16.0
    seen = table[1:-2] > table.max() - SEEN
    worst = float(np.max(np.abs(cubic - between)[seen], initial=0.0))
    if not worst < ROUGH:
        prior = getattr(log_mixing, "__self__", log_mixing)
        raise NotSupported(
            f"{prior!r}: its log_mixing changes too fast for a table in steps of 1/128 of log t "
            f"(it is off by {worst:.1g} between them); give the prior a compiled law, `mixing`"
        )
    top = table.max()
    out = table - (top + np.log(STEP * np.exp(table - top).sum()))
    out.flags.writeable = False
    return np.asarray(out)


def draw(log_mixing: LogMixing, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Independent y = log t, by inverting the distribution function between nodes."""
    weight = np.exp(tabulated(log_mixing))
    total = np.concatenate([[0.0], np.cumsum(0.5 * (weight[1:] + weight[:-1]))])
    kept = np.flatnonzero(np.diff(total) > 0.0)
    at = np.concatenate([kept, kept[-1:] + 1])
    return np.asarray(np.interp(rng.random(shape) * total[-1], total[at], LOW + STEP * at))


def node(log_mixing: LogMixing, name: str, count: int) -> Any:
    """The PyMC variable `name`: y = log t of `count` groups, its log density a cubic of the table.

    Catmull & Rom's spline, whose slope NUTS follows.
    """
    import pymc as pm
    import pytensor.tensor as pt

    values = tabulated(log_mixing)
    table = pt.constant(values)
    middle = float(LOW + STEP * np.argmax(values))

    def logp(y: Any, _middle: Any) -> Any:
        place = (y - LOW) / STEP
        k = pt.clip(pt.cast(pt.floor(place), "int64"), 1, NODES - 3)
        u = place - k
        a, b, c, d = (table[k + shift] for shift in (-1, 0, 1, 2))
        cubic = 3.0 * (b - c) + d - a
        value = b + 0.5 * u * (c - a + u * (2.0 * a - 5.0 * b + 4.0 * c - d + u * cubic))
        return pt.switch(pt.lt(pt.abs(y), -LOW), value, -np.inf)

    def random(at: Array, rng: Any = None, size: Any = None) -> Array:
        return draw(log_mixing, rng, np.shape(at) if size is None else tuple(size))

    return pm.CustomDist(
        name,
        np.full(count, middle),
        logp=logp,
        random=random,
        support_point=lambda _rv, _size, at: at,
        class_name="LogMixing",
    )
