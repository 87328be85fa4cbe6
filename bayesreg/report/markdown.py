"""Markdown: readable in a terminal and in a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bayesreg.language.text import shortened, visible
from bayesreg.report.document import Document, Section
from bayesreg.report.table import Table
from bayesreg.report.target import MARKDOWN_HEAD

ROWS = 200  # a longer table is of no use to a reader of text
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")
# A line that begins so would be a list, a heading or a rule; a bare address would be a link.
_LEADING = re.compile(r"^(\s*\d*)([-+=]|(?<=\d)[.)](?=\s))", re.MULTILINE)


def escape(text: str) -> str:
    r"""Text that Markdown shows as it stands, on one line.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        Controls spelt out, special characters behind a backslash, addresses not linked.

    Examples
    --------
    >>> print(escape("a|b <i>"))
    a\|b \<i\>
    """
    plain = _SPECIAL.sub(r"\\\1", visible(text))
    plain = plain.replace("://", r":\//").replace("www.", r"www\.")
    return _LEADING.sub(r"\1\\\2", plain)


def markdown_text(document: Document) -> str:
    """The whole report as Markdown; figures as what they show in words.

    Parameters
    ----------
    document : Document
        The report.

    Returns
    -------
    str
        UTF-8 text, the timing block last.
    """
    lines = [f"{MARKDOWN_HEAD}{document.generator.removeprefix('bayesreg ')} -->", ""]
    lines += [f"# {escape(shortened(document.title, 200))}", ""]
    if document.author:
        lines += [escape(document.author), ""]
    lines += [" · ".join(f"{escape(k)}: {escape(v)}" for k, v in document.facts), ""]
    for warning in document.warnings:
        lines += [f"> **Note:** {escape(warning)}", ""]
    for section in document.sections:
        lines += _section(section)
    lines += ["## Timing", "", *_table(document.timing)]
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section) -> Iterator[str]:
    """Heading, paragraphs, figures in words, tables."""
    yield from (f"## {escape(section.title)}", "")
    for paragraph in section.paragraphs:
        yield from (escape(" ".join(paragraph.split())), "")
    for figure in section.figures:
        yield from (f"*Figure: {escape(figure.title)}.* {escape(figure.alt)}", "")
    for table in section.tables:
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    """A pipe table with its title and note; long ones are cut, and say so."""
    yield from (f"**{escape(table.title)}**", "")
    yield "| " + " | ".join(escape(column.title) for column in table.columns) + " |"
    yield "|" + "|".join(":---" if column.textual else "---:" for column in table.columns) + "|"
    for i in range(min(len(table.rows), ROWS)):
        cells = (shortened(table.text(i, k), 400) for k in range(len(table.columns)))
        yield "| " + " | ".join(map(escape, cells)) + " |"
    yield ""
    if len(table.rows) > ROWS:
        yield from (f"The first {ROWS} of {len(table.rows)} rows; JSON and CSV have all.", "")
    if table.note:
        yield from (escape(table.note), "")
