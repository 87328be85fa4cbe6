r"""Independent draws of a conjugate posterior on sparse columns: perturb the data, then solve.

With Λ = D⁻², D the prior sds in units of σ, ε ~ N(0, I_n) and z ~ N(0, I_p),

    (X̃'X̃ + Λ) b = X̃'(ỹ + σε) + σΛ^½ z    has    b ~ N(A⁻¹X̃'ỹ, σ²A⁻¹),  A = X̃'X̃ + Λ

(Papandreou & Yuille 2010, "Gaussian sampling by local perturbations", NIPS). Each draw is one run
of conjugate gradients from the mode, so that what they leave is far below the spread of the draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.engines.chains import Output
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.solvers.conjugate_gradients import normal_equations, ridge

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

ENOUGH = 1e-10  # of the gradient at 0, to which each draw is solved
MOST = 2**28  # coefficients in all draws of a run: 2 GiB


@dataclass(frozen=True, eq=False)
class Perturbed:
    """The mode, and what draws about it need.

    Attributes
    ----------
    problem : Problem
    weights : ndarray (p,)
        Λ in units of the columns as they are.
    mode : ndarray (p,)
        The posterior mean, in the same units.
    shape, rate : float
        σ² ~ IG(shape, rate); NaN where σ is known.
    """

    problem: Problem
    weights: Array
    mode: Array
    shape: float
    rate: float

    @classmethod
    def of(cls, problem: Problem, sd: Array) -> Perturbed:
        """From prior sds (p,) in units of σ."""
        quadratic = problem.quadratic
        columns, size = quadratic.columns, quadratic.divisor
        assert columns is not None
        weights = np.square(size / sd)
        mode, _ = ridge(columns, weights, np.zeros(problem.p))
        shape, rate = math.nan, math.nan
        if problem.sigma is None:
            assert problem.sigma_prior is not None
            assert problem.sigma_prior.inverse_gamma is not None
            a, b = problem.sigma_prior.inverse_gamma
            r = columns.residual(mode)
            shape = a + 0.5 * problem.nu
            rate = b + 0.5 * float(r @ r + weights @ np.square(mode))
        return cls(problem, weights, mode, shape, rate)

    def draw(self, rng: np.random.Generator, size: int) -> Output:
        """`size` independent draws of b and σ."""
        problem = self.problem
        if size * problem.p > MOST:
            raise NotSupported(
                f"{size} draws of {problem.p} coefficients a chain are "
                f"{size * problem.p * 8 / 2**30:.1f} GiB; ask for fewer draws"
            )
        if problem.sigma is None:
            sigma = np.sqrt(self.rate / rng.standard_gamma(self.shape, size))
        else:
            sigma = np.full(size, problem.sigma)
        b = np.empty((size, problem.p))
        for row, one in zip(b, sigma, strict=True):
            row[:] = self._one(rng, float(one))
        return {"b": b, "sigma": sigma, "scale": np.zeros((size, 0))}

    def _one(self, rng: np.random.Generator, sigma: float) -> Array:
        """One draw of b given σ."""
        columns, size = self.problem.quadratic.columns, self.problem.quadratic.divisor
        assert columns is not None
        y = columns.y + sigma * rng.standard_normal(len(columns.y))
        shift = sigma * np.sqrt(self.weights) * rng.standard_normal(len(self.weights))
        gamma, _ = normal_equations(columns, self.weights, y, shift, self.mode, ENOUGH)
        return np.asarray(gamma * size)
