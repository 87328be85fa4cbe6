"""What ``bayesreg path`` and ``bayesreg choose`` do: read, follow λ or weigh the rules, print."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING

import click

from bayesreg.cli.exits import CHECK_FAILED, say
from bayesreg.cli.log import Log
from bayesreg.cli.question import Question, conditioned, described, selected
from bayesreg.cli.screen import print_sentences, print_table
from bayesreg.data.predictors import groups_of

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.data.predictors import Selection
    from bayesreg.model.problem import Problem
    from bayesreg.report.document import Document
    from bayesreg.report.panel import About

PAGES, PICTURES, NUMBERS = (".html", ".htm", ".md", ".json"), (".svg", ".png"), (".csv",)


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The options of ``bayesreg path``, by their names there; `count` is ``--n``."""

    question: Question
    prior: str
    l1_ratio: float | None
    count: int
    lams: str | None
    out: str | None
    title: str | None
    author: str | None
    json: bool


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The options of ``bayesreg choose``: those of a path, and by which rules."""

    walk: Walk
    by: str | None
    folds: int
    repeats: int
    groups: str | None
    seed: int


def follow(walk: Walk) -> int:
    """Answer ``bayesreg path``.

    Parameters
    ----------
    walk : Walk

    Returns
    -------
    int
        The exit code: 0, or 3 if a point of the path is not certified.
    """
    log = Log(quiet=walk.question.quiet)
    problem, selection = _problem(walk, log)
    from bayesreg.cli.priorspec import parse_lams
    from bayesreg.report import panel, regularisation
    from bayesreg.verbs.fit import path

    started = time.perf_counter()
    with log.listening():
        problem, sigma = _with_sigma(problem, walk.l1_ratio)
        found = path(problem, parse_lams(walk.lams), n=walk.count, l1_ratio=walk.l1_ratio)
    about = _about(walk, problem, selection, log, {"path": time.perf_counter() - started}, 0)
    if not walk.json:
        print_sentences([f"On {_where(about)}: {regularisation.penalty(found)[1]}."])
        print_sentences([f"{found!r}.", *sigma])
        for table in (regularisation.entries(found), regularisation.numbers(found)):
            if table.rows:
                print_table(table)
    _deliver(walk, lambda: panel.path_page(found, about, sigma), found.summary)
    return 0 if all(c.ok for c in found.certificates) else CHECK_FAILED


def weigh(request: Panel) -> int:
    """Answer ``bayesreg choose``.

    Parameters
    ----------
    request : Panel

    Returns
    -------
    int
        The exit code: 0.
    """
    walk = request.walk
    log = Log(quiet=walk.question.quiet)
    problem, selection = _problem(walk, log, groups=request.groups)
    from bayesreg.cli.priorspec import parse_lams, split
    from bayesreg.report import panel, regularisation
    from bayesreg.report.table import without
    from bayesreg.verbs.choose import choose

    by = None if request.by is None else split(request.by, "--by")
    log.progress(f"choosing λ on {selection.table.name} ...")
    started = time.perf_counter()
    with log.listening():
        found = choose(
            problem,
            by,
            lams=parse_lams(walk.lams),
            n=walk.count,
            l1_ratio=walk.l1_ratio,
            folds=request.folds,
            groups=groups_of(selection),
            repeats=request.repeats,
            seed=request.seed,
        )
    timing = {"choice": time.perf_counter() - started}
    about = _about(walk, problem, selection, log, timing, request.seed)
    if not walk.json:
        print_sentences([f"On {_where(about)}: {regularisation.penalty(found.path)[1]}."])
        print_table(without(regularisation.selected(found), "optimises"))
        print_sentences(["", *found.why])
    _deliver(walk, lambda: panel.choice_page(found, about), lambda: found.table)
    return 0


def _problem(walk: Walk, log: Log, groups: str | None = None) -> tuple[Problem, Selection]:
    """The data read and conditioned, once it is sure that the answer can be written."""
    selection = selected(walk.question, groups=groups)
    for note in selection.notes:
        log.note(note)
    from bayesreg.report.target import check_target

    if walk.out is not None:
        endings = (*PAGES, *PICTURES, *NUMBERS)
        check_target(walk.out, overwrite=walk.question.overwrite, endings=endings)
    from bayesreg.cli.priorspec import parse_prior

    return conditioned(walk.question, selection, parse_prior(walk.prior), log), selection


def _with_sigma(problem: Problem, l1_ratio: float | None) -> tuple[Problem, list[str]]:
    """The problem with the σ by which a λ is a scale, and in a sentence which σ that is."""
    from bayesreg.language.errors import NotSupported
    from bayesreg.solvers.path import Ray, needs_sigma
    from bayesreg.verbs.fit import fit_map

    if problem.sigma is not None or not needs_sigma(Ray.of(problem, 1.0, l1_ratio)):
        return problem, []
    try:
        fit = fit_map(problem)
    except NotSupported:
        return problem, ["σ is unknown, so that no λ is a scale of the prior; pass --sigma."]
    words = f"λ and the scale of the prior are tied by σ: here σ = {fit.sigma:.4g} ({fit.hyper})."
    return problem.at(sigma=fit.sigma), [words]


def _about(
    walk: Walk,
    problem: Problem,
    selection: Selection,
    log: Log,
    timing: dict[str, float],
    seed: int,
) -> About:
    """What stands around the numbers of the page."""
    from bayesreg.data.provenance import provenance
    from bayesreg.report.panel import About

    source = problem.moments if problem.design is None else problem.design
    settings = {
        "prior": repr(problem.prior),
        "likelihood": repr(problem.likelihood),
        "l1_ratio": walk.l1_ratio,
    }
    return About(
        facts=described(problem, selection.table.name),
        title=walk.title,
        author=walk.author,
        warnings=tuple(log.said),
        provenance=provenance(source, seed, problem.standardize, **settings),
        timing=timing,
    )


def _where(about: About) -> str:
    """The facts in brackets after the name of the data."""
    facts = about.facts
    columns = "standardised" if facts["columns are"] == "standardised" else "in original units"
    return f"{facts['data']} ({facts['rows']} rows, {facts['columns']} columns, {columns})"


def _deliver(walk: Walk, page: Callable[[], Document], frame: Callable[[], pd.DataFrame]) -> None:
    """JSON on stdout, and the file, of the kind that its ending names; its path is said last."""
    if walk.json:
        from bayesreg.report.records import json_text

        click.echo(json_text(page()), nl=False)
    if walk.out is None:
        return
    from bayesreg.report.target import write_file

    target = File(walk.out).expanduser().resolve()
    what, content = _written(target.suffix.lower(), page, frame)
    write_file(target, content)
    if walk.json:
        say(f"{what}: {target}")
    else:
        print_sentences([f"{what}: {target}"])


def _written(
    ending: str, page: Callable[[], Document], frame: Callable[[], pd.DataFrame]
) -> tuple[str, bytes]:
    """What the file is, in a word, and its bytes."""
    if ending == ".csv":
        from bayesreg.report.records import csv_bytes
        from bayesreg.report.table import from_frame

        return "numbers", csv_bytes(from_frame(frame().reset_index(), "numbers", "Numbers", ()))
    if ending in PICTURES:
        from bayesreg.plots.canvas import png, svg

        drawn = page().figures[0].drawn
        return "figure", png(drawn) if ending == ".png" else svg(drawn).encode("utf-8")
    from bayesreg.report import content

    return "page", content(page(), ending)
