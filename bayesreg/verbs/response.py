"""Response: the mean of y, or η, at rows, draw by draw, averaged over groups of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.known import Points
from bayesreg.data.population import Population
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.model.problem import Problem
from bayesreg.results.map_fit import KINDS, MapFit
from bayesreg.results.posterior import Posterior

CELLS = 2**20  # numbers in one array of rows × draws


@dataclass(frozen=True)
class Split:
    """How rows are put together: each by itself, all, or by the values of some variables."""

    names: tuple[str, ...] = ()
    each: bool = False

    @classmethod
    def of(cls, by: Any) -> Split:
        """None or True: all; False: each; names: the groups of equal values."""
        if by is None or isinstance(by, bool):
            return cls((), by is False)
        names = (by,) if isinstance(by, str) else by
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
            raise BadArgument(
                f"by is a variable, a list of them, True (all rows) or False (each row), not {by!r}"
            )
        return cls(tuple(names))

    def groups(self, there: Population) -> tuple[NDArray[np.intp], list[tuple[Any, ...]]]:
        """The group (n,) of each row, and what each group is."""
        n = len(there.frame)
        if self.each:
            return np.arange(n), [(k,) for k in range(n)]
        if not self.names:
            return np.zeros(n, dtype=np.intp), [()]
        rows = list(zip(*(self._column(there, name) for name in self.names), strict=True))
        order = sorted(set(rows), key=lambda one: [key for _, key in _keys(there, self.names, one)])
        place = {one: k for k, one in enumerate(order)}
        return np.array([place[row] for row in rows], dtype=np.intp), order

    def _column(self, there: Population, name: str) -> list[Any]:
        return list(there.column(name).tolist())

    def labels(self, there: Population) -> list[dict[str, Any]]:
        """What each group is, by name; ``row`` where each row stands for itself."""
        names = ("row",) if self.each else self.names
        return [dict(zip(names, one, strict=True)) for one in self.groups(there)[1]]


def _keys(there: Population, names: Sequence[str], one: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """What a group is sorted by: levels in their order, all else by value."""
    for name, value in zip(names, one, strict=True):
        known = list(there.levels.get(name, ()))
        number = isinstance(value, int | float)
        if value in known:
            yield name, (0, known.index(value), "")
        else:
            yield name, (1, float(value) if number else 0.0, str(value))


@dataclass(frozen=True, eq=False)
class Response:
    """Draws of β₀, β and the likelihood's unknowns, and what of y is asked.

    Attributes
    ----------
    problem : Problem
    beta, intercept : ndarray (S, P), (S,)
        Of the columns of `Population.X`, of which an offset is one.
    theta : dict of str to ndarray (S,)
    shape : tuple of int
        (chain, draw).
    sampled : bool
        Whether they are draws; else one optimum.
    kind : {"mean", "linear"}
    """

    problem: Problem
    beta: Array
    intercept: Array
    theta: dict[str, Array]
    shape: tuple[int, int]
    sampled: bool
    kind: str

    @classmethod
    def of(cls, post: Any, kind: str) -> Response:
        """Of a posterior or an optimum."""
        if kind not in KINDS:
            raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        if isinstance(post, Posterior):
            draws = post.draws
            chains, length = draws.sigma.shape
            beta = _with_offset(post.problem, draws.beta.reshape(chains * length, -1))
            theta = {name: one.reshape(-1) for name, one in draws.theta.items()}
            shape = (int(chains), int(length))
            return cls(post.problem, beta, draws.intercept.reshape(-1), theta, shape, True, kind)
        if isinstance(post, MapFit):
            theta = post.theta
            beta = _with_offset(post.problem, post.beta.to_numpy(float)[None])
            return cls(post.problem, beta, np.array([post.intercept]), theta, (1, 1), False, kind)
        raise BadArgument(
            "expected a Posterior, from br.sample(problem), or a MapFit, from br.fit_map(problem), "
            f"not {type(post).__name__}"
        )

    @property
    def size(self) -> int:
        """S."""
        return len(self.intercept)

    @property
    def words(self) -> str:
        """What is predicted."""
        likelihood, design = self.problem.likelihood, self.problem.design
        if likelihood.link == "identity" and design is not None:
            return design.y_name
        if self.kind == "linear":
            return likelihood.moved
        classes = self.problem.classes_
        if likelihood.takes_trials:
            return "P(success)"
        of = "y = 1" if classes is None else str(classes[1])
        return f"P({of})" if likelihood.link == "logit" else "the mean of y"

    @property
    def linear(self) -> bool:
        """Whether what is asked is linear in the coefficients, so that rows average first."""
        return self.kind == "linear" or self.problem.likelihood.link == "identity"

    def shaped(self, values: Array) -> Array:
        """(S, rows) as (chain, draw, rows)."""
        return values.reshape(*self.shape, values.shape[-1])

    def averages(
        self, split: Split, there: Population, X: Sequence[Array], comparison: str = "difference"
    ) -> Array:
        """Predictions (groups, S) at one X, or the comparison of those at two."""
        if self.linear and (len(X) == 1 or comparison == "difference"):
            rows = X[0] if len(X) == 1 else X[0] - X[1]
            out = self._mean_rows(split, there, rows) @ self.beta.T
            return out if len(X) > 1 else out + self.intercept

        def value(part: slice) -> Array:
            found = [self._mean(*self._at(one, part)) for one in X]
            if len(found) == 1:
                return found[0]
            return found[0] - found[1] if comparison == "difference" else found[0] / found[1]

        return self._pooled(split, there, value)

    def slopes(self, split: Split, there: Population, X: Array, along: Array) -> Array:
        """Slopes (groups, S) with ∂x/∂v (n, p) by row: μ′(η)·(∂x/∂v)'β."""
        if self.linear:
            return self._mean_rows(split, there, along) @ self.beta.T
        likelihood = self.problem.likelihood

        def value(part: slice) -> Array:
            eta, theta = self._at(X, part)
            return np.asarray(likelihood.mean_slope(eta, theta) * (along[part] @ self.beta.T))

        return self._pooled(split, there, value)

    def _at(self, X: Array, part: slice) -> tuple[Array, dict[str, Array]]:
        """η and θ of some rows; of a count of successes, those of one trial."""
        return Points(X[part]).under(self.beta, self.intercept, self.theta)

    def _mean(self, eta: Array, theta: dict[str, Array]) -> Array:
        return eta if self.kind == "linear" else self.problem.likelihood.mean(eta, theta)

    def _mean_rows(self, split: Split, there: Population, rows: Array) -> Array:
        """Σ wᵢ xᵢ / Σ wᵢ in each group."""
        return rows if split.each else self._shares(split, there) @ rows

    def _pooled(self, split: Split, there: Population, value: Any) -> Array:
        """Weighted averages (groups, S) of what is computed in blocks of rows."""
        n = len(there.frame)
        size = max(1, CELLS // self.size)
        blocks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
        if split.each:
            return np.concatenate([value(part) for part in blocks])
        shares = self._shares(split, there)
        out = np.zeros((shares.shape[0], self.size))
        for part in blocks:
            out += shares[:, part] @ value(part)
        return out

    def _shares(self, split: Split, there: Population) -> Any:
        """Each row's share of its group, sparse (groups, n)."""
        from scipy.sparse import csc_array

        group, groups = split.groups(there)
        total = np.bincount(group, there.weights, len(groups))
        if not np.all(total > 0):
            raise BadArgument("by: a group has rows of weight 0 only")
        n = len(group)
        share = there.weights / total[group]
        return csc_array((share, (group, np.arange(n))), shape=(len(groups), n))


def _with_offset(problem: Problem, beta: Array) -> Array:
    """β (S, P), and 1 for the offset of a problem that has one."""
    shifted = problem.layout is not None and problem.layout.shifted
    return np.hstack([beta, np.ones((len(beta), 1))]) if shifted else beta
