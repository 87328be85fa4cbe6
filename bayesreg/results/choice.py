"""Choice: which λ each rule selects, what prior that is, and where the rules differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_table, outline, plain
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.results import advice, reasons
from bayesreg.results.path import Path
from bayesreg.results.relaxed import Relaxed, relaxed
from bayesreg.solvers.path import model_at, needs_sigma

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.criteria import CrossValidation
    from bayesreg.results.quantity import Quantity


@explained_throughout
@dataclass(frozen=True, eq=False)
class Choice:
    r"""The λ panel: what each rule selects along one path, as λ of J and as the scale of a prior.

    Attributes
    ----------
    source : Problem
        What was asked about. Its scale, where known, was ignored; its hyperprior serves the rule
        "posterior" alone.
    path : Path
        The optima at the λ's that were compared.
    selected : Path
        The optima at the rules' own λ's, in the order of `rules`, those at ∞ left out.
    rules : dict of str to Rule
        What each rule selects.
    curves : dict of str to Curve
        The criteria behind the rules, by the name of the first rule that reads each.
    posterior : Quantity or None
        Posterior draws of λ under the hyperprior.
    left_out : dict of str to str
        Rules that do not apply, and why.
    sigma : float
        The σ by which λ and the scale of the prior are translated.
    sigma_source : str
        Where that σ comes from.
    l1_ratio : float or None
        The ray, if the path is one.
    cross_validation : CrossValidation or None
        Folds and errors of the rule "cv".
    notes : tuple of str
        What the reader must know.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., ch. 7.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> choice = br.choose(problem, by=["evidence", "loo"])
    >>> round(choice["evidence"].lam, 2), choice.model("loo").prior.unit
    (14.89, 'sigma')
    """

    source: Problem
    path: Path
    selected: Path
    rules: dict[str, Rule]
    curves: dict[str, Curve]
    posterior: Quantity | None
    left_out: dict[str, str]
    sigma: float
    sigma_source: str
    l1_ratio: float | None = None
    cross_validation: CrossValidation | None = None
    notes: tuple[str, ...] = ()

    @property
    def needs_sigma(self) -> bool:
        """Whether λ and the scale are tied by σ."""
        return needs_sigma(self.path.ray)

    @property
    def optima(self) -> dict[str, Array]:
        """The optimum b (p,) at each rule's λ, in penalised coordinates; zeros where it is ∞."""
        none, b = np.zeros(self.source.p), np.asarray(self.selected.b)
        at = {name: self._at(name) for name in self.rules}
        return {name: none if k is None else b[k] for name, k in at.items()}

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per rule: λ, the prior's scale, scikit-learn's λ, what is left, and errors.

        ``lam``; ``scale`` in the prior's unit at `sigma`; ``sklearn``; ``df`` (effective degrees of
        freedom) and ``nonzero``; ``log_scale_error`` (Monte Carlo standard error of the logarithm
        of the scale); ``cv_error`` (mean squared error, or mean deviance, by cross-validation at
        this λ); ``optimises``.
        """
        import pandas as pd

        rows = {name: self._row(rule) for name, rule in self.rules.items()}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS)
        return table.rename_axis("rule")

    def summary(self) -> pd.DataFrame:
        """`table`, under the name that other results have for it."""
        return self.table

    @cached_property
    def why(self) -> tuple[str, ...]:
        """Where the rules differ and why, in sentences computed from the numbers."""
        return tuple(reasons.sentences(self))

    @property
    def recommended(self) -> dict[str, str]:
        """The rule to take by aim: "predict", "explain", and "few" columns where some are zero."""
        return advice.recommended(self)

    @cached_property
    def advice(self) -> tuple[str, ...]:
        """Which λ to take to predict, to explain, to find few columns: one sentence each."""
        return tuple(advice.sentences(self))

    def scale(self, lam: float) -> float:
        """The scale of the prior, in its declared unit, whose MAP has this λ at `sigma`."""
        if np.isinf(lam):
            return 0.0
        return float(self.path.ray.scales(np.array([lam]))[0])

    def model(self, rule: str) -> Model:
        """The model with the scale that a rule selects; its likelihood is left as it is.

        Ready to be conditioned on any data and sampled. Where σ is unknown and λ depends on it,
        ``fit_map`` of such a problem estimates σ anew and so has a slightly different λ;
        :meth:`problem` has exactly this one.

        Parameters
        ----------
        rule : str
            One of `rules`.

        Raises
        ------
        BadArgument
            If there is no such rule here.
        NotSupported
            If the rule prefers no effects at all, which is no scale.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
        >>> br.choose(problem, by=["cv"], folds=5).model("cv").likelihood
        Gaussian()
        """
        return model_at(self.path.ray, self._finite(rule))

    def problem(self, rule: str) -> Problem:
        """The problem with λ exactly as a rule selects it, for ``fit_map``.

        Its scale is fixed, and so is σ, at `sigma`, where λ depends on a σ that is unknown.

        Parameters
        ----------
        rule : str
            One of `rules`.
        """
        fixed = self.path.ray.at(self._finite(rule))
        model = self.model(rule)
        if self.source.sigma is None and not self.needs_sigma:
            own = self.source.own
            return dataclasses.replace(
                fixed, prior=model.prior, likelihood=model.likelihood, own=own
            )
        return dataclasses.replace(fixed, prior=model.prior, likelihood=model.likelihood)

    def relaxed(self, rule: str) -> Relaxed:
        """Least squares on the columns that a rule's λ keeps, and what that costs or gains.

        Parameters
        ----------
        rule : str
            One of `rules`.

        Raises
        ------
        NotSupported
            If the penalty keeps every column, as ridge does.

        References
        ----------
        Meinshausen (2007), "Relaxed lasso", CSDA 52(1), https://doi.org/10.1016/j.csda.2006.12.019.
        """
        lam = self._finite(rule)
        return relaxed(self.path.ray, lam, self.optima[rule], self.cross_validation)

    def plot(self, ax: Any = None) -> Any:
        """Draw what each rule selects above every criterion along λ; returns an array of Axes."""
        from bayesreg.plots import plot_choice

        return plot_choice(self, ax)

    def __getitem__(self, name: str) -> Rule:
        """What one rule selects."""
        if name in self.rules:
            return self.rules[name]
        if name in self.left_out:
            raise NotSupported(f"rule {name!r} does not apply here: {self.left_out[name]}")
        raise BadArgument(f"no rule {name!r} here; there are {', '.join(self.rules) or 'none'}")

    def __iter__(self) -> Iterator[str]:
        """Names of the rules."""
        return iter(self.rules)

    def __repr__(self) -> str:
        """The table, the sentences, and which λ to take."""
        shown = plain(self.table.drop(columns="optimises")).to_string(float_format="{:.4g}".format)
        return "\n".join([shown, "", *self.why, "", *self.advice])

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        from html import escape

        said = "".join(f"<p>{escape(one)}</p>" for one in (*self.why, *self.advice))
        return html_table(self.table) + said

    def _finite(self, rule: str) -> float:
        lam = self[rule].lam
        if np.isinf(lam):
            raise NotSupported(
                f"rule {rule!r} prefers no effects at all: λ → ∞ is no scale; take another rule, "
                f"such as {next((r.name for r in self.rules.values() if r.lam < np.inf), 'a λ')!r}"
            )
        return lam

    def _at(self, name: str) -> int | None:
        """Which point of `selected` a rule's is; None at ∞."""
        finite = [one.name for one in self.rules.values() if np.isfinite(one.lam)]
        return finite.index(name) if name in finite else None

    def _row(self, rule: Rule) -> tuple[Any, ...]:
        """One row of the table."""
        k, curve = self._at(rule.name), self.curves.get("cv")
        if k is None:
            return rule.lam, 0.0, np.inf, 0.0, 0, np.nan, np.nan, rule.optimises
        alpha, df = float(self._alphas[k]), float(self.selected.df[k])
        nonzero = int(np.count_nonzero(self.selected.b[k]))
        error = rule.log_error * self._slope(rule.lam)
        cv = np.nan if curve is None else curve.at(rule.lam)
        return rule.lam, self.scale(rule.lam), alpha, df, nonzero, error, cv, rule.optimises

    @cached_property
    def _alphas(self) -> Array:
        """scikit-learn's alpha at each point of `selected`."""
        return self.selected.summary()["sklearn"].to_numpy(float)

    def _slope(self, lam: float) -> float:
        """|d log scale / d log λ|."""
        return float(abs(np.log(self.scale(lam * 1.01) / self.scale(lam))) / np.log(1.01))


