"""What ``bayesreg demo`` does: read two columns, write the page, say where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bayesreg.cli.exits import asked_of
from bayesreg.cli.log import Log
from bayesreg.cli.options import Options
from bayesreg.cli.question import asked, conditioned
from bayesreg.cli.screen import print_files, print_sentences, read_or_not
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from bayesreg.verbs.demonstrate.page import Page


def run(options: Options) -> int:
    """Answer ``bayesreg demo``.

    Returns
    -------
    int
        The exit code, 0.
    """
    log = Log(quiet=options.quiet)
    options = replace(options, pair=named(options.pair))
    from bayesreg.verbs.demonstrate.page import checked, page

    assert options.out is not None
    with asked_of("--out"):
        target = checked(options.out, overwrite=options.overwrite)
    question = asked(options, log)
    from bayesreg.cli.priorspec import parse_prior

    problem = conditioned(question, parse_prior(options.prior), log)
    with log.listening():
        made = page(problem, options.pair or None, title=options.title)
    made.save(target, overwrite=options.overwrite)
    tell(options, made, target)
    return 0


def named(given: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of ``--columns``: one list with commas, or names one by one.

    Examples
    --------
    >>> named(("age, income",)), named(("age", "income, net"))
    (('age', 'income'), ('age', 'income, net'))
    """
    names = given if len(given) != 1 else tuple(name.strip() for name in given[0].split(","))
    if given and (len(names) != 2 or names[0] == names[1]):
        raise BadArgument(f"--columns: say two, such as 'age,income', not {', '.join(given)!r}")
    return names


def tell(options: Options, made: Page, target: Path) -> None:
    """The page in a line, or its numbers as JSON; then where it is."""
    if options.json:
        from bayesreg.report.records import inert_json

        with read_or_not():
            click.echo(inert_json(made.data))
    else:
        print_sentences([made.says])
    print_files(options, [("page", target)])
