"""Binomial: successes among trials, with log-odds that are linear in the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln, expit

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData
from bayesreg.language.misnamed import explained
from bayesreg.likelihoods import logistic
from bayesreg.likelihoods.base import NormalMixture, Summed, Theta, refuse_rows
from bayesreg.likelihoods.logistic import EVENTS, above_powers
from bayesreg.priors.hyper import HyperPrior

MANY_TRIALS = 1e7  # beyond which the terms of a log density are large and their sum is not
MANY = 30.0  # latent draws a row, on average, beyond which sums of them are no quick way


@explained
@dataclass(frozen=True)
class Binomial(NormalMixture):
    r"""Binomial likelihood with the logit link: y_i of m_i trials succeed, P_i = 1/(1 + e^(−η_i)).

    .. math:: -\log p(y \mid \eta) = m\log(1 + e^{\eta}) - y\eta - \log\tbinom{m}{y}

    y is the number of successes, with ``trials=`` at ``condition``; or two columns, successes and
    failures. A row of y successes among m is the m rows of 0 and 1 that it stands for, but for the
    constant log C(m, y) and for what is left out when a row is. φ = 1, λ₁ = 1/scale, λ₂ = 1/scale²,
    and a prior's scale is in log-odds.

    References
    ----------
    McCullagh & Nelder (1989), *Generalized Linear Models*, 2nd ed., ch. 4; Polson, Scott & Windle
    (2013), JASA 108(504), https://doi.org/10.1080/01621459.2013.829001.

    Examples
    --------
    >>> import bayesreg as br
    >>> doses, dead = [[1.0], [2.0], [3.0]], [1, 3, 5]
    >>> model = br.Model(br.Normal(1.0), br.Binomial())
    >>> br.fit_map(model.condition(doses, dead, trials=[5, 5, 5])).beta.round(3).to_dict()
    {'x1': 1.287}
    """

    self_concordant: ClassVar[bool] = True
    link: ClassVar[str] = "logit"
    takes_trials: ClassVar[bool] = True
    counts: ClassVar[bool] = True
    in_units: ClassVar[str] = "log-odds"
    apart: ClassVar[str] = "successes from failures"
    noun: ClassVar[str] = "binomial"

    @property
    def unknowns(self) -> dict[str, float | HyperPrior]:
        """None: the mean says all."""
        return {}

    def words(self, eta: str) -> str:
        """Σ[m·log(1 + e^η) − yη]."""
        return "Σ[m·log(1 + exp η) − yη]"

    def check(self, y: Array, facts: Theta, rows: Any = None) -> None:
        """Whole successes from 0 to the trials of their row.

        Raises
        ------
        BadData
            Naming the first row that is otherwise.
        """
        if "trials" not in facts:
            raise BadData(
                "Binomial() needs the number of trials of each row: pass trials=, or y as two "
                "columns, successes and failures; for y of 0 and 1 use br.Bernoulli()"
            )
        trials = facts["trials"]
        whole = y == np.floor(y)
        if np.all((y >= 0.0) & (y <= 1.0)):
            share = ": y is the number of successes, not their share; multiply it by trials"
            refuse_rows(y, ~whole, share, rows)
        wrong = ", which is no number of successes: whole numbers from 0"
        refuse_rows(y, (y < 0.0) | ~whole, wrong, rows)
        over = y > trials
        most = f"{trials[np.argmax(over)]:.15g}"
        refuse_rows(y, over, f" of {most} trials: there are no more successes than trials", rows)

    def observations(self, weights: Array, theta: Theta) -> float:
        """Σwm: each trial is one."""
        return float(np.sum(weights * _trials(theta)))

    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """log C(m, y) + yη − m·log(1 + e^η)."""
        m = _trials(theta)
        if np.max(m, initial=0.0) > MANY_TRIALS:  # its largest value, less a divergence
            lost = np.subtract(m, y)
            top = above_powers(m) - above_powers(y) - above_powers(lost)
            return np.asarray(top - self.fenchel_young(y, eta, 0.0, theta))
        ways = -betaln(np.add(y, 1.0), np.subtract(m, y) + 1.0) - np.log1p(m)
        return np.asarray(ways - logistic.loss(y, m - y, eta))

    def summed(self, y: Array, weights: Array, facts: Theta) -> Summed:
        """As of the rows of 0 and 1 that they stand for; of many beside the best mean of each."""
        if float(weights @ np.broadcast_to(_trials(facts), y.shape)) > EVENTS:
            return lambda eta, _theta: np.asarray(-self.fenchel_young(y, eta, 0.0, facts) @ weights)
        total = logistic.summed(weights * y, weights * _trials(facts))
        return lambda eta, _theta: total(eta)

    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """mP − y and mP(1 − P)."""
        return logistic.derivatives(y, _trials(theta) - y, eta)

    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """m·KL(s/m ‖ P), s = u + y the mean that u stands for, mP that of η."""
        return logistic.fenchel_young(y, _trials(theta) - y, eta, u)

    def recession(self, y: Array, theta: Theta) -> Array:
        """η → ∞ where all trials succeed, η → −∞ where none does."""
        return np.where(y == _trials(theta), 1.0, np.where(y == 0.0, -1.0, 0.0))

    def bounded(self, side: float) -> str:
        """All or none."""
        return "successes only" if side > 0.0 else "no success"

    def first_guess(self, y: Array, weights: Array, theta: Theta) -> float:
        """The log-odds of Σwy/Σwm; of (Σwy + ½)/(Σwm + 1) where that is 0 or 1."""
        n, ones = float(weights @ np.broadcast_to(_trials(theta), y.shape)), float(weights @ y)
        if not 0.0 < ones < n:
            ones, n = ones + 0.5, n + 1.0
        return float(np.log(ones / (n - ones)))

    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """1/√(m̄p(1 − p)), p = (Σwy + ½)/(Σwm + 1)."""
        total = float(weights @ np.broadcast_to(_trials(theta), y.shape))
        share = (float(weights @ y) + 0.5) / (total + 1.0)
        return float(1.0 / np.sqrt(total / weights.sum() * share * (1.0 - share)))

    def mean(self, eta: ArrayLike, theta: Theta) -> Array:
        """mP; P where no trials are said."""
        return np.asarray(_trials(theta) * expit(eta))

    def mean_slope(self, eta: ArrayLike, theta: Theta) -> Array:
        """mP(1 − P)."""
        return self.variance(eta, theta)

    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """mP(1 − P)."""
        return np.asarray(_trials(theta) * expit(eta) * expit(np.negative(eta)))

    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """The regularised incomplete beta function, I_{1−P}(m − k, k + 1), k = ⌊y⌋."""
        m, k = _trials(theta), np.floor(y)
        inside = np.clip(k, 0.0, np.maximum(m - 1.0, 0.0))
        found = betainc(np.maximum(m - inside, 1.0), inside + 1.0, expit(np.negative(eta)))
        return np.where(k < 0.0, 0.0, np.where(k >= m, 1.0, found))

    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """The least k with P(Y ≤ k) ≥ prob."""
        from scipy.stats import binom

        return np.asarray(binom.ppf(prob, _trials(theta), expit(eta)))

    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """A number of successes."""
        m = np.asarray(_trials(theta)).astype(np.int64)
        return np.asarray(rng.binomial(m, expit(eta)), dtype=float)

    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """``pm.Binomial``."""
        import pymc as pm

        return pm.Binomial, {"n": theta["trials"], "logit_p": eta}

    def augment(
        self, rng: np.random.Generator, y: Array, eta: Array, theta: Theta, weights: Array
    ) -> tuple[Array, Array]:
        """ω ~ PG(wm, η) and z = w(y − m/2)/ω (Polson, Scott & Windle 2013, §3.1)."""
        from bayesreg.likelihoods.polya_gamma import draw_polya_gamma

        m = _trials(theta)
        omega = draw_polya_gamma(rng, weights * m, eta)
        return omega, weights * (y - 0.5 * m) / omega

    def why_not_augmented(self, weights: Array | None, theta: Theta) -> str | None:
        """PG(wm, η) is a sum of wm draws: exact for whole numbers, and quick for few."""
        counts = _trials(theta) * (1.0 if weights is None else weights)
        if not np.array_equal(counts, np.round(counts)):
            return "its latent variables have an exact draw for whole frequencies only"
        if float(np.mean(counts)) > MANY:
            return f"its latent variables are sums, here of more than {MANY:g} draws a row"
        return None


def _trials(theta: Theta) -> Any:
    return theta.get("trials", 1.0)
