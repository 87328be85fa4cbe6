"""corners: of thousands of random losses, how often L1 and L2 put a coefficient at 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import ndtr

from bayesreg.language.arguments import Array, integer, one_positive, settled_seed
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.language.text import shown
from bayesreg.model.problem import Problem
from bayesreg.verbs.demonstrate.pair import minimisers, pair_of
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import asked

if TYPE_CHECKING:
    import pandas as pd

STEEPEST = 0.95  # |correlation| of the random losses
CLOUD = 60  # minima drawn at each place
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True, eq=False, repr=False)
class Corners(Record):
    """Frequencies of a zero second coefficient, by where the minimum of the loss lies.

    Attributes
    ----------
    names : tuple of str
    place : ndarray (K,)
        Distance of the centre of the minima from b₂ = 0, in `unit`, on the side of its estimate.
    unit : float
        σ/‖x₂‖, the standard error of b₂ beside an orthogonal column.
    lam, l2 : float
        λ₁ of the lasso, and λ₂ of the ridge whose prior has the same variance.
    near : float
        |b₂| ≤ near·unit is near 0.
    draws : int
        Losses at each place.
    zero_l1, zero_l2, near_l1, near_l2 : ndarray (K,)
        Shares with b₂ = 0 exactly, and with b₂ near 0.
    exact_zero_l1, exact_near_l2 : ndarray (K,)
        Their probabilities; that of `zero_l2` is 0.
    minima : ndarray (M, 2)
        Some of the minima without a penalty.
    zeros : ndarray of bool (M, 2)
        Which coefficients L1 puts at 0 there.
    """

    picture: ClassVar[str] = "corners"

    names: tuple[str, str]
    place: Array
    unit: float
    lam: float
    l2: float
    near: float
    draws: int
    zero_l1: Array
    zero_l2: Array
    near_l1: Array
    near_l2: Array
    exact_zero_l1: Array
    exact_near_l2: Array
    minima: Array
    zeros: Array

    def error(self, share: Array) -> Array:
        """The Monte Carlo standard error of a share: √(p(1 − p)/draws)."""
        return np.asarray(np.sqrt(share * (1.0 - share) / self.draws))

    def summary(self) -> pd.DataFrame:
        """Shares with their errors and probabilities, one row per place."""
        import pandas as pd

        columns = {
            "L1 zero": self.zero_l1,
            "error": self.error(self.zero_l1),
            "exact": self.exact_zero_l1,
            "L2 zero": self.zero_l2,
            "L1 near": self.near_l1,
            "L2 near": self.near_l2,
            "exact L2 near": self.exact_near_l2,
        }
        return pd.DataFrame(columns, index=pd.Index(self.place, name="place"))

    @property
    def says(self) -> str:
        """The shares at the place where L1 is least sure."""
        k = int(np.argmin(np.abs(self.zero_l1 - 0.5)))
        share, error = 100.0 * self.zero_l1[k], 100.0 * self.error(self.zero_l1)[k]
        return (
            f"Of {self.draws} random losses with their minima about {self.place[k]:.3g} standard "
            f"errors from the axis, L1 puts b of {shown(self.names[1])} at exactly 0 in "
            f"{share:.1f} ± {error:.1f} % (exactly: {100.0 * self.exact_zero_l1[k]:.1f} %) and L2 "
            f"in {100.0 * self.zero_l2[k]:.3g} %; within {self.near:g} standard errors of 0 L1 has "
            f"{100.0 * self.near_l1[k]:.1f} % and L2 {100.0 * self.near_l2[k]:.1f} %."
        )

    @property
    def alt(self) -> str:
        """The two panels in words."""
        return (
            "Left, a cloud of minima of random losses: those whose L1 solution has a zero lie in a "
            "band along each axis, and no L2 solution has one. Right, the share with a zero by how "
            "far the minima lie from the axis: with L1 it goes from "
            f"{self.zero_l1[0]:.0%} to {self.zero_l1[-1]:.0%} along the exact curve, with L2 it is "
            "0 everywhere, and few are near 0."
        )


@explained
def corners(
    problem: Any = None,
    columns: Sequence[str] | None = None,
    *,
    lam: float | None = None,
    near: float = 0.1,
    draws: int = 4000,
    seed: int = 1,
) -> Corners:
    r"""How often L1 and L2 put b₂ at exactly 0, or near it, by where the loss has its minimum.

    Each loss is ½(b − b̂)'G(b − b̂) with b̂ ~ N(β, σ²G⁻¹), which is what new noise makes of the same
    columns; β₂ runs from 0 to 5 standard errors. Under λ‖b‖₁, with h = g₁₂/g₁₁, q = g₂₂ − hg₁₂,
    c₁ ~ N((Gβ)₁, σ²g₁₁) and, independent of it, r ~ N(qβ₂, σ²q),

        P(b₂ = 0) = Σ_± P(±c₁ > λ) P(|r ± hλ| ≤ λ) + P(|c₁| ≤ λ, |r + hc₁| ≤ λ),

    from the optimality conditions. Under ½λ₂‖b‖² b is normal, so that P(b₂ = 0) = 0.

    Parameters
    ----------
    problem : Problem, MapFit or Posterior, optional
        Gaussian: G is that of two of its columns, β₁ their least-squares estimate, σ its own or
        √(RSS/(ν − 2)). Unsaid, each loss has columns of norm 1 with a correlation of its own,
        uniform on ±0.95, β₁ = 3 and σ = 1; probabilities are then averaged over it.
    columns : sequence of two str, optional
        By default the two that say most of y, each alone; b₂ is of the second.
    lam : float, optional
        λ₁; by default 2σ‖x₂‖. λ₂ = λ₁²/(2σ²), so that both priors have one variance.
    near : float, default 0.1
        Within how many standard errors σ/‖x₂‖ of 0 is near.
    draws : int, default 4000
        Losses at each place.
    seed : int, default 1
        Of the losses.

    Returns
    -------
    Corners

    Raises
    ------
    BadArgument
        If there are not two such columns, or a number is not positive.
    NotSupported
        If the likelihood is not Gaussian.

    References
    ----------
    Tibshirani (1996), JRSS B 58(1), §2; Pötscher & Leeb (2009), "On the distribution of penalized
    maximum likelihood estimators: the LASSO, SCAD, and thresholding", J. Multivariate Analysis
    100(9), https://doi.org/10.1016/j.jmva.2009.06.010.

    Examples
    --------
    >>> found = corners(draws=1000)
    >>> bool(abs(found.zero_l1[0] - found.exact_zero_l1[0]) < 4 * found.error(found.zero_l1)[0])
    True
    >>> float(found.zero_l2.max())
    0.0
    """
    draws, near = integer(draws, "draws", 2), one_positive(near, "near")
    names, grams, weights, (start, side), sigma = _losses(problem, columns)
    norm = float(np.sqrt(grams[0, 1, 1]))
    lam = 2.0 * sigma * norm if lam is None else one_positive(lam, "lam")
    l2, unit = lam**2 / (2.0 * sigma**2), sigma / norm
    rng = np.random.default_rng(settled_seed(seed))
    place = np.linspace(0.0, 5.0, 11)
    rows, minima, zeros = [], [], []
    for at in place:
        beta = np.array([start, side * at * unit])
        zero = _zero_l1(grams, beta, sigma, lam)
        exact = np.stack([zero, _near_l2(grams, beta, sigma, l2, near * unit)])
        gram = _drawn(rng, grams, draws)
        least = _minima(rng, gram, beta, sigma)
        cross = np.einsum("kij,kj->ki", gram, least)
        one, two = minimisers(gram, cross, lam, 0.0), minimisers(gram, cross, 0.0, l2)
        size = np.abs([one[:, 1], two[:, 1]])
        rows.append(
            [
                *np.mean(size == 0.0, axis=1),
                *np.mean(size <= near * unit, axis=1),
                *(exact @ weights),
            ]
        )
        minima.append(least[:CLOUD])
        zeros.append(one[:CLOUD] == 0.0)
    zero_l1, zero_l2, near_l1, near_l2, exact_zero, exact_near = np.transpose(rows)
    return Corners(
        names, place, unit, lam, l2, near, draws, zero_l1, zero_l2, near_l1, near_l2, exact_zero,
        exact_near, np.concatenate(minima), np.concatenate(zeros),
    )  # fmt: skip


def _losses(
    problem: Any, columns: Sequence[str] | None
) -> tuple[tuple[str, str], Array, Array, tuple[float, float], float]:
    """Names, curvatures (R, 2, 2) with their weights (R,), β₁ and the side of β₂, σ."""
    if problem is None:
        if columns is not None:
            raise BadArgument("columns are those of a problem, and none is given")
        rho = STEEPEST * _NODES
        grams = np.eye(2) + rho[:, None, None] * (1.0 - np.eye(2))
        return ("the first", "the second"), grams, 0.5 * _WEIGHTS, (3.0, 1.0), 1.0
    pair, problem = pair_of(problem, columns, "corners"), asked(problem)
    assert isinstance(problem, Problem)
    sigma = problem.sigma
    if sigma is None:
        rss, left = problem.yy - float(pair.xy @ pair.least_squares), problem.nu - 2.0
        if not (left > 0.0 and rss > 0.0):
            raise BadArgument("two columns fit y exactly, so that σ is unknown; give Gaussian(σ)")
        sigma = float(np.sqrt(rss / left))
    first, second = pair.least_squares
    start = float(first), -1.0 if second < 0.0 else 1.0
    return pair.names, pair.gram[None], np.ones(1), start, sigma


def _drawn(rng: np.random.Generator, grams: Array, draws: int) -> Array:
    """Curvatures (draws, 2, 2): the one there is, or with correlations of their own."""
    if len(grams) == 1:
        return np.broadcast_to(grams[0], (draws, 2, 2))
    rho = rng.uniform(-STEEPEST, STEEPEST, draws)
    return np.asarray(np.eye(2) + rho[:, None, None] * (1.0 - np.eye(2)))


def _minima(rng: np.random.Generator, gram: Array, beta: Array, sigma: float) -> Array:
    """b̂ ~ N(β, σ²G⁻¹): with G = LL', β + σL⁻ᵀz."""
    z = rng.standard_normal((len(gram), 2))
    lower = np.linalg.cholesky(gram)
    away = np.linalg.solve(np.swapaxes(lower, 1, 2), z[..., None])[..., 0]
    return np.asarray(beta + sigma * away)


