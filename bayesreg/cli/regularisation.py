"""What ``bayesreg path`` and ``bayesreg choose`` do: read, follow λ or weigh the rules, print."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path as File
from typing import TYPE_CHECKING

from bayesreg.cli.exits import CHECK_FAILED
from bayesreg.cli.log import Log
from bayesreg.cli.options import Options
from bayesreg.cli.question import Question, asked, conditioned
from bayesreg.cli.screen import deliver, print_sentences, print_table, seeded

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.report.document import Document
    from bayesreg.report.panel import About

PAGES, PICTURES, NUMBERS = (".html", ".htm", ".md", ".json"), (".svg", ".png"), (".csv",)


def follow(options: Options) -> int:
    """Answer ``bayesreg path``.

    Returns
    -------
    int
        The exit code: 0, or 3 if a point of the path is not certified.
    """
    log = Log(quiet=options.quiet)
    problem, question = _problem(options, log)
    from bayesreg.cli.priorspec import parse_lams
    from bayesreg.report import panel, regularisation
    from bayesreg.verbs.fit import path

    started = time.perf_counter()
    with log.listening():
        problem, sigma = _with_sigma(problem, options.l1_ratio)
        found = path(problem, parse_lams(options.lams), n=options.count, l1_ratio=options.l1_ratio)
    about = _about(options, problem, question, log, {"path": time.perf_counter() - started})
    if not options.json:
        print_sentences([f"On {_where(about)}: {regularisation.penalty(found)[1]}."])
        print_sentences([f"{found!r}.", *sigma])
        for table in (regularisation.entries(found), regularisation.numbers(found)):
            if table.rows:
                print_table(table)
    page = partial(panel.path_page, found, about, sigma)
    deliver(options, page, _file(options, page, found.summary))
    return 0 if all(c.ok for c in found.certificates) else CHECK_FAILED


def weigh(options: Options) -> int:
    """Answer ``bayesreg choose``; the exit code is 0."""
    log = Log(quiet=options.quiet)
    problem, question = _problem(options, log)
    from bayesreg.cli.priorspec import parse_lams
    from bayesreg.priors.written import split
    from bayesreg.report import panel, regularisation
    from bayesreg.report.table import without
    from bayesreg.verbs.choose import choose

    by = None if options.by is None else split(options.by, "--by")
    log.progress(f"choosing λ on {question.name} ...")
    started = time.perf_counter()
    with log.listening():
        found = choose(
            problem,
            by,
            lams=parse_lams(options.lams),
            n=options.count,
            l1_ratio=options.l1_ratio,
            folds=options.folds,
            groups=question.groups,
            repeats=options.repeats,
            seed=options.seed or 0,
        )
    about = _about(options, problem, question, log, {"choice": time.perf_counter() - started})
    if not options.json:
        print_sentences([f"On {_where(about)}: {regularisation.penalty(found.path)[1]}."])
        print_table(without(regularisation.selected(found), "optimises"))
        print_sentences(["", *found.why, "", *found.advice, seeded(options.seed or 0)])
    page = partial(panel.choice_page, found, about)
    deliver(options, page, _file(options, page, lambda: found.table))
    return 0


def _problem(options: Options, log: Log) -> tuple[Problem, Question]:
    """The data read and conditioned, once it is sure that the answer can be written."""
    question = asked(options, log)
    from bayesreg.cli.priorspec import parse_prior
    from bayesreg.report.target import check_target

    if options.out is not None:
        endings = (*PAGES, *PICTURES, *NUMBERS)
        check_target(options.out, overwrite=options.overwrite, endings=endings)
    return conditioned(question, parse_prior(options.prior), log), question


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
    options: Options, problem: Problem, question: Question, log: Log, timing: dict[str, float]
) -> About:
    """What stands around the numbers of the page."""
    from bayesreg.data.provenance import provenance
    from bayesreg.language.text import shortened
    from bayesreg.report.panel import About

    layout = problem.layout
    named = {} if layout is None else {"response": shortened(layout.y_name, 40)}
    settings = {
        "prior": repr(problem.prior),
        "likelihood": repr(problem.likelihood),
        "l1_ratio": options.l1_ratio,
    }
    known = provenance(problem.held, options.seed or 0, problem.standardize, **settings)
    return About(
        facts={
            "data": shortened(question.name, 60),
            "rows": f"{problem.moments.rows}",
            "columns": f"{len(problem.features)}",
            **named,
            "columns are": "standardised" if problem.standardize else "in original units",
        },
        title=options.title,
        author=options.author,
        warnings=tuple(log.said),
        provenance={"command": options.command, **known},
        timing=timing,
    )


def _where(about: About) -> str:
    """The facts in brackets after the name of the data."""
    facts = about.facts
    return (
        f"{facts['data']} ({facts['rows']} rows, {facts['columns']} columns, "
        f"{facts['columns are']})"
    )


def _file(
    options: Options, page: Callable[[], Document], frame: Callable[[], pd.DataFrame]
) -> Iterator[tuple[str, File]]:
    """Write the file that was asked for, of the kind that its ending names."""
    from bayesreg.report.target import write_file

    if options.out is not None:
        target = File(options.out).expanduser().resolve()
        what, content = _written(target.suffix.lower(), page, frame)
        write_file(target, content)
        yield what, target


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
