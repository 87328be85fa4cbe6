"""SameLam: the MAP at the posterior's own λ, beside the posterior, number against number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.engines.draws import LOG_L, pooled
from bayesreg.gaussian import exact
from bayesreg.language.arguments import Array
from bayesreg.language.text import html_table, plain, visible
from bayesreg.model.problem import Problem
from bayesreg.results.map_fit import MapFit
from bayesreg.results.posterior import Posterior
from bayesreg.solvers.objective import penalty_value

if TYPE_CHECKING:
    import pandas as pd

MOST = 20_000_000  # linear predictors, rows × draws; of more draws an even share is looked at


@dataclass(frozen=True, eq=False)
class SameLam:
    r"""The MAP where σ and scale are the posterior's medians, and where the posterior lies of it.

    A MAP sits at one λ, chosen by evidence or cross-validation, and a posterior integrates over λ:
    to compare the two as numbers, λ must be the same. Given σ and scale the log posterior is
    log p(β₀, β | y, σ, scale) = −J(β₀, β)/φ + constant, of which the MAP is the maximum; so no draw
    of β may have a higher one, and the posterior mean differs from the MAP by what skews and widens
    the posterior about it. Under a Normal prior and Gaussian noise the mean given σ and scale *is*
    the MAP.

    Attributes
    ----------
    fit : MapFit
        The MAP with posterior medians of σ and scale plugged in.
    post : Posterior
        The posterior, which integrates over both.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., §13.1; Park & Casella (2008), JASA 103.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> fits = br.compare({"ridge": br.Normal()}, data.X, data.y, standardize=True, seed=1)
    >>> same = fits["ridge"].same_lam
    >>> same.exact < 1e-12, same.margin > 0, same.farthest < 0.2
    (True, True, True)
    """

    fit: MapFit
    post: Posterior

    @cached_property
    def _numbers(self) -> tuple[Array, Array, Array]:
        """The MAP, the posterior mean and the posterior sd of every effect."""
        effects = self.post.problem.effects
        draws = pooled(effects.of(self.post.draws.beta))
        sd = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.full(draws.shape[1], np.nan)
        return effects.of(self.fit.beta.to_numpy()), draws.mean(axis=0), sd

    @cached_property
    def distance(self) -> pd.Series:
        """(posterior mean − MAP)/posterior sd by effect; 0 where both are the same number.

        An effect is a column's coefficient, or the contrast of a factor's levels.
        """
        import pandas as pd

        optimum, mean, sd = self._numbers
        gap = mean - optimum
        size = np.divide(gap, sd, out=np.where(gap == 0.0, 0.0, np.nan), where=sd > 0.0)
        return pd.Series(size, index=self.post.problem.effects.names, name="distance")

    @property
    def farthest(self) -> float:
        """The largest |distance| of all effects."""
        return float(self.distance.abs().max())

    @property
    def effect(self) -> str:
        """The effect of the largest |distance|."""
        return str(self.distance.index[int(np.argmax(self.distance.abs().fillna(-1.0)))])

    @cached_property
    def margin(self) -> float:
        """log p(MAP) − the largest log p of the draws, given σ and scale, in nats.

        At least 0 where the certificate bounds J; below 0 it shows a better optimum elsewhere.
        """
        problem, fit, draws = self.fit.problem, self.fit, self.post.draws
        size = draws.sigma.size
        most = size if problem.exact else max(1, MOST // max(problem.moments.rows, 1))
        kept = np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))
        beta, intercept = pooled(draws.beta)[kept], draws.intercept.reshape(-1)[kept]
        if problem.stream is not None and not problem.exact:
            return _margin_in_passes(problem, fit.b, beta, draws.stats[LOG_L].reshape(-1)[kept])
        drawn = _objective(problem, beta, intercept)
        own = _objective(problem, fit.beta.to_numpy()[None], np.array([fit.intercept]))
        return float(np.min(drawn) - own[0])

    @cached_property
    def exact(self) -> float | None:
        """‖mean − MAP‖∞/‖MAP‖∞ on unit-sd columns given σ and scale, in closed form where there is.

        None where there is no closed form: for another prior than Normal, or another likelihood.
        """
        problem = self.fit.problem
        if exact.supports(problem) is not None or not problem.p:
            return None
        sd = problem.column_sd
        mean, beta = exact.posterior(problem).mean * sd, self.fit.beta.to_numpy() * sd
        size = float(np.max(np.abs(beta)))
        gap = float(np.max(np.abs(mean - beta)))
        return gap / size if size else gap

    def summary(self) -> pd.DataFrame:
        """One row per effect: MAP, posterior mean and sd, and their distance in sds."""
        import pandas as pd

        parts = dict(zip(("map", "mean", "sd"), self._numbers, strict=True))
        return pd.DataFrame({**parts, "distance": self.distance}, index=self.distance.index)

    def __repr__(self) -> str:
        """The comparison in a line, and the table."""
        table = plain(self.summary())
        return f"{self.words}\n{table.to_string(float_format='{:.4g}'.format, max_rows=30)}"

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        from html import escape

        table = html_table(self.summary())
        return f"<p>{escape(self.words)}</p>{table}"

    @property
    def words(self) -> str:
        """How far MAP and mean are apart, whether a draw is higher, and whether they are one."""
        parts = [f"at most {self.farthest:.2g} posterior sd from the mean ({visible(self.effect)})"]
        if self.margin < 0.0:
            parts.append(f"a draw has a log density {-self.margin:.2g} nats higher")
        if self.exact is not None:
            parts.append(f"given σ and scale mean and MAP are one, to {self.exact:.0e}")
        parts += [] if self.fit.certificate.ok else ["not certified"]
        return "; ".join(parts)


def _margin_in_passes(problem: Problem, b: Array, beta: Array, log_likelihood: Array) -> float:
    """The margin where the log likelihood of every draw came of the pass that scored it."""
    met = problem.in_passes.found(b)
    assert met is not None
    sd, loc = problem.x_sd[problem.proper], problem.coordinates.loc
    drawn = penalty_value(problem, beta[:, problem.proper] * sd - loc) - log_likelihood
    return float(np.min(drawn) - met.sums.value - penalty_value(problem, b))


def _objective(problem: Problem, beta: Array, intercept: Array) -> Array:
    """J/φ of L coefficients (L, P) in nats, β₀ and Flat at their best under Gaussian noise."""
    sd, loc = problem.x_sd[problem.proper], problem.coordinates.loc
    b = beta[:, problem.proper] * sd - loc
    penalty = np.asarray(penalty_value(problem, b))
    if problem.exact:
        assert problem.sigma is not None
        loss = 0.5 * np.asarray(problem.quadratic.residual_square(b))
        return np.asarray((loss + penalty) / problem.sigma**2)
    assert problem.design is not None
    design = problem.design
    eta, facts = design.points.under(beta, intercept, {}, axis=-1)
    theta = facts | problem.known
    weights = np.ones(len(design.y)) if design.weights is None else design.weights
    density = problem.likelihood.log_density(design.y, eta, theta)
    return np.asarray(penalty / problem.likelihood.dispersion(theta) - density @ weights)
