"""The optima of all training sets of a cross-validation, several at once where that is cheaper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.criteria.training_moments import Fold
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.solvers import lockstep
from bayesreg.solvers.path import Ray, one_block, solve_path

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Solve = Callable[["Problem", Array, float], tuple[Array, Any]]
WIDEST = 512  # columns up to which a lasso takes its knots in step with those of other folds
NUMBERS = 2**23  # in the Gram matrices that do so together: 64 MiB


@dataclass(frozen=True, eq=False)
class Optima:
    """How training sets are fitted: at which λ's and σ, by what, along which ray.

    Attributes
    ----------
    problem : Problem
        On all rows.
    lams : ndarray (L,)
    sigma : float
    solver : callable or None
        In place of the package's own.
    l1_ratio : float or None
    """

    problem: Problem
    lams: Array
    sigma: float
    solver: Solve | None = None
    l1_ratio: float | None = None

    def __post_init__(self) -> None:
        if self.solver is not None and self.l1_ratio is not None:
            raise BadArgument("l1_ratio goes with the path of λ, not with a solver of your own")

    def of(self, folds: Iterable[Fold], *, per_row: bool) -> Iterator[tuple[Fold, Problem, Array]]:
        """Each fold with its training problem and the optima b (L, p) there.

        With `per_row` λ is proportional to the weight of the training set, and σ² with it, so that
        every λ₂ of a scale family is too.
        """
        size = max(1, NUMBERS // max(1, self.problem.p) ** 2) if self._in_step else 1
        seen = 0
        for batch in batched(folds, size):
            ones = [self._training(fold, seen + k) for k, fold in enumerate(batch)]
            seen += len(batch)
            parts = [one.n / self.problem.n if per_row else 1.0 for one in ones]
            found = self._together(ones, parts) if self._in_step else [None] * len(ones)
            for fold, one, part, b in zip(batch, ones, parts, found, strict=True):
                yield fold, one, self._alone(one, part) if b is None else b

    def _training(self, fold: Fold, k: int) -> Problem:
        """The problem on the training rows of the k-th split."""
        try:
            return self.problem.on(fold.train)
        except BadData as error:
            raise BadData(f"in the training set of split {k}: {error}") from error

    @cached_property
    def _in_step(self) -> bool:
        """Whether this is a lasso by column whose Gram matrices are small and well-conditioned."""
        if self.solver is not None or one_block(self.problem).grouped:
            return False
        ray = Ray.of(self.problem, self.sigma, self.l1_ratio)
        lasso = not ray.smooth and not np.any(ray.penalties(self.lams)[1])
        products = self.problem.root is None and self.problem.quadratic.columns is None
        return lasso and products and self.problem.p <= WIDEST

    def _together(self, ones: list[Problem], parts: list[float]) -> list[Array | None]:
        """The lasso on training sets without a root; None where a fit of its own is needed."""
        found: list[Array | None] = [None] * len(ones)
        plain = [k for k, one in enumerate(ones) if one.root is None]
        if plain:
            r = self.problem.relative  # λ₁ⱼ = λ/r_j: unit penalties on the columns r_j·x_j
            gram, xy = (
                np.array([getattr(ones[k], name) for k in plain]) for name in ("gram", "xy")
            )
            if np.any(r != 1.0):
                gram, xy = gram * r * r[:, None], xy * r
            lams = np.outer([parts[k] for k in plain], self.lams)
            b, ok = lockstep.solve(gram, xy, lams)
            for k, one, good in zip(plain, b, ok, strict=True):
                found[k] = one * r if good else None
        return found

    def _alone(self, one: Problem, part: float) -> Array:
        """The optima b (L, p) of one training problem."""
        lams, sigma = self.lams * part, self.sigma * float(np.sqrt(part))
        if self.solver is not None:
            return self.solver(one, lams, sigma)[0]
        guide = self._guide
        return solve_path(one, lams, sigma, l1_ratio=self.l1_ratio, guide=guide)[0]

    @cached_property
    def _guide(self) -> Array | None:
        """The optima on all rows, from which those of a training set differ little."""
        ray = Ray.of(self.problem, self.sigma, self.l1_ratio)
        if ray.smooth or one_block(self.problem).grouped:
            return None
        return solve_path(self.problem, self.lams, self.sigma, l1_ratio=self.l1_ratio)[0]
