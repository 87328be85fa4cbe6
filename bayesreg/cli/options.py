"""The options that several commands share, said once."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

Decorator = Callable[[Any], Any]

PRIOR_NAMES = (
    "normal or ridge, laplace or lasso, elastic_net, student_t, cauchy, bridge, horseshoe, "
    "horseshoe_plus, regularized_horseshoe, normal_gamma, r2d2, flat"
)


def together(*decorators: Decorator) -> Decorator:
    """Several decorators as one; ``--help`` lists their options in this order."""

    def decorate(function: Any) -> Any:
        return reduce(lambda made, one: one(made), reversed(decorators), function)

    return decorate


data = together(
    click.argument("data"),
    click.option("--target", metavar="NAME", help="The response; needed for files."),
    click.option("--formula", metavar="TEXT", help="Such as 'y ~ x + C(g)', instead of --target."),
    click.option(
        "--sigma", metavar="SPEC", help="Noise sd: a number, or such as 'half_normal(50)'."
    ),
    click.option("--raw", is_flag=True, help="Do not standardise the columns."),
    click.option(
        "--missing", type=click.Choice(["error", "drop"]), default="error", show_default=True,
        help="Refuse missing cells, or leave out their rows and say how many.",
    ),
    click.option(
        "--drop", multiple=True, metavar="COL", help="Leave out a column; may be repeated."
    ),
    click.option("--sep", metavar="CHAR", help="Separator of a CSV file, such as ';' or 'tab'."),
)  # fmt: skip

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
