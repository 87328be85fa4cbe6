"""Reports: anything with a comparison's fields becomes HTML, Markdown, JSON, CSV and LaTeX."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesreg.language.errors import BadArgument
from bayesreg.report.document import SECTIONS, Document, check_sections, compose
from bayesreg.report.target import check_folder, check_target, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = [
    "SECTIONS",
    "check_folder",
    "check_sections",
    "check_target",
    "composed",
    "content",
    "export",
    "write",
]


def write(
    comparison: Any,
    path: Any,
    *,
    title: str | None = None,
    author: str | None = None,
    level: float = 0.95,
    sections: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write one self-contained report; the ending chooses HTML, Markdown or JSON.

    The same comparison gives the same bytes, apart from the timing block at the end.

    Parameters
    ----------
    comparison : Comparison
        Result of ``br.compare``.
    path : str or path
        Where to write: ``.html``, ``.md`` or ``.json``. A report that bayesreg wrote is replaced.
    title, author : str, optional
        Shown at the top.
    level : float, default 0.95
        Probability of the intervals, strictly between 0 and 1.
    sections : sequence of str, optional
        Which of `SECTIONS`, in this order; all unless given.
    overwrite : bool, default False
        Replace a file that bayesreg did not write.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BadArgument
        If an argument means nothing, or the file cannot be written or would be lost.

    Examples
    --------
    >>> import bayesreg as br, tempfile
    >>> data = br.load_dataset("diabetes")
    >>> fits = br.compare({"ridge": br.Normal()}, data.X, data.y, standardize=True, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(fits, f"{folder}/report.md", sections=["verdict"]).name
    'report.md'
    """
    target = check_target(path, overwrite=overwrite)
    made = composed(comparison, title, author, level, sections)
    write_file(target, content(made, target.suffix.lower()))
    return target


def export(
    comparison: Any,
    folder: Any,
    *,
    title: str | None = None,
    author: str | None = None,
    level: float = 0.95,
    sections: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report and all its parts: tables as CSV and LaTeX, figures as SVG and PNG.

    Parameters
    ----------
    comparison : Comparison
        Result of ``br.compare``.
    folder : str or path
        Made if it does not exist; an earlier export is replaced.
    title, author, level, sections
        As for :func:`write`.
    overwrite : bool, default False
        Write into a folder that holds other files.

    Returns
    -------
    Path
        The folder: report.html, report.md, report.json, ``<table>.csv``, ``<table>.tex``,
        ``<figure>.svg``, ``<figure>.png`` and ``<figure>.txt``, its description in words.

    Raises
    ------
    BadArgument
        If an argument means nothing, or the folder cannot be used.
    """
    target = check_folder(folder, overwrite=overwrite)
    made = composed(comparison, title, author, level, sections)
    target.mkdir(exist_ok=True)
    for name, content in _parts(made).items():
        write_file(target / name, content)
    return target


def composed(
    comparison: Any,
    title: str | None = None,
    author: str | None = None,
    level: Any = 0.95,
    sections: Sequence[str] | None = None,
) -> Document:
    """A comparison as a document in no format yet; arguments are checked first."""
    chosen = check_sections(sections)
    if isinstance(level, bool) or not isinstance(level, float | int) or not 0 < level < 1:
        raise BadArgument(f"level must lie strictly between 0 and 1 (0.95, not 95), not {level!r}")
    written = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    return compose(
        comparison, title=title, author=author, level=float(level), sections=chosen, written=written
    )


def content(document: Document, ending: str) -> bytes:
    """A document in the format of an ending: HTML, Markdown or JSON."""
    from bayesreg.report.markdown import markdown_text
    from bayesreg.report.page import page
    from bayesreg.report.records import json_text

    text = {".md": markdown_text, ".json": json_text}.get(ending, page)(document)
    return text.encode("utf-8", errors="backslashreplace")


def _parts(document: Document) -> dict[str, bytes]:
    """Every file of an export by name; no name comes from the data."""
    from bayesreg.plots.canvas import png, svg
    from bayesreg.report.latex import fragment
    from bayesreg.report.records import csv_bytes

    parts = {f"report{ending}": content(document, ending) for ending in (".json", ".html", ".md")}
    for table in document.tables:
        parts[f"{table.key}.csv"] = csv_bytes(table)
        parts[f"{table.key}.tex"] = fragment(table).encode("utf-8", errors="backslashreplace")
    for figure in document.figures:
        parts[f"{figure.key}.svg"] = svg(figure.drawn).encode("utf-8")
        parts[f"{figure.key}.png"] = png(figure.drawn)
        words = f"{figure.title}\n\n{figure.caption}\n\n{figure.alt}\n"
        parts[f"{figure.key}.txt"] = words.encode("utf-8", errors="backslashreplace")
    return parts
