"""The data that a command is asked about: read, checked and conditioned, with every note said."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from bayesreg.cli.log import Log
from bayesreg.data import files as sources
from bayesreg.data.predictors import Roles, Selection, design, select
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.model.problem import Problem
    from bayesreg.priors import Prior


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every command on one data set asks, by the names of the options."""

    data: str
    target: str | None
    formula: str | None
    sigma: str | None
    raw: bool
    missing: str
    drop: tuple[str, ...]
    sep: str | None
    overwrite: bool
    quiet: bool


def asked(kind: Any, options: dict[str, Any]) -> Any:
    """The options of a command as a record whose parts, records themselves, take theirs.

    Examples
    --------
    >>> from bayesreg.cli.regularisation import Walk
    >>> names = {*Question.__annotations__, *Walk.__annotations__}
    >>> asked(Walk, dict.fromkeys(names, "x")).question.data
    'x'
    """
    hints = get_type_hints(kind)
    parts = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    return kind(**{
        name: asked(parts[name], options) if name in parts else options[name] for name in hints
    })  # fmt: skip


def selected(question: Question, *, groups: str | None = None) -> Selection:
    """Read the data and check the columns; no heavy library is imported for a file that fails.

    Parameters
    ----------
    question : Question
    groups : str, optional
        A column that says which rows belong together, and is no predictor.

    Returns
    -------
    Selection

    Raises
    ------
    BadArgument, BadData
        If DATA, the response or a column cannot be used.
    """
    if question.formula is not None and question.target is not None:
        raise BadArgument("--formula names the response itself; leave out --target")
    expected = frozenset({question.target} if question.target is not None else ())
    table, own = sources.read(question.data, question.sep, expected)
    target = question.target or own
    if question.formula is None and target is None:
        raise BadArgument(
            f"--target is missing: which column of {table.name} is the response? It has "
            f"{table.listed()}"
        )
    roles = Roles(
        target=target if question.formula is None else None,
        formula=question.formula,
        drop=question.drop,
        drop_missing=question.missing == "drop",
        groups=groups,
    )
    return select(table, roles)


def designed(selection: Selection, priors: tuple[Prior, ...], log: Log) -> Design:
    """The columns as a Design, coded as the priors need it, its notes said."""
    from bayesreg.priors import Flat

    with log.listening():
        found = design(selection, reference=any(isinstance(p, Flat) for p in priors))
    for note in found.notes:
        log.note(note)
    return found


def conditioned(question: Question, selection: Selection, prior: Prior, log: Log) -> Problem:
    """One prior on the selected columns, conditioned as the options say."""
    from bayesreg.cli.priorspec import parse_sigma
    from bayesreg.model.model import Model

    likelihood = parse_sigma(question.sigma)
    found = designed(selection, (prior,), log)
    with log.listening():
        return Model(prior, likelihood).condition(
            found, standardize=not question.raw, intercept=found.intercept is not False
        )


def described(problem: Problem, name: str) -> dict[str, Any]:
    """The facts of a problem, as the head of a report shows them."""
    from bayesreg.language.text import shortened

    facts = {
        "data": shortened(name, 60),
        "rows": f"{problem.moments.rows}",
        "columns": f"{len(problem.features)}",
    }
    if problem.design is not None:
        facts["response"] = shortened(problem.design.y_name, 40)
    facts["columns are"] = "standardised" if problem.standardize else "in original units"
    return facts
