"""Compiled Cholesky factorisation and triangular solves, for matrices held by rows.

U is upper triangular with U'U = A: rows of U are contiguous, so that every inner loop runs along
memory. Small matrices are updated four rows at a time, large ones by blocks of matrix products.
"""

from __future__ import annotations

import math

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled, reassociated

_BLOCK = 128  # up to which plain loops equal LAPACK
_STRIP = 256  # columns of a trailing update, above the diagonal only


@reassociated
def inner(a: Array, b: Array) -> float:
    """a'b."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@compiled
def cholesky(a: Array) -> bool:
    """Overwrite the upper triangle of A with U; False where A is not positive definite."""
    p = len(a)
    for start in range(0, p, _BLOCK):
        stop = min(start + _BLOCK, p)
        if not _small(a, start, stop):
            return False
        if stop < p:
            _trailing(a, start, stop)
    return True


@compiled
def _trailing(a: Array, start: int, stop: int) -> None:
    """Solve for the rows start:stop right of their block, and subtract their products below."""
    p = len(a)
    for i in range(start, stop):
        row = a[i, stop:]
        scale = 1.0 / a[i, i]
        for j in range(len(row)):
            row[j] *= scale
        for k in range(i + 1, stop):
            subtract(a[k, stop:], a[i, k], row)
    for left in range(stop, p, _STRIP):
        right = min(left + _STRIP, p)
        above, columns = np.empty((stop - start, p - left)), np.empty((right - left, stop - start))
        for i in range(stop - start):
            for j in range(p - left):
                above[i, j] = a[start + i, left + j]
            for j in range(right - left):
                columns[j, i] = above[i, j]
        products = np.dot(columns, above)
        for i in range(right - left):
            subtract(a[left + i, left:], 1.0, products[i])


@compiled
def _small(a: Array, start: int, stop: int) -> bool:
    """Factor the diagonal block start:stop, right-looking, four rows at a time."""
    for k in range(start, stop, 4):
        last = min(k + 4, stop)
        for i in range(k, last):
            row = a[i, i:stop]
            for r in range(k, i):
                subtract(row, a[r, i], a[r, i:stop])
            if not (row[0] > 0.0 and row[0] < math.inf):
                return False
            scale = 1.0 / math.sqrt(row[0])
            for j in range(len(row)):
                row[j] *= scale
        if last == k + 4:
            for i in range(last, stop):
                c0, c1, c2, c3 = a[k, i], a[k + 1, i], a[k + 2, i], a[k + 3, i]
                row, r0, r1 = a[i, i:stop], a[k, i:stop], a[k + 1, i:stop]
                r2, r3 = a[k + 2, i:stop], a[k + 3, i:stop]
                for j in range(len(row)):
                    row[j] -= c0 * r0[j] + c1 * r1[j] + c2 * r2[j] + c3 * r3[j]
    return True


@compiled
def subtract(x: Array, c: float, y: Array) -> None:
    """x ← x − cy."""
    for j in range(len(x)):
        x[j] -= c * y[j]


@compiled
def solve_transposed(u: Array, x: Array) -> None:
    """Overwrite x with U⁻ᵀx."""
    for i in range(len(x)):
        x[i] /= u[i, i]
        subtract(x[i + 1 :], x[i], u[i, i + 1 :])


@compiled
def solve(u: Array, x: Array) -> None:
    """Overwrite x with U⁻¹x."""
    for i in range(len(x) - 1, -1, -1):
        x[i] = (x[i] - inner(u[i, i + 1 :], x[i + 1 :])) / u[i, i]


@compiled
def log_diagonal(u: Array) -> float:
    """Σ log U_ii, by products that stay far from overflow."""
    total, product = 0.0, 1.0
    for i in range(len(u)):
        product *= u[i, i]
        if product > 1e100 or product < 1e-100:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@compiled
def triangle_of(xt: Array, sd: Array, narrow: bool, u: Array) -> None:
    """U with U'U = I + H'H, H = XD if narrow, else DX', by Givens rotations of rows into I.

    Nothing is squared, so that digits survive which I + H'H has lost (Golub & Van Loan 2013, §5.2).
    """
    size = len(u)
    for i in range(size):
        for j in range(size):
            u[i, j] = 1.0 if i == j else 0.0
    row = np.empty(size)
    for k in range(xt.shape[1] if narrow else xt.shape[0]):
        for i in range(size):
            row[i] = xt[i, k] * sd[i] if narrow else xt[k, i] * sd[k]
        for i in range(size):
            if row[i] == 0.0:
                continue
            r = math.hypot(u[i, i], row[i])
            c, s = u[i, i] / r, row[i] / r
            for j in range(i, size):
                above, below = u[i, j], row[j]
                u[i, j] = c * above + s * below
                row[j] = c * below - s * above
