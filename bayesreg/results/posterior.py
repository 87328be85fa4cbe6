"""Posterior: draws, what can be asked of them, and their checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics import Checks, check, to_tree
from bayesreg.diagnostics.run import summarise, unknowns_of
from bayesreg.engines.draws import Draws
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_lines, html_table, plain
from bayesreg.model.problem import Problem
from bayesreg.results import groups, mixture, predictive
from bayesreg.results.effects import of_draws
from bayesreg.results.events import contrast_of, event_draws, level_event
from bayesreg.results.fit_to_rows import FitToRows
from bayesreg.results.lam import LamPosterior
from bayesreg.results.map_fit import asked
from bayesreg.results.predicted_rows import Destination
from bayesreg.results.publication import published
from bayesreg.results.quantity import Quantity
from bayesreg.results.ratios import with_ratios
from bayesreg.results.shrinkage import Shrinkage
from bayesreg.results.significance import Significance

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.results.summary import Summary


@published
@explained_throughout
@dataclass(frozen=True, eq=False)
class Posterior(FitToRows):
    r"""Draws of β, β₀, σ and scale from the posterior, with their checks.

    Attributes
    ----------
    draws : Draws
        Arrays of shape (chain, draw, …) with engine, seed and wall time.
    why_engine : str
        Why this engine ran.
    warnings : tuple of str
        What the reader must know, those of the problem included.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
    >>> post.engine, post.checks.ok
    ('direct', True)
    >>> post.probability("bmi > 0") > 0.99
    True
    """

    draws: Draws
    why_engine: str
    warnings: tuple[str, ...] = field(default=())

    @property
    def problem(self) -> Problem:
        """What was sampled."""
        return self.draws.problem

    @property
    def engine(self) -> str:
        """Name of the engine that ran."""
        return self.draws.engine

    @property
    def complete(self) -> bool:
        """Whether the run reached its length (False after an interruption)."""
        return self.draws.complete

    @cached_property
    def tree(self) -> Any:
        """The draws as an ArviZ DataTree."""
        return to_tree(self.draws)

    @cached_property
    def checks(self) -> Checks:
        """R-hat, effective sizes, MCSE and our own tests of the draws."""
        return check(self.draws)

    @property
    def beta(self) -> pd.Series:
        """Posterior means per unit of the original column."""
        import pandas as pd

        return pd.Series(self.draws.beta.mean((0, 1)), list(self.problem.features), name="beta")

    @property
    def intercept(self) -> float:
        """Posterior mean of β₀ at x = 0."""
        return float(self.draws.intercept.mean())

    @property
    def classes_(self) -> tuple[Any, ...] | None:
        """The labels behind y = 0 and y = 1; None where y has no labels."""
        return self.problem.classes_

    @property
    def sigma(self) -> float:
        """Posterior median of σ, or its known value; √φ = 1 under a likelihood without one."""
        return float(np.median(self.draws.sigma))

    @property
    def scale(self) -> Any:
        """Posterior median of the unknown scale(s): a number, an array by block, or None."""
        medians = np.median(self.draws.scale, axis=(0, 1))
        return None if not medians.size else float(medians[0]) if medians.size == 1 else medians

    @cached_property
    def shrinkage(self) -> Shrinkage:
        """κ_j = 1/(1 + G_jj v_j/σ²) with intervals, and m_eff: 1 is all prior, 0 all data."""
        return Shrinkage.of(self.draws)

    @cached_property
    def lam(self) -> LamPosterior:
        """The scale's posterior said as one of λ, draw by draw, where the prior is a penalty."""
        return LamPosterior.of(self.draws)

    def summary(self, level: float = 0.95, standardized: bool = False) -> Summary:
        """Mean, sd, equal-tailed interval and P(> 0) of every unknown, with ESS and R-hat.

        Of log-odds and log-counts also e^β, ``odds_ratio`` or ``rate_ratio``, with its interval.

        Parameters
        ----------
        level : float, default 0.95
            Probability inside the interval; the columns are named after kind and level.
        standardized : bool, default False
            Report sd(x_j)·β_j instead of β_j.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1, or a single draw was kept.
        """
        from bayesreg.results.summary import of_posterior

        found = unknowns_of(self.draws, standardized=standardized)
        table = with_ratios(summarise(found, level), self.problem, found, level)
        table = table.join(self.checks.by_unknown())
        made = of_posterior(self, table, level, standardized=standardized)
        made.attrs["checks"] = self.checks.why  # also why R-hat or ESS are not available
        return made

    def effects(
        self, reference: Any = None, level: float = 0.95, standardized: bool = False
    ) -> Summary:
        """Mean, sd, interval and P(> 0) of what the columns say: levels of factors as contrasts.

        Beside an intercept a level's own coefficient has nearly its prior; differences of levels
        are what the data know. Each row has its ``term``, ``level`` and ``reference``.

        Parameters
        ----------
        reference : None, "mean" or mapping, optional
            Against what: None is the level that the formula names, or the first; ``"mean"`` the
            mean of all; ``{"g": "q"}`` says it of some factors.
        level : float, default 0.95
            Probability inside the equal-tailed interval.
        standardized : bool, default False
            Effects of one sd of a number; those of levels are whole as they are.

        Examples
        --------
        >>> import numpy as np, pandas as pd, bayesreg as br
        >>> frame = pd.DataFrame({"y": np.arange(12.0), "g": list("abc") * 4})
        >>> problem = br.Model(br.Normal(50.0)).condition_formula("y ~ g", frame)
        >>> list(br.sample(problem, seed=1).effects(reference={"g": "b"}).index)
        ['g: a − b', 'g: c − b']
        """
        return of_draws(self.draws, reference, level, standardized=standardized)

    def probability(self, event: str) -> float:
        """Posterior probability of an event such as ``"bmi > 0"``, ``"|s1| < 2"`` or ``"s1 > s2"``.

        It is left op right with op one of <, <=, >, >=; a side is a number, a column, ``sigma``,
        ``intercept`` or ``scale``, and ``|…|`` its size; ``"g: q > r"`` is of two levels.
        BadArgument if it does not parse or names an unknown quantity.
        """
        levels = level_event(event, self.problem.effects, self.draws.beta)
        found = event_draws(event, unknowns_of(self.draws)) if levels is None else levels
        return float(np.mean(found))

    def significance(self, eps: Any, standardized: bool = False) -> Significance:
        """P(|β_j| > ε) and the probability of the likelier sign, by column.

        Parameters
        ----------
        eps : float, sequence of float, or mapping
            The smallest size that matters, in the unit of β_j: one for all, or one per column.
        standardized : bool, default False
            Ask of sd(x_j)·β_j instead, so that `eps` is in the unit of y.

        Raises
        ------
        BadArgument
            If `eps` is not such numbers, or below 0.
        """
        return Significance.of(self.draws, eps, standardized=standardized)

    def contrast(self, weights: Mapping[str, float]) -> Quantity:
        """Posterior of Σ w_k·β_k: its mean, sd, ``interval(level)`` and P(> 0).

        `weights` maps columns to w_k, as in ``{"a": 1, "b": -1}``. BadArgument if a name is unknown
        or a weight is not finite.
        """
        return contrast_of(weights, unknowns_of(self.draws))

    def predict(
        self,
        X: Any,
        return_std: bool = False,
        *,
        level: float | None = None,
        kind: str = "mean",
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
        out: Any = None,
        key: str | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Posterior predictive mean for new rows; its sd or interval on request, noise included.

        Under Bernoulli() the mean is that of the probability of the second of `classes_`, not the
        probability at the mean of the log-odds; an interval is one of that probability.

        Parameters
        ----------
        X : array (m, P), data frame, or source such as ``"new/*.parquet"``
            New rows.
        return_std : bool, default False
            Also return the sd of a new y, √(E Var(y | η) + Var E(y | η)), in the unit of y.
        level : float, optional
            Return a DataFrame of ``mean``, ``sd`` if `return_std`, and the bounds of the
            equal-tailed interval that holds a new y with this probability.
        kind : {"mean", "linear"}
            "linear" is η = β₀ + x'β, its sd and interval those of η alone.
        offset, exposure, trials : array (m,), optional
        out, key, overwrite : path, str, bool, optional
            As of :meth:`MapFit.predict`; `out` is a file for rows that are read in batches.

        Raises
        ------
        BadArgument, BadData
            If `kind` or `level` is another; if a column is missing, unknown or not finite.
        """
        where = Destination(out, key, overwrite)
        beside = {"offset": offset, "exposure": exposure, "trials": trials}

        def predict(rows: Any, known: Mapping[str, Any]) -> Any:
            points = asked(self.problem, rows, **known)
            found = predictive.predicted(self.draws, points, kind, return_std=return_std)
            if level is None:
                return found
            return mixture.beside(found, self.draws, rows, points, level, kind)

        return where.of(self.problem, X, beside, predict)

    def posterior_predictive(
        self,
        X: Any = None,
        seed: int | None = None,
        *,
        draws: int | None = None,
        rows: Any = None,
        memory: float = predictive.MEMORY,
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
    ) -> Array:
        """Replicated y (chain, draw, rows), noise included; for the fit's own rows unless given.

        With `draws`, of so many, evenly spaced, as one chain; `rows` are indices of the fit's own;
        `offset`, `exposure` and `trials` stand beside new X. At most `memory` bytes.
        """
        kept = self.draws if draws is None else predictive.thinned(self.draws, draws)
        said = not X is offset is exposure is trials is None
        at = asked(self.problem, X, offset, exposure, trials) if said else None
        if rows is not None and self.problem.design is not None:
            at = self.problem.design.points.take(rows)
        return predictive.replicate(kept, at, seed, memory)

    def to_arviz(
        self,
        log_likelihood: bool = True,
        posterior_predictive: bool = False,
        prior: bool = False,
        seed: int | None = None,
        memory: float = predictive.MEMORY,
    ) -> Any:
        """`tree` with further groups, after a check of memory.

        Parameters
        ----------
        log_likelihood, posterior_predictive, prior : bool
            Groups to add: draws × rows of log density; replicated y; prior draws and the prior
            predictive (conditional, and labelled so, where a part of the prior is improper). In
            them, and in what was observed, a row of frequency w is written out w times.
        seed : int, optional
            For what is simulated.
        memory : float, default 4e9
            Bytes that the added groups may take.

        Raises
        ------
        BadArgument
            If more memory would be needed; ``post.loo()`` streams instead.
        NotSupported
            If the problem has no rows, or some frequency is no whole number, which ArviZ would not
            know: ``post.loo()``, ``post.r2()`` and ``br.compare`` do.
        """
        wanted = groups.Wanted(log_likelihood, posterior_predictive, prior)
        return groups.extend_tree(self.draws, wanted, seed=seed, memory=memory)

    def plot(self, kind: str = "forest", ax: Any = None) -> Any:
        """Draw "forest", "trace", "rank", "ppc", "residuals", "adequacy", "shrinkage", "scale".

        Or "rootogram" (of counts), "calibration" (of yes/no and successes), "effective" (m_eff),
        and "significance", with ε a tenth of sd(y) per sd of the column; for another ε use
        ``post.significance(eps).plot()``. Returns Axes, or an array of them.
        """
        from bayesreg import plots

        kinds: dict[str, Callable[[], Any]] = {
            "forest": lambda: plots.plot_posterior(self, ax),
            "trace": lambda: plots.plot_trace(self, ax),
            "rank": lambda: plots.plot_rank(self, ax),
            "ppc": lambda: plots.plot_ppc(self, ax),
            "residuals": lambda: plots.plot_residuals(self, ax),
            "rootogram": lambda: plots.plot_rootogram(self, ax),
            "calibration": lambda: plots.plot_shares(self, ax),
            "adequacy": lambda: self.adequacy.plot(ax),
            "shrinkage": lambda: self.shrinkage.plot(ax),
            "effective": lambda: plots.plot_effective({"posterior": self.shrinkage}, ax),
            "scale": lambda: self.lam.plot(ax),
            "significance": lambda: Significance.of_tenth(self.draws).plot(ax),
        }
        if kind not in kinds:
            raise BadArgument(f"plot kind must be one of {', '.join(kinds)}, not {kind!r}")
        return kinds[kind]()

    def plot_ppc(self, ax: Any = None) -> Any:
        """Draw replicated against observed y; returns the Axes."""
        return self.plot("ppc", ax)

    def save(self, path: Any, *, overwrite: bool = False) -> None:
        """Write draws, model and data to one checksummed file; see :func:`bayesreg.load`."""
        from bayesreg.results.archive import save_posterior

        save_posterior(self, path, overwrite=overwrite)

    def __repr__(self) -> str:
        """Engine, checks, table."""
        chains, draws = self.draws.sigma.shape
        note = "" if self.complete else "  INTERRUPTED: fewer draws than asked for\n"
        return (
            f"posterior by {self.draws.by} ({self.why_engine}): {chains} chains × {draws} draws, "
            f"seed {self.draws.seed}\n{note}  checks: {self.checks.why}\n"
            f"{self.problem.effects.note}{self._shown()}"
        )

    def _shown(self) -> str:
        """The summary as text, or why there is none."""
        if self.draws.sigma.size < 2:
            return "no summary: a single draw has no sd and no interval"
        return str(plain(self.summary().round(4)).to_string(max_rows=30))

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        if self.draws.sigma.size < 2:
            return html_lines(*repr(self).split("\n"))
        return html_lines(*repr(self).split("\n")[:2]) + html_table(self.summary())
