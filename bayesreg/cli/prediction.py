"""What ``bayesreg predict`` does: load a result, read new rows as at the fit, predict them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayesreg.cli.exits import asked_of
from bayesreg.cli.log import Log
from bayesreg.cli.options import Options
from bayesreg.cli.question import format_of
from bayesreg.cli.screen import print_files, print_sentences, print_table, read_or_not
from bayesreg.data import files as sources
from bayesreg.data.cells import Table as Cells
from bayesreg.data.stores.read import grouped
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem

LEVEL = 0.95


def run(options: Options) -> int:
    """Answer ``bayesreg predict``; the exit code is 0."""
    from bayesreg.report.target import check_target
    from bayesreg.verbs.load import load

    log = Log(quiet=options.quiet)
    if options.out is not None:
        check_target(options.out, overwrite=options.overwrite, endings=(".csv", ".parquet"))
    result = _asked(load(options.fit), options)
    if options.out is not None and Path(options.out).suffix.lower() == ".parquet":
        return _in_batches(result, options, log)
    problem = _problem(result)
    frame, rows, known = _new_rows(options, problem, log)
    with log.listening():
        found, how = _predicted(result, frame, options, known)
    found.index = rows + 1
    if options.json:
        _print_json(found, how, _response(problem, known))
    else:
        _print(found, how, _response(problem, known), Path(options.data).name)
    print_files(options, _file(options, found))
    return 0


def _in_batches(result: Any, options: Options, log: Log) -> int:
    """Rows of Parquet files, predicted as they are read."""
    if hasattr(result, "entries"):
        raise BadArgument(
            "--out to a .parquet file is of one prior; name it with --prior, or write .csv"
        )
    if options.missing == "drop":
        raise BadArgument("--missing drop: a .parquet file has a prediction for every row")
    if options.json:
        raise BadArgument("--json: a .parquet file has the rows; leave one of them out")
    known = _known(options)
    given: dict[str, Any] = {"out": options.out, "overwrite": options.overwrite, **known}
    if options.within is not None or not hasattr(result, "certificate"):
        given["level"] = LEVEL if options.within is None else options.within
    if not hasattr(result, "certificate"):
        given["return_std"] = True
    with log.listening():
        found = result.predict(options.data, **given)
    response = _response(_problem(result), known)
    print_sentences([f"{response!r} in {grouped(found.rows)} rows of {found.label}."])
    print_files(options, [("predictions", found.path)])
    return 0


def _asked(result: Any, options: Options) -> Any:
    """The posterior of one prior of a comparison, or the result itself."""
    several = hasattr(result, "entries")
    if not several and not hasattr(result, "problem"):
        raise BadArgument(
            f"{options.fit!r} holds moments, which are sums of rows and predict nothing; give a fit"
        )
    for option, given in (("--prior", options.prior), ("--weights", options.weights)):
        if given and not several:
            raise BadArgument(f"{option}: {options.fit!r} is no comparison; leave it out")
    if options.prior and options.weights:
        raise BadArgument("--prior and --weights: one prior alone has no weights; give one of them")
    if not options.prior:
        return result
    with asked_of("--prior"):
        return result[options.prior].post


def _problem(result: Any) -> Problem:
    entries = getattr(result, "entries", None)
    found: Problem = next(iter(entries.values())).problem if entries else result.problem
    return found


def _known(options: Options) -> dict[str, str]:
    """The columns of what is known of rows, by what it is."""
    said = {"offset": options.offset, "exposure": options.exposure, "trials": options.trials}
    return {what: name for what, name in said.items() if name is not None}


def _new_rows(options: Options, problem: Problem, log: Log) -> tuple[Any, Any, dict[str, Any]]:
    """The variables of the fit in the rows of the file, which have them all, what is beside."""
    from bayesreg.data.new_rows import needed, new_rows
    from bayesreg.data.variables import NUMBER, Variable

    design, beside = problem.layout, _known(options)
    if design is not None and not (options.offset or options.exposure):
        beside = {**design.beside, **beside}
    variables = needed(design, problem.features)
    own = {one.name for one in variables}
    more = dict.fromkeys(name for name in beside.values() if name not in own)
    variables = (*variables, *(Variable(name, NUMBER) for name in more))
    form = format_of(options)

    def read(factors: frozenset[str], numbers: frozenset[str]) -> Cells:
        names = frozenset(one.name for one in variables)
        how = replace(form, factors=factors, numbers=numbers)
        return sources.read(options.data, options.sep, names, how)[0]

    named = design is None or design.named or design.spec is not None or bool(beside)
    drop = options.missing == "drop"
    frame, rows, notes = new_rows(read, variables, beside, named=named, drop_missing=drop)
    for note in notes:
        log.note(note)
    known = {what: frame[name].to_numpy(float) for what, name in beside.items()}
    frame = frame.drop(columns=list(more))
    if design is not None and (named or set(frame.columns) == set(design.names)):
        return frame, rows, known
    return frame.to_numpy(float), rows, known


def _predicted(
    result: Any, frame: Any, options: Options, known: dict[str, Any]
) -> tuple[pd.DataFrame, str]:
    """Mean, sd and interval, as far as the result has them, and of what, in words."""
    import pandas as pd

    level = options.within
    if hasattr(result, "certificate"):
        if level is not None:
            return result.predict(frame, level=level, **known), "by the optimum, its noise alone"
        return pd.DataFrame({"mean": result.predict(frame, **known)}), "by the optimum"
    level = LEVEL if level is None else level
    if not hasattr(result, "entries"):
        return result.predict(frame, True, level=level, **known), "by the posterior"
    weights = _weights(options.weights)
    found = result.predict(frame, True, level=level, weights=weights, **known)
    shares = ", ".join(f"{name} {share:.2f}" for name, share in result.shares(weights).items())
    return found, f"by all priors together (weights {shares})"


def _weights(text: str | None) -> Any:
    """Words, or numbers by the names of priors."""
    if text is None or "=" not in text:
        return text
    found = {}
    for part in text.split(","):
        name, _, value = part.rpartition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise BadArgument(
                f"--weights: {part.strip()!r} is not NAME=NUMBER; write such as "
                "'ridge=0.7,lasso=0.3', stacking or equal"
            ) from None
    return found


def _response(problem: Problem, known: dict[str, Any]) -> str:
    """What is predicted: the response, or the probability of one of its labels or of a success."""
    name = problem.moments.y_name
    if problem.likelihood.takes_trials and "trials" not in known:
        return f"P(success) of {name}"
    classes = problem.classes_
    return name if classes is None else f"P({name} = {classes[1]})"


def _print(found: pd.DataFrame, how: str, response: str, name: str) -> None:
    from bayesreg.report.table import Column, Table

    columns = (
        Column("row", "row", "integer"),
        *(Column(str(one), str(one), "number") for one in found.columns),
    )
    rows = tuple((int(row), *map(float, values)) for row, *values in found.itertuples())
    print_sentences([f"{response!r} in {len(found)} rows of {name}, {how}."])
    print_table(Table("predictions", "Predictions", columns, rows))


def _print_json(found: pd.DataFrame, how: str, response: str) -> None:
    rows = [
        {"row": int(row), **dict(zip(map(str, found.columns), map(float, values), strict=True))}
        for row, *values in found.itertuples()
    ]
    said = {"response": response, "predicted": how, "rows": rows}
    with read_or_not():
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))


def _file(options: Options, found: pd.DataFrame) -> Iterator[tuple[str, Path]]:
    """Write all rows as CSV, numbers as they are."""
    if options.out is not None:
        from bayesreg.report.target import write_file

        target = Path(options.out)
        text = found.to_csv(index_label="row", lineterminator="\n")
        write_file(target, text.encode("utf-8"))
        yield "predictions", target
