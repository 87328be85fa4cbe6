"""Two columns and their loss: the quadratic of a problem on them, and its penalised minimisers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from bayesreg.language.arguments import Array, did_you_mean
from bayesreg.language.errors import BadArgument
from bayesreg.language.text import shortened, shown
from bayesreg.verbs.demonstrate.subject import subject

DEPENDENT = 1e-10  # of 1 − r²: beyond, two columns are one


@dataclass(frozen=True, eq=False)
class Pair:
    """½‖ỹ − X̃b‖² on two columns, the others left out; b as in the problem.

    Attributes
    ----------
    names : tuple of str
    gram, xy : ndarray (2, 2), (2,)
        X̃'X̃ and X̃'ỹ, the intercept and the Flat columns projected out.
    standardized : bool
        Whether b_j is sd(x_j)·β_j.
    """

    names: tuple[str, str]
    gram: Array
    xy: Array
    standardized: bool

    @property
    def least_squares(self) -> Array:
        """Where the loss is least."""
        return np.asarray(np.linalg.solve(self.gram, self.xy))

    @property
    def labels(self) -> tuple[str, str]:
        """What the two axes are."""
        first, second = self.names
        unit = ", per sd" if self.standardized else ""
        return f"b of {shortened(first, 18)}{unit}", f"b of {shortened(second, 18)}{unit}"

    def rise(self, b: Array) -> Array:
        """The loss at b (…, 2) above its least value."""
        away = np.asarray(b) - self.least_squares
        return np.asarray(0.5 * np.einsum("...i,ij,...j->...", away, self.gram, away))

    def pull(self, b: Array) -> Array:
        """−∇ of the loss at b (…, 2)."""
        return np.asarray(self.xy - np.asarray(b) @ self.gram)

    def contour(self, rise: float, points: int = 181) -> Array:
        """The ellipse (points, 2) on which the loss is `rise` above its least value."""
        turn = np.linspace(0.0, 2.0 * np.pi, points)
        values, vectors = np.linalg.eigh(self.gram)
        circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return np.asarray(
            self.least_squares + np.sqrt(2.0 * rise) * (circle / np.sqrt(values)) @ vectors.T
        )


def pair_of(problem: Any, columns: Sequence[str] | None, picture: str) -> Pair:
    """The pair that is named; or the column that says most of y alone, and the next that differs.

    Raises
    ------
    BadArgument
        If this is no problem, it has not two columns with a proper prior, a name is unknown, or
        the two are collinear or constant.
    NotSupported
        If the likelihood is not Gaussian.
    """
    problem = subject(problem, picture, quadratic=True)
    quadratic = problem.quadratic
    proper = [problem.features[j] for j in problem.proper]
    if len(proper) < 2:
        raise BadArgument(
            f"two columns with a prior make the picture, and there is {len(proper)}; "
            "demonstrate.penalties and shrinkage_functions are about one"
        )
    norms = quadratic.norms
    if columns is None:
        share = np.abs(quadratic.xy) / np.where(norms > 0.0, norms, np.inf)
        share = np.round(share / (np.max(share) or 1.0), 9)  # a copy's rounding chooses nothing
        first, *others = np.argsort(-share, kind="stable").tolist()
        apart = [k for k in others if _determinate(problem.gram[np.ix_([first, k], [first, k])])]
        j, k = sorted([first, *(apart or others)][:2])
    else:
        j, k = _positions(columns, proper)
    two = np.array([j, k])
    gram = problem.gram[np.ix_(two, two)]
    if not _determinate(gram):
        raise BadArgument(
            f"{shown(proper[j])!r} and {shown(proper[k])!r} are collinear or constant, so that the "
            "loss has no one minimum; choose columns="
        )
    return Pair((proper[j], proper[k]), gram, quadratic.xy[two], problem.standardize)


def _determinate(gram: Array) -> bool:
    """Whether the loss of two columns has one minimum."""
    return bool(gram[0, 0] * gram[1, 1] * (1.0 - DEPENDENT) > gram[0, 1] ** 2)


def _positions(columns: Any, proper: list[str]) -> tuple[int, int]:
    """Two different names among those with a prior."""
    given = [columns] if isinstance(columns, str) else list(columns)
    if len(given) != 2 or given[0] == given[1]:
        raise BadArgument(f"columns must name two different columns, not {columns!r}")
    for name in given:
        if name not in proper:
            raise BadArgument(
                f"columns: {name!r} is no column with a proper prior{did_you_mean(name, proper)}"
            )
    return proper.index(given[0]), proper.index(given[1])


def minimisers(gram: Array, xy: Array, l1: Any, l2: Any) -> Array:
    r"""argmin ½b'Gb − b'c + λ₁‖b‖₁ + ½λ₂‖b‖² for many (G, c) in two dimensions, exactly.

    For each of the nine patterns of signs, zero among them, the optimality conditions are linear;
    of their solutions one is the minimum, so that a zero is exactly zero.

    Parameters
    ----------
    gram : ndarray (…, 2, 2)
        Positive definite, or λ₂ > 0.
    xy : ndarray (…, 2)
    l1, l2 : float or ndarray (…)
        λ₁ and λ₂, not negative.

    Returns
    -------
    ndarray (…, 2)
    """
    l1, l2 = np.asarray(l1, dtype=float)[..., None], np.asarray(l2, dtype=float)[..., None, None]
    ridged = gram + l2 * np.eye(2)
    best, least = np.zeros(xy.shape), np.zeros(xy.shape[:-1])
    for signs in product((-1.0, 0.0, 1.0), repeat=2):
        s = np.array(signs)
        on = s != 0.0
        # An inactive coordinate has the equation b = 0 in place of its own.
        matrix = np.where(on[:, None] & on, ridged, np.eye(2))
        b = np.linalg.solve(matrix, np.where(on, xy - l1 * s, 0.0)[..., None])[..., 0]
        b = np.where(on, b, 0.0)
        curve = 0.5 * np.einsum("...i,...ij,...j->...", b, ridged, b)
        value = curve - np.sum(xy * b, axis=-1) + l1[..., 0] * np.sum(np.abs(b), axis=-1)
        better = (value < least) & np.all(b * s >= 0.0, axis=-1)
        best = np.where(better[..., None], b, best)
        least = np.where(better, value, least)
    return np.asarray(best)
