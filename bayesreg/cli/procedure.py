"""What ``bayesreg compare`` does, in order: read, check, fit, print, verify, write."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bayesreg.cli.exits import CHECK_FAILED, INTERRUPTED, asked_of, say
from bayesreg.cli.log import Log
from bayesreg.cli.options import Options
from bayesreg.cli.question import Question, asked, designed
from bayesreg.cli.screen import deliver, print_answers, print_sentences, print_table

# What PyMC verifies unasked: a few minutes' work. It factors a p × p matrix at every gradient where
# local scales are sampled.
MOST_PRIORS, MOST_COLUMNS = 4, 20

if TYPE_CHECKING:
    from bayesreg.results import Comparison, Entry


def run(options: Options) -> int:
    """Answer ``bayesreg compare``.

    Returns
    -------
    int
        The exit code: 0, 3 if a check failed under ``--strict``, 130 if the verification was
        interrupted.
    """
    log = Log(quiet=options.quiet)
    question = asked(options, log)
    _check_destinations(options)
    result = _fitted(question, log)
    if not options.json:
        print_answers(result, options.level)
    result, failure = _verified(options, result, log)
    result = dataclasses.replace(result, warnings=tuple(log.said))
    from bayesreg import report

    page = partial(report.composed, result, options.title, options.author, options.level)
    deliver(options, page, _files(options, result))
    if isinstance(failure, KeyboardInterrupt):
        return INTERRUPTED
    if failure is not None:
        raise failure
    if options.strict and not result.ok:
        say("a check failed, and --strict was given")
        return CHECK_FAILED
    return 0


def _check_destinations(options: Options) -> None:
    """Where the results go, checked before anything is fitted."""
    from bayesreg.language.arguments import check_level
    from bayesreg.report.target import check_folder, check_target

    check_level(options.level)
    if options.out is not None:
        check_target(options.out, overwrite=options.overwrite)
    if options.export is not None:
        check_folder(options.export, overwrite=options.overwrite)
    if options.save is not None:
        from bayesreg.storage import writable

        with asked_of("--save"):
            writable(options.save, overwrite=options.overwrite)


def _fitted(question: Question, log: Log) -> Comparison:
    """The comparison without PyMC, its warnings said."""
    from bayesreg.cli.priorspec import parse_priors

    options = question.options
    priors = parse_priors(options.priors)
    found, likelihood = designed(question, tuple(priors.values()), log)
    log.progress(f"fitting {', '.join(priors)} to {question.name} ...")
    out = sys.stdout  # which `listening` keeps from everybody else
    with log.listening():
        from bayesreg.verbs.compare import compare

        result = compare(
            priors,
            found,
            likelihood=likelihood,
            standardize=not options.raw,
            intercept=found.intercept is not False,
            seed=options.seed,
            engine=options.engine,
            draws=options.draws,
            chains=options.chains,
            dataset=question.name,
            calibrate=options.calibrate,
            watch=None if options.json else partial(_account, out),
        )
    for note in result.warnings:
        log.note(note)
    known = {"command": options.command, **result.provenance}
    return dataclasses.replace(result, provenance=known)


def _account(out: TextIO, entry: Entry) -> None:
    """Say what one prior did as soon as it is known: the others may take their time."""
    from bayesreg.verbs.verdict import account

    with redirect_stdout(out):
        print_sentences([account(entry)])
    out.flush()


def _verified(
    options: Options, result: Comparison, log: Log
) -> tuple[Comparison, BaseException | None]:
    """The comparison checked against PyMC prior by prior, as far as it came; what stopped it."""
    if options.verify is False:
        return result, None
    names = [name for name, entry in result.entries.items() if entry.post.engine != "nuts"]
    if not names:
        log.note("the posteriors are PyMC's own, so there is nothing to verify them against")
        return result, None
    from bayesreg.verbs.verification import unverifiable

    problem = next(iter(result.entries.values())).post.problem
    if why := unverifiable(problem):
        log.note(why)
        return result, None
    columns = problem.p
    if options.verify is None and (len(names) > MOST_PRIORS or columns > MOST_COLUMNS):
        log.note(
            f"not verified with PyMC, which would take long for {len(names)} prior(s) on {columns} "
            "columns; --verify does it, and br.agreement(a, b) compares any two engines"
        )
        return result, None
    agreed: list[str] = []
    failure: BaseException | None = None
    for count, name in enumerate(names, 1):
        log.progress(
            f"verifying {name} with PyMC ({count} of {len(names)}); Ctrl-C skips what is left ..."
        )
        try:
            with log.listening():
                result, sentence, complete = _verified_entry(result, name)
            agreed.append(sentence)
            if not complete:
                raise KeyboardInterrupt
        except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - raised after the report
            failure = error
            log.note(_unverified(names[len(agreed) :], error))
            break
    result = dataclasses.replace(result, verdict=(*result.verdict, *agreed))
    if not options.json:
        from bayesreg.report import tables

        print_sentences(agreed)
        print_table(tables.held(result))
    return result, failure


def _verified_entry(result: Comparison, name: str) -> tuple[Comparison, str, bool]:
    """One prior verified: the comparison with it, its sentence, and whether PyMC could finish."""
    from bayesreg.verbs.verification import verified

    alone = verified(dataclasses.replace(result, entries={name: result.entries[name]}))
    entry = alone.entries[name]
    merged = dataclasses.replace(
        result, entries={**result.entries, name: entry}, timing=alone.timing
    )
    complete = entry.nuts is None or bool(entry.nuts.draws.complete)
    return merged, alone.verdict[-1], complete  # the agreement is the last sentence


def _unverified(names: list[str], error: BaseException) -> str:
    """Which priors PyMC did not check, and why."""
    left = f"not verified with PyMC: {', '.join(names)}" if names else "PyMC kept fewer draws"
    if isinstance(error, KeyboardInterrupt):
        return f"verification interrupted; {left}"
    return f"verification failed ({type(error).__name__}: {error}); {left}"


def _files(options: Options, result: Comparison) -> Iterator[tuple[str, Path]]:
    """Write the report and the export that were asked for."""
    from bayesreg import report

    asked: dict[str, Any] = {
        "title": options.title,
        "author": options.author,
        "level": options.level,
        "overwrite": options.overwrite,
    }
    if options.save is not None:
        result.save(options.save, overwrite=options.overwrite)
        yield "saved", Path(options.save)
    if options.out is not None:
        yield "report", report.write(result, options.out, **asked)
    if options.export is not None:
        yield "tables and figures", report.export(result, options.export, **asked)
