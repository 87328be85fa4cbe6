"""The arguments that all priors share, checked and settled: scale, unit, loc, relative, groups."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.language.arguments import _number, is_number, one_positive, positive
from bayesreg.language.errors import BadArgument
from bayesreg.priors.hyper import HalfCauchy, HalfStudentT, HyperPrior

UNITS = ("y", "sigma")


class Unsaid(str):
    """A unit that was settled because none was declared; as text it is that unit."""

    __slots__ = ()


class UnsaidToo(Unsaid):
    """The same where no scale was declared either; like it, it survives copies and pickles."""

    __slots__ = ()


def settle(prior: Any) -> None:
    """Validate `scale`, `unit`, `loc` and `relative` of a frozen prior and settle the unit.

    Unsaid, a number is in ``"y"`` and a hyperprior in ``"sigma"``: no absolute size suits every y.
    """
    name = type(prior).__name__
    unsaid = UnsaidToo if prior.scale is None and prior.expected_nonzero is None else Unsaid
    _settle_scale(prior)
    object.__setattr__(prior, "groups", _named_groups(prior.groups, f"{name}: groups"))
    if prior.scale is None:
        pass
    elif not isinstance(prior.scale, HyperPrior):
        object.__setattr__(prior, "scale", _given(prior))
    elif not prior.scale.proper:
        raise BadArgument(
            f"{name}: the hyperprior of a scale must be proper, and {prior.scale!r} is not; "
            "use HalfCauchy(1.0), HalfNormal(s) or a number"
        )
    if prior.unit is None:
        unknown = prior.scale is None or isinstance(prior.scale, HyperPrior)
        object.__setattr__(prior, "unit", unsaid("sigma" if unknown else "y"))
    elif prior.unit not in UNITS:
        raise BadArgument(
            f"{name}: unit must be 'y' (absolute) or 'sigma' (multiples of σ), not {prior.unit!r}"
        )
    if isinstance(prior.loc, bool) or not math.isfinite(_number(prior.loc, f"{name}: loc")):
        raise BadArgument(f"{name}: loc must be a finite number, not {prior.loc!r}")
    if prior.relative is not None:
        relative = positive(prior.relative, f"{name}: relative")
        if not isinstance(relative, tuple):
            raise BadArgument(f"{name}: relative must be a list, one positive factor per column")
        if isinstance(prior.scale, tuple):
            raise BadArgument(f"{name}: give a scale per column or `relative`, not both")
        object.__setattr__(prior, "relative", relative)


def without_sigma(prior: Any, likelihood: str) -> Any:
    """The prior under a likelihood that has no σ: its scale is in the unit of η.

    An undeclared unit becomes ``"y"``, and an undeclared scale HalfStudentT(3): beside a flat
    intercept the tail of a half-Cauchy leaves no proper posterior where classes are separated.

    Raises
    ------
    BadArgument
        If ``unit="sigma"`` was declared.
    """
    if prior.unit != "sigma":
        return prior
    name = type(prior).__name__
    if not isinstance(prior.unit, Unsaid):
        raise BadArgument(
            f"{name}: unit='sigma' means multiples of a noise sd, and {likelihood} has none; leave "
            "unit out, and the scale is in units of the linear predictor"
        )
    settled = copy.copy(prior)
    object.__setattr__(settled, "unit", Unsaid("y"))
    if isinstance(prior.unit, UnsaidToo) and prior.scale == HalfCauchy():
        object.__setattr__(settled, "scale", HalfStudentT(3.0, 1.0))
    return settled


def beside_sigma(prior: Any, likelihood: str) -> Any:
    """The prior under a likelihood that has a σ.

    Raises
    ------
    BadArgument
        If something was said that would stand for σ.
    """
    if prior.pseudo_sigma is not None:
        raise BadArgument(
            f"{type(prior).__name__}: pseudo_sigma stands for σ where there is none, and "
            f"{likelihood} has one; leave it out"
        )
    return prior


def _given(prior: Any) -> float | tuple[float, ...]:
    """The scale as numbers; where (loc, scale) was meant, the order is said."""
    name = type(prior).__name__
    if is_number(prior.scale) and prior.scale == 0 and prior.loc != 0:
        raise BadArgument(
            f"{name}: scale must be positive, not 0; the arguments are (scale, loc), and a centre "
            f"at 0 is {name}({prior.loc!r})"
        )
    return positive(prior.scale, f"{name}: scale")


def _settle_scale(prior: Any) -> None:
    """No scale is HalfCauchy(1), or what `expected_nonzero` will make of N and p."""
    name = type(prior).__name__
    if prior.expected_nonzero is None:
        if prior.scale is None:
            object.__setattr__(prior, "scale", HalfCauchy())
        return
    if prior.scale is not None:
        raise BadArgument(
            f"{name}: give scale or expected_nonzero, not both: expected_nonzero=m means "
            "scale=HalfCauchy(m/((p - m)√N)) in units of σ, settled when the model meets data"
        )
    if prior.unit not in (None, "sigma"):
        raise BadArgument(
            f"{name}: expected_nonzero gives a scale in units of σ, so unit must be 'sigma' or "
            f"left out, not {prior.unit!r}"
        )
    what = f"{name}: expected_nonzero"
    object.__setattr__(prior, "expected_nonzero", one_positive(prior.expected_nonzero, what))


def _named_groups(groups: Any, what: str) -> Any:
    """None, "factors", or a tuple of tuples of names; of a mapping, its values."""
    if groups is None or (isinstance(groups, str) and groups == "factors"):
        return groups
    lists = list(groups.values()) if isinstance(groups, Mapping) else groups
    fine = isinstance(lists, list | tuple) and all(
        isinstance(one, list | tuple) and len(one) and all(isinstance(n, str | int) for n in one)
        for one in lists
    )
    if not fine:
        raise BadArgument(
            f"{what} must be None, 'factors', a list of lists of column names, or a mapping from "
            f"a name to such a list, not {groups!r}"
        )
    return tuple(tuple(one) for one in lists)


def declared(prior: Any, scale: ArrayLike | None) -> Any:
    """The scale in the declared unit: the argument, or the prior's own number(s)."""
    if scale is not None:
        return np.asarray(scale, dtype=float) if np.ndim(scale) else float(scale)  # type: ignore[arg-type]
    if prior.scale is None or isinstance(prior.scale, HyperPrior):
        raise BadArgument(
            f"{prior!r} has no fixed scale: pass scale=, or use penalty.at(sigma=, scale=)"
        )
    own = np.asarray(prior.scale, dtype=float)
    own = own if prior.relative is None else own * np.asarray(prior.relative)
    return own if own.ndim else float(own)
