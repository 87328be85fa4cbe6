"""norms: the unit balls of ‖·‖_p, which of them are norms, and the densities that they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.language.arguments import Array, integer, is_number, settled_seed
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.language.text import listed
from bayesreg.verbs.demonstrate.record import Record

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-12  # of a sum of a few positive terms, relative


@dataclass(frozen=True, eq=False, repr=False)
class Norms(Record):
    """Unit balls of ‖·‖_p in the plane, the four properties of a norm, and densities e^(−|b|^p).

    Attributes
    ----------
    p : tuple of float
        The exponents, in increasing order; ∞ is the largest coordinate.
    outlines : tuple of ndarray (K, 2)
        Points with ‖x‖_p = 1, once around.
    b : ndarray (G,)
        Where the densities are.
    densities : ndarray (len(p), G)
        p/(2Γ(1/p))·exp(−|b|^p); at p = ∞ ½ on |b| ≤ 1.
    least, nonzero, homogeneity, triangle : ndarray (len(p),)
        Over the vectors tried: the least ‖x‖; the least ‖x‖ of an x ≠ 0; the largest
        |‖ax‖ − |a|‖x‖|/(|a|‖x‖); the largest ‖x + y‖/(‖x‖ + ‖y‖) − 1, which is above 0 where the
        triangle inequality fails.
    vectors : int
        How many pairs of vectors were tried.
    """

    picture: ClassVar[str] = "norms"

    p: tuple[float, ...]
    outlines: tuple[Array, ...]
    b: Array
    densities: Array
    least: Array
    nonzero: Array
    homogeneity: Array
    triangle: Array
    vectors: int

    @property
    def is_norm(self) -> tuple[bool, ...]:
        """Whether all four properties held, by exponent."""
        held = (
            (self.least >= 0.0)
            & (self.nonzero > 0.0)
            & (self.homogeneity <= ROUNDING)
            & (self.triangle <= ROUNDING)
        )
        return tuple(bool(one) for one in held)

    def summary(self) -> pd.DataFrame:
        """What was found of each property, one row per exponent."""
        import pandas as pd

        return pd.DataFrame(
            {
                "least ‖x‖": self.least,
                "least ‖x‖ of x ≠ 0": self.nonzero,
                "largest |‖ax‖ − |a|‖x‖|/(|a|‖x‖)": self.homogeneity,
                "largest ‖x + y‖/(‖x‖ + ‖y‖) − 1": self.triangle,
                "norm": self.is_norm,
            },
            index=pd.Index([named(p) for p in self.p], name="p"),
        )

    @property
    def says(self) -> str:
        """Which are norms, and by how much the others break the triangle inequality."""
        norms = [named(p) for p, good in zip(self.p, self.is_norm, strict=True) if good]
        said = f"‖x‖_p is a norm for p = {listed(norms)}" if norms else "None of these is a norm"
        broken = [
            f"for p = {named(p)} ‖x + y‖ is up to {1.0 + worst:.3g} times ‖x‖ + ‖y‖"
            for p, worst, good in zip(self.p, self.triangle, self.is_norm, strict=True)
            if not good
        ]
        no = f"; {', '.join(broken)}, so that is none" if broken else ""
        return f"{said}{no}; the ball is a contour of the joint density ∝ exp(−Σ|b_j|^p)."

    @property
    def alt(self) -> str:
        """The two panels in words."""
        shapes = [f"p = {named(p)}: {_shape(p)}" for p in self.p]
        return (
            "Left, the unit balls in the plane: " + "; ".join(shapes) + ". Right, the densities "
            "proportional to exp(−|b|^p): the smaller p, the sharper the peak at 0 and the heavier "
            "the tails."
        )


@explained
def norms(
    p: float | Sequence[float] = (0.5, 1.0, 2.0, math.inf),
    *,
    dimension: int = 2,
    vectors: int = 2000,
    seed: int = 1,
) -> Norms:
    r"""Unit balls of ‖x‖_p = (Σ|x_j|^p)^(1/p), the properties of a norm, and exp(−Σ|b_j|^p).

    A norm is not negative, is 0 at 0 alone, has ‖ax‖ = |a|‖x‖ and ‖x + y‖ ≤ ‖x‖ + ‖y‖. For p < 1
    the last fails: at x = e₁, y = e₂ the left side is 2^(1/p) and the right one 2 (Minkowski's
    inequality holds from p = 1 on). Independent coefficients of density ∝ exp(−|b|^p) have
    −log p(b) = ‖b‖_p^p + constant, so the contours of a prior are the balls of its penalty.

    Parameters
    ----------
    p : float or sequence of float, default (0.5, 1, 2, inf)
        Exponents above 0; ``inf`` is max|x_j|.
    dimension : int, default 2
        Of the vectors on which the properties are tried.
    vectors : int, default 2000
        Pairs of random vectors tried, beside the pairs of unit vectors.
    seed : int, default 1
        Of the random vectors.

    Returns
    -------
    Norms
        ``.summary()`` is the table of properties, ``.plot()`` the picture.

    Raises
    ------
    BadArgument
        If an exponent is not a number above 0, or a count is not positive.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., §3.4.3
    and fig. 3.12, https://hastie.su.domains/ElemStatLearn; Frank & Friedman (1993), Technometrics
    35(2), §6.

    Examples
    --------
    >>> found = norms((0.5, 1, 2))
    >>> found.is_norm
    (False, True, True)
    >>> found.triangle.round(12).tolist()  # 2^(1/p − 1) − 1 for p < 1
    [1.0, 0.0, 0.0]
    """
    exponents = _exponents(p)
    dimension, vectors = integer(dimension, "dimension", 2), integer(vectors, "vectors")
    rng = np.random.default_rng(settled_seed(seed))
    unit = np.eye(dimension)
    x = np.concatenate([rng.standard_normal((vectors, dimension)), unit[:-1]])
    y = np.concatenate([rng.standard_normal((vectors, dimension)), unit[1:]])
    a = rng.standard_normal(len(x))
    b = np.linspace(-3.0, 3.0, 601)
    outlines = tuple(_outline(one) for one in exponents)
    densities = np.array([_density(b, one) for one in exponents])
    least, nonzero, homogeneity, triangle = np.transpose(
        [_properties(x, y, a, one) for one in exponents]
    )
    return Norms(exponents, outlines, b, densities, least, nonzero, homogeneity, triangle, len(x))


def p_norm(x: Any, p: float) -> Any:
    r"""‖x‖_p = (Σ|x_j|^p)^(1/p) along the last axis, max|x_j| at p = ∞.

    Examples
    --------
    >>> [float(p_norm([3.0, -4.0], p)) for p in (1.0, 2.0, math.inf)]
    [7.0, 5.0, 4.0]
    """
    size = np.abs(np.asarray(x, dtype=float))
    top = np.max(size, axis=-1, keepdims=True)
    if math.isinf(p):
        return top[..., 0]
    safe = np.where(top > 0.0, top, 1.0)  # so that no power overflows
    return safe[..., 0] * np.sum((size / safe) ** p, axis=-1) ** (1.0 / p)


def named(p: float) -> str:
    """An exponent as it is written."""
    return "∞" if math.isinf(p) else f"{p:g}"


def _exponents(p: Any) -> tuple[float, ...]:
    """Numbers above 0, each once, in order."""
    values = list(p) if isinstance(p, Iterable) and not isinstance(p, str) else [p]
    for one in values:
        if not is_number(one) or not one > 0:
            raise BadArgument(f"p must be above 0 (float('inf') is the maximum), not {one!r}")
    if not values:
        raise BadArgument("p is empty; give one exponent or several, such as (1, 2)")
    return tuple(sorted({float(one) for one in values}))


def _properties(x: Array, y: Array, a: Array, p: float) -> tuple[float, float, float, float]:
    """The least value, that of an x ≠ 0, and the worst of homogeneity and triangle."""
    of_x, of_y = p_norm(x, p), p_norm(y, p)
    zero = float(p_norm(np.zeros(x.shape[1]), p))
    stretched = np.abs(a) * of_x
    return (
        min(float(np.min(of_x)), zero),
        float(np.min(of_x)),
        float(np.max(np.abs(p_norm(a[:, None] * x, p) - stretched) / stretched)),
        float(np.max(p_norm(x + y, p) / (of_x + of_y))) - 1.0,
    )


def _outline(p: float) -> Array:
    """‖x‖_p = 1 as (±|cos t|^(2/p), ±|sin t|^(2/p)), even along cusps; at p = ∞ its corners."""
    if math.isinf(p):
        corners = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0)]
        return np.array(corners, dtype=float)
    t = np.linspace(0.0, 0.5 * math.pi, 61)
    first = np.stack([np.cos(t) ** (2.0 / p), np.sin(t) ** (2.0 / p)], axis=1)
    first[-1, 0], first[0, 1] = 0.0, 0.0
    turns = [first]
    for _ in range(3):  # a quarter turn: (x, y) → (−y, x)
        turns.append(np.stack([-turns[-1][:, 1], turns[-1][:, 0]], axis=1)[1:])
    return np.concatenate(turns)


def _density(b: Array, p: float) -> Array:
    """p/(2Γ(1/p))·exp(−|b|^p), ½ on |b| ≤ 1 at p = ∞."""
    if math.isinf(p):
        return np.where(np.abs(b) <= 1.0, 0.5, 0.0)
    log_constant = math.log(0.5) - math.lgamma(1.0 + 1.0 / p)
    return np.asarray(np.exp(log_constant - np.abs(b) ** p))


def _shape(p: float) -> str:
    """The unit ball in words."""
    if p < 1:
        return "a star with cusps on the axes, not convex, so no norm"
    return {1.0: "a diamond with corners on the axes", 2.0: "a circle", math.inf: "a square"}.get(
        p, "between a diamond and a circle" if p < 2 else "between a circle and a square"
    )
