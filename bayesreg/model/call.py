"""A call of a library's function: which objective its arguments choose, and with what numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg import likelihoods
from bayesreg.conventions import Convention, named
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, NotSupported, UnknownArgument
from bayesreg.likelihoods.base import Likelihood

_UNSAID = ("auto", "deprecated")  # what scikit-learn calls an argument that is not said


@dataclass(frozen=True)
class Call:
    """The record that arguments choose, and what they say in it.

    Attributes
    ----------
    record : Convention
        The one of that name which they choose.
    said : dict
        The arguments by the library's own names.
    likelihood : Likelihood
        Whose loss is minimised.
    intercept : bool
        Whether there is a β₀.
    standardize : bool
        Whether columns are penalised as if they had one sd.
    strengths : dict
        The numbers that λ₁ and λ₂ are made of.

    Examples
    --------
    >>> call = Call.of("glmnet", {"lambda_": 0.1, "family": "poisson"})
    >>> call.likelihood, call.standardize, float(call.strengths["lambda"])
    (Poisson(), True, 0.1)
    """

    record: Convention
    said: dict[str, Any]
    likelihood: Likelihood
    intercept: bool
    standardize: bool
    strengths: dict[str, Any]

    @classmethod
    def of(
        cls,
        library: str | type,
        arguments: Mapping[str, Any],
        likelihood: Likelihood | None = None,
        *,
        standardize: bool | None = None,
        intercept: bool | None = None,
    ) -> Call:
        """Read a call; what is settled beside it must not contradict it.

        Raises
        ------
        UnknownArgument
            If an argument bears on no objective of that function; the nearest name is given.
        BadArgument
            If a value is none that its argument can have.
        NotSupported
            If the objective is none that we have.
        """
        records = named(library)
        said = _said(records, arguments)
        record = _chosen(records, said, likelihood)
        _check_switches(record, said)
        inside = _intercept(record, said, _whether("intercept", intercept))
        _check(record, said, inside=inside)
        return cls(
            record=record,
            said=said,
            likelihood=_likelihood(record, said, likelihood),
            intercept=inside,
            standardize=_standardised(record, said, _whether("standardize", standardize)),
            strengths=_strengths(record, said),
        )


def _same(one: Any, other: Any) -> bool:
    """Equal, and neither of them an array."""
    return np.ndim(one) == 0 and np.ndim(other) == 0 and bool(one == other)


def _whether(name: str, value: Any) -> Any:
    """True, False, or None for unsaid; 0 and 1 are none, and nor are texts."""
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    raise BadArgument(f"{name} must be True or False, not {value!r}")


def _said(records: tuple[Convention, ...], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by the library's own names; ``lambda_`` is ``lambda`` where that is one."""
    known = dict.fromkeys(name for record in records for name in record.takes)
    said = {}
    for key, value in arguments.items():
        name = key
        if key not in known and key.rstrip("_") in known:
            name = key.rstrip("_")
        if name not in known:
            raise UnknownArgument(
                f"{records[0].name} has no argument {key!r} that bears on its objective"
                f"{did_you_mean(key, known) or '.'} Known: {', '.join(known)}"
            )
        if not any(_same(value, one) for one in _UNSAID):
            said[name] = value
    return said


def _chosen(
    records: tuple[Convention, ...], said: Mapping[str, Any], likelihood: Likelihood | None
) -> Convention:
    """The record that the arguments choose among those of one name."""
    reasons = []
    for record in records:
        families = list(record.likelihoods.values())
        if likelihood is not None:
            own = type(likelihood).__name__
            if own not in record.likelihoods:
                reasons.append(f"the loss of {own}()")
                continue
            families = [record.likelihoods[own]]
        wrong = [k for k, value in record.when.items() if not _same(said.get(k, value), value)]
        wrong += [key for key in families[0] if key in said and not _chooses(said, key, families)]
        wrong += [key for key in said if key not in record.takes]
        if not wrong:
            return record
        reasons += [f"{key}={said[key]!r}" for key in wrong]
    raise NotSupported(
        f"{records[0].name} has no objective here with {reasons[0]}; known are "
        f"{'; '.join(_ways(record) for record in records)}"
    )


def _chooses(said: Mapping[str, Any], key: str, families: list[Mapping[str, Any]]) -> bool:
    return any(_same(said[key], one[key]) for one in families)


def _ways(record: Convention) -> str:
    """The arguments that choose it, a likelihood at a time."""
    chosen = [f"{key}={value!r}" for key, value in record.when.items()]
    families = [
        " and ".join(f"{key}={value!r}" for key, value in one.items())
        for one in record.likelihoods.values()
        if one
    ]
    parts = [*chosen, *([" or ".join(families)] if families else [])]
    return ", ".join(parts) or f"the loss of {' or '.join(record.likelihoods)}"


