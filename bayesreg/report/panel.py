"""Pages of their own for a path, and for the choice of λ on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bayesreg.language.text import shortened
from bayesreg.plots import canvas
from bayesreg.report import regularisation
from bayesreg.report.document import Document, Section, again, timed
from bayesreg.report.figure import Figure
from bayesreg.report.table import Table


@dataclass(frozen=True, kw_only=True)
class About:
    """What stands around the numbers of a page.

    Attributes
    ----------
    facts : mapping of str to str
        What was asked, in a line.
    title, author : str or None
        Shown at the top; a title is made up unless given.
    warnings : sequence of str
        What the reader must know.
    provenance : mapping
        What the page can be had again from.
    timing : mapping of str to float
        Seconds.
    """

    facts: Mapping[str, str]
    title: str | None = None
    author: str | None = None
    warnings: Sequence[str] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)


def path_page(path: Any, about: About, more: Sequence[str] = ()) -> Document:
    """The document of a path: the figure, who enters when, every λ; `more` sentences above."""
    kind, objective = regularisation.penalty(path)
    first = Section(
        "path",
        "Regularisation path",
        (_sentence(objective), _sentence(repr(path)), *more),
        _filled(figure_of(path), regularisation.entries(path), regularisation.numbers(path)),
    )
    return _document(about, f"{kind} path", (first,))


def choice_page(choice: Any, about: About) -> Document:
    """The document of a choice: the panel, what each rule selects and why, the path below."""
    path = choice.path
    kind, objective = regularisation.penalty(path)
    sections = (
        Section(
            "choice",
            "Which λ, by which argument, and what prior that is",
            tuple(choice.why[:1]),
            _filled(panel_of(choice), regularisation.selected(choice)),
        ),
        Section("advice", "Which λ to take", tuple(choice.advice), ()),
        Section("why", "Where the rules differ, and why", tuple(choice.why[1:]), ()),
        Section(
            "path",
            "The path that λ moves along",
            (_sentence(objective), _sentence(repr(path))),
            _filled(
                figure_of(path),
                regularisation.entries(path),
                regularisation.numbers(path, folded=True),
            ),
        ),
    )
    return _document(about, f"the λ of the {kind}", sections)


def figure_of(path: Any) -> Figure:
    """The figure of a path under the style of a report."""
    with canvas.style():
        drawn = regularisation.drawn_path(path)
        canvas.settle(drawn.drawn)
    return drawn


def panel_of(choice: Any) -> Figure:
    """The figure of a choice under the style of a report."""
    with canvas.style():
        drawn = regularisation.drawn_choice(choice)
        canvas.settle(drawn.drawn)
    return drawn


def _document(about: About, what: str, sections: tuple[Section, ...]) -> Document:
    """The sections with what stands around them."""
    written = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    versions = dict(about.provenance.get("versions", {}))
    data = about.facts.get("data", "the data")
    last = Section("provenance", "Provenance", (), _filled(again(about.provenance)))
    return Document(
        title=shortened(f"{data}: {what}", 120) if about.title is None else about.title,
        author=about.author,
        facts=tuple(about.facts.items()),
        warnings=tuple(about.warnings),
        sections=tuple(s for s in (*sections, last) if s.paragraphs or s.blocks),
        timing=timed(about.timing, written),
        generator=f"bayesreg {versions.get('bayesreg', '')}".strip(),
        priors=(),
    )


def _filled(*blocks: Table | Figure) -> tuple[Table | Figure, ...]:
    """The blocks that have something to show."""
    return tuple(b for b in blocks if not (isinstance(b, Table) and not b.rows))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
