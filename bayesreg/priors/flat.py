"""Flat: no prior at all on a coefficient, treated as the intercept is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Prior


@explained
@dataclass(frozen=True, repr=False)
class Flat(Prior):
    r"""The improper flat prior, p(β) ∝ 1 on the real line; as a prior for σ, p(σ) ∝ 1.

    A flat column is not penalised: it is projected out of y and of the other columns, as the
    intercept is, and put back afterwards. Its posterior exists only where the column is identified
    by the data.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., §14.2.

    Examples
    --------
    >>> Flat()
    Flat()
    """

    # No scale, unit or location: class attributes, so that Flat() takes no arguments.
    scale = None
    unit = None
    loc = 0.0
    relative = None

    def log_density(self, b: ArrayLike, scale: ArrayLike = 1.0) -> Array:
        """Zero everywhere: the density is 1 per unit of the original column."""
        return np.zeros(np.shape(b))

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike = 1.0
    ) -> Array:
        """Refused: nothing can be drawn from an improper distribution."""
        raise NotSupported(
            "Flat() is improper, so nothing can be drawn from it; fix the coefficient or give it "
            "a proper prior"
        )

    def node(self, name: str, scale: Any = None, dims: str | None = None) -> Any:
        """``pm.Flat``."""
        import pymc as pm

        return pm.Flat(name, dims=dims)
