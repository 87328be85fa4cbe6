"""The HTML page: one file with its figures, styles and data, no script and no network."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

from bayesreg.language.text import shortened, visible
from bayesreg.plots.canvas import COLOURS
from bayesreg.report.document import Document
from bayesreg.report.figure import Figure
from bayesreg.report.latex import fragment
from bayesreg.report.records import csv_bytes, json_text
from bayesreg.report.table import Table
from bayesreg.report.target import HTML_HEAD

ROWS = 600  # of one table; the rest is in the exported CSV
LINK = 60_000  # bytes of a table that may be embedded once more for download
DATA = 300_000  # bytes of JSON that may be embedded
NAMES = 300_000  # characters that all full names in tooltips may take together


def page(document: Document) -> str:
    """The whole report as one HTML page.

    Parameters
    ----------
    document : Document
        The report.

    Returns
    -------
    str
        HTML5 in UTF-8; everything that came from outside is escaped by the template's autoescape.
    """
    return render(document, environment(autoescape=True))


def environment(*, autoescape: bool) -> Any:
    """The Jinja2 environment; without `autoescape` only a test would want it."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=autoescape,  # noqa: S701  (on, but for the negative control of a test)
        loader=FunctionLoader(source_of),
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(csv=_csv, latex=_latex, full=_full, short=_short, rows=_rows)
    environment.filters["breakable"] = _breakable
    environment.tests.update(figure=_is_figure)
    return environment


def render(document: Document, environment: Any) -> str:
    """Fill the template."""
    from markupsafe import Markup

    data = json_text(document, timing=False)
    marks = {name: f"p{i % len(COLOURS)}" for i, name in enumerate(document.priors)}
    template = environment.get_template("page.html.jinja")
    return str(
        template.render(
            head=Markup(HTML_HEAD),
            document=document,
            style=Markup(source_of("page.css")),
            # JSON without < > & (see json_text) is inert inside a script element.
            data=Markup(data) if len(data) <= DATA else None,
            marks=marks,
            svg=lambda figure: Markup(figure.inline()),
            most=ROWS,
        )
    )


def source_of(name: str) -> str:
    """A file of this room: a template, a style sheet or a script."""
    return files("bayesreg.report").joinpath(name).read_text(encoding="utf-8")


def _finalize(value: Any) -> Any:
    """Plain text with nothing hidden in it; markup and numbers as they are."""
    return visible(value) if type(value) is str else value


def _breakable(text: str) -> Any:
    """Code that may break after a parenthesis or a comma without one."""
    from markupsafe import Markup, escape

    return Markup("(<wbr>").join(escape(visible(part)) for part in text.split("("))


def _is_figure(block: Any) -> bool:
    return isinstance(block, Figure)


def _csv(table: Table) -> str | None:
    """The table as a data address, or None if it is too long."""
    return _address(csv_bytes(table), "text/csv")


def _latex(table: Table) -> str | None:
    """The table's LaTeX as a data address, or None if it is too long."""
    return _address(fragment(table).encode("utf-8", errors="backslashreplace"), "application/x-tex")


def _address(content: bytes, kind: str) -> str | None:
    if len(content) > LINK:
        return None
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(content).decode('ascii')}"


def _short(text: str) -> str:
    return shortened(text, 40)


def _full(text: str, rows: int) -> str | None:
    """The full name for a tooltip where the short one is not it, within the page's budget."""
    if len(text) <= 40:
        return None
    return shortened(text, max(200, NAMES // max(rows, 1)))


def _rows(table: Table, part: str) -> range:
    """Row numbers that are shown, or folded."""
    end = min(len(table.rows), ROWS - ROWS % table.group)
    first = min(table.first or end, end)
    return range(first) if part == "shown" else range(first, end)
