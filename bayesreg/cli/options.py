"""The options of the commands: as one record, and as click asks for those that several share."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import click
from click.core import ParameterSource

from bayesreg.language import families

Decorator = Callable[[Any], Any]

PRIOR_NAMES = ", ".join(families.spoken(families.PRIORS))
LIKELIHOOD_NAMES = ", ".join(families.spoken(families.LIKELIHOODS))
AUTO = "auto"
GAUSSIAN, BERNOULLI, BINOMIAL = map(families.snake, ("Gaussian", "Bernoulli", "Binomial"))

PROPER_SIGMA = "inverse_gamma_squared(3,2)"  # of validate, which draws σ from its prior


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked, by the names of the options; what a command does not know is left as here."""

    data: str = ""
    fit: str = ""
    target: str | None = None
    formula: str | None = None
    missing: str = "error"
    drop: tuple[str, ...] = ()
    pair: tuple[str, ...] = ()  # --columns of demo
    sep: str | None = None
    decimal: str = "."
    thousands: str | None = None
    na: tuple[str, ...] = ()
    encoding: str | None = None
    comment: str | None = None
    skip: int = 0
    factor: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    weights: str | None = None
    raw: bool = False
    offset: str | None = None
    exposure: str | None = None
    trials: str | None = None
    likelihood: str | None = None
    positive: str | None = None
    sigma: str | None = None
    priors: str = ""
    prior: str = ""
    calibrate: str | None = None
    engine: str | None = None
    engines: str | None = None
    draws: int = 1000
    chains: int = 4
    seed: int | None = None
    level: float = 0.95
    within: float | None = None  # --level of predict, which not every fit has
    verify: bool | None = None
    strict: bool = False
    l1_ratio: float | None = None
    count: int = 100  # --n
    lams: str | None = None
    by: str | None = None
    folds: int = 10
    repeats: int = 5
    groups: str | None = None
    rows: int = 10
    columns: int = 8
    quick: bool = False
    save: str | None = None
    out: str | None = None
    export: str | None = None
    title: str | None = None
    author: str | None = None
    overwrite: bool = False
    json: bool = False
    quiet: bool = False
    command: str = ""  # the line that asks for the same again


def again(context: click.Context) -> str:
    """The command line that asks for the same again: what was given, and the rest as it was.

    Examples
    --------
    >>> @click.command("path")
    ... @click.argument("data")
    ... @click.option("--n", "count", type=int, default=100)
    ... @click.pass_context
    ... def demo(context, data, count):
    ...     print(again(context))
    >>> demo.main(["my data.csv", "--n", "5"], "path", standalone_mode=False)
    path 'my data.csv' --n 5
    """
    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        value = context.params.get(name)
        if isinstance(parameter, click.Argument):
            words.append(str(value))
        elif given and isinstance(value, bool):
            names = parameter.opts if value else parameter.secondary_opts
            words += names[:1]
        elif given:
            for one in value if isinstance(value, tuple) else (value,):
                words += [parameter.opts[0], str(one)]
    return shlex.join(words)


def together(*decorators: Decorator) -> Decorator:
    """Several decorators as one; ``--help`` lists their options in this order."""

    def decorate(function: Any) -> Any:
        return reduce(lambda made, one: one(made), reversed(decorators), function)

    return decorate


likelihood = click.option(
    "--likelihood",
    metavar="SPEC",
    help=f"How the response varies: auto, {LIKELIHOOD_NAMES}; or with arguments, such as "
    "'student_t(df=4)'. Unsaid or auto, bernoulli for text of two kinds, true and false, or 0 "
    "and 1 alone; binomial for cbind(won, lost) ~ …; as a data set of ours says; else gaussian: "
    "counts are never guessed.",
)


missing = click.option(
    "--missing", type=click.Choice(["error", "drop"]), default="error", show_default=True,
    help="Refuse missing cells, or leave out their rows and say how many.",
)  # fmt: skip

