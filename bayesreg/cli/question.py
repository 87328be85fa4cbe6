"""The data that a command is asked about: read, checked and conditioned, with every note said."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.cli.log import Log
from bayesreg.cli.options import AUTO, BERNOULLI, BINOMIAL, GAUSSIAN, Options
from bayesreg.data import files as sources
from bayesreg.data.cells import Column
from bayesreg.data.predictors import Roles, Selection, design, groups_of, place, select
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadCell, BadData, NotSupported

NEAR_ZERO = 0.02  # of the largest y, up to which the smallest of counts comes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayesreg.data.cells import Table
    from bayesreg.data.datasets import Dataset
    from bayesreg.data.design import Design
    from bayesreg.data.stores import Source
    from bayesreg.data.streamed import Streamed
    from bayesreg.likelihoods import Likelihood
    from bayesreg.model.problem import Problem
    from bayesreg.priors import Prior


@dataclass(frozen=True, eq=False)
class Question:
    """What was asked, and of which columns.

    Attributes
    ----------
    options : Options
        With a likelihood, said or found.
    selection : Selection or None
    guessed : bool
        Whether nobody said the likelihood: neither the user nor a data set of ours.
    source : Source or None
        Where the rows are, if they are read in passes and there is no selection.
    """

    options: Options
    selection: Selection | None
    guessed: bool
    source: Source | None = None

    @property
    def name(self) -> str:
        """What the data are called."""
        if self.source is not None:
            return self.source.label
        assert self.selection is not None
        return self.selection.table.name

    @property
    def groups(self) -> NDArray[Any] | None:
        """Which rows belong together; None where that is not said."""
        return None if self.selection is None else groups_of(self.selection)


def asked(options: Options, log: Log) -> Question:
    """Read the data and check the columns; no heavy library is imported for a file that fails."""
    if options.formula is not None and options.target is not None:
        raise BadArgument("--formula names the response itself; leave out --target")
    if (source := sources.large_source(options.data)) is not None:
        return _streamed(options, source, log)
    table, own = sources.read(options.data, options.sep, _named(options), format_of(options))
    target = options.target or (None if own is None else str(own.y.name))
    if options.formula is None and target is None:
        raise BadArgument(
            f"--target is missing: which column of {table.name} is the response? It has "
            f"{table.listed()}"
        )
    response, counted = (
        _response(options.formula, tuple(table.columns)) if options.formula else (target, False)
    )
    said = None if (options.likelihood or AUTO).lower() == AUTO else options.likelihood
    if said is None and counted:
        said = BINOMIAL
        log.note(f"the response is successes and failures: its likelihood is {BINOMIAL}")
    options = _settled(replace(options, likelihood=said), table, own, response, log)
    roles = Roles(
        target=target if options.formula is None else None,
        formula=options.formula,
        drop=options.drop,
        only=options.pair if options.formula is None else (),
        drop_missing=options.missing == "drop",
        groups=options.groups,
        labels=_takes_labels(options),
        weights=options.weights,
        offset=options.offset,
        exposure=options.exposure,
        trials=options.trials,
    )
    found = select(table, roles)
    for note in found.notes:
        log.note(note)
    ours = own is not None and response == own.y.name
    return Question(options, found, guessed=said is None and not ours)


def _streamed(options: Options, source: Source, log: Log) -> Question:
    """The question put to rows that are read in passes."""
    for option in ("groups", "factor", "number", "positive", "na", "sep"):
        if getattr(options, option):
            raise BadArgument(
                f"--{option} is for rows that fit in memory, and {source.label} has more; make "
                "such columns in the files, or pass some of these"
            )
    if options.formula is not None and options.drop:
        raise BadArgument("--drop leaves columns out, and --formula names those that are used")
    if options.target is None and options.formula is None:
        raise BadArgument(
            f"--target is missing: which column of {source.label} is the response? It has "
            f"{', '.join(source.names)}"
        )
    said = None if (options.likelihood or AUTO).lower() == AUTO else options.likelihood
    options = replace(options, likelihood=said or _of_source(options, source, log))
    if options.pair and options.formula is None:
        beside = (options.target, options.weights, options.offset, options.exposure, options.trials)
        others = (name for name in source.names if name not in {*options.pair, *beside})
        options = replace(options, drop=(*options.drop, *others))
    return Question(options, None, guessed=False, source=source)


def _of_source(options: Options, source: Source, log: Log) -> str:
    """The likelihood of rows that are read in passes, where none was said."""
    from bayesreg.data.stores.labels import yes_no

    response, counted = options.target, False
    if options.formula is not None:
        response, counted = _response(options.formula, source.names)
    if counted:
        log.note(f"the response is successes and failures: its likelihood is {BINOMIAL}")
        return BINOMIAL
    if response not in source.names or not (kind := yes_no(source, response)):
        return GAUSSIAN
    log.note(_guessed(response, kind))
    return BERNOULLI


def _guessed(response: str | None, kind: str) -> str:
    """What is said where a response can only be yes and no."""
    return (
        f"the response {response!r} is {kind}: its likelihood is {BERNOULLI} (--likelihood says "
        "another)"
    )


def _stream(options: Options, source: Source, priors: tuple[Prior, ...]) -> Streamed:
    """The rows as the options say that they are, coded for these priors."""
    from bayesreg.data.stores.reader import Roles as Columns
    from bayesreg.data.streamed import Streamed
    from bayesreg.priors import Flat

    beside = {
        name: getattr(options, name) or "" for name in ("weights", "offset", "exposure", "trials")
    }
    missing = "drop" if options.missing == "drop" else "refuse"
    if options.formula is None:
        roles = Columns(str(options.target), **beside)
        return Streamed.of(source, roles, missing, tuple(options.drop))
    flat = frozenset({"..."} if any(isinstance(p, Flat) for p in priors) else ())
    return Streamed.of_formula(
        options.formula, source, Columns("", **beside), missing, source.levels(), flat,
        labels=_takes_labels(options),
    )  # fmt: skip


def _settled(
    options: Options, table: Table, own: Dataset | None, response: str | None, log: Log
) -> Options:
    """The likelihood where none was said, and the exposure of a data set of ours; both said."""
    ours = own if own is not None and own.y.name == response else None
    if options.likelihood is None:
        column = None if response is None else table.columns.get(response)
        if ours is not None:
            options = replace(options, likelihood=ours.likelihood)
            if ours.likelihood != GAUSSIAN:
                log.note(
                    f"{table.name} is read with --likelihood {ours.likelihood}, as it is meant"
                )
        elif column is not None and (kind := _yes_no(column)):
            options = replace(options, likelihood=BERNOULLI)
            log.note(_guessed(response, kind))
        else:
            options = replace(options, likelihood=GAUSSIAN)
    if ours is not None and ours.exposure is not None and options.exposure is None:
        from bayesreg.likelihoods.written import likelihood_of

        name = str(ours.exposure.name)
        takes = likelihood_of(options.likelihood, "--likelihood").takes_exposure
        if takes and name not in {*options.drop, options.offset, options.weights}:
            log.note(f"{name!r} is the exposure, as --exposure {name} says of a file")
            options = replace(options, exposure=name)
    return options


def _yes_no(column: Column) -> str:
    """Why cells can only be yes and no: true and false, 0 and 1, or text of two kinds; or ""."""
    if column.kind == "flag":
        return "true and false"
    kinds = set(np.unique(np.delete(column.values, column.missing)).tolist())
    if column.kind == "text":
        return "text of two kinds" if len(kinds) == 2 else ""
    return "0 and 1 alone" if column.kind == "number" and kinds == {0.0, 1.0} else ""


def _response(formula: str, columns: tuple[str, ...]) -> tuple[str | None, bool]:
    """The column that is the response of a formula, and whether another has the failures."""
    from bayesreg.data.grammar import parse

    try:
        parsed = parse(formula, columns)
    except (BadArgument, SyntaxError):
        return None, False  # which is said when it is evaluated
    name = parsed.term_name(parsed.left).strip("`")
    return name if name in columns else None, parsed.lost is not None


def _named(options: Options) -> frozenset[str]:
    """Column names that the user gave, by which a header of numbers is known to be one."""
    single = (
        options.target, options.groups, options.weights, options.offset, options.exposure,
        options.trials,
    )  # fmt: skip
    quoted = re.findall(r"`([^`]*)`", options.formula or "")
    named = (*quoted, *options.drop, *options.pair, *options.factor, *options.number)
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
    if options.likelihood == GAUSSIAN and options.positive is options.exposure is options.trials:
        return False  # as most are, without loading a class
    from bayesreg.cli.priorspec import parse_likelihood

    found = parse_likelihood(str(options.likelihood), options.sigma, options.positive)
    try:
        found.refuse_known(exposure=options.exposure, trials=options.trials)
    except NotSupported as error:
        raise BadArgument(str(error)) from None
    return found.takes_labels


def designed(
    question: Question, priors: tuple[Prior, ...], log: Log
) -> tuple[Design | Streamed, Likelihood]:
    """The columns as a Design, coded as priors and likelihood need it, its notes said."""
    from bayesreg.cli.priorspec import parse_likelihood
    from bayesreg.model.model import read
    from bayesreg.priors import Flat

    options, selection = question.options, question.selection
    if question.source is not None:
        rows = _stream(options, question.source, priors)
        return rows, parse_likelihood(str(options.likelihood), options.sigma, None)
    assert selection is not None
    with log.listening():
        found = design(selection, reference=any(isinstance(p, Flat) for p in priors))
    for note in found.notes:
        log.note(note)
    guessed = question.guessed and options.likelihood == GAUSSIAN
    if guessed and (hint := _hint(found.y)):
        log.note(f"the response {found.y_name!r} {hint} (and --likelihood gaussian keeps this note "
                 "away)")  # fmt: skip
    labels = () if options.positive is None else found.classes or np.unique(found.y).tolist()
    likelihood = parse_likelihood(str(options.likelihood), options.sigma, options.positive, labels)
    where = f"{selection.table.name}, response {found.y_name!r}"
    try:
        coded, learnt = read(found, likelihood)
        learnt.check(coded.y, coded.known.facts(-1))
    except BadCell as error:
        raise BadData(f"{where}: {error.at(place(selection, error.row))}") from None
    except BadData as error:
        raise BadData(f"{where}: {error}") from None
    no, yes = learnt.classes_ or (0, 1)
    if (str(no), str(yes)) != ("0", "1"):  # which say it themselves
        log.note(f"the response {found.y_name!r} is read as 1 for {yes!r} and 0 for {no!r}")
    return coded, learnt


def _hint(y: Array) -> str:
    """What numbers may stand for that a Gaussian likelihood does not know."""
    low, high = float(y.min()), float(y.max())
    if low < high and np.all((y == low) | (y == high)):
        return (
            f"has two values only, {low:g} and {high:g}; if they stand for no and yes, run again "
            "with --likelihood bernoulli"
        )
    # As adequacy has it: whole numbers that come near 0, beside which a measurement does not.
    if 0.0 <= low <= NEAR_ZERO * high and np.all(y == np.floor(y)):
        return (
            f"holds whole numbers from {low:g} to {high:g}; if they are counts, run again with "
            "--likelihood poisson or negative_binomial"
        )
    return ""


def conditioned(question: Question, prior: Prior, log: Log) -> Problem:
    """One prior on the selected columns, conditioned as the options say."""
    from bayesreg.model.model import Model

    found, likelihood = designed(question, (prior,), log)
    with log.listening():
        return Model(prior, likelihood).condition(
            found,
            standardize=not question.options.raw,
            intercept=found.intercept is not False,
        )