def _check_switches(record: Convention, said: Mapping[str, Any]) -> None:
    """Refuse what is neither true nor false where one of the two is asked."""
    for name, value in {**(record.raw or {}), **(record.without or {})}.items():
        if name in said and isinstance(value, bool) and _whether(name, said[name]) is None:
            raise BadArgument(f"{record.name}: {name} must be True or False, not None")


def _check(record: Convention, said: Mapping[str, Any], *, inside: bool) -> None:
    """Refuse arguments under which the objective is another."""
    for name, value in record.sets.items():
        if name in said and not _same(said[name], value):
            raise NotSupported(
                f"{record.name}({name}={said[name]!r}) minimises another objective than it does "
                f"at {name}={value!r}, and no conversion knows it"
            )
    for name, (allowed, why) in record.only.items():
        matters = inside or name not in record.of_intercept
        if matters and name in said and not any(_same(said[name], one) for one in allowed):
            raise NotSupported(
                f"{record.name}({name}={said[name]!r}): {why}; here it is "
                f"{' or '.join(map(repr, allowed))}"
            )
    for name in record.explicit:
        if name not in said:
            value = next(iter(record.likelihoods.values()))[name]
            raise BadArgument(
                f"{record.name} minimises another loss by default: say {name}={value!r}"
            )


def _likelihood(
    record: Convention, said: Mapping[str, Any], likelihood: Likelihood | None
) -> Likelihood:
    if likelihood is not None:
        return likelihood
    for name, chosen in record.likelihoods.items():
        if all(_same(said.get(key, value), value) for key, value in chosen.items()):
            own: Likelihood = getattr(likelihoods, name)()
            return own
    raise NotSupported(
        f"{record.name} has no such loss here: one of {', '.join(record.likelihoods)} is "
        f"{_ways(record)}"
    )


def _intercept(record: Convention, said: Mapping[str, Any], intercept: bool | None) -> bool:
    without = record.without or {}
    off = [key for key, value in without.items() if key in said and _same(said[key], value)]
    if off and intercept:
        raise BadArgument(
            f"intercept=True contradicts {off[0]}={said[off[0]]!r} of {record.name}; leave one out"
        )
    inside = not off if intercept is None else intercept
    if not inside and record.without is None:
        raise NotSupported(no_fit_without(record))
    if record.intercept == "none":
        inside = False
    if inside and record.intercept == "penalised" and not record.spare:
        raise NotSupported(
            f"{record.name} penalises the intercept, and J does not: no prior here is that; fit it "
            "without one, on centred columns, and say intercept=False"
        )
    return inside


def no_fit_without(record: Convention) -> str:
    """Why a record has no fit without β₀."""
    reason = record.only.get("fit_intercept", ((), ""))[1]
    return f"{record.name} always has an intercept, and this fit has none" + (
        f": {reason}" if reason else ""
    )


def _standardised(record: Convention, said: Mapping[str, Any], standardize: bool | None) -> bool:
    off = any(key in said and _same(said[key], one) for key, one in (record.raw or {}).items())
    scaled = record.columns != "raw" and not off
    return scaled if standardize is None else standardize


def _strengths(record: Convention, said: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers that λ₁ and λ₂ are made of."""
    out: dict[str, Any] = {}
    for name in record.strengths:
        value = said.get(name, record.defaults.get(name))
        if value is None and name not in said:
            raise BadArgument(f"{record.name} needs {name}=, of which λ is made")
        out[name] = _number(record, name, value)
    return out


def _number(record: Convention, name: str, value: Any) -> Any:
    """One number of at least 0, or one per column where the library takes them so."""
    whose = f"{record.name}: {name}"
    if np.ndim(value) == 1 and len(value) == 1:
        value = value[0]
    kind = np.asarray(value).dtype.kind
    try:
        number = np.asarray(np.nan if kind in "bUSc" else value, dtype=float)
    except (TypeError, ValueError):
        number = np.asarray(np.nan)
    if np.isnan(number).any():
        raise BadArgument(f"{whose} must be a number, not {value!r}")
    if np.any(number < 0):
        raise BadArgument(f"{whose} must not be negative, and is {value!r}")
    if number.ndim and name not in record.by_column:
        path = "; of a list of λ's convert one at a time" * (name in record.gives)
        raise BadArgument(f"{whose} must be one number, not {value!r}{path}")
    if number.ndim > 1 or number.size == 0:
        raise BadArgument(f"{whose} must be one number, or one per column, not {value!r}")
    return number