_COLUMNS = ["lam", "scale", "sklearn", "df", "nonzero", "log_scale_error", "cv_error", "optimises"]


@dataclass(frozen=True)
class Rule:
    """What one rule selects.

    Attributes
    ----------
    name : str
        As given to ``br.choose(by=)``.
    lam : float
        λ; ∞ where the rule prefers no effects at all.
    optimises : str
        What is best at this λ, in words.
    log_error : float
        Monte Carlo standard error of log λ; 0 where λ is exact, or exact to the spacing of the
        path; NaN where it was not estimated.
    """

    name: str
    lam: float
    optimises: str
    log_error: float = 0.0


@dataclass(frozen=True, eq=False)
class Curve:
    """One criterion along λ, to be minimised.

    Attributes
    ----------
    name : str
        As in figures.
    rules : tuple of str
        Which rules read it.
    lams, value : ndarray (L,)
        The criterion, in `unit`, at increasing λ.
    unit : str
        What `value` is measured in.
    error : ndarray (L,), optional
        Its standard error: over folds, or of Monte Carlo for the difference from the minimum.
    """

    name: str
    rules: tuple[str, ...]
    lams: Array
    value: Array
    unit: str
    error: Array | None = None

    def __repr__(self) -> str:
        return outline(self)

    @property
    def excess(self) -> Array:
        """`value` less its minimum."""
        return np.asarray(self.value - np.nanmin(self.value))

    def at(self, lam: float) -> float:
        """The criterion at another λ, between neighbours in log λ; NaN outside."""
        t = np.log(self.lams)
        return float(np.interp(np.log(lam), t, self.value, left=np.nan, right=np.nan))
