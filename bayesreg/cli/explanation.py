"""What ``bayesreg explain`` does: read a constructor call, and say which prior it is."""

from __future__ import annotations

import ast
import json
from typing import Any

import click

from bayesreg.cli.exits import printable
from bayesreg.cli.log import Log
from bayesreg.cli.options import Options
from bayesreg.cli.translation import OURS
from bayesreg.conventions import NAMES
from bayesreg.conventions.estimators import ESTIMATORS
from bayesreg.conventions.refused import REFUSED
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, NotSupported


def run(options: Options, call: str) -> int:
    """Answer ``bayesreg explain``; the exit code is 0."""
    import pandas as pd

    from bayesreg.cli.question import asked, designed
    from bayesreg.data.design import Design
    from bayesreg.priors import Normal
    from bayesreg.verbs.explain import explain

    name, arguments, scaled = parse_call(call)
    log = Log(quiet=options.quiet)
    design, _ = designed(asked(options, log), (Normal(1.0),), log)
    if not isinstance(design, Design):
        raise NotSupported(
            "explain needs all rows in memory, and these are read in passes; give a part of them"
        )
    X = pd.DataFrame(design.X, columns=list(design.names))
    own = {"standardize": True} if scaled else {}
    sigma = None if options.sigma is None else _number(options.sigma)
    found = explain(
        name, X, design.response, sample_weight=design.weights, sigma=sigma, **own, **arguments
    )
    if options.json:
        click.echo(json.dumps(_content(call, found), ensure_ascii=False, indent=2))
        return 0
    for line in repr(found).splitlines():
        if not line.startswith("  problem    br."):  # which is advice for Python
            click.echo(printable(line))
    return 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadArgument(f"--sigma must be a number here, not {text!r}") from None


def _content(call: str, found: Any) -> dict[str, Any]:
    """The same as numbers."""
    drawn = found.expected
    return {
        "estimator": call,
        "objective": found.assumed.stated,
        "canonical": found.assumed.objective,
        "prior": repr(found.prior),
        "standardize": found.assumed.standardize,
        "positive": found.positive,
        "intercept": found.intercept,
        "sigma": found.sigma,
        "r2": None if drawn is None else float(drawn.r2.mean()),
        "effects": None if drawn is None else float(drawn.above(found.delta).mean()),
        "delta": found.delta,
        "columns": found.table.reset_index().to_dict("records"),
        "why_no_problem": found.why_no_problem or None,
    }


def parse_call(text: str) -> tuple[str, dict[str, Any], bool]:
    """The function of a constructor call, its arguments, and whether a StandardScaler is first.

    Raises
    ------
    BadArgument
        If it is no such call, an argument is no literal, or the class is not known.

    Examples
    --------
    >>> parse_call("Lasso(alpha=0.1)")
    ('sklearn.Lasso', {'alpha': 0.1}, False)
    >>> parse_call("make_pipeline(StandardScaler(), celer.Lasso(alpha=2))")
    ('celer.Lasso', {'alpha': 2}, True)
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        node = ast.Constant(None)
    if not (isinstance(node, ast.Call) and _dotted(node.func)):
        raise BadArgument(f"--estimator must be such as 'Lasso(alpha=0.1)', not {text!r}")
    if _dotted(node.func).rpartition(".")[2] == "make_pipeline":
        return _pipeline(node, text)
    if node.args or any(one.arg is None for one in node.keywords):
        raise BadArgument(f"--estimator: name the arguments, as in Lasso(alpha=0.1), not {text!r}")
    names = [str(one.arg) for one in node.keywords]
    for place, name in enumerate(names):
        if name in OURS:
            raise BadArgument(f"--estimator: {name}= is none of its arguments; {OURS[name]}")
        if name in names[:place]:
            raise BadArgument(f"--estimator: {name}= is said twice; once is enough")
    try:
        said = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
    except ValueError:
        raise BadArgument(
            f"--estimator: arguments are numbers, texts, true or false, not {text!r}"
        ) from None
    return _known(_dotted(node.func)), said, False


def _pipeline(node: ast.Call, text: str) -> tuple[str, dict[str, Any], bool]:
    """make_pipeline(StandardScaler(), …), and no other steps."""
    first, *rest = [ast.unparse(one) for one in node.args] or [""]
    if len(rest) != 1 or not first.endswith("StandardScaler()") or node.keywords:
        raise BadArgument(
            "--estimator: a pipeline is make_pipeline(StandardScaler(), Ridge(alpha=2)) and the "
            f"like, not {text!r}"
        )
    name, said, twice = parse_call(rest[0])
    if twice:
        raise BadArgument("--estimator: two StandardScalers in a row; leave one out")
    return name, said, True


def _dotted(node: ast.expr) -> str:
    """A name with the rooms before it; empty where it is none."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _known(name: str) -> str:
    """The function of a class, of scikit-learn unless another library is named."""
    first, _, last = name.rpartition(".")
    library = first.partition(".")[0] or "sklearn"
    full = f"{library}.{last}"
    reading = ESTIMATORS.get(full)
    if reading is not None and any(one.endswith("_") for one in reading.takes.values()):
        raise BadArgument(
            f"--estimator: {last} chooses its λ when it is fitted; say {reading.record} with what "
            "it chose, or br.explain(fitted, X, y) in Python"
        )
    if reading is not None and reading.record:
        return reading.record
    if name in NAMES:
        return name
    if full in REFUSED:
        raise NotSupported(f"--estimator: {full} is not known: {REFUSED[full]}")
    raise BadArgument(f"--estimator: {full} is not known{did_you_mean(full, ESTIMATORS)}")
