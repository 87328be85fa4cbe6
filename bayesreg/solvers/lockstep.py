r"""The lasso on several Gram matrices at once: homotopies that take their knots in step.

With active set A and signs s, b_A = G_AA⁻¹(c_A − λs_A) and the gradient elsewhere are both v + λq.
One symmetric tableau per problem holds G swept on A (Beaton 1964; Goodnight 1979, "A tutorial on
the SWEEP operator", The American Statistician 33(3)); a knot sweeps one column in or out, which is
a rank-one update of it and of v and q. What is done to vectors is done for all problems together,
so that ten small problems cost little more than one. Nothing is assumed of the outcome: the
conditions of optimality are verified at every λ, and what breaks them is said.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dger

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import Index

KNOTS = 6  # per column, before a problem is given up
DEPENDENT = 1e-9  # pivot ÷ diagonal of G below which a column is taken for a combination of others
TOLERANCE = 1e-10  # of the conditions, relative to max|c|


def solve(gram: Array, c: Array, lams: Array) -> tuple[Array, Array]:
    """Optima of ½b'Gb − c'b + λ‖b‖₁ for K problems at L λ's each.

    Parameters
    ----------
    gram : ndarray (K, p, p)
        Positive semidefinite.
    c : ndarray (K, p)
    lams : ndarray (K, L)
        Positive, in any order.

    Returns
    -------
    b : ndarray (K, L, p)
        Zeros are exact.
    ok : ndarray of bool (K,)
        Whether the conditions hold at every λ of a problem; where not, its b is worthless.

    References
    ----------
    Osborne, Presnell & Turlach (2000), "A new approach to variable selection in least squares
    problems", IMA Journal of Numerical Analysis 20(3), §3; Efron, Hastie, Johnstone & Tibshirani
    (2004), "Least angle regression", Annals of Statistics 32(2), §3.1.

    Examples
    --------
    >>> b, ok = solve(np.eye(2)[None], np.array([[3.0, -1.0]]), np.array([[2.0, 0.5]]))
    >>> b[0], ok
    (array([[ 1. , 0. ],
           [ 2.5, -0.5]]), array([ True]))
    """
    b = np.zeros((*lams.shape, c.shape[1]))
    live = np.flatnonzero(np.any(c != 0.0, axis=1))
    state, given_up = _Tableaux(gram, c, live), list[int]()
    before, lam = np.full(len(live), np.inf), lams[live]
    lowest = lam.min(axis=1, initial=np.inf)
    for _ in range(KNOTS * c.shape[1] + 10):
        if not len(live):
            break
        knot, column = state.next_knots(before)
        k, at = np.nonzero((lam >= knot[:, None]) & (lam < before[:, None]))
        b[live[k], at] = state.at(k, lam[k, at])
        columns = state.columns(column)
        going, sound = knot > lowest, state.has_pivot(column, columns)
        given_up += live[going & ~sound].tolist()
        before, kept = knot, going & sound
        if not np.all(kept):
            state.keep(np.flatnonzero(kept))
            live, lam, lowest = live[kept], lam[kept], lowest[kept]
            before, column, columns = before[kept], column[kept], columns[kept]
        state.sweep(column, columns)
    ok = _hold(gram, c, lams, b)
    ok[[*given_up, *live.tolist()]] = False
    return b, ok


class _Tableaux:
    """Swept Gram matrices (K, p, p), v and q, and signs of the active columns.

    `last` moved last in each problem; `left` is the side on which it left, 0 if it came.
    """

    def __init__(self, gram: Array, c: Array, live: Index) -> None:
        self.tableaux = [np.array(gram[k], order="C") for k in live]
        self.size, self.v = np.einsum("kjj->kj", gram)[live], c[live]
        self.q, self.sign = np.zeros_like(self.v), np.zeros_like(self.v)
        self.last, self.left = np.zeros(len(live), dtype=np.intp), np.zeros(len(live))
        self.rows = np.arange(len(live))

    def keep(self, rows: Index) -> None:
        """Go on with some of the problems."""
        self.tableaux = [self.tableaux[k] for k in rows]
        self.size, self.v, self.q = self.size[rows], self.v[rows], self.q[rows]
        self.sign, self.last, self.left = self.sign[rows], self.last[rows], self.left[rows]
        self.rows = np.arange(len(rows))

    def next_knots(self, before: Array) -> tuple[Array, Index]:
        """The next λ at which a column of each problem joins or leaves, and which."""
        # Idle columns: |v + λq| = λ on the side of v. Active ones: s(v + λq) = 0 from above.
        idle = self.sign == 0.0
        side = np.where(idle, np.sign(self.v), self.sign)
        v, q = np.where(idle, side * self.v, -side * self.v), side * self.q
        below = np.where(idle, 1.0 - q, q)
        at = np.zeros_like(v)
        np.divide(v, below, out=at, where=(v > 0.0) & (below > 0.0))
        # Who moved last is at its knot now; one that left may yet join on the other side.
        last = (self.rows, self.last)
        at[last] = np.where(idle[last] & (side[last] != self.left), at[last], 0.0)
        column = np.argmax(at, axis=1)
        return np.minimum(at[self.rows, column], before), column

    def at(self, k: Index, lam: Array) -> Array:
        """Coefficients (m, p) of the problems `k` (m,) at one λ each."""
        return np.where(self.sign[k] != 0.0, self.v[k] + lam[:, None] * self.q[k], 0.0)

    def columns(self, column: Index) -> Array:
        """One column (m, p) of each tableau."""
        return np.array([one[j] for one, j in zip(self.tableaux, column.tolist(), strict=True)])

    def has_pivot(self, column: Index, columns: Array) -> NDArray[np.bool_]:
        """Whether the column of each problem leaves, or is no combination of those active."""
        here = (self.rows, column)
        leaves = self.sign[here] != 0.0
        return np.asarray(leaves | (columns[here] > DEPENDENT * self.size[here]))

    def sweep(self, column: Index, columns: Array) -> None:
        """Take one column of each problem in or out."""
        here = (self.rows, column)
        v, q, sign, pivot = self.v[here], self.q[here], self.sign[here], columns[here]
        enters = sign == 0.0
        sign = np.where(enters, np.sign(v), sign)
        way = np.where(enters, 1.0, -1.0)
        scaled = columns / pivot[:, None]
        # A column that joins is at λ·sign, whatever the side its least-squares part is on.
        moving = np.where(enters, q - sign, q)
        self.v -= scaled * v[:, None]
        self.q -= scaled * moving[:, None]
        self.v[here] = way * v / pivot
        self.q[here] = np.where(enters, moving / pivot, sign - q / pivot)
        self.sign[here] = np.where(enters, sign, 0.0)
        self.last, self.left = column, np.where(enters, 0.0, sign)
        fresh = way[:, None] * scaled
        fresh[here] = -1.0 / pivot
        every = zip(self.tableaux, column.tolist(), scaled, columns, fresh, strict=True)
        for one, j, part, old, new in every:
            dger(-1.0, part, old, a=one.T, overwrite_a=1)
            one[j] = one[:, j] = new


def _hold(gram: Array, c: Array, lams: Array, b: Array) -> Array:
    """Whether |c − Gb| ≤ λ, and c − Gb = λ·sign(b) where b ≠ 0, for each problem."""
    g = c[:, None, :] - b @ gram
    off = np.where(b != 0.0, np.abs(g - lams[..., None] * np.sign(b)), np.abs(g) - lams[..., None])
    worst = np.max(off, axis=(1, 2), initial=0.0)
    return np.asarray(worst <= TOLERANCE * np.max(np.abs(c), axis=1, initial=0.0))
