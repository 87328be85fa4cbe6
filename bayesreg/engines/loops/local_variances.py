"""Local variances drawn given coefficients, for runs that kept none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import LAWS
from bayesreg.engines.loops.tables import with_slacks
from bayesreg.engines.strands.local_laws import draw_local
from bayesreg.language.arguments import Array
from bayesreg.priors import ScaleMixture
from bayesreg.priors.mixing import tabulated

# Laws whose t of one group depends on nothing but the coefficients of that group.
ALONE = frozenset(LAWS) - {"slab", "dirichlet"}


def local_variances(
    prior: ScaleMixture, x: Array, sizes: NDArray[np.intp], rng: np.random.Generator
) -> Array:
    """Draw t (…, G) given x = ‖b_g/s‖² (…, G) of groups of `sizes` columns; a law in `ALONE`."""
    mixing, counts = prior.mixing, sizes.astype(float)
    if mixing.law == "tabulated":
        from bayesreg.engines.loops.tabulated import draw_by_table

        flat = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
        law = with_slacks(tabulated(prior.log_mixing))
        return np.asarray(draw_by_table(law, flat, counts, rng)).reshape(x.shape)
    if mixing.law == "constant":
        return np.ones(x.shape)
    first, second = (*mixing.parameters, 0.0, 0.0)[:2]
    return draw_local(LAWS[mixing.law], first, second, x, counts, rng)
