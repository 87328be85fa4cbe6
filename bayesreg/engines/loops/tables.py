"""What the compiled sampler reads from tables: densities without a short formula.

The density of a group's ‖u‖ with its local variance integrated out, over log ‖u‖.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import (
    CELL,
    HYPER,
    LEVELS,
    TABLE_LOW,
    TABLE_NODES,
    TABLE_STEP,
)
from bayesreg.language.arguments import Array
from bayesreg.priors import HyperPrior, ScaleMixture
from bayesreg.priors.mixing import NODES, tabulated

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block


# Laws whose density of ‖u‖ has no short formula.
LONG = ("half_cauchy", "half_cauchy_product", "gamma", "tabulated")


def hyper(prior: HyperPrior | None) -> tuple[int, float, float, float]:
    """Code and numbers of a hyperprior."""
    name, numbers = ("", ()) if prior is None else prior.law
    first, second, third = (*numbers, 0.0, 0.0, 0.0)[:3]
    return HYPER[name], first, second, third


def collapsed(blocks: tuple[Block, ...]) -> tuple[NDArray[np.int64], Array]:
    """Per group, the row of its density; and the rows."""
    rows: dict[tuple[bytes, int], int] = {}
    known: dict[tuple[bytes, int], Array] = {}
    place: list[int] = []
    for block in blocks:
        assert isinstance(block.prior, ScaleMixture)
        needed = block.prior.mixing.law in LONG and block.scale is None
        law = _coarse(block.prior) if needed else b""
        sizes = block.sizes.tolist()
        place += [rows.setdefault((law, m), len(rows)) if needed else 0 for m in sizes]
        if needed and block.prior.mixing.law != "tabulated":
            known[law, 1] = _marginal(block.prior)
    values = [known[row] if row in known else _log_density(*row) for row in rows]
    return np.array(place, dtype=np.int64), np.array(values or [np.zeros(4)])


def _marginal(prior: ScaleMixture) -> Array:
    """The density of one column, which such a prior knows."""
    u = np.exp(TABLE_LOW + TABLE_STEP * np.arange(TABLE_NODES))
    centred: Any = dataclasses.replace(prior, loc=0.0)  # type: ignore[type-var]  # all are
    return np.asarray(centred.log_density(u, np.float64(1.0)))


def _coarse(prior: ScaleMixture) -> bytes:
    """The log density of y = log t on a grid for integrals over it."""
    return np.asarray(prior.log_mixing(np.linspace(-260.0, 260.0, 5201)), dtype=float).tobytes()


@cache
def _log_density(law: bytes, size: int) -> Array:
    r"""log ∫ t^(−m/2) e^(−x/2t) p(t) dt over log √x, for a group of m columns, up to a constant.

    In y = log t the integrand is log-concave or nearly so; the trapezium rule over y converges
    geometrically for it (Trefethen & Weideman 2014, SIAM Review 56(3)).
    """
    log_prior = np.frombuffer(law)
    y = np.linspace(-260.0, 260.0, len(log_prior))
    log_x = 2.0 * (TABLE_LOW + TABLE_STEP * np.arange(TABLE_NODES))
    out = np.empty(TABLE_NODES)
    for start in range(0, TABLE_NODES, 100):
        rows = slice(start, start + 100)
        with np.errstate(over="ignore"):
            body = log_prior - 0.5 * size * y - 0.5 * np.exp(log_x[rows, None] - y)
        top = body.max(axis=1)
        out[rows] = top + np.log(np.exp(body - top[:, None]).sum(axis=1))
    return out


def laws(blocks: tuple[Block, ...]) -> tuple[NDArray[np.int64], Array]:
    """Per block, the row of the law of its local variances where it has no other; and the rows."""
    rows: dict[bytes, int] = {}
    place = []
    for block in blocks:
        assert isinstance(block.prior, ScaleMixture)
        known = block.prior.mixing.law != "tabulated"
        values = b"" if known else tabulated(block.prior.log_mixing).tobytes()
        place.append(0 if known else rows.setdefault(values, len(rows)))
    values_of = [with_slacks(np.frombuffer(row)) for row in rows]
    return np.array(place, dtype=np.int64), np.array(values_of or [np.zeros(4)])


def with_slacks(table: Array) -> Array:
    """A law's table, and after it by how much it rises above the chord over each interval.

    Of `CELLS` intervals, of their halves, and so on down to single steps; what a cubic may rise
    above the nodes is added.
    """
    bend = np.zeros(NODES)
    bend[1:-1] = np.abs(np.diff(table, 2)) / 6.0
    parts = [table]
    for level in range(LEVELS):
        width = CELL >> level
        inner = np.lib.stride_tricks.sliding_window_view(table, width + 1)[::width]
        bends = np.lib.stride_tricks.sliding_window_view(bend, width + 1)[::width]
        chord = inner[:, :1] + (inner[:, -1:] - inner[:, :1]) * np.linspace(0.0, 1.0, width + 1)
        parts.append((inner - chord).max(axis=1) + bends.max(axis=1))
    return np.concatenate(parts)
