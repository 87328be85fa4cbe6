"""Document: what a report says, before it is HTML, Markdown or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument
from bayesreg.language.text import listed, shortened
from bayesreg.plots.coefficients import problem_of
from bayesreg.report import effects, regularisation, short, tables
from bayesreg.report import trust as evidence
from bayesreg.report.figure import Figure
from bayesreg.report.figures import draw
from bayesreg.report.methods import laws, methods, objective
from bayesreg.report.table import Column, Table

TITLES = {
    "short": "In short",
    "forest": "Effects under each prior",
    "coefficients": "Coefficients",
    "fit": "Does the model describe the data?",
    "verdict": "Verdict",
    "priors": "Priors and penalties",
    "densities": "Posterior densities",
    "shrinkage": "What each prior did",
    "path": "Regularisation path",
    "choice": "Which λ, by which argument",
    "correspondence": "The MAP by every route, and beside the posterior",
    "agreement": "Engines against PyMC",
    "diagnostics": "Convergence",
    "methods": "Methods",
    "references": "References",
    "provenance": "Provenance",
}
SECTIONS = tuple(TITLES)
CITED = "(Kallioinen et al., 2024) (Gelman et al., 2019)"  # by notes and by page one
OF_AREAS = "(DeLong, DeLong and Clarke-Pearson, 1988)"
# What not every reader of a comparison asks for stands behind these words.
FOLDED = {"path": "The path in a figure and in numbers", "choice": "Every criterion along λ"}


@dataclass(frozen=True, eq=False)
class Section:
    """Paragraphs, then figures and tables; all but the first paragraph behind `folded`, if said."""

    key: str
    title: str
    paragraphs: tuple[str, ...]
    blocks: tuple[Table | Figure, ...]
    folded: str = ""

    @property
    def tables(self) -> list[Table]:
        """The blocks that are tables."""
        return [block for block in self.blocks if isinstance(block, Table)]

    @property
    def figures(self) -> list[Figure]:
        """The blocks that are figures."""
        return [block for block in self.blocks if isinstance(block, Figure)]


@dataclass(frozen=True, eq=False)
class Document:
    """A whole report; only `timing` differs between two reports of the same inputs."""

    title: str
    author: str | None
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    timing: Table
    generator: str
    priors: tuple[str, ...]

    @property
    def tables(self) -> list[Table]:
        """Every table, in order."""
        return [table for section in self.sections for table in section.tables]

    @property
    def figures(self) -> list[Figure]:
        """Every figure, in order."""
        return [figure for section in self.sections for figure in section.figures]


def check_sections(sections: Sequence[str] | None) -> tuple[str, ...]:
    """The sections asked for, in that order; all unless given.

    Raises
    ------
    BadArgument
        If one is unknown, named twice, or none is given.
    """
    if sections is None:
        return SECTIONS
    chosen = (sections,) if isinstance(sections, str) else tuple(sections)
    for key in chosen:
        if key not in TITLES:
            hint = did_you_mean(key, SECTIONS)
            raise BadArgument(
                f"no section is called {shortened(repr(key), 60)}{hint} (there are "
                f"{', '.join(SECTIONS)})"
            )
    if not chosen or len(set(chosen)) < len(chosen):
        raise BadArgument("sections must name at least one section, and each at most once")
    return chosen


def compose(
    comparison: Any,
    *,
    title: str | None,
    author: str | None,
    level: float,
    sections: tuple[str, ...],
    written: str,
) -> Document:
    """The document of a comparison.

    Parameters
    ----------
    comparison : Comparison
        Anything with its fields.
    title, author : str or None
        Shown at the top; a title is made up unless given.
    level : float
        Probability of the intervals.
    sections : tuple of str
        Keys of `SECTIONS`.
    written : str
        When, for the timing block.

    Returns
    -------
    Document
    """
    names = tuple(comparison.entries)
    version = dict(comparison.provenance.get("versions", {})).get("bayesreg", "")
    what = "prior" if len(laws(comparison)) == 1 else "model"
    many = f"{len(names)} {what}" + "s" * (len(names) > 1)
    made_up = f"{shortened(comparison.dataset, 60)} under {many}"
    return Document(
        title=made_up if title is None else str(title),
        author=None if author is None else str(author),
        facts=tuple(_facts(comparison)),
        warnings=tuple(comparison.warnings),
        sections=tuple(
            s for s in _sections(comparison, level, sections) if s.paragraphs or s.blocks
        ),
        timing=timed(comparison.timing, written),
        generator=f"bayesreg {version}".strip(),
        priors=names,
    )


def _sections(comparison: Any, level: float, chosen: tuple[str, ...]) -> Iterator[Section]:
    """The sections asked for; one that has nothing to say is empty."""
    for key in chosen:
        paragraphs, makers = _contents(comparison, key, level)
        made = [make(comparison) for make in makers]
        blocks = tuple(
            b for b in made if b is not None and not (isinstance(b, Table) and not b.rows)
        )
        yield Section(key, TITLES[key], tuple(paragraphs), blocks, FOLDED.get(key, ""))


def _contents(
    comparison: Any, key: str, level: float
) -> tuple[list[str], list[Callable[[Any], Table | Figure | None]]]:
    """Paragraphs and makers of blocks of one section."""
    figure = partial(draw, key=key, level=level)
    if key == "short":
        return [], [partial(short.answers, level=level)]
    if key == "references":
        cited = CITED + OF_AREAS * problem_of(comparison).likelihood.takes_labels
        return short.works([*comparison.verdict, methods(comparison, level), cited]), []
    if key == "verdict":
        rows = [tables.prediction] if len(comparison.table) else []
        return list(comparison.verdict), [*rows, tables.held]
    if key == "methods":
        return [methods(comparison, level)], []
    if key == "shrinkage":
        some = problem_of(comparison).features
        return effects.words(comparison) if some else [], _effects(level)
    plans: dict[str, tuple[list[str], list[Any]]] = {
        "priors": ([objective(comparison)], [tables.priors, figure]),
        "coefficients": (
            [],
            [
                partial(tables.coefficients, level=level),
                partial(effects.ratios, level=level),
                partial(tables.unknowns, level=level),
            ],
        ),
        "fit": ([], _described(level, figure)),
        "path": _along(comparison.path, figure),
        "choice": _chosen(comparison.choice, figure),
        "correspondence": (
            [],
            [evidence.certificates, evidence.correspondence, evidence.same_lam],
        ),
        "agreement": ([], [evidence.agreement, figure, evidence.differences]),
        "diagnostics": ([], [evidence.runs, evidence.chains]),
        "provenance": (
            [],
            [lambda found: again(found.provenance), tables.columns_table],
        ),
    }
    return plans.get(key, ([], [figure]))


def _described(level: float, figure: Any) -> list[Any]:
    """What was found against the model, how much it explains, and figures of both."""
    residuals = partial(draw, key="adequacy", level=level)
    accuracy = partial(short.accuracy, level=level)
    passed = partial(draw, key="passed", level=level)
    return [short.findings, short.scores, accuracy, short.surprising, passed, figure, residuals]


def _along(path: Any | None, figure: Any) -> tuple[list[str], list[Any]]:
    """The path of one prior: in a sentence, then the figure, who enters when, and every λ."""
    if path is None:
        return [], []
    return [f"The {regularisation.penalty(path)[0]}, a {path!r}."], [
        figure,
        lambda _: regularisation.entries(path),
        lambda _: regularisation.numbers(path, folded=True),
    ]


def _chosen(choice: Any | None, figure: Any) -> tuple[list[str], list[Any]]:
    """Where the rules put λ on that path and why, then the panel and the table."""
    if choice is None:
        return [], []
    more = "Rules that take draws, the evidence and the posterior of λ, are left to br.choose."
    said = [*choice.why, *[more] * ("evidence" not in choice.rules), *choice.advice]
    return said, [figure, lambda _: regularisation.selected(choice)]


def _effects(level: float) -> list[Callable[[Any], Table | Figure | None]]:
    """What each prior did: how many coefficients it left, which, how, and what λ that was."""
    figure = partial(draw, level=level)
    return [
        partial(effects.effective, level=level),
        partial(figure, key="effective"),
        partial(figure, key="shrinkage"),
        partial(effects.kappa, level=level),
        partial(figure, key="profile"),
        partial(effects.lam, level=level),
        partial(figure, key="scale"),
        partial(figure, key="significance"),
        effects.significance,
    ]


def _facts(comparison: Any) -> Iterator[tuple[str, str]]:
    """What was compared, in a line."""
    problem = next(iter(comparison.entries.values())).problem
    yield "data", shortened(comparison.dataset, 60)
    yield "rows", f"{problem.moments.rows}"
    yield "columns", f"{len(problem.features)}"
    if problem.layout is not None:
        yield "response", shortened(problem.layout.y_name, 40)
        if problem.layout.origin:
            yield "read", problem.layout.origin
    if problem.classes_ is not None:
        yield "y = 1 is", shortened(str(problem.classes_[1]), 40)
    if not problem.exact or len(laws(comparison)) > 1:
        yield "likelihood", listed([law.noun for law in laws(comparison)])
    if comparison.data is not None and comparison.data.offset is not None:
        yield "offset", "in η"
    if comparison.data is not None and comparison.data.trials is not None:
        yield "trials", f"{float(problem.design.frequencies @ problem.design.trials):g}"
    yield "columns are", "standardised" if problem.standardize else "in original units"
    yield "seed", f"{comparison.provenance.get('seed')}"


def again(provenance: Mapping[str, Any]) -> Table:
    """Everything needed to run it again."""
    rows = tuple(_flat(provenance))
    columns = (Column("what", "what", "text"), Column("value", "value", "code"))
    return Table("provenance", "To run it again", columns, rows)


def _flat(mapping: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as rows."""
    for key, value in mapping.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}: ")
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value))
        else:
            yield name, str(value)


def timed(timing: Mapping[str, float], written: str) -> Table:
    """Wall times and the date: the one part that differs from run to run."""
    rows = [(name, f"{seconds:.2f} s") for name, seconds in timing.items()]
    columns = (Column("what", "what", "name"), Column("value", "value", "code"))
    return Table("timing", "Timing", columns, (*rows, ("report written", written)))