cells = together(
    click.option(
        "--sep", metavar="CHAR",
        help="Separator of a CSV file, such as ';', 'tab' or 'blank'; unsaid, found in its lines.",
    ),
    click.option(
        "--decimal", metavar="CHAR", default=".", show_default=True, help="Decimal point."
    ),
    click.option(
        "--thousands", metavar="CHAR", help="What groups digits, such as ',' or 'blank'."
    ),
    click.option(
        "--na", multiple=True, metavar="LIST",
        help="Cells that mean missing, such as '?,.,-999', beside empty ones; may be repeated. "
        "'' for empty ones only. Unsaid: NA, NaN, NULL, None and their like.",
    ),
    click.option(
        "--encoding", metavar="NAME", help="Such as latin-1 or utf-16; UTF-8 unless said."
    ),
    click.option("--comment", metavar="CHAR", help="Leave out lines that begin so, such as '#'."),
    click.option(
        "--skip", type=click.IntRange(min=0), default=0, help="Lines above the header."
    ),
)  # fmt: skip

known = together(
    click.option(
        "--offset", metavar="COL", help="A known part of the linear predictor; no predictor."
    ),
    click.option(
        "--exposure", metavar="COL",
        help="Of counts: time, area or people, whose log is an offset; no predictor.",
    ),
    click.option(
        "--trials", metavar="COL",
        help="Of how many trials a binomial response counts the successes; no predictor.",
    ),
)  # fmt: skip

asking = together(
    click.option("--target", metavar="NAME", help="The response; needed for files."),
    click.option("--formula", metavar="TEXT", help="Such as 'y ~ x + C(g)', instead of --target."),
    likelihood,
    click.option(
        "--positive", metavar="LABEL",
        help="Which label of a yes/no response is yes; unsaid, the second as "
        "the file orders them, else in sorted order.",
    ),
    click.option(
        "--sigma", metavar="SPEC", help="Noise sd: a number, or such as 'half_normal(50)'."
    ),
    click.option("--raw", is_flag=True, help="Do not standardise the columns."),
    missing,
    click.option(
        "--drop", multiple=True, metavar="COL", help="Leave out a column; may be repeated."
    ),
    click.option("--weights", metavar="COL", help="Row i counts COL[i] times; no predictor."),
    known,
    click.option(
        "--factor", multiple=True, metavar="COL",
        help="Read a column, such as one of codes, as a factor; may be repeated.",
    ),
    click.option(
        "--number", multiple=True, metavar="COL",
        help="Read codes such as 007, or what looks like an identifier, as numbers; may be "
        "repeated.",
    ),
    cells,
)  # fmt: skip

data = together(click.argument("data"), asking)

along_lam = together(
    click.option(
        "--prior", default="laplace", show_default=True, metavar="SPEC",
        help="normal or ridge, laplace or lasso, elastic_net: a name, or such as "
        "'elastic_net(mix=0.3)'. Its scale is what moves.",
    ),
    click.option(
        "--l1-ratio", type=float, metavar="R",
        help="The classical ray λ₁ = Rλ, λ₂ = (1 − R)λ, instead of the prior's own scale family.",
    ),
    click.option(
        "--n", "count", type=click.IntRange(min=1), default=100, show_default=True,
        help="How many λ's.",
    ),
    click.option("--lams", metavar="LIST", help="These λ's, such as '1,10,100', instead."),
    click.option(
        "--out", metavar="FILE",
        help="Write a page (.html, .md, .json), the figure (.svg, .png) or the numbers (.csv).",
    ),
    click.option("--title", help="Title of the page."),
    click.option("--author", help="Author of the page."),
)  # fmt: skip

ending = together(
    click.option("--overwrite", is_flag=True, help="Replace files that bayesreg did not write."),
    click.option("--json", is_flag=True, help="Print the results as JSON."),
    click.option("--quiet", is_flag=True, help="Nothing on stderr but errors."),
    click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error."),
)
