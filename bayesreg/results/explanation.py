"""Explanation: the prior that an estimator of another library assumed, and what it thought."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.prior_quantities import Expected, Ground
from bayesreg.language.errors import NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_lines, number, visible
from bayesreg.model.assumed import Assumed
from bayesreg.model.problem import Problem
from bayesreg.priors.base import Prior, in_brief

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.solvers.certificate import Certificate

NEGLIGIBLE = 1e-2  # nats of the posterior density, far below what any data tell apart
FOLDED = {"Normal": "half-Normal", "Laplace": "Exponential", "ElasticNet": "half elastic-net"}


@explained_throughout
@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """What prior an estimator assumed, on which scale, and what that thought before the data.

    Attributes
    ----------
    words : str
        The estimator as its user writes it.
    assumed : Assumed
        Its objective, λ₁ and λ₂ of J, likelihood and coordinates.
    prior : Prior
        The prior whose penalty it is; where `positive`, folded onto [0, ∞).
    intercept : {"free", "penalised", "none"}
        What the penalty did to β₀.
    positive : bool
        Whether coefficients were held at 0 and above.
    sigma : float or None
        sd of the noise that turns λ into a scale, or effects into the unit of y.
    sigma_from : str
        Where that comes from.
    ground, expected : Ground, Expected or None
        The columns, and draws from the prior; None without a proper prior.
    certificate : Certificate or None
        Of the coefficients that it reports; None where there are none, or no Problem is the same.
    distance : float or None
        Largest distance of a reported coefficient from ours, in sds of noise per sd of its column.
    level_lost : float or None
        By how many nats log p is higher at another intercept, its coefficients as they are.
    delta : float
        Beyond how many sds of the noise an effect is counted.
    why_no_problem : str
        Why no Problem is the same; empty where one is.
    """

    words: str
    assumed: Assumed
    prior: Prior
    intercept: str
    positive: bool
    sigma: float | None
    sigma_from: str
    features: tuple[str, ...]
    ground: Ground | None
    expected: Expected | None
    certificate: Certificate | None
    distance: float | None
    level_lost: float | None
    delta: float
    why_no_problem: str
    _problem: Problem | None

    @property
    def problem(self) -> Problem:
        """The same model on the same data: ``br.sample(explanation.problem)`` has its intervals.

        Raises
        ------
        NotSupported
            If no prior or likelihood here is the same, and why.
        """
        if self._problem is None:
            raise NotSupported(f"no Problem is {self.words}: {self.why_no_problem}")
        return self._problem

    @property
    def optimal(self) -> bool | None:
        """Whether what it reports is the optimum, to within 0.01 nats; None where unknown."""
        if self.certificate is None:
            return None
        if not self._level_reached:
            return False
        if self.certificate.ok:
            return True
        return self._nats is not None and bool(self._nats < NEGLIGIBLE)

    @property
    def _level_reached(self) -> bool:
        """Whether no other intercept is better beside the coefficients that it reports."""
        return self.level_lost is None or self.level_lost < NEGLIGIBLE

    @property
    def _nats(self) -> float | None:
        """How much higher log p can be elsewhere, at the σ that is stated."""
        found, phi = self.certificate, self._phi
        if found is None or found.gap is None or phi is None:
            return None
        return found.gap / phi

    @property
    def _phi(self) -> float | None:
        likelihood = self.assumed.likelihood
        if not likelihood.has_sigma:
            return 1.0
        return None if self.sigma is None else float(likelihood.dispersion({"sigma": self.sigma}))

    @cached_property
    def table(self) -> pd.DataFrame:
        """What 95 % of the prior is within, by column: ``beta_95``, ``effect_95`` of one sd of it.

        In units of the linear predictor; of σ where σ is not known. No rows without a prior.
        """
        import pandas as pd

        if self.expected is None or self.ground is None:
            return pd.DataFrame(columns=["beta_95", "effect_95"])
        effect = np.quantile(self.expected.effects, 0.95, axis=0) * self._unit
        sd = np.where(self.ground.spread > 0.0, self.ground.spread, np.nan)
        found = {"beta_95": effect / sd, "effect_95": effect}
        return pd.DataFrame(found, index=list(self.features)).rename_axis("feature")

    @property
    def _unit(self) -> float:
        """What effects are multiplied by: σ, where they are in its units and it is known."""
        assert self.ground is not None
        return self.sigma if self.ground.unit == "σ" and self.sigma is not None else 1.0

    def plot(self, ax: Any = None) -> Any:
        """Draw what the prior expected: R², number of effects, largest effect.

        Raises
        ------
        NotSupported
            If there was no prior.
        """
        from bayesreg.plots import plot_expected

        if self.expected is None:
            raise NotSupported("there was no penalty, and so no prior to draw")
        return plot_expected({self.words[:40]: self.expected}, self.delta, ax)

    def _lines(self) -> list[str]:
        lines = [
            self.words,
            f"  as         {self.assumed.stated}",
            f"  J          {self.assumed.objective}",
        ]
        lines += [
            f"  prior      {self._prior_in_words()}",
            f"  intercept  {self._intercept_in_words()}",
        ]
        lines += [f"  noise      {self.sigma_from}"] if self.sigma_from else []
        lines += [f"  before     {one}" for one in self._before()]
        lines += [f"  optimum    {self._optimum_in_words()}"]
        lines += [f"  holds      {note}" for note in self.assumed.notes]
        if self.why_no_problem:
            return [*lines, f"  problem    none is the same: {self.why_no_problem}"]
        return [*lines, "  problem    br.sample(explanation.problem) gives its intervals"]

    def _prior_in_words(self) -> str:
        kind = type(self.prior).__name__
        if kind == "Flat":
            return "none: every size of every coefficient was as plausible as any other"
        on = (
            "sd(x)·β: the same for one sd of each column"
            if self.assumed.standardize
            else "β per unit of each column as it was given, whatever its sd"
        )
        folded = f", on b ≥ 0 alone: {FOLDED.get(kind, 'folded')}" if self.positive else ""
        return f"{in_brief(self.prior)}{folded}, on {on}"

    def _intercept_in_words(self) -> str:
        return {
            "free": "free: no penalty, a flat prior",
            "penalised": "PENALISED like a coefficient, so that results depend on where y and x "
            "have their zero",
            "none": "none: the fit goes through 0",
        }[self.intercept]

    def _before(self) -> list[str]:
        if self.expected is None or self.ground is None:
            return []
        one, table = self.expected, self.table
        low, high = table["effect_95"].min(), table["effect_95"].max()
        span = (
            number(low) if np.isclose(low, high, rtol=0.02) else f"{number(low)} to {number(high)}"
        )
        unit = self.ground.unit if self._unit == 1.0 else "y"
        r2 = np.quantile(one.r2, [0.05, 0.95])
        beyond = f"{one.above(self.delta).mean():.3g} of {one.effects.shape[1]}"
        largest = number(float(np.median(one.largest)))
        return [
            f"one sd of a column moves η by at most {span} with probability 95 % (unit: {unit})",
            f"R² {one.r2.mean():.2f} on average, {r2[0]:.2f} to {r2[1]:.2f} with probability 90 %",
            f"{beyond} effects beyond {self.delta:g} sd of the noise; the largest: {largest} sd",
        ]

    def _optimum_in_words(self) -> str:
        if self.certificate is None:
            return "not judged: there are no penalised coefficients of this objective to judge"
        lost = self.level_lost
        if lost is not None and not self._level_reached:
            return (
                "NOT REACHED: beside its coefficients another intercept is better, by "
                f"{number(lost)} nats of log p"
            )
        if self.certificate.ok:
            return "certified: its coefficients minimise J"
        nats = self._nats
        near = "" if nats is None else f", log p is at most {number(nats)} nats higher elsewhere"
        off = "" if self.distance is None else number(self.distance)
        far = off and f", coefficients are off by up to {off} sd of the noise per sd of the column"
        verdict = "reached for any use" if self.optimal else "NOT REACHED"
        return f"{verdict}{near}{far}"

    def __repr__(self) -> str:
        """The estimator, its objective, its prior, what that expected, and its optimum."""
        return "\n".join(visible(one) for one in self._lines())

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        return html_lines(*self._lines())
