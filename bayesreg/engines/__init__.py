"""Engines: from a Problem to Draws; those that need one quadratic for ever are in `gaussian`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from bayesreg.engines.kernel import Engine

# Each engine once, the fastest first: whoever names, lists or tries engines reads this table.
ENGINES = {
    "exact": "bayesreg.gaussian.exact",
    "direct": "bayesreg.gaussian.direct",
    "tilted": "bayesreg.gaussian.tilted",
    "independent": "bayesreg.engines.importance",
    "streamed": "bayesreg.engines.in_passes",
    "tangent": "bayesreg.engines.laplace_tangent",
    "gibbs": "bayesreg.engines.gibbs",
    "hmc": "bayesreg.engines.hmc",
    "nuts": "bayesreg.engines.nuts",
}


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
