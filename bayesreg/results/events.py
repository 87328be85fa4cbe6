"""Questions put to draws: probabilities of events, and contrasts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array, did_you_mean, is_number
from bayesreg.language.errors import BadArgument
from bayesreg.model.effects import Effects
from bayesreg.results.quantity import Quantity

_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def event_draws(event: str, unknowns: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Whether each draw satisfies ``left op right``.

    Raises
    ------
    BadArgument
        If the event does not parse, or can be read in several ways: where a column is called
        ``1``, or ``a > b``, backticks say that it is meant.
    """
    if not isinstance(event, str):
        raise BadArgument(f"an event is text such as 'bmi > 0', not {event!r}")
    found = {}
    for match in re.finditer(r"<=|>=|<|>", event):
        op = match.group()
        for left, x in _readings(event[: match.start()], unknowns):
            for right, y in _readings(event[match.end() :], unknowns):
                found[f"{left} {op} {right}"] = _COMPARE[op](x, y)
    if not found:
        raise BadArgument(_advice(event, unknowns))
    if len(found) > 1:
        raise BadArgument(
            f"{event!r} can be read as {' or as '.join(found)}; write the one that is meant: "
            "backticks enclose the name of a column"
        )
    return np.asarray(next(iter(found.values())))


def level_event(event: Any, effects: Effects, beta: Array) -> NDArray[np.bool_] | None:
    """Whether each draw satisfies ``factor: level op level``; None where that is not asked."""
    if not isinstance(event, str):
        return None
    for factor in effects.coding:
        if not event.startswith(f"{factor}:"):
            continue
        said = event.removeprefix(f"{factor}:")
        for match in re.finditer(r"<=|>=|<|>", said):
            level, other = said[: match.start()].strip(), said[match.end() :].strip()
            row = effects.between(factor, level, other)
            if row is not None:
                values = beta[..., list(row.columns)] @ np.array(row.weights)
                return np.asarray(_COMPARE[match.group()](values, 0.0))
    return None


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
    for key, weight in weights.items():
        name = str(key)
        if name not in unknowns:
            name = name.removeprefix("`").removesuffix("`")
        if name not in unknowns:
            raise BadArgument(f"contrast: {_unknown(str(key), unknowns)}")
        if not is_number(weight) or not np.isfinite(weight):
            raise BadArgument(f"contrast: the weight of {key!r} must be finite, not {weight!r}")
        total = total + float(weight) * unknowns[name]
    symbols = " ".join(f"{float(w):+g}·{k}" for k, w in weights.items())
    return Quantity(symbols, np.asarray(total), signed=True)


def _readings(text: str, unknowns: Mapping[str, Array]) -> Iterator[tuple[str, Array | float]]:
    """Whatever a side can mean, a name, |side| or a number, beside the text that means it alone."""
    text = text.strip()
    quoted = re.fullmatch(r"`(.+)`", text)
    for name in (text, quoted.group(1) if quoted else text):
        if name in unknowns:
            yield f"`{name}`", unknowns[name]
    inner = re.fullmatch(r"\|(.+)\|", text) or re.fullmatch(r"abs\((.+)\)", text)
    if inner:
        yield from ((f"|{said}|", np.abs(x)) for said, x in _readings(inner.group(1), unknowns))
    try:
        number = float(text)
    except ValueError:
        return
    if not np.isnan(number):
        ways = (f"{number}", f"{number:+}", f"{number:e}", f"{number:+e}")
        yield next((way for way in ways if way not in unknowns), ways[-1]), number


def _advice(event: str, unknowns: Mapping[str, Array]) -> str:
    parts = [s.strip() for s in re.split(r"<=|>=|<|>", event)]
    if len(parts) != 2:
        return f"an event has the form 'name > number' or 'name < name', not {event!r}"
    wrong = next((s for s in parts if not any(_readings(s, unknowns))), event)
    return f"in {event!r}: {_unknown(wrong, unknowns)}"


def _unknown(name: str, unknowns: Mapping[str, Array]) -> str:
    hint = did_you_mean(name, unknowns) or f"; there are {', '.join(list(unknowns)[:12])}"
    return f"{name!r} is not an unknown of this posterior{hint}"
