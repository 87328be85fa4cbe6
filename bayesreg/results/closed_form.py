"""ClosedForm: the posterior that needs no draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics.run import short_name
from bayesreg.gaussian.exact import ExactPosterior
from bayesreg.language.arguments import Array, check_level, interval_names
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_table, plain
from bayesreg.model.problem import Problem
from bayesreg.results import mixture
from bayesreg.results.effects import described, effects_of
from bayesreg.results.map_fit import asked
from bayesreg.results.publication import published

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.results.summary import Summary

ROWS = 16384  # rows at a time, so that no second copy of X is made


@published
@explained_throughout
@dataclass(frozen=True, eq=False)
class ClosedForm:
    r"""The conjugate posterior: β | y is normal (σ known) or Student-t (normal–inverse-gamma).

    Attributes
    ----------
    problem : Problem
        What was solved.
    exact : ExactPosterior
        Means, sds, degrees of freedom and evidence as arrays.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., §14.2 and §14.8; O'Hagan & Forster
    (2004), *Kendall's Advanced Theory of Statistics* 2B, §11.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(br.Normal(25.0), br.Gaussian(sigma=54.0))
    >>> closed = br.closed_form(model.condition(data.X, data.y, standardize=True))
    >>> closed.interval(0.95).columns.tolist()
    ['eti95_lb', 'eti95_ub']
    """

    problem: Problem
    exact: ExactPosterior

    @cached_property
    def mean(self) -> pd.Series:
        """Posterior means by column, per unit of the original column."""
        return self._series(self.exact.mean, "mean")

    @cached_property
    def sd(self) -> pd.Series:
        """Posterior sds by column (the sd, not the t scale; infinite for df ≤ 2)."""
        return self._series(self.exact.sd, "sd")

    @property
    def intercept(self) -> float:
        """Posterior mean of β₀ at x = 0."""
        return float(self.exact.intercept)

    @property
    def sigma(self) -> float:
        """The known σ, or its posterior mean."""
        return float(self.exact.sigma)

    @property
    def df(self) -> float:
        """Degrees of freedom of the t marginals; infinite when σ is known."""
        return float(self.exact.df)

    @property
    def log_evidence(self) -> float:
        """log p(y): comparable between models with the same Flat columns, σ prior and rows."""
        return float(self.exact.log_evidence)

    def interval(self, level: float = 0.95) -> pd.DataFrame:
        """Equal-tailed intervals of every coefficient.

        Parameters
        ----------
        level : float, default 0.95
            Probability inside, strictly between 0 and 1.

        Raises
        ------
        BadArgument
            If `level` is not such a number.
        """
        import pandas as pd

        return pd.DataFrame(
            self.exact.interval(check_level(level)),
            index=list(self.problem.features),
            columns=list(interval_names(level)),
        )

    def predict(
        self,
        X: Any,
        return_std: bool = False,
        *,
        level: float | None = None,
        offset: Any = None,
    ) -> Any:
        """Predictive mean for new rows; its sd or interval on request, noise included.

        Parameters
        ----------
        X : array (m, P) or data frame
            New rows.
        return_std : bool, default False
            Also return the sd of a new y: that of a t (or normal) with scale² = s² + Var(β₀ + x'β).
        level : float, optional
            Return a DataFrame of ``mean``, ``sd`` if `return_std`, and the bounds of the
            equal-tailed interval that holds a new y with this probability, exactly.
        offset : array (m,), optional
            As at the fit: a model with an offset needs one here.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        BadData
            If a column is missing, unknown or not finite.
        """
        points, exact = asked(self.problem, X, offset), self.exact
        rows = points.x
        mean = points.known.added_to(rows @ exact.mean + exact.intercept, -1)
        if not return_std and level is None:
            return mean
        scale = np.empty(len(rows))
        for start in range(0, len(rows), ROWS):
            block = rows[start : start + ROWS]
            _, own = exact.linear(block, 1.0 if self.problem.intercept else 0.0)
            scale[start : start + ROWS] = np.hypot(np.sqrt(exact.s2), own)
        if level is None:
            return mean, scale * exact.inflation
        half = exact.half_width(level) * scale
        bounds = np.stack([mean - half, mean + half])
        return mixture.table(
            X, level, mean, bounds, scale * exact.inflation if return_std else None
        )

    def effects(
        self, reference: Any = None, level: float = 0.95, standardized: bool = False
    ) -> Summary:
        """Exact mean, sd, interval and P(> 0) of what the columns say, levels as contrasts.

        Parameters
        ----------
        reference, level, standardized
            As in :meth:`Posterior.effects`.

        Raises
        ------
        BadArgument
            If a factor or level is unknown, or `level` is not between 0 and 1.
        """
        import pandas as pd
        from scipy.special import ndtr, stdtr

        effects = effects_of(self.problem, reference)
        weights = effects.weights * (effects.sd[:, None] if standardized else 1.0)
        mean, scale = self.exact.linear(weights)
        half = self.exact.half_width(check_level(level)) * scale
        low, high = interval_names(level)
        ratio = mean / scale
        values = {"mean": mean, "sd": scale * self.exact.inflation, low: mean - half}
        values |= {high: mean + half}
        known = np.isinf(self.df)
        values["p_positive"] = ndtr(ratio) if known else stdtr(self.df, ratio)
        return described(pd.DataFrame(values), effects, standardized=standardized)

    def sigma_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Equal-tailed interval of σ, whose square is inverse gamma; both ends the known σ."""
        from scipy.special import gammaincinv

        tail = (1 - check_level(level)) / 2
        if self.problem.sigma is not None:
            return self.problem.sigma, self.problem.sigma
        quantiles = gammaincinv(self.exact.shape, np.array([1 - tail, tail]))
        low, high = np.sqrt(self.exact.rate / quantiles)
        return float(low), float(high)

    def summary(self, level: float = 0.95) -> Summary:
        """Mean, sd and interval of the intercept, every coefficient and σ, where unknown.

        Parameters
        ----------
        level : float, default 0.95
            Probability inside the equal-tailed interval; its columns are named after kind and
            level.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        import pandas as pd

        from bayesreg.results.summary import of_closed

        exact, parts = self.exact, [pd.concat([self.mean, self.sd, self.interval(level)], axis=1)]
        parts[0].index = [short_name(f"beta[{name}]") for name in self.problem.features]
        if self.problem.intercept:
            row = (self.intercept, exact.intercept_sd, *exact.intercept_interval(level))
            parts.insert(0, pd.DataFrame([row], index=["intercept"], columns=parts[0].columns))
        if self.problem.unknown_sigma:
            row = (self.sigma, exact.sigma_sd, *self.sigma_interval(level))
            parts.append(pd.DataFrame([row], index=["sigma"], columns=parts[0].columns))
        return of_closed(self, pd.concat(parts), level)

    def _series(self, values: Array, name: str) -> pd.Series:
        import pandas as pd

        return pd.Series(values, index=list(self.problem.features), name=name)

    def __repr__(self) -> str:
        """Kind, evidence, table."""
        kind = "normal" if np.isinf(self.df) else f"Student-t with {self.df:g} df"
        return (
            f"closed form ({kind}): log evidence {self.log_evidence:.6g}, σ {self.sigma:.6g}\n"
            f"{self.problem.effects.note}"
            f"{plain(self.summary()).to_string(max_rows=30)}"
        )

    def _repr_html_(self) -> str:
        """The table, escaped."""
        return html_table(self.summary())
