"""Names and numbers as text: nothing hidden, nothing interpreted, nothing too long."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

# Characters that hide, reorder or end the text around them: C0 and C1 controls, line and
# paragraph separators, bidirectional marks and overrides (Unicode UAX #9), the byte-order mark,
# interlinear annotation, lone surrogates and non-characters. Joiners stay: scripts need them.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    r"""Any text with its controls and direction marks written as ``‹U+202E›``.

    Examples
    --------
    >>> visible("a\tb")
    'a‹U+0009›b'
    """
    return _HIDDEN.sub(lambda found: f"‹U+{ord(found.group()):04X}›", text)


def shown(name: str) -> str:
    r"""The name with its invisible characters spelt out.

    Parameters
    ----------
    name : str
        Any string, such as a column name that somebody else chose.

    Returns
    -------
    str
        The same text, controls and direction marks written as ``‹U+202E›``, blanks of a blank
        name as ``␣``, and ``(no name)`` for the empty string.

    Examples
    --------
    >>> shown("bmi"), shown("a\tb"), shown(""), shown("  ")
    ('bmi', 'a‹U+0009›b', '(no name)', '␣␣')
    """
    text = visible(str(name))
    if not text:
        return "(no name)"
    return text if text.strip() else "␣" * len(text)


def shortened(name: str, width: int = 32) -> str:
    """The shown name in at most ``width`` characters, its middle replaced by an ellipsis.

    Parameters
    ----------
    name : str
        Any string.
    width : int, default 32
        The largest number of characters to return, at least 8.

    Returns
    -------
    str
        Head, ``…`` and tail: long names often differ only at their end.

    Examples
    --------
    >>> shortened("a name that goes on for ever and ever", 16)
    'a name tha… ever'
    """
    text = shown(name)
    if len(text) <= width:
        return text
    tail = width // 3
    return text[: width - tail - 1] + "…" + text[-tail:]


def labels(names: Iterable[str], width: int = 32) -> list[str]:
    """Shortened names that stay different from each other.

    Parameters
    ----------
    names : iterable of str
        Distinct names.
    width : int, default 32
        The largest number of characters of each.

    Returns
    -------
    list of str
        One label per name; where two would coincide, the later ones end in ``·2``, ``·3``, ….

    Examples
    --------
    >>> labels(["x" * 40, "x" * 41], 10)
    ['xxxxxx…xxx', 'xxxxxx…xxx·2']
    """
    seen: dict[str, int] = {}
    result = []
    for name in names:
        label = shortened(name, width)
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label}·{seen[label]}")
    return result


def listed(names: list[str] | tuple[str, ...]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def number(value: float) -> str:
    """Three digits, and no exponent where plain digits will do."""
    if value == 0 or not np.isfinite(value):
        return "∞" if value > 0 else f"{value:g}"
    size = int(np.floor(np.log10(abs(value))))
    if -4 <= size <= 5:
        return f"{value:.{max(2 - size, 0)}f}"
    return f"{value:.3g}"
