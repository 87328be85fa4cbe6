"""Arguments that many verbs share, checked once: numbers, counts, seeds, levels, nearest names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.errors import BadArgument

Array = NDArray[np.float64]


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`, whatever its case and underscores; None if none is.

    Examples
    --------
    >>> nearest("half_cauch", ["HalfNormal", "HalfCauchy"])
    'HalfCauchy'
    """
    plain = {_plain(one): one for one in known}
    found = get_close_matches(_plain(str(name)), plain, n=1, cutoff=0.5)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown name: the nearest known one, or nothing."""
    near = nearest(name, known)
    return "" if near is None else f"; did you mean {near!r}?"


def integer(value: Any, name: str, least: int = 1) -> int:
    """An integer of at least `least`, or BadArgument; booleans and fractions are refused."""
    if not _is_integer(value) or value < least:
        raise BadArgument(f"{name} must be an integer of at least {least}, not {value!r}")
    return int(value)


def settled_seed(value: Any) -> int:
    """A given seed, or a fresh one from the operating system."""
    if value is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1))
    return integer(value, "seed", 0)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)


def one_positive(value: Any, what: str) -> float:
    """Return one positive finite number; anything else is a BadArgument."""
    number = positive(value, what)
    if isinstance(number, tuple):
        raise BadArgument(f"{what} must be one number, not {value!r}")
    return number


def positive(value: Any, what: str) -> float | tuple[float, ...]:
    """Return a positive finite number, or a tuple of them; anything else is a BadArgument."""
    if isinstance(value, str | bytes | bool) or value is None:
        raise BadArgument(f"{what} must be a positive number, not {value!r}")
    if np.ndim(value) == 0:
        number = _number(value, what)
        if not (math.isfinite(number) and number > 0):
            raise BadArgument(f"{what} must be positive and finite, not {value!r}")
        return number
    values = [_number(v, what) for v in np.asarray(value, dtype=object).ravel()]
    for j, v in enumerate(values):
        if not (math.isfinite(v) and v > 0):
            raise BadArgument(f"{what}[{j}] must be positive and finite, not {v!r}")
    if not values:
        raise BadArgument(f"{what} is empty; give a number or one per column")
    return tuple(values)


def _number(value: Any, what: str) -> float:
    """Convert a real scalar; bool, complex and text are refused."""
    if isinstance(value, bool | np.bool_ | str | bytes | complex):
        raise BadArgument(f"{what} must be a number, not {value!r}")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise BadArgument(f"{what} must be a number, not {value!r}") from error


def is_number(value: Any) -> bool:
    """Whether it is a real number; booleans are none."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def check_level(level: Any) -> float:
    """Return `level` if it is a probability strictly between 0 and 1; else BadArgument."""
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise BadArgument(f"level must lie strictly between 0 and 1 (0.95, not 95), not {level!r}")
    return float(level)


def interval_names(level: float) -> tuple[str, str]:
    """Column names of an equal-tailed interval: ``eti95_lb`` and ``eti95_ub``."""
    text = f"{100 * check_level(level):.6g}"
    return f"eti{text}_lb", f"eti{text}_ub"
