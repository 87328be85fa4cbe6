"""JSON and CSV: the values as they were computed, in forms that no reader can be tricked by."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from bayesreg.report.document import Document
from bayesreg.report.table import Table

SCHEMA = 1
# A spreadsheet reads a cell that begins so as a formula (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def json_text(document: Document, *, timing: bool = True) -> str:
    """The whole report as JSON, numbers in full precision.

    Parameters
    ----------
    document : Document
        The report.
    timing : bool, default True
        Whether to add the timing block, the one part that differs from run to run.

    Returns
    -------
    str
        ASCII JSON without ``<``, ``>`` and ``&``, so that it may stand inside a page. NaN is null,
        infinities are the strings "inf" and "-inf".
    """
    content: dict[str, Any] = {
        "generator": document.generator,
        "schema": SCHEMA,
        "title": document.title,
        "author": document.author,
        "facts": dict(document.facts),
        "warnings": list(document.warnings),
        "sections": [
            {"key": s.key, "title": s.title, "text": list(s.paragraphs)} for s in document.sections
        ],
        "figures": [
            {"key": f.key, "title": f.title, "caption": f.caption, "alt": f.alt}
            for f in document.figures
        ],
        "tables": {t.key: _table(t) for t in document.tables},
    }
    if timing:
        content["timing"] = dict(document.timing.rows)
    return inert_json(_finite(content)) + "\n"


def inert_json(content: Any) -> str:
    r"""JSON that may stand inside a page: ASCII without what ends or begins an element.

    Examples
    --------
    >>> print(inert_json(["</script>"]))
    [
      "\u003c/script\u003e"
    ]
    """
    text = json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def csv_text(table: Table) -> str:
    """A table as CSV: numbers in full precision, text that looks like a formula quoted by ``'``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_cell(column.key) for column in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return buffer.getvalue()


def csv_bytes(table: Table) -> bytes:
    """The CSV in UTF-8; what UTF-8 cannot hold is written as an escape."""
    return csv_text(table).encode("utf-8", errors="backslashreplace")


def _cell(value: Any) -> Any:
    """A value for a CSV cell: numbers untouched, NUL spelt out, formulas defused."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = value.replace("\x00", "\\x00")
    return "'" + text if text.startswith(_FORMULA) else text


def _table(table: Table) -> dict[str, Any]:
    titles = {column.key: column.title for column in table.columns}
    return {
        "title": table.title,
        "note": table.note,
        "columns": titles,
        "rows": table.records(),
    }


def _finite(value: Any) -> Any:
    """The same with NaN as None and infinities as text, which JSON can say."""
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
