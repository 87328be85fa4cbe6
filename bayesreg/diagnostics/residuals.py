"""Residuals: what the rows say against a model's mean and spread, by tests that say how much.

Every test is one on rows that the posterior has seen, except of `pit`, which leaves each row out.
Where noise is normal a residual is (y − fitted)/σ; else it is the normal quantile of P(Y ≤ y), y
anywhere between its neighbours if it is a whole number: Dunn & Smyth (1996), "Randomized quantile
residuals", Journal of Computational and Graphical Statistics 5(3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics import psis
from bayesreg.diagnostics.pointwise import BLOCK
from bayesreg.engines.draws import Sample, rows_of
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import ConstantCurvature, Likelihood

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws

ROWS = 20_000  # that are judged: a departure that these do not show is a small one
WORK = 2e9  # multiplications of the projection on the columns
EVALUATIONS, LEAST_DRAWS = 2e6, 500  # of rows × draws: a mean and a tail, not a density
STRONG = 20  # columns, largest |sd(x)·β| first, whose shape is tested
FEWEST_VALUES = 5  # of a column that can be curved
SEED = 318
FARTHEST = 8.0  # of a normal quantile: beyond it probabilities round to 0 and 1


class Score(NamedTuple):
    """A term that could be added: its name, share of the residual variance, and p-value."""

    term: str
    share: float
    p: float


@dataclass(frozen=True, eq=False)
class Residuals:
    """The rows judged, what was expected of them, and how they came out.

    Attributes
    ----------
    design : Design
        The rows judged: all, or a random part of very many.
    rows : ndarray of int (m,)
        Which rows of the fit they are.
    strong : tuple of int
        The columns that move y most, first.
    likelihood : Likelihood
        How y varies about η.
    theta : dict of str to float
        Posterior means of its own unknowns.
    fitted, width, eta : ndarray (m,)
        Posterior means of E(y | η, θ), of what squares of residuals are measured in, and of η.
    pull, information : ndarray (m,)
        Posterior means of −f′(η), f = φ·(−log p), and of the information about η.
    left_out : ndarray (m,)
        E(y_i | y_-i), by importance sampling.
    inside, pit : ndarray (m,)
        P(Y_i ≤ y_i | y), and P(Y_i ≤ y_i | y_-i) likewise; of a whole number a random point of the
        step there.
    """

    design: Design
    rows: NDArray[np.intp]
    strong: tuple[int, ...]
    likelihood: Likelihood
    theta: dict[str, float]
    fitted: Array
    width: Array
    eta: Array
    pull: Array
    information: Array
    left_out: Array
    inside: Array
    pit: Array

    @classmethod
    def of(cls, draws: Draws) -> Residuals:
        """One pass over rows × draws, in blocks."""
        design, rows = _judged(rows_of(draws.problem))
        sample = Sample.of(draws, max(EVALUATIONS / len(rows), LEAST_DRAWS))
        copies = np.minimum(design.frequencies, 1.0)
        out = np.empty((8, design.n))
        likelihood = sample.likelihood
        within = np.random.default_rng(SEED).random(design.n)[:, None]
        step = max(1, BLOCK // sample.size)
        for start in range(0, design.n, step):
            part = slice(start, start + step)
            y = design.y[part, None]
            eta, theta = sample.on_rows(design, part)
            mean = likelihood.mean(eta, theta)
            log_weight, _ = psis.log_weights(
                -copies[part, None] * likelihood.log_density(y, eta, theta), sample.r_eff
            )
            weight = np.exp(log_weight)
            below = likelihood.cdf(y, eta, theta)
            if likelihood.discrete:
                step_of = below - likelihood.cdf(y - 1.0, eta, theta)
                below = below - within[part] * step_of
            averaged = [
                mean,
                likelihood.width(eta, theta),
                eta,
                -likelihood.derivatives(y, eta, theta)[0],
                likelihood.information(eta, theta),
            ]
            for k, values in enumerate(averaged):
                out[k, part] = np.broadcast_to(values, eta.shape).mean(axis=1)
            out[5, part] = np.sum(weight * mean, axis=1)
            out[6, part] = below.mean(axis=1)
            out[7, part] = np.sum(weight * below, axis=1)
        size = np.abs(draws.beta.mean(axis=(0, 1))) * draws.problem.column_sd
        strong = tuple(int(j) for j in np.argsort(-size, kind="stable")[:STRONG])
        centre = {name: float(values.mean()) for name, values in draws.theta.items()}
        return cls(design, rows, strong, likelihood, centre, *out)

    @property
    def labels(self) -> bool:
        """Whether y stands for one of two labels."""
        return self.likelihood.takes_labels

    @property
    def normal(self) -> bool:
        """Whether noise is normal, so that a residual is a distance in units of its sd."""
        return isinstance(self.likelihood, ConstantCurvature)

    @property
    def scaled(self) -> Array:
        """(y − fitted) in units of sd(y | η), or of the scale of noise."""
        return np.asarray((self.design.y - self.fitted) / np.sqrt(self.width))

    @cached_property
    def standardized(self) -> Array:
        """`scaled` where noise is normal, else the normal quantile of P(Y ≤ y | y)."""
        from scipy.special import ndtri

        if self.normal:
            return self.scaled
        return np.clip(np.asarray(ndtri(self.inside)), -FARTHEST, FARTHEST)

    def quantile(self, prob: Array) -> Array:
        """Of `scaled` under the noise's own law; of a normal where y is no measurement."""
        from scipy.special import ndtri

        if not self.likelihood.has_sigma:
            return np.asarray(ndtri(prob))
        unit = {**self.theta, "sigma": 1.0}
        return self.likelihood.ppf(prob, 0.0, unit) / np.sqrt(self.likelihood.width(0.0, unit))

    @property
    def trials(self) -> Array:
        """Of how many trials y counts the successes (m,): one, where nothing is said."""
        trials = self.design.trials
        return np.ones(self.design.n) if trials is None else trials

    @cached_property
    def basis(self) -> Array | None:
        """An orthonormal basis of √ω·(1, X); None where too few rows are left to judge by."""
        design = self.design
        if design.n < 2 * (design.p + 1) + 10:
            return None
        centred = design.X - design.X.mean(axis=0)
        size = np.sqrt(np.mean(centred * centred, axis=0))
        wide = np.column_stack([np.ones(design.n), centred / np.where(size > 0.0, size, 1.0)])
        left, size, _ = np.linalg.svd(self._root[:, None] * wide, full_matrices=False)
        return np.asarray(left[:, size > 1e-10 * size[0]])

    @property
    def _root(self) -> Array:
        """√ω, ω the weight of a row in a step of Newton's: w times its information about η."""
        constant = self.design.frequencies * self.information / np.mean(self.information)
        return np.asarray(np.sqrt(constant))

    def curvature(self) -> list[Score]:
        """Score tests of terms left out: squares and cubes of fitted values and strong columns.

        That the score of a term is made orthogonal to those of the columns makes it free of what
        the prior shrank; its variance is White's, so that unequal spread is not taken for a curve
        (Neyman 1959; White 1980, Econometrica 48(4), with the leverages of MacKinnon & White 1985).
        """
        basis = self.basis
        if basis is None:
            return []
        root, work = self._root, self._working(basis)
        leverage = _leverage(basis)
        linear = self.design.p and np.ptp(self.fitted) > 0
        named = [("the fitted values", self.eta)] if linear else []
        named += [(self.design.names[j], self.design.X[:, j]) for j in self.strong]
        return [
            _score(f"{name}{power}", z**degree, root, basis, work, leverage)
            for name, column in named
            if len(np.unique(column)) >= FEWEST_VALUES
            for z in [(column - column.mean()) / column.std()]
            for degree, power in ((2, "²"), (3, "³"))
        ]

    def _working(self, basis: Array) -> Array:
        """Residuals in Newton's working scale, r·w/√ω, less what the columns still explain."""
        root, r = self._root, self.design.frequencies * self.pull
        work = np.divide(r, root, out=np.zeros_like(r), where=root > 0.0)
        return np.asarray(work - basis @ (basis.T @ work))

    def influence(self) -> Array:
        """Cook's distance of each row (m,): 1 moves a fit to the edge of its 50 % region.

        Cook (1977), Technometrics 19(1); zeros where there are too few rows to judge by.
        """
        basis = self.basis
        if basis is None:
            return np.zeros(self.design.n)
        work, leverage, rank = self._working(basis), _leverage(basis), basis.shape[1]
        noise = max(float(work @ work) / (len(work) - rank), 1e-300)
        return np.asarray(np.square(work / (1.0 - leverage)) * leverage / (rank * noise))

    def spread(self) -> tuple[float, float]:
        """RMS residual in the upper third of the fitted values over that in the lower; and p.

        p is that of Koenker's studentised test of r² against the fitted values (Breusch & Pagan
        1979, Econometrica 47(5); Koenker 1981, Journal of Econometrics 17(1)).
        """
        from scipy.special import chdtrc

        r, w = self.standardized, self.design.frequencies
        low, high = np.quantile(self.fitted, [1 / 3, 2 / 3])
        lower, upper = self.fitted <= low, self.fitted >= high
        square = r * r
        ratio = np.sqrt(
            np.average(square[upper], weights=w[upper])
            / max(np.average(square[lower], weights=w[lower]), 1e-300)
        )
        r2 = _correlation(square, self.fitted, w) ** 2
        return float(ratio), float(chdtrc(1, w.sum() * r2))

    def tails(self) -> tuple[float, float, float, float]:
        """Skewness and excess kurtosis of the residuals, each with its p (D'Agostino 1970)."""
        from scipy.stats import kurtosistest, skewtest

        r = self.standardized
        z = (r - r.mean()) / r.std()
        skew, kurtosis = float(np.mean(z**3)), float(np.mean(z**4) - 3.0)
        return skew, float(skewtest(r).pvalue), kurtosis, float(kurtosistest(r).pvalue)

    def calibration(self) -> tuple[float, float, float]:
        """Largest distance of the PITs from uniform, its p (Kolmogorov), and 12·their variance."""
        from scipy.stats import kstest

        found = kstest(self.pit, "uniform")
        return float(found.statistic), float(found.pvalue), float(12.0 * np.var(self.pit))

    def lemeshow(self, bins: int = 10) -> tuple[float, float]:
        """Largest |share of ones − probability| over bins of rows left out, and Hosmer's p."""
        from scipy.special import chdtrc

        chance, share_of = self.left_out / self.trials, self.design.y / self.trials
        order = np.argsort(chance, kind="stable")
        w, gap, total = self.design.frequencies * self.trials, 0.0, 0.0
        parts = [part for part in np.array_split(order, bins) if len(part)]
        for part in parts:
            size, mean = w[part].sum(), np.average(chance[part], weights=w[part])
            share = np.average(share_of[part], weights=w[part])
            noise = np.sum(w[part] * chance[part] * (1.0 - chance[part]))
            total += (size * (share - mean)) ** 2 / max(float(noise), 1e-300)
            gap = max(gap, abs(float(share - mean)))
        return gap, float(chdtrc(len(parts), total))

    def below_zero(self) -> float:
        """How much of what is predicted for the rows left out lies below 0."""
        return float(np.mean(self.likelihood.cdf(0.0, self.left_out, self.theta)))

    def give_away(self) -> tuple[str, float]:
        """The column most like y in rank, and Spearman's correlation; an empty name without one."""
        from scipy.stats import rankdata

        best, most = "", 0.0
        y = rankdata(self.design.y)
        for j in np.arange(self.design.p):
            column = self.design.X[:, j]
            if len(np.unique(column)) < FEWEST_VALUES:
                continue
            found = abs(_correlation(rankdata(column), y, self.design.frequencies))
            if found > most:
                best, most = self.design.names[j], found
        return best, most


