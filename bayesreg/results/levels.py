"""How interval levels are checked and named: kind and level are always printed."""

from __future__ import annotations

from typing import Any

from bayesreg.errors import BadArgument


def check_level(level: Any) -> float:
    """Return `level` if it is a probability strictly between 0 and 1; else BadArgument."""
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise BadArgument(f"level must lie strictly between 0 and 1 (0.95, not 95), not {level!r}")
    return float(level)


def interval_names(level: float) -> tuple[str, str]:
    """Column names of an equal-tailed interval: ``eti95_lb`` and ``eti95_ub``."""
    text = f"{100 * check_level(level):.6g}"
    return f"eti{text}_lb", f"eti{text}_ub"
