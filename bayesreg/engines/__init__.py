"""Engines: from a Problem to Draws; those that need one quadratic for ever are in `gaussian`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from bayesreg.engines.kernel import Engine
    from bayesreg.model.problem import Problem

# Each engine once, the fastest first: whoever names, lists or tries engines reads this table.
ENGINES = {
    "exact": "bayesreg.gaussian.exact",
    "direct": "bayesreg.gaussian.direct",
    "tilted": "bayesreg.gaussian.tilted",
    "independent": "bayesreg.engines.importance",
    "streamed": "bayesreg.engines.in_passes",
    "laplace": "bayesreg.engines.normal_approximation",
    "tangent": "bayesreg.engines.laplace_tangent",
    "gibbs": "bayesreg.engines.gibbs",
    "hmc": "bayesreg.engines.hmc",
    "nuts": "bayesreg.engines.nuts",
}

# Those of a likelihood that is one quadratic, and why they are asked.
OF_QUADRATICS = (
    ("exact", "the posterior is conjugate: independent draws from its closed form"),
    ("direct", "normal prior: independent draws by quadrature over the hyperparameters"),
    ("tilted", "a Gaussian envelope at the lasso's MAP, whose proposals are accepted often"),
    ("gibbs", "the prior is a scale mixture of normals: blocked Gibbs"),
)


def fastest_of_quadratics(problem: Problem) -> tuple[str, str] | None:
    """The first engine that serves a likelihood that is one quadratic, and why; None if none."""
    served = (one for one in OF_QUADRATICS if engine_named(one[0]).supports(problem) is None)
    return next(served, None)


def engine_named(name: str) -> Engine:
    """The module of an engine.

    Raises
    ------
    BadArgument
        If no engine has that name.
    """
    if name not in ENGINES:
        raise BadArgument(f"engine must be one of {', '.join(ENGINES)}, not {name!r}")
    return cast("Engine", import_module(ENGINES[name]))
