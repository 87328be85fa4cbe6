"""From λ₁ and λ₂ beside J to the arguments with which a library minimises the same objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from bayesreg.conventions import CONVENTIONS, Convention, named
from bayesreg.conventions.convention import CHECKED, COLUMNS
from bayesreg.conventions.formula import evaluate, latex
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.likelihoods.base import Likelihood
from bayesreg.model.call import no_fit_without
from bayesreg.model.facts import Facts, solved


class Strength(Protocol):
    """λ₁ and λ₂ of J, and what J they stand in."""

    @property
    def l1(self) -> Any:
        """λ₁."""
        ...

    @property
    def l2(self) -> Any:
        """λ₂."""
        ...

    @property
    def likelihood(self) -> Likelihood:
        """Whose loss stands beside them."""
        ...

    @property
    def standardize(self) -> bool:
        """Whether they penalise sd(x)·β."""
        ...

    @property
    def intercept(self) -> bool:
        """Whether there is a β₀."""
        ...

    @property
    def stated(self) -> str:
        """What is minimised at the source, as a sentence."""
        ...

    @property
    def objective(self) -> str:
        """J, with λ as a number."""
        ...

    @property
    def checked(self) -> str:
        """How the source's convention is known; empty where it is ours."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Under what conditions λ₁ and λ₂ are these."""
        ...


