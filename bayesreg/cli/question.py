"""The data that a command is asked about: read, checked and conditioned, with every note said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesreg.cli.log import Log
from bayesreg.cli.options import Options
from bayesreg.data import files as sources
from bayesreg.data.predictors import Roles, Selection, design, select
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.model.problem import Problem
    from bayesreg.priors import Prior


def selected(options: Options, log: Log) -> Selection:
    """Read the data and check the columns; no heavy library is imported for a file that fails."""
    if options.formula is not None and options.target is not None:
        raise BadArgument("--formula names the response itself; leave out --target")
    expected = frozenset({options.target} if options.target is not None else ())
    table, own = sources.read(options.data, options.sep, expected)
    target = options.target or own
    if options.formula is None and target is None:
        raise BadArgument(
            f"--target is missing: which column of {table.name} is the response? It has "
            f"{table.listed()}"
        )
    roles = Roles(
        target=target if options.formula is None else None,
        formula=options.formula,
        drop=options.drop,
        drop_missing=options.missing == "drop",
        groups=options.groups,
    )
    found = select(table, roles)
    for note in found.notes:
        log.note(note)
    return found


def designed(selection: Selection, priors: tuple[Prior, ...], log: Log) -> Design:
    """The columns as a Design, coded as the priors need it, its notes said."""
    from bayesreg.priors import Flat

    with log.listening():
        found = design(selection, reference=any(isinstance(p, Flat) for p in priors))
    for note in found.notes:
        log.note(note)
    return found


def conditioned(options: Options, selection: Selection, prior: Prior, log: Log) -> Problem:
    """One prior on the selected columns, conditioned as the options say."""
    from bayesreg.cli.priorspec import parse_sigma
    from bayesreg.model.model import Model

    likelihood = parse_sigma(options.sigma)
    found = designed(selection, (prior,), log)
    with log.listening():
        return Model(prior, likelihood).condition(
            found, standardize=not options.raw, intercept=found.intercept is not False
        )