def _judged(design: Design) -> tuple[Design, NDArray[np.intp]]:
    """Rows as often as they count, or so many at random that judging them takes a second.

    Weights that are not whole stay weights, which the tests of shapes do not see.
    """
    most = int(min(ROWS, max(2000, WORK / (design.p + 1) ** 2)))
    rng, w = np.random.default_rng(SEED), design.frequencies
    whole = bool(np.all(w == np.round(w)))
    if whole and w.sum() <= most:
        rows = np.repeat(np.arange(design.n), w.astype(np.intp))
    elif whole and design.weights is not None:
        rows = np.sort(rng.choice(design.n, most, p=w / w.sum()))
    elif design.n > most:
        rows = np.sort(rng.choice(design.n, most, replace=False))
    else:
        rows = np.arange(design.n)
    some = design.take(rows)
    return (replace(some, weights=None) if whole else some), rows


def _score(term: str, z: Array, root: Array, basis: Array, work: Array, leverage: Array) -> Score:
    """The share of the residual variance that one term would explain, and its p."""
    from scipy.special import fdtrc

    z = root * z
    size = float(z @ z)
    z = z - basis @ (basis.T @ z)
    own = float(z @ z)
    if own <= 1e-10 * size:
        return Score(term, 0.0, 1.0)
    score = float(z @ work)
    # About the fit with the term: a curve itself is no noise.
    left = work - z * (score / own)
    noise = float(np.sum(np.square(z * left / (1.0 - leverage))))
    free = len(work) - basis.shape[1] - 1
    share = score**2 / (own * max(float(work @ work), 1e-300))
    # Of the two tests the more careful: White's is too ready where few rows carry the term.
    ratio = min(score**2 / max(noise, 1e-300), free * share / max(1.0 - share, 1e-300))
    return Score(term, share, float(fdtrc(1, free, ratio)))


def _leverage(basis: Array) -> Array:
    """The diagonal of the projection, kept below 1."""
    return np.minimum(np.sum(basis * basis, axis=1), 0.999)


def _correlation(a: Array, b: Array, weights: Array) -> float:
    """Pearson's correlation of weighted rows; 0 where one is constant."""
    a, b = a - np.average(a, weights=weights), b - np.average(b, weights=weights)
    size = np.sqrt((weights @ (a * a)) * (weights @ (b * b)))
    return float((weights @ (a * b)) / size) if size > 0.0 else 0.0