class Conversion(dict[str, Any]):
    """Arguments for another library: a dict with its `objective` and what it `needs` first.

    Attributes
    ----------
    target : str
        Library and function.
    objective : str
        What it minimises at these arguments, in its own words.
    source_objective : str
        What the source minimises.
    canonical : str
        The objective J that both are multiples of, with λ as a number.
    needs : str or None
        What must be done first: "StandardScaler" where columns must be brought to sd 1 (divisor
        n) before, and what keeps the intercept out of the penalty.
    limits : str or None
        Under what condition the two optima are one.
    checked, source_checked : str
        How the conventions of target and source are known.
    call : str
        How the arguments are written there.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        record: Convention,
        given: Strength,
        needs: str | None,
    ) -> None:
        dict.__init__(self, arguments)
        self.target = record.name
        self.objective = record.minimised(given.standardize and record.columns != "raw")
        self.source_objective = given.stated
        self.canonical = given.objective
        self.needs = needs
        self.limits = "; ".join(dict.fromkeys((*given.notes, record.limits))).strip("; ") or None
        self.checked = CHECKED[record.checked]
        self.source_checked = given.checked or self.checked
        self.call = _written(record, arguments)

    def __repr__(self) -> str:
        """Both objectives, the arguments, and what must be known before they are used."""
        lines = [
            self.source_objective,
            f"  J = {self.canonical}",
            f"{self.call} minimises {self.objective}",
        ]
        lines += [f"  first: {self.needs}"] if self.needs else []
        lines += [f"  holds: {self.limits}"] if self.limits else []
        if self.source_checked != self.checked:
            lines += [f"  checked, source: {self.source_checked}"]
        return "\n".join([*lines, f"  checked: {self.checked}"])

    def _repr_latex_(self) -> str:
        """The three objectives, for notebooks."""
        source, _, stated = self.source_objective.rpartition(" minimises ")
        rows = [(source, stated), ("J", self.canonical), (self.call, self.objective)]
        body = r" \\ ".join(
            rf"\texttt{{{_escaped(name)}}} &:\; {latex(text)}" for name, text in rows
        )
        return rf"$$\begin{{aligned}} {body} \end{{aligned}}$$"


def _escaped(text: str) -> str:
    return "".join("\\" + one if one in "#$%&_{}" else one for one in text)


def _written(record: Convention, arguments: Mapping[str, Any]) -> str:
    """The call, with its arguments as that language writes them."""
    spelled = {key: _spelled(value, record.booleans) for key, value in arguments.items()}
    every = ", ".join(f"{key}={text}" for key, text in spelled.items())
    return record.call.format(name=record.name, arguments=every, **spelled)


def _spelled(value: Any, booleans: tuple[str, str]) -> str:
    return booleans[int(value)] if isinstance(value, bool) else repr(value)


def convert(given: Strength, target: str, facts: Facts) -> Conversion:
    """The arguments of `target` at which it minimises the objective in which λ₁ and λ₂ stand.

    Raises
    ------
    BadArgument
        If the target is not known, or a fact of the data is missing that it needs.
    NotSupported
        If no arguments of the target express this penalty.
    """
    refused = []
    for record in named(target):
        reason = _unfit(record, given)
        if reason is None:
            return _arguments(record, given, facts)
        refused.append(reason)
    raise NotSupported(min(refused)[1])


def _unfit(record: Convention, given: Strength) -> tuple[int, str] | None:
    """Why a record cannot express a penalty, and how far it is from that; None if it can."""
    own, target = type(given.likelihood).__name__, record.name
    if own not in record.likelihoods:
        fits = alternatives(given.likelihood, given.l1, given.l2)
        losses = " or ".join(f"{one}()" for one in record.likelihoods)
        return 4, (
            f"{target} minimises the loss of {losses}, and this penalty stands beside that of "
            f"{own}(); use {' or '.join(fits) or 'no library here'}"
        )
    if record.one_way:
        return 3, f"nothing converts to {target}: {record.one_way}"
    for symbol, value in (("λ₁", given.l1), ("λ₂", given.l2)):
        if np.ndim(value):
            return 2, (
                f"{target} has one {symbol} for all columns, and here it differs by column; divide "
                "each column by its relative scale first"
            )
    for symbol in record.lacks(bool(np.any(given.l1)), bool(np.any(given.l2))):
        value = given.l1 if symbol == "λ₁" else given.l2
        fits = alternatives(given.likelihood, given.l1, given.l2)
        cure = f": use {' or '.join(fits)}" if fits else ""
        return 1, f"{target} has no {symbol}, and here it is {value:.6g}{cure}"
    if record.never_ridge and not np.any(given.l1):
        return 1, f"{target} needs a λ₁: {record.never_ridge}"
    return _intercept_unfit(record, given) or _columns_unfit(record, given)


def _intercept_unfit(record: Convention, given: Strength) -> tuple[int, str] | None:
    target = record.name
    if not given.intercept and record.without is None:
        return 0, no_fit_without(record)
    if not given.intercept:
        return None
    if record.intercept == "none":
        return 0, f"{target} has no intercept, and this fit has one; intercept=False is one without"
    if record.intercept == "penalised" and not record.spare:
        centre = (
            "; centre y and X, and say intercept=False"
            if type(given.likelihood).__name__ == "Gaussian"
            else "; intercept=False is a fit without one"
        )
        return 0, f"{target} penalises the intercept and cannot stop{centre}"
    return None


def _columns_unfit(record: Convention, given: Strength) -> tuple[int, str] | None:
    if given.standardize or record.columns == "raw" or record.raw is not None:
        return None
    return 0, (
        f"{record.name} always penalises columns at {COLUMNS[record.columns][1]}, and this "
        "penalty is one of columns as they are: it would need a weight for each column, which it "
        "does not take; for columns that have sd 1 already, say standardize=True"
    )


def _arguments(record: Convention, given: Strength, facts: Facts) -> Conversion:
    """Its arguments, through λ₁ and λ₂ of the columns that it sees."""
    known = facts.values(given.likelihood, intercept=given.intercept)
    whose = f"{record.name}: "
    size = 1.0
    if given.standardize and record.columns != "raw":
        size = size_of_columns(record, known)
    l1, l2 = given.l1 / size, given.l2 / size**2
    known |= {"lam1": l1, "lam2": l2, "lam": l1 + l2, "share": l1 / (l1 + l2) if l1 else 0.0}
    out: dict[str, Any] = {}
    for name, formula in record.gives.items():
        value = solved(formula, known, whose + name, intercept=given.intercept)
        if not np.isfinite(value) and name != "C":
            raise NotSupported(
                f"{record.name}: {name} would be {value}, since there is no penalty here; fit "
                "without one"
            )
        out[name] = [value] if name in record.listed else value
    family = record.likelihoods[type(given.likelihood).__name__]
    out = {**out, **record.when, **family, **record.sets}
    out |= {name: pair[0 if l1 else 1] for name, pair in record.switches.items()}
    for name, value in (record.raw or {}).items():
        if not given.standardize or isinstance(value, bool):
            out[name] = not value if given.standardize else value
    return Conversion(
        {**out, **(record.without or {} if not given.intercept else {})},
        record,
        given,
        _needs(record, given),
    )


def size_of_columns(record: Convention, known: Mapping[str, Any]) -> float:
    """Columns as the penalty of a record sees them, in multiples of those with sd 1.

    Raises
    ------
    BadArgument
        If N is not known, or is 1 where a sd has divisor N − 1.
    """
    size = solved(COLUMNS[record.columns][0], known, f"{record.name}: its scale of columns")
    if not (np.isfinite(size) and size > 0):
        raise BadArgument(
            f"{record.name} divides by a sd with divisor N − 1, and N is {known['n']:g}"
        )
    return float(size)


def _needs(record: Convention, given: Strength) -> str | None:
    needs = ["StandardScaler"] if given.standardize and record.columns == "raw" else []
    needs += [record.spare] if record.intercept == "penalised" and given.intercept else []
    return "; ".join(needs) or None


def alternatives(likelihood: Likelihood, l1: Any, l2: Any) -> tuple[str, ...]:
    """Up to three functions that can express a penalty beside a likelihood's loss.

    Examples
    --------
    >>> import bayesreg as br
    >>> alternatives(br.Bernoulli(), 1.0, 0.0)[0]
    'sklearn.LogisticRegression'
    """
    found = [
        one.name
        for one in CONVENTIONS
        if type(likelihood).__name__ in one.likelihoods
        and not one.one_way
        and not one.lacks(bool(np.any(l1)), bool(np.any(l2)))
        and not (one.never_ridge and not np.any(l1))
    ]
    return tuple(dict.fromkeys(found))[:3]


# The classes of scikit-learn that results speak of, by likelihood: for ridge, and for the others.
_SPOKEN = {
    "Gaussian": ("sklearn.Ridge", "sklearn.ElasticNet"),
    "Bernoulli": ("sklearn.LogisticRegression", "sklearn.LogisticRegression"),
    "Poisson": ("sklearn.PoissonRegressor", None),
}


def counterpart(likelihood: Likelihood, *, ridge: bool) -> Convention | None:
    """The class of scikit-learn that results speak of; None where there is none.

    Examples
    --------
    >>> import bayesreg as br
    >>> counterpart(br.Bernoulli(), ridge=True).name
    'sklearn.LogisticRegression'
    """
    name = _SPOKEN.get(type(likelihood).__name__, (None, None))[0 if ridge else 1]
    return None if name is None else named(name)[0]


def spoken_lam(likelihood: Likelihood, *, ridge: bool) -> str | None:
    """What scikit-learn calls its λ under a likelihood: "alpha", "C", or None where it has none."""
    record = counterpart(likelihood, ridge=ridge)
    return None if record is None else next(iter(record.gives))


def lam_of_sklearn(likelihood: Likelihood, l1: Array, l2: Array, n: float) -> Array:
    """scikit-learn's alpha or C that is as much as λ₁ and λ₂; NaN where it has no such class."""
    record = counterpart(likelihood, ridge=not np.any(l1))
    if record is None:
        return np.full(np.shape(l2), np.nan)
    formula = next(iter(record.gives.values()))
    found = evaluate(formula, {"lam1": l1, "lam2": l2, "lam": l1 + l2, "n": n})
    return np.broadcast_to(np.asarray(found), np.shape(l2))
