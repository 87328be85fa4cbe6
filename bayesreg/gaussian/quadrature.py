r"""One-dimensional densities by quadrature: their support, integral and quantiles.

A log-density is bracketed where it lies within 40 nats of its maximum (e⁻⁴⁰ is below rounding),
the bracket is cut into cells, and each cell is integrated by an 8-point Gauss–Legendre rule; cells
are halved until the integral stands still (Davis & Rabinowitz 1984, *Methods of Numerical
Integration*, §2.7). Rows are separate densities, treated at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.special import ndtri

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

LogDensity = Callable[[Array], Array]  # (R, k) points -> (R, k) values

DROP = 40.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, eq=False)
class Density:
    """R one-dimensional densities on composite Gauss–Legendre nodes.

    Attributes
    ----------
    nodes, weights : ndarray (R, K)
        Points and their probabilities: each row of weights sums to one.
    log_total : ndarray (R,)
        Log of the integral of exp(log-density).
    edges : ndarray (R, C + 1)
        Ends of the cells.
    slope : ndarray (R, C + 1)
        Probability density at the edges.
    """

    nodes: Array
    weights: Array
    log_total: Array
    edges: Array
    slope: Array

    def mean(self, values: Array) -> Array:
        """Expectation of a quantity given at the nodes, (R, K) → (R,)."""
        return np.asarray(np.sum(self.weights * values, axis=1))

    def transport(self, row: int) -> Callable[[Array], Array]:
        """The increasing map T with T(z) distributed as row `row` when z ~ N(0, 1).

        Cubic Hermite interpolation at the cell edges, where z = Φ⁻¹(F) and the slope
        dT/dz = φ(z)/density are both known exactly; the smaller tail is accumulated from its own
        end, so that both tails keep their relative accuracy.
        """
        mass = self.weights[row].reshape(-1, len(_NODES)).sum(axis=1)
        below, above = np.cumsum(mass)[:-1], np.cumsum(mass[::-1])[::-1][1:]
        z = np.where(below < 0.5, ndtri(np.minimum(below, 0.5)), -ndtri(np.minimum(above, 0.5)))
        x, slope = self.edges[row, 1:-1], self.slope[row, 1:-1]
        keep = np.isfinite(z) & (slope > 0)
        z, x, slope = z[keep], x[keep], slope[keep]
        apart = np.diff(z, prepend=z[0] - 1.0) > 1e-9
        z, x, slope = z[apart], x[apart], slope[apart]
        curve = CubicHermiteSpline(z, x, np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) / slope)
        low, high = z[0], z[-1]
        return lambda u: np.asarray(curve(np.clip(u, low, high)))


def integrate(
    log_density: LogDensity,
    low: Array,
    high: Array,
    *,
    scan: int = 257,
    cells: int = 64,
    most: int = 2048,
    rtol: float = 1e-11,
    ends: bool = True,
) -> Density:
    """Integrate R log-densities whose mass is looked for first in [low, high], per row.

    A row without mass has log_total −∞. `scan` is the number of points of the search; `cells` of
    them to begin with and `most` to end with; `ends` refines them where a density is cut off, which
    quantiles need and integrals do not.

    Raises
    ------
    NotSupported
        If a density does not fall by 40 nats on either side within |x| ≤ 700, so that its integral
        cannot be relied on.
    """
    low, high = _bracket(log_density, low, high, scan)
    last = None
    while True:
        edges = _edges(log_density, low, high, cells, ends)
        nodes, logw = _rule(edges)
        values = _finite(log_density(nodes)) + logw
        top = values.max(axis=1, keepdims=True)
        mass = np.exp(values - np.where(np.isfinite(top), top, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            total = np.where(np.isfinite(top[:, 0]), top[:, 0] + np.log(mass.sum(axis=1)), -np.inf)
            # A total of size |t| is itself known to about 1e-14·|t| only.
            still = last is not None and not np.any(
                np.abs(total - last) > rtol + 1e-14 * np.abs(total)
            )
        if still or cells >= most:
            break
        last, cells = total, 2 * cells
    with np.errstate(invalid="ignore"):
        slope = np.exp(_finite(_finite(log_density(edges)) - total[:, None]))
        weights = np.nan_to_num(mass / mass.sum(axis=1, keepdims=True))
    return Density(nodes, weights, total, edges, slope)


def _rule(edges: Array) -> tuple[Array, Array]:
    """Nodes and log-weights of the composite rule, (R, 8C) each."""
    half = 0.5 * np.diff(edges, axis=1)[:, :, None]
    centre = 0.5 * (edges[:, 1:] + edges[:, :-1])[:, :, None]
    with np.errstate(divide="ignore"):
        logw = np.log(half * _WEIGHTS)
    return (centre + half * _NODES).reshape(len(edges), -1), logw.reshape(len(edges), -1)


def _edges(log_density: LogDensity, low: Array, high: Array, cells: int, refine: bool) -> Array:
    """Equal cells, refined geometrically towards an end where the density is cut off."""
    part = np.linspace(0.0, 1.0, cells + 1)
    even = low[:, None] + (high - low)[:, None] * part
    if not refine:
        return np.asarray(even)
    values = _finite(log_density(even))
    cut = np.any(values[:, [0, -1]] > values.max(axis=1, keepdims=True) - 0.9 * DROP, axis=0)
    fine = part[1] * 0.5 ** np.arange(48, 0, -1)
    part = np.concatenate(
        [
            part[:1],
            fine if cut[0] else [],
            part[1:-1],
            1.0 - fine[::-1] if cut[1] else [],
            part[-1:],
        ]
    )
    return np.asarray(low[:, None] + (high - low)[:, None] * part)


def _bracket(log_density: LogDensity, low: Array, high: Array, scan: int) -> tuple[Array, Array]:
    """Per row, the interval where the log-density is within 40 nats of its maximum."""
    low, high = low.astype(float), high.astype(float)
    part = np.linspace(0.0, 1.0, scan)
    for _ in range(60):
        grid = low[:, None] + (high - low)[:, None] * part
        values = _finite(log_density(grid))
        top = values.max(axis=1)
        void = np.isneginf(top)
        inside = (values > top[:, None] - DROP) | (void[:, None] & (np.abs(grid) < 700))
        first = inside.argmax(axis=1)
        last = scan - 1 - inside[:, ::-1].argmax(axis=1)
        open_low, open_high = (first == 0) & (low > -700), (last == scan - 1) & (high < 700)
        if not np.any(open_low | open_high) and np.all(last - first >= scan // 4):
            break
        width, step = high - low, (high - low) / (scan - 1)
        new_low = np.where(open_low, low - width, low + step * np.maximum(first - 1, 0))
        new_high = np.where(open_high, high + width, low + step * np.minimum(last + 1, scan - 1))
        low, high = np.maximum(new_low, -701.0), np.minimum(new_high, 701.0)
    stuck = ((first == 0) & (low <= -700)) | ((last == scan - 1) & (high >= 700))
    if np.any((stuck & ~void) | np.isposinf(top)):
        raise NotSupported(
            "the marginal density of a scale or of σ does not fall off within e^±700: quadrature "
            "cannot be trusted; use engine='gibbs', or a hyperprior with lighter tails"
        )
    bound = np.where(void, np.inf, top - DROP)
    left = _bisect(log_density, _ends(grid, first - 1), _ends(grid, first), bound)
    return left, _bisect(log_density, _ends(grid, last + 1), _ends(grid, last), bound)


def _ends(grid: Array, index: NDArray[np.intp]) -> Array:
    """One grid point per row, the index held to the grid."""
    return np.asarray(grid[np.arange(len(grid)), np.clip(index, 0, grid.shape[1] - 1)])


def _bisect(log_density: LogDensity, outer: Array, inner: Array, bound: Array) -> Array:
    """Where the log-density crosses `bound`, or jumps across it, between two points per row.

    A crossing need not be exact, since nothing depends on where 40 nats are reached; a jump is the
    end of the support, and is found to rounding.
    """
    jump = np.isneginf(_finite(log_density(outer[:, None]))[:, 0])
    for step in range(50):
        if step >= 4 and not np.any(jump & np.isfinite(bound)):
            break
        middle = 0.5 * (outer + inner)
        value = _finite(log_density(middle[:, None]))[:, 0]
        above = value > bound
        inner, outer = np.where(above, middle, inner), np.where(above, outer, middle)
        jump = np.where(above, jump, np.isneginf(value))
    return inner


def _finite(values: Array) -> Array:
    """NaN (∞ − ∞ far outside the support) read as no density."""
    return np.where(np.isnan(values), -np.inf, values)
