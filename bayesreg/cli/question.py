"""The data that a command is asked about: read, checked and conditioned, with every note said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.cli.log import Log
from bayesreg.cli.options import Options
from bayesreg.data import files as sources
from bayesreg.data.predictors import Roles, Selection, design, select
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.likelihoods import Likelihood
    from bayesreg.model.problem import Problem
    from bayesreg.priors import Prior


def selected(options: Options, log: Log) -> Selection:
    """Read the data and check the columns; no heavy library is imported for a file that fails."""
    if options.formula is not None and options.target is not None:
        raise BadArgument("--formula names the response itself; leave out --target")
    table, own = sources.read(options.data, options.sep, _named(options), format_of(options))
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
        labels=_takes_labels(options),
        weights=options.weights,
    )
    found = select(table, roles)
    for note in found.notes:
        log.note(note)
    return found


def _named(options: Options) -> frozenset[str]:
    """Column names that the user gave, by which a header of numbers is known to be one."""
    single = (options.target, options.groups, options.weights)
    quoted = re.findall(r"`([^`]*)`", options.formula or "")
    named = (*quoted, *options.drop, *options.factor, *options.number)
    return frozenset(named).union(name for name in single if name is not None)


def format_of(options: Options) -> sources.Format:
    """How the cells of a file are written, as the options say."""
    missing = [text.strip() for given in options.na for text in given.split(",")]
    return sources.Format(
        decimal=options.decimal,
        thousands=options.thousands,
        missing=tuple(text for text in missing if text) if options.na else None,
        encoding=options.encoding,
        comment=options.comment,
        skip=options.skip,
        factors=frozenset(options.factor),
        numbers=frozenset(options.number),
    )


def _takes_labels(options: Options) -> bool:
    """Whether the likelihood reads labels; options that mean nothing under it are refused."""
    if options.likelihood is None and options.positive is None:
        return False  # as most are, without loading a class
    from bayesreg.cli.priorspec import likelihood_class

    found = likelihood_class(options.likelihood, options.sigma, options.positive)
    return bool(found.takes_labels)


def designed(
    options: Options, selection: Selection, priors: tuple[Prior, ...], log: Log
) -> tuple[Design, Likelihood]:
    """The columns as a Design, coded as priors and likelihood need it, its notes said."""
    from bayesreg.cli.priorspec import parse_likelihood
    from bayesreg.model.model import read
    from bayesreg.priors import Flat

    with log.listening():
        found = design(selection, reference=any(isinstance(p, Flat) for p in priors))
    for note in found.notes:
        log.note(note)
    low, high = found.y.min(), found.y.max()
    if options.likelihood is None and low < high and np.all((found.y == low) | (found.y == high)):
        log.note(
            f"the response {found.y_name!r} has two values only, {low:g} and {high:g}; if they "
            "stand for no and yes, run again with --likelihood bernoulli (and --likelihood "
            "gaussian keeps this note away)"
        )
    labels = () if options.positive is None else found.classes or np.unique(found.y).tolist()
    likelihood = parse_likelihood(options.likelihood, options.sigma, options.positive, labels)
    try:
        coded, learnt = read(found, likelihood)
    except BadData as error:
        raise BadData(f"{selection.table.name}, response {found.y_name!r}: {error}") from None
    if learnt.classes_ is not None:
        no, yes = learnt.classes_
        log.note(f"the response {found.y_name!r} is read as 1 for {yes!r} and 0 for {no!r}")
    return coded, learnt


def conditioned(options: Options, selection: Selection, prior: Prior, log: Log) -> Problem:
    """One prior on the selected columns, conditioned as the options say."""
    from bayesreg.model.model import Model

    found, likelihood = designed(options, selection, (prior,), log)
    with log.listening():
        return Model(prior, likelihood).condition(
            found, standardize=not options.raw, intercept=found.intercept is not False
        )
