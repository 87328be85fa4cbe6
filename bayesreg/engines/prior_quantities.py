"""What a prior expects before the data: R², the sd of η, how many effects of what size.

For coefficients b drawn from the prior, with η = Xβ about its mean over the N rows:

    Var(η) = b'X̃'X̃b/N,   R² = Var(η)/(Var(η) + τ²),

τ the sd of the noise: σ, or where there is no σ what a row's information about η at the constant
fit is worth (Nakagawa, Johnson & Schielzeth 2017, J. R. Soc. Interface 14, 20170213). An effect is
sd(x_j)·β_j/τ, the change of η by one sd of its column in sds of the noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bayesreg.data.arrival import Held
from bayesreg.data.moments import Moments
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.likelihoods import Likelihood
from bayesreg.model.blocks import Block, assign, worth
from bayesreg.model.problem import PriorLike
from bayesreg.model.quadratic import project
from bayesreg.priors.hyper import HyperPrior
from bayesreg.priors.r2d2 import SMALLEST, BetaPrimeSquared

STRATA = 16  # draws of a scale for each that is kept, so that its quantiles are nearly exact
CELLS = 2_000_000  # draws × columns that are held at once
MOST = 50_000  # draws


@dataclass(frozen=True, eq=False)
class Ground:
    """Where a prior stands: the columns, and the noise beside which effects are judged.

    Attributes
    ----------
    root : ndarray (m, p)
        A with A'A = X̃'X̃/N in the coordinates of b.
    size : ndarray (p,)
        sd(x_j)·β_j for b_j = 1.
    spread : ndarray (p,)
        sd(x_j).
    sigma : float
        σ; 1 where it is unknown, and everything is in its units, or where there is none.
    noise : float
        τ above, in the same unit.
    unit : str
        What η is measured in, in words.
    """

    root: Array
    size: Array
    spread: Array
    sigma: float
    noise: float
    unit: str

    @classmethod
    def of(
        cls,
        prior: PriorLike,
        likelihood: Likelihood,
        source: Held,
        *,
        standardize: bool,
        intercept: bool,
    ) -> tuple[Ground, tuple[Block, ...]]:
        """The ground under a prior, and the prior by blocks of columns.

        Raises
        ------
        NotSupported
            If no column has a proper prior, a prior is not centred at 0, or X is too wide and
            sparse for its products to be formed.
        """
        moments = source if isinstance(source, Moments) else source.moments
        terms = () if isinstance(source, Moments) else source.terms
        n, noise = worth(likelihood, source)
        flat, blocks = assign(prior, moments.names, terms, n, noise)
        _refuse(blocks)
        square = project(moments, flat, blocks, standardize=standardize, intercept=intercept)
        proper = np.setdiff1d(np.arange(moments.p), flat)
        size = moments.x_sd[proper] / square.coordinates.x_sd[proper]
        sigma = likelihood.unknowns.get("sigma", 1.0)
        known = isinstance(sigma, float)
        sigma = sigma if isinstance(sigma, float) else 1.0
        unit = "y" if likelihood.has_sigma else "the linear predictor"
        return cls(
            root=_root(square.root, square.cross) / np.sqrt(moments.n),
            size=size,
            spread=moments.x_sd[proper],
            sigma=sigma,
            noise=sigma * noise,
            unit=unit if known else "σ",
        ), blocks


def _refuse(blocks: Sequence[Block]) -> None:
    if not blocks:
        raise NotSupported("no column has a proper prior, so that nothing is expected of effects")
    for block in blocks:
        if block.prior.loc != 0:
            raise NotSupported(
                f"{block.prior!r} is not centred at 0: what it expects is not settled by its scale"
            )


def _root(root: Array | None, cross: Array | None) -> Array:
    """A (m, p) with A'A the products of the columns."""
    if root is not None:
        return np.asarray(root[:, :-1])
    if cross is None:
        raise NotSupported(
            "X is sparse and too wide for the products of its columns to be formed; take a part of "
            "the columns"
        )
    values, vectors = np.linalg.eigh(cross[:-1, :-1])
    return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T)


