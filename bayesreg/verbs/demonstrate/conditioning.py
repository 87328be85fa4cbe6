"""Conditioning: what λ does to X'X + λI, as two columns become the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.language.misnamed import explained
from bayesreg.language.text import number, shortened
from bayesreg.solvers.path import check_lams
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit, Posterior

# How much of what tells the second column from the first is left: as in the data, and ever less.
LEFT = (1.0, 0.1, 0.01, 0.0)


@dataclass(frozen=True, eq=False, repr=False)
class Conditioning(Record):
    """Condition number, variance inflation and two coefficients along λ; K correlations, L λ's.

    Attributes
    ----------
    problem : Problem
        Whose columns they are; those of X are as its penalty sees them.
    pair : tuple of str (2,)
        The two columns; the second is moved towards the first.
    lams : ndarray (L,)
        λ₂ of J, ascending.
    correlation : ndarray (K,)
        Of the two columns, the rest of the model projected out: as in the data first, ±1 last.
    number : ndarray (K, L)
        Largest over smallest eigenvalue of X'X + λI.
    number_at_zero : ndarray (K,)
        That of X'X; infinite where it is singular.
    inflation : ndarray (K, L, 2)
        Variance of each of the two estimates over that of a lone column by least squares.
    coefficient : ndarray (K, L, 2)
        The optimum in the coordinates b of the penalty.
    """

    picture: ClassVar[str] = "conditioning"

    problem: Problem
    pair: tuple[str, str]
    lams: Array
    correlation: Array
    number: Array
    number_at_zero: Array
    inflation: Array
    coefficient: Array

    def summary(self) -> pd.DataFrame:
        """One row for each correlation: the condition number at λ = 0 and some λ's."""
        import pandas as pd

        some = slice(None, None, max(len(self.lams) // 10, 1))
        table = pd.DataFrame(
            self.number[:, some],
            index=pd.Index(self.correlation, name="correlation"),
            columns=pd.Index(self.lams[some], name="lam"),
        )
        table.insert(0, 0.0, self.number_at_zero)
        return table

    @property
    def says(self) -> str:
        """The picture in one sentence."""
        first, second = map(shortened, self.pair)
        r, own = self.correlation[0], self.number_at_zero[0]
        k = int(np.searchsorted(-self.number[-1], -100.0))
        cure = (
            f"λ = {number(self.lams[k])} brings its condition number down to "
            f"{number(self.number[-1, k])}"
            if k < len(self.lams)
            else f"λ = {number(self.lams[-1])} leaves a condition number of "
            f"{number(self.number[-1, -1])}"
        )
        return (
            f"{first} and {second} correlate at {r:.3f}, and X'X has condition number "
            f"{number(own)}; were they one column it would have no inverse, yet X'X + λI has one "
            f"for every λ > 0, and {cure}."
        )

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        first, second = map(shortened, self.pair)
        return (
            "Three panels over λ on a logarithmic axis, one line for each correlation of "
            f"{first} and {second} from {self.correlation[0]:.3f} to {self.correlation[-1]:.0f}: "
            "the condition number of X'X + λI falls as λ grows and is finite even at the last; the "
            "variance inflation of both estimates falls with it; the two coefficients, far apart "
            "where λ is small, come together and shrink."
        )


@explained
def conditioning(
    problem: Problem | MapFit | Posterior, columns: Any = None, lams: Any = None
) -> Conditioning:
    r"""X'X + λI along λ, as one column of the data is moved onto another.

    With unit vectors :math:`u_1, u_2` along the two columns, all that is not penalised projected
    out, and e the unit vector along what :math:`u_1` leaves of :math:`u_2`, the second column is
    replaced by :math:`\pm\sqrt{1-t^2}\,u_1 + t\,e` times its length, t falling to 0. Then

    .. math:: \kappa = \frac{d_{\max} + \lambda}{d_{\min} + \lambda}, \qquad
              \mathrm{VIF}_j = \lVert x_j\rVert^2\,
              [(X'X+\lambda I)^{-1} X'X (X'X+\lambda I)^{-1}]_{jj}.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        Under a Gaussian likelihood, with at least two penalised columns; its σ and scale are
        ignored, and known factors of a prior's scale are taken into the columns.
    columns : pair of str, optional
        The second is moved towards the first; unsaid, the two that correlate most.
    lams : sequence of float, optional
        λ's of the ridge J; unsaid, 121 from a millionth of the largest eigenvalue to ten times it.

    Returns
    -------
    Conditioning

    Raises
    ------
    BadArgument
        If `columns` are not two different penalised columns, or a λ is not positive.
    BadData
        If there are fewer than two columns that vary.
    NotSupported
        If the likelihood is not Gaussian.

    References
    ----------
    Hoerl & Kennard (1970), "Ridge regression", Technometrics 12(1),
    https://doi.org/10.1080/00401706.1970.10488634; Marquardt (1970), "Generalized inverses, ridge
    regression, biased linear estimation, and nonlinear estimation", Technometrics 12(3),
    https://doi.org/10.1080/00401706.1970.10488699 (the variance inflation under ridge).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> found = conditioning(problem, lams=[1.0, 100.0])
    >>> found.pair, found.correlation.round(3).tolist()
    (('s1', 's2'), [0.897, 0.999, 1.0, 1.0])
    >>> found.number[0].round(1), found.number_at_zero[-1]
    (array([372. ,  18.1]), np.float64(inf))
    """
    problem = subject(problem, "conditioning", quadratic=True)
    gram = problem.quadratic.gram * np.outer(problem.relative, problem.relative)
    cross = problem.quadratic.xy * problem.relative
    norms = np.sqrt(np.diagonal(gram))
    i, j = _pair(problem, columns, gram, norms)
    if lams is None:
        grid = np.linalg.eigvalsh(gram)[-1] * np.geomspace(1e-6, 10.0, 121)
    else:
        grid = np.sort(check_lams(lams))
    r = gram[i, j] / (norms[i] * norms[j])
    away = np.sqrt(max(1.0 - r * r, 0.0))
    found = [_moved(gram, cross, (i, j), r, left * away, grid) for left in LEFT]
    correlation, at_zero, numbers, inflation, coefficient = map(np.array, zip(*found, strict=True))
    coefficient = coefficient * problem.relative[[i, j]]
    names = [problem.features[problem.proper[k]] for k in (i, j)]
    return Conditioning(
        problem, (names[0], names[1]), grid, correlation, numbers, at_zero, inflation, coefficient
    )


def _pair(problem: Problem, columns: Any, gram: Array, norms: Array) -> tuple[int, int]:
    """Which two of the penalised columns."""
    known = [problem.features[k] for k in problem.proper]
    if columns is None:
        if np.sum(norms > 0) < 2:
            raise BadData(
                "two penalised columns that vary are needed to become the same; there are "
                f"{int(np.sum(norms > 0))}"
            )
        size = np.where(norms > 0, norms, np.inf)
        close = np.triu(np.abs(gram / np.outer(size, size)), 1)
        if not np.any(close):
            first, second, *_ = map(int, np.flatnonzero(norms > 0))
            return first, second
        first, second = divmod(int(np.argmax(close)), len(close))
        return first, second
    named = list(columns) if not isinstance(columns, str) else [columns]
    if len(named) != 2 or len(set(named)) != 2 or not set(named) <= set(known):
        raise BadArgument(f"columns must name two of the penalised columns, not {columns!r}")
    i, j = (known.index(name) for name in named)
    for k in (i, j):
        if not norms[k] > 0:
            raise BadData(f"column {known[k]!r} does not vary; take another")
    return i, j


def _moved(
    gram: Array, cross: Array, pair: tuple[int, int], r: float, away: float, lams: Array
) -> tuple[float, float, Array, Array, Array]:
    """The second of the pair turned towards the first until `away` = √(1 − correlation²).

    Products with the new column follow from those with the old pair: it is in their span.
    """
    i, j = pair
    size = np.sqrt(np.diagonal(gram))
    before = np.sqrt(max(1.0 - r * r, 0.0))
    turn = np.eye(len(gram))
    keep = away / before if before > 0 else 0.0
    sign = -1.0 if r < 0 else 1.0
    correlation = sign * np.sqrt(1.0 - away * away)
    turn[j, j] = keep
    turn[i, j] = (correlation - keep * r) * size[j] / size[i]
    g, xy = turn.T @ gram @ turn, turn.T @ cross
    d, v = np.linalg.eigh(g)
    d = np.where(d > len(d) * np.finfo(float).eps * d[-1], d, 0.0)
    at_zero = d[-1] / d[0] if d[0] > 0 else np.inf
    inverse = 1.0 / (d + lams[:, None])
    rows = v[[i, j]]
    inflation = np.einsum("jk,lk->lj", rows**2, d * inverse**2) * size[[i, j]] ** 2
    coefficient = np.einsum("jk,lk,k->lj", rows, inverse, v.T @ xy)
    return correlation, at_zero, (d[-1] + lams) * inverse[:, 0], inflation, coefficient