def _zero_l1(grams: Array, beta: Array, sigma: float, lam: float) -> Array:
    """P(b₂ = 0) under λ‖b‖₁ for each curvature (R,)."""
    g11, g12, g22 = grams[:, 0, 0], grams[:, 0, 1], grams[:, 1, 1]
    h, mean = g12 / g11, grams[:, 0] @ beta
    q = g22 - h * g12
    sd, sd_r = sigma * np.sqrt(g11), sigma * np.sqrt(q)

    def within(shift: Array) -> Array:
        """P(|r + shift| ≤ λ)."""
        centre = q * beta[1] + shift
        return np.asarray(ndtr((lam - centre) / sd_r) - ndtr((-lam - centre) / sd_r))

    alone = ndtr((mean - lam) / sd) * within(h * lam) + ndtr((-mean - lam) / sd) * within(-h * lam)
    c = lam * _NODES[:, None]
    density = np.exp(-0.5 * ((c - mean) / sd) ** 2) / (np.sqrt(2.0 * np.pi) * sd)
    return np.asarray(alone + lam * _WEIGHTS @ (density * within(h * c)))


def _near_l2(grams: Array, beta: Array, sigma: float, l2: float, size: float) -> Array:
    """P(|b₂| ≤ size) under ½λ₂‖b‖² for each curvature (R,): b = (G + λ₂I)⁻¹Gb̂ is normal."""
    shrink = np.linalg.solve(grams + l2 * np.eye(2), grams)
    mean = (shrink @ beta)[:, 1]
    spread = shrink @ np.linalg.inv(grams) @ np.swapaxes(shrink, 1, 2)
    sd = sigma * np.sqrt(spread[:, 1, 1])
    return np.asarray(ndtr((size - mean) / sd) - ndtr((-size - mean) / sd))
