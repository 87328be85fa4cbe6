"""Questions put to draws: probabilities of events, and contrasts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array, did_you_mean
from bayesreg.language.errors import BadArgument
from bayesreg.results.quantity import Quantity

_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def event_draws(event: str, unknowns: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Whether each draw satisfies ``left op right``.

    Raises
    ------
    BadArgument
        If the event does not parse.
    """
    if not isinstance(event, str):
        raise BadArgument(f"an event is text such as 'bmi > 0', not {event!r}")
    for match in re.finditer(r"<=|>=|<|>", event):
        left = _side(event[: match.start()].strip(), unknowns)
        right = _side(event[match.end() :].strip(), unknowns)
        if left is not None and right is not None:
            return np.asarray(_COMPARE[match.group()](left, right))
    raise BadArgument(_advice(event, unknowns))


def contrast_of(weights: Any, unknowns: Mapping[str, Array]) -> Quantity:
    """Posterior of Σ w·β over named unknowns.

    Raises
    ------
    BadArgument
        If a name is unknown, a weight is not finite, or there is none.
    """
    if not isinstance(weights, Mapping) or not weights:
        raise BadArgument("contrast takes a mapping of names to weights, as {'a': 1, 'b': -1}")
    total: Any = 0.0
    for name, weight in weights.items():
        if name not in unknowns:
            raise BadArgument(f"contrast: {_unknown(str(name), unknowns)}")
        if isinstance(weight, bool) or not np.isfinite(weight):
            raise BadArgument(f"contrast: the weight of {name!r} must be finite, not {weight!r}")
        total = total + float(weight) * unknowns[name]
    symbols = " ".join(f"{float(w):+g}·{k}" for k, w in weights.items())
    return Quantity(symbols, np.asarray(total), signed=True)


def _side(text: str, unknowns: Mapping[str, Array]) -> Array | float | None:
    """A name, |name| or number; None where it is neither."""
    if text in unknowns:
        return unknowns[text]
    for inner in (
        re.fullmatch(r"\|(.+)\|", text),
        re.fullmatch(r"abs\((.+)\)", text),
    ):
        if inner and (value := _side(inner.group(1).strip(), unknowns)) is not None:
            return np.abs(value)
    try:
        return float(text)
    except ValueError:
        return None


def _advice(event: str, unknowns: Mapping[str, Array]) -> str:
    parts = [s.strip() for s in re.split(r"<=|>=|<|>", event)]
    if len(parts) != 2:
        return f"an event has the form 'name > number' or 'name < name', not {event!r}"
    wrong = next((s for s in parts if _side(s, unknowns) is None), event)
    return f"in {event!r}: {_unknown(wrong, unknowns)}"


def _unknown(name: str, unknowns: Mapping[str, Array]) -> str:
    hint = did_you_mean(name, unknowns) or f"; there are {', '.join(list(unknowns)[:12])}"
    return f"{name!r} is not an unknown of this posterior{hint}"