@dataclass(frozen=True, eq=False)
class Expected:
    """Draws from a prior, of what can be said of data before they are seen.

    Attributes
    ----------
    variance : ndarray (S,)
        Of η over the rows, in multiples of the square of `one`.
    effects : ndarray (S, p)
        |sd(x_j)·β_j|, in multiples of `one`.
    noise : float
        sd of the noise, likewise.
    one : float, default 1
        What is counted in, so that draws at another scale are the same arrays.
    """

    variance: Array
    effects: Array
    noise: float
    one: float = 1.0

    @property
    def r2(self) -> Array:
        """R² (S,)."""
        return np.asarray(1.0 / (1.0 + np.square(self.noise) / np.maximum(self.variance, 1e-300)))

    @property
    def eta_sd(self) -> Array:
        """sd of η over the rows (S,)."""
        return np.asarray(self.one * np.sqrt(self.variance))

    @property
    def largest(self) -> Array:
        """The largest effect, in sds of the noise (S,)."""
        return np.asarray(self.effects.max(axis=1) / self.noise)

    def above(self, delta: float) -> Array:
        """How many effects are beyond δ sds of the noise (S,)."""
        return np.asarray((self.effects > delta * self.noise).sum(axis=1), dtype=float)

    def times(self, factor: float) -> Expected:
        """The same where every coefficient is this much larger."""
        return dataclasses.replace(self, noise=self.noise / factor, one=self.one * factor)

    def under(self, law: HyperPrior, seed: int = 0) -> Expected:
        """The same where a scale from this law multiplies the coefficients of each draw."""
        scale = stratified(law, np.random.default_rng(seed), len(self.variance))
        variance, effects = self.variance * np.square(scale), self.effects * scale[:, None]
        return dataclasses.replace(self, variance=variance, effects=effects)


def draws_for(p: int) -> int:
    """How many draws of p coefficients: 4 000 000 numbers, from 2 000 draws to 50 000."""
    return int(np.clip(2 * CELLS // max(p, 1), 2_000, MOST))


def expected(
    ground: Ground, blocks: Sequence[Block], draws: int, seed: int = 0, *, folded: bool = False
) -> Expected:
    """Draws from the prior, the same ones for every prior of one family whatever its scale.

    Parameters
    ----------
    ground : Ground
    blocks : sequence of Block
        The prior.
    draws : int
        How many, at least 1.
    seed : int, default 0
    folded : bool, default False
        |b| in place of b: coefficients that are held at 0 and above.

    Raises
    ------
    BadArgument
        If `draws` is not at least 1.
    """
    if draws < 1:
        raise BadArgument(f"draws must be at least 1, not {draws!r}")
    rng = np.random.default_rng(seed)
    scales = [
        np.full(draws, block.scale) if block.hyper is None else stratified(block.hyper, rng, draws)
        for block in blocks
    ]
    p = len(ground.size)
    variance, effects = np.empty(draws), np.empty((draws, p))
    for rows in _chunks(draws, max(1, CELLS // p)):
        b = np.zeros((rows.stop - rows.start, p))
        sigma = np.full(len(b), ground.sigma)
        for block, scale in zip(blocks, scales, strict=True):
            b[:, block.columns] = block.sample(rng, scale[rows], sigma)
        b = np.abs(b) if folded else b
        variance[rows] = np.square(b @ ground.root.T).sum(axis=1)
        effects[rows] = np.abs(b) * ground.size
    return Expected(variance, effects, ground.noise)


def stratified(law: HyperPrior, rng: np.random.Generator, size: int) -> Array:
    """A scale's quantiles at the middle of each of `size` strata, in random order.

    Of a beta prime by the inverse of the incomplete beta function, so that they move smoothly with
    its R²; of other laws from many draws.
    """
    if isinstance(law, BetaPrimeSquared):
        from scipy.special import betaincinv

        middle = (np.arange(size) + 0.5) / size
        share = betaincinv(law.a, law.b, middle)  # R²; of its complement where that is the small
        rest = betaincinv(law.b, law.a, 1.0 - middle)
        odds = np.maximum(share, SMALLEST) / np.maximum(rest, SMALLEST)
        return rng.permutation(law.scale * np.sqrt(odds))
    many = np.sort(law.sample(rng, STRATA * size))
    return np.asarray(rng.permutation(many[STRATA // 2 :: STRATA]))


def _chunks(total: int, size: int) -> Iterator[slice]:
    return (slice(i, min(i + size, total)) for i in range(0, total, size))
