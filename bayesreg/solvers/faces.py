r"""A face of the lasso: the columns A that are not zero, their signs s, and (G_AA + Λ₂)⁻¹.

The optimum over a face is b_A = (G_AA + Λ₂)⁻¹(c_A − λ₁s). Along a path few columns enter or leave
between two λ, and the inverse of one face is bordered, or reduced by a Schur complement, into that
of the next: two products of matrices in place of a factorisation (Osborne, Presnell & Turlach
2000, "A new approach to variable selection in least squares problems", IMA Journal of Numerical
Analysis 20(3), §3). What rounding leaves behind is seen in the gradient, and removed by refinement.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import Index, UnitData

LEAST_PIVOT = 1e-9  # squared part of a unit column beyond those on the face; below, it depends
FIRST_ROOM = 32  # columns


class Face:
    """Columns in the order in which they came, and what is needed to move along them.

    Attributes
    ----------
    columns : ndarray of int (k,)
        A.
    signs, values : ndarray (k,)
        s, and u on the face: zero for a column that has just entered.
    moves : int
        How often columns entered or left.
    """

    def __init__(self, unit: UnitData, l2: Array) -> None:
        self.unit, self.l2 = unit, l2
        self.size = self.moves = 0
        self.within = np.zeros(len(unit.kept), dtype=bool)
        self._columns = np.empty(FIRST_ROOM, dtype=np.intp)
        self._signs, self._values = np.empty(FIRST_ROOM), np.empty(FIRST_ROOM)
        self._inverse = np.empty((FIRST_ROOM, FIRST_ROOM))
        self._space = np.empty(FIRST_ROOM**2)  # new memory for each product would cost more than it
        # By rows: of the Gram matrix, or the columns of X themselves where there are more of these.
        self._source = unit.X.T if unit.wide and unit.X is not None else unit.gram
        self._rows = np.empty((FIRST_ROOM, self._source.shape[1]))
        self.watched: Index | None = None
        self._watched: Array = self._source

    @property
    def columns(self) -> Index:
        """A."""
        return self._columns[: self.size]

    @property
    def signs(self) -> Array:
        """s."""
        return self._signs[: self.size]

    @property
    def values(self) -> Array:
        """u on the face."""
        return self._values[: self.size]

    @property
    def inverse(self) -> Array:
        """(G_AA + Λ₂)⁻¹."""
        return self._inverse[: self.size, : self.size]

    @property
    def df(self) -> float:
        """tr X_A(G_AA + Λ₂)⁻¹X_A'."""
        l2 = self.l2[self.columns]
        return float(self.size - l2 @ self.inverse.diagonal()) if l2.any() else float(self.size)

    def watch(self, columns: Index) -> None:
        """Have `gradient` leave out all but these columns; for wide problems."""
        self.watched, self._watched = columns, self._source[columns]

    def gradients(self, values: Array) -> Array:
        """`gradient` for several u (B, k), without working sets."""
        g = self.unit.xy - values @ self._rows[: self.size]
        g[:, self.columns] -= self.l2[self.columns] * values
        return g

    def gradient(self, values: Array) -> Array:
        """c − (G + Λ₂)u, (q,); zero where a column is not watched."""
        rows = self._rows[: self.size]
        if not self.unit.wide:
            g = self.unit.xy - values @ rows
        else:
            assert self.unit.y is not None
            residual = self.unit.y - values @ rows
            if self.watched is None:
                g = self._source @ residual
            else:
                g = np.zeros(len(self.within))
                g[self.watched] = self._watched @ residual
        g[self.columns] -= self.l2[self.columns] * values
        return g

    def enter(self, new: Index, signs: Array) -> int:
        """Put columns on the face, at zero; how many did, the others being dependent."""
        if not len(new):
            return 0
        if self._border(new, signs):
            return len(new)
        if len(new) == 1:
            return 0
        half = len(new) // 2  # some depend on others: the halves say which
        return self.enter(new[:half], signs[:half]) + self.enter(new[half:], signs[half:])

    def leave(self, i: int) -> None:
        """Take the i-th column off; the last takes its place."""
        last = self.size - 1
        self.moves += 1
        self.within[self._columns[i]] = False
        P, row = self.inverse, self.inverse[i].copy()
        product = self._scratch(len(row))
        np.multiply((row / row[i])[:, None], row, out=product)
        P -= product
        if i != last:
            for one in (self._columns, self._signs, self._values, self._rows):
                one[i] = one[last]
            P[i] = P[last]
            P[i, i] = P[last, last]
            P[:, i] = P[i]
        self.size = last

    def factor(self, l2: Array) -> bool:
        """Form the inverse anew, for this λ₂; False where columns depend."""
        self.l2 = l2
        if not self.size:
            return True
        inverse = _inverse(self._block() + np.diag(l2[self.columns]))
        if inverse is None:
            return False
        self.inverse[:] = inverse
        return True

    def _border(self, new: Index, signs: Array) -> bool:
        """Enter all of some columns or none."""
        k, more = self.size, len(new)
        self._make_room(k + more)
        fresh, P = self._source[new], self.inverse
        if self.unit.wide:
            cross, own = self._rows[:k] @ fresh.T, fresh @ fresh.T
        else:
            cross, own = self._rows[:k, new], fresh[:, new]
        moved = P @ cross
        schur = own - cross.T @ moved
        schur.flat[:: more + 1] += self.l2[new]
        corner = _inverse(schur)
        if corner is None:
            return False
        side = moved @ corner
        P += np.matmul(side, moved.T, out=self._scratch(k))
        self._inverse[:k, k : k + more] = -side
        self._inverse[k : k + more, :k] = -side.T
        self._inverse[k : k + more, k : k + more] = corner
        self._columns[k : k + more], self._signs[k : k + more] = new, signs
        self._values[k : k + more], self._rows[k : k + more] = 0.0, fresh
        self.within[new] = True
        self.size = k + more
        self.moves += 1
        return True

    def _scratch(self, k: int) -> Array:
        """Where a (k, k) product may be written."""
        return self._space[: k * k].reshape(k, k)

    def _block(self) -> Array:
        """G_AA."""
        rows = self._rows[: self.size]
        return rows @ rows.T if self.unit.wide else rows[:, self.columns]

    def _make_room(self, size: int) -> None:
        """Double what holds the face until it is large enough."""
        room = len(self._columns)
        if size <= room:
            return
        while room < size:
            room *= 2
        k = self.size
        for name in ("_columns", "_signs", "_values", "_rows"):
            old = getattr(self, name)
            new = np.empty((room, *old.shape[1:]), dtype=old.dtype)
            new[:k] = old[:k]
            setattr(self, name, new)
        inverse, self._space = np.empty((room, room)), np.empty(room * room)
        inverse[:k, :k] = self.inverse
        self._inverse = inverse


def _inverse(A: Array) -> Array | None:
    """A⁻¹, or None where a column of A depends on those before it."""
    if len(A) == 1:
        return 1.0 / A if A[0, 0] > LEAST_PIVOT else None
    factor, info = dpotrf(A, lower=1)
    if info or factor.diagonal().min() ** 2 <= LEAST_PIVOT:
        return None
    half, _ = dpotri(factor, lower=1)  # above its diagonal are the zeros of the factor
    inverse = half + half.T
    inverse.flat[:: len(A) + 1] *= 0.5
    return np.asarray(inverse)
