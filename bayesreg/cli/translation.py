"""What ``bayesreg translate`` does: read a library's arguments, and the data where they matter."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from bayesreg.cli.exits import printable
from bayesreg.cli.log import Log
from bayesreg.cli.options import AUTO, Options
from bayesreg.language.errors import BadArgument, NotSupported

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

_WORDS = {"TRUE": True, "FALSE": False, "true": True, "false": False, "inf": float("inf")}


def run(
    options: Options,
    source: str,
    arguments: tuple[str, ...],
    target: str,
    *,
    standardize: bool | None = None,
    **facts: float | None,
) -> int:
    """Answer ``bayesreg translate``; the exit code is 0."""
    from bayesreg.cli.priorspec import parse_likelihood
    from bayesreg.verbs.translate import translate

    said = _arguments(arguments)
    data = _problem(options) if options.data else None
    own = options.likelihood
    settled: dict[str, Any] = {
        "sigma": None if options.sigma is None else _number(options.sigma),
        "likelihood": None if own in (None, AUTO) else parse_likelihood(str(own), None, None),
        "standardize": standardize,
        **facts,
    }
    with _in_options():
        found = translate(source, target, data=data, **(settled | said))
    if options.json:
        content = {
            "target": found.target,
            "arguments": dict(found),
            "objective": found.objective,
            "source_objective": found.source_objective,
            "canonical": found.canonical,
            "needs": found.needs,
            "limits": found.limits,
            "checked": found.checked,
            "source_checked": found.source_checked,
            "call": found.call,
        }
        click.echo(json.dumps(content, ensure_ascii=False, indent=2))
    else:
        for line in repr(found).splitlines():
            click.echo(printable(line))
    return 0


@contextmanager
def _in_options() -> Iterator[None]:
    """Advice in the words of the shell."""
    try:
        yield
    except (BadArgument, NotSupported) as error:
        said = re.sub(r"say (n|sd_y|rms_y|sigma)=", _option, str(error))
        said = said.replace("give the data", "give --data")
        raise type(error)(said.replace("standardize=True", "--standardize")) from None


def _option(found: re.Match[str]) -> str:
    return f"say --{found[1].replace('_', '-')}"


def _arguments(texts: tuple[str, ...]) -> dict[str, Any]:
    """The source's arguments, each once; what is said by an option is none."""
    said: dict[str, Any] = {}
    for text in texts:
        name, value = _argument(text)
        if name in said:
            raise BadArgument(f"{name}= is said twice: once is enough")
        if name in OURS:
            raise BadArgument(f"{name}= is no argument of a library; {OURS[name]}")
        said[name] = value
    return said


# Parameters of br.translate and br.explain beside the library's own, and what says them here.
OURS = {
    **dict.fromkeys(("n", "rms_y", "sd_y"), "say --n, --sd-y or --rms-y"),
    **dict.fromkeys(("data", "X", "y"), "say --data and --target"),
    **dict.fromkeys(("weights", "sample_weight"), "say --data and --weights"),
    "sigma": "say --sigma",
    "likelihood": "say --likelihood",
    "delta": "effects are counted beyond 0.1 sd of the noise",
}


def _argument(text: str) -> tuple[str, Any]:
    """``alpha=0.1`` as a name and a value; a word that is no literal is text.

    Examples
    --------
    >>> _argument("alpha=0.1"), _argument("standardize=FALSE"), _argument("family=binomial")
    (('alpha', 0.1), ('standardize', False), ('family', 'binomial'))
    """
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals and value):
        raise BadArgument(f"arguments are written as alpha=0.1, not {text!r}")
    if value in _WORDS:
        return name, _WORDS[value]
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadArgument(f"--sigma must be a number here, not {text!r}") from None


def _problem(options: Options) -> Problem:
    """The data, under any prior: what is asked of them are N and the sd of y."""
    from bayesreg.cli.question import asked, conditioned
    from bayesreg.priors import Normal

    log = Log(quiet=options.quiet)
    return conditioned(asked(options, log), Normal(1.0), log)
