"""Local variances drawn given coefficients, for runs that kept none; compiled, so loaded late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import LAWS
from bayesreg.engines.loops.local_laws import draw_local
from bayesreg.engines.loops.tables import with_slacks
from bayesreg.engines.loops.tabulated import draw_tabulated
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled
from bayesreg.priors import ScaleMixture
from bayesreg.priors.mixing import tabulated

# Laws whose t of one group depends on nothing but the coefficients of that group.
ALONE = frozenset(LAWS) - {"slab", "dirichlet"}


def local_variances(
    prior: ScaleMixture, x: Array, sizes: NDArray[np.intp], rng: np.random.Generator
) -> Array:
    """Draw t (…, G) given x = ‖b_g/s‖² (…, G) of groups of `sizes` columns; a law in `ALONE`."""
    mixing, flat = prior.mixing, np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    if mixing.law == "tabulated":
        law = with_slacks(tabulated(prior.log_mixing))
        return np.asarray(draw_by_table(law, flat, sizes.astype(float), rng)).reshape(x.shape)
    first, second = (*mixing.parameters, 0.0, 0.0)[:2]
    return np.asarray(
        _draw(LAWS[mixing.law], first, second, flat, sizes.astype(float), rng)
    ).reshape(x.shape)


@compiled
def _draw(
    law: int, first: float, second: float, x: Array, sizes: Array, rng: np.random.Generator
) -> Array:
    out = np.empty(x.shape)
    for i in range(x.shape[0]):
        for g in range(x.shape[1]):
            out[i, g] = draw_local(law, first, second, x[i, g], sizes[g], rng)
    return out


@compiled
def draw_by_table(law: Array, x: Array, sizes: Array, rng: np.random.Generator) -> Array:
    """Draw t (N, G) given x (N, G) under a law known by its table, a row of `tables.laws`."""
    out = np.empty(x.shape)
    for i in range(x.shape[0]):
        for g in range(x.shape[1]):
            out[i, g] = draw_tabulated(law, x[i, g], sizes[g], rng)
    return out
