"""Names and numbers as text: nothing hidden, nothing interpreted, nothing too long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

import numpy as np

# Characters that hide, reorder or end the text around them: C0 and C1 controls, line and
# paragraph separators, bidirectional marks and overrides (Unicode UAX #9), the byte-order mark,
# fillers and hyphens of no width, tags, interlinear annotation, lone surrogates and non-characters.
# Joiners between letters beyond ASCII stay: scripts need them.
_NOWHERE = (
    "\\x00-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u200e\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff\\ud800-\\udfff"
    "\\U000e0000-\\U000e0fff"
)
_LETTER = f"[^{_NOWHERE}\\x00-\\x7f\\u200c\\u200d]"
_JOINER = "[\\u200c\\u200d]"
_HIDDEN = re.compile(f"[{_NOWHERE}]|(?<!{_LETTER}){_JOINER}|{_JOINER}(?!{_LETTER})")


def visible(text: str) -> str:
    r"""Any text with its controls, zero-width and direction marks written as ``‹U+202E›``.

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


def plain(frame: Any) -> Any:
    """A data frame whose labels and texts have nothing hidden; the frame given stays as it is.

    Every exit of a table to a screen or a page goes through here.
    """

    def label(value: Any) -> Any:
        return shown(value) if isinstance(value, str) else value

    out = frame.rename(index=label, columns=label)
    for k, kind in enumerate(out.dtypes):
        if not hasattr(kind, "kind") or kind.kind not in "biufc":
            out.isetitem(k, out.iloc[:, k].map(label))
    return out


def html_table(frame: Any, digits: str = "{:.4g}") -> str:
    """A data frame as escaped HTML, its columns of numbers with digits that tell rows apart."""
    formats = {name: _telling(frame[name], digits) for name in frame if _numeric(frame[name])}
    renamed = {shown(name) if isinstance(name, str) else name: f for name, f in formats.items()}
    written: str = plain(frame).to_html(max_rows=40, formatters=renamed, escape=True)
    return written


def html_lines(*lines: str) -> str:
    """Lines of text as an escaped block of HTML."""
    return f"<pre>{escape(chr(10).join(visible(one) for one in lines))}</pre>"


def _numeric(column: Any) -> bool:
    return getattr(column, "ndim", 0) == 1 and getattr(column.dtype, "kind", "O") == "f"


def _telling(column: Any, digits: str) -> Callable[[float], str]:
    """`digits`, or as many decimals as the spread of the column needs, as elpds of −2398 do."""
    values = np.asarray(column, dtype=float)
    values = values[np.isfinite(values)]
    spread = float(np.ptp(values)) if len(values) else 0.0
    size = float(np.abs(values).max()) if len(values) else 0.0
    if not 0.0 < spread < 1e-2 * size or size >= 1e7:
        return digits.format
    decimals = min(max(1 - int(np.floor(np.log10(spread))), 0), 8)
    return f"{{:.{decimals}f}}".format


def outline(record: Any) -> str:
    """A record on one line: numbers and short texts as they are, arrays by their shape.

    Examples
    --------
    >>> from bayesreg.data.moments import Moments
    >>> outline(Moments.of([[1.0], [2.0], [4.0]], [1.0, 2.0, 2.0]))[:58]
    'Moments(n=3.0, rows=3, x_mean=float64 (1,), y_mean=1.66666'
    """
    said = (f"{f.name}={_outlined(getattr(record, f.name))}" for f in fields(record) if f.repr)
    return f"{type(record).__name__}({', '.join(said)})"


def _outlined(value: Any) -> str:
    if hasattr(value, "shape") and value.shape:
        return f"{getattr(value, 'dtype', type(value).__name__)} {tuple(value.shape)}"
    if is_dataclass(value):
        written = repr(value)
        return (
            written if len(written) <= 60 and "\n" not in written else f"{type(value).__name__}(…)"
        )
    if isinstance(value, tuple | list | dict) and len(repr(value)) > 60:
        return f"{type(value).__name__} of {len(value)}"
    return visible(repr(value)) if len(repr(value)) <= 120 else shortened(repr(value), 120)


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


def few(names: Iterable[str], most: int = 6) -> str:
    """The first of the names, and how many more there are.

    Examples
    --------
    >>> few("abcdefgh", 3)
    'a, b, c and 5 more'
    """
    every = labels(names, 24)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")


def percent(share: float, decimals: int = 0) -> str:
    """A share as ``49 %``."""
    return f"{100.0 * share:.{decimals}f} %"


def number(value: float) -> str:
    """Three digits, and no exponent where plain digits will do."""
    if value == 0 or not np.isfinite(value):
        return "∞" if value > 0 else f"{value:g}"
    size = int(np.floor(np.log10(abs(value))))
    if -4 <= size <= 5:
        return f"{value:.{max(2 - size, 0)}f}"
    return f"{value:.3g}"
