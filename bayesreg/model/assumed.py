"""From a library's arguments to λ₁ and λ₂ beside J, and to the prior that they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesreg.conventions import Convention
from bayesreg.conventions.convention import CHECKED
from bayesreg.conventions.formula import latex, spoken
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.likelihoods.base import Likelihood
from bayesreg.model.call import Call
from bayesreg.model.conversion import Conversion, convert, size_of_columns
from bayesreg.model.facts import Facts, solved
from bayesreg.priors import ElasticNet, Flat, Laplace, Normal
from bayesreg.priors.base import Prior


@dataclass(frozen=True, eq=False)
class Assumed:
    """What a library's arguments assume: λ₁ and λ₂ of J, and a prior once σ is known.

        J(β₀, β) = φ·Σ w_i (−log p(y_i | η_i)) + λ₁‖b‖₁ + ½λ₂‖b‖²

    Attributes
    ----------
    source : str
        Library and function, with its arguments.
    stated : str
        What it minimises, in its own words.
    l1, l2 : float, or ndarray (p,)
        λ₁ and λ₂.
    likelihood : Likelihood
        Whose loss it minimises.
    standardize : bool
        Whether b_j = sd(x_j)·β_j, with divisor n; else b = β.
    intercept : bool
        Whether there is a β₀ that no penalty touches.
    facts : Facts
        What of the data was needed, or known.
    formulas : mapping
        λ₁ and λ₂ in its arguments.
    checked : str
        How we know.
    notes : tuple of str
        Under what conditions this is so.

    Examples
    --------
    >>> import bayesreg as br
    >>> lasso = br.Penalty.from_("sklearn.Lasso", alpha=0.1, n=442)
    >>> lasso.lam
    44.2
    >>> lasso
    sklearn.Lasso(alpha=0.1) minimises ‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁
      J = ½‖y − β₀ − Xβ‖² + λ₁‖β‖₁ with λ₁ = N·alpha = 44.2
    >>> lasso.prior(sigma=54.0)
    Laplace(scale=65.9728..., unit='y')
    """

    source: str
    stated: str
    l1: Any
    l2: Any
    likelihood: Likelihood
    standardize: bool
    intercept: bool
    facts: Facts = field(default_factory=Facts)
    formulas: Mapping[str, str] = field(default_factory=dict)
    checked: str = ""
    notes: tuple[str, ...] = ()

    @property
    def lam(self) -> Any:
        """The one λ that is not zero; NotSupported where both are not."""
        if np.any(self.l1) and np.any(self.l2):
            raise NotSupported("this penalty has both λ₁ and λ₂: read .l1 and .l2 instead of .lam")
        return self.l1 if np.any(self.l1) else self.l2

    @property
    def kind(self) -> str:
        """Ridge, lasso, elastic net, or none."""
        kinds = {(False, False): "none", (True, False): "lasso", (False, True): "ridge"}
        return kinds.get((bool(np.any(self.l1)), bool(np.any(self.l2))), "elastic net")

    @property
    def objective(self) -> str:
        """J, with every λ as a formula and as a number."""
        letter, effect = ("b", "Zb") if self.standardize else ("β", "Xβ")
        eta = "β₀ + " * self.intercept + effect
        fit = self.likelihood.words(eta)
        where = [f"η = {eta}"] if "η" in fit else []
        for symbol, value, term in (
            ("λ₁", self.l1, f"λ₁‖{letter}‖₁"),
            ("λ₂", self.l2, f"½λ₂‖{letter}‖²"),
        ):
            if np.any(value):
                fit += f" + {term}"
                formula = self.formulas.get(symbol, "")
                where.append(f"{symbol} = {formula + ' = ' if formula else ''}{_number(value)}")
        where += ["b = sd(x)·β"] if self.standardize else []
        return fit + (f" with {', '.join(where)}" if where else "")

    def prior(self, sigma: float | None = None) -> Prior:
        """The prior whose penalty this is.

        A ridge under Gaussian noise is a prior in units of σ, whatever σ is: it needs none, and
        nor does a lasso of absolute deviations. Anything else does where there is a σ.

        Parameters
        ----------
        sigma : float, optional
            sd of the noise; that of the arguments where they say it.

        Returns
        -------
        Normal, Laplace, ElasticNet or Flat

        Raises
        ------
        BadArgument
            If σ is needed and not known.
        """
        facts = self.facts if sigma is None else Facts.of(sigma=sigma)
        phi = facts.values(self.likelihood, intercept=self.intercept)["phi"]
        first, second = bool(np.any(self.l1)), bool(np.any(self.l2))
        if not first and not second:
            return Flat()
        if phi is None and second and not first and self.likelihood.phi == "σ²":
            return Normal(_scale(1.0 / np.sqrt(self.l2)), unit="sigma")
        if phi is None and first and not second and self.likelihood.phi == "σ":
            return Laplace(_scale(1.0 / self.l1), unit="sigma")
        if phi is None:
            raise BadArgument(
                f"this penalty is a prior only once σ is known, since λ₁ = {self.likelihood.phi}/"
                "scale: prior(sigma=), or sigma= among the arguments"
            )
        if not second:
            return Laplace(_scale(phi / self.l1))
        if not first:
            return Normal(_scale(np.sqrt(phi / self.l2)))
        root = self.l1 + np.sqrt(np.square(self.l1) + 4.0 * phi * self.l2)
        return ElasticNet(_scale(2.0 * phi / root), mix=_scale(2.0 * self.l1 / root))

    def to(self, target: str, **facts: Any) -> Conversion:
        """The same penalty as arguments for another library; see `Penalty.to`."""
        return convert(self, target, self.facts.and_said(**facts))

    def __repr__(self) -> str:
        """Both objectives."""
        lines = [self.stated, f"  J = {self.objective}"]
        return "\n".join(lines + [f"  holds: {note}" for note in self.notes])

    def _repr_latex_(self) -> str:
        """Both objectives, for notebooks."""
        stated = self.stated.rpartition(" minimises ")[2]
        return f"$${latex(stated)}$$ $$J = {latex(self.objective)}$$"


def _number(value: Any) -> str:
    if np.ndim(value) == 0:
        return f"{value:.6g}"
    return f"{np.min(value):.4g} to {np.max(value):.4g} by column"


def _scale(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else tuple(float(one) for one in value)


def assumed(
    library: str | type,
    arguments: Mapping[str, Any],
    facts: Facts,
    *,
    likelihood: Likelihood | None = None,
    standardize: bool | None = None,
    intercept: bool | None = None,
) -> Assumed:
    """What the arguments of a library assume.

    Raises
    ------
    UnknownArgument
        If an argument bears on no objective of that function; the nearest name is given.
    BadArgument
        If a value is no number, or no penalty; or if a fact of the data is missing.
    NotSupported
        If the objective is none that we have, such as one with a penalised intercept.
    """
    read = Call.of(library, arguments, likelihood, standardize=standardize, intercept=intercept)
    record, inside, scaled = read.record, read.intercept, read.standardize
    known = facts.values(read.likelihood, intercept=inside) | read.strengths
    shared = {"standardize": standardize, "intercept": intercept}  # our words, and glmnet's
    own_words = {k: v for k, v in shared.items() if v is not None and k in record.takes}
    call = _call(record.name, {**arguments, **own_words})
    l1, l2, formulas = _lams(record, known, call, scaled=scaled, intercept=inside)
    if record.never_ridge and not np.any(l1) and np.any(l2):
        raise NotSupported(f"{call}: {record.never_ridge}")
    spare = f"if the intercept is spared: {record.spare}" * (inside and bool(record.spare))
    doubt = CHECKED["unverified"] * (record.checked == "unverified")
    return Assumed(
        source=call,
        stated=f"{call} minimises {record.minimised(scaled)}",
        l1=l1,
        l2=l2,
        likelihood=read.likelihood,
        standardize=scaled,
        intercept=inside,
        facts=facts,
        formulas=formulas,
        checked=CHECKED[record.checked],
        notes=tuple(note for note in (spare, record.limits, doubt) if note),
    )


# λ of columns at another size, as λ of sd(x)·β with divisor N: what √N and the like do to it.
_TIMES = {"sd1": ("·√(N/(N − 1))", "·N/(N − 1)"), "norm": ("·√N", "·N")}


def _lams(
    record: Convention, known: Mapping[str, Any], call: str, *, scaled: bool, intercept: bool
) -> tuple[Any, Any, dict[str, str]]:
    """λ₁ and λ₂ of J, and their formulae."""
    size = 1.0
    if scaled and record.columns != "raw":
        size = size_of_columns(record, known)
    times = _TIMES.get(record.columns, ("", "")) if scaled else ("", "")
    values, formulas = [], {}
    for power, symbol, formula in ((1, "λ₁", record.lam1), (2, "λ₂", record.lam2)):
        value = solved(formula, known, f"{record.name}: {symbol}", intercept=intercept)
        if not (np.isfinite(value).all() and np.min(value) >= 0):
            raise BadArgument(
                f"{call} is no penalty: {symbol} = {spoken(formula)} would be {_number(value)}"
            )
        values.append(value * size**power)
        formulas[symbol] = spoken(formula) + times[power - 1]
    return values[0], values[1], formulas


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in arguments.items()}
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in plain.items())})"
