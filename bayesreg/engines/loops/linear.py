r"""Compiled: b given its prior sds, and the likelihood with b integrated out.

With D = diag(prior sd of b_j ÷ σ) one Cholesky factor serves both, in column space (p ≤ rows) or in
row space (p > rows):

    I + DGD = U'U,   b = DU⁻¹(U⁻ᵀDX'y + σε)                       (Rue 2001, JRSS B 63(2))
    I + XD²X' = U'U, b by Bhattacharya, Chakraborty & Mallick (2016), Biometrika 103(4)

Neither forms D⁻¹, so a local scale that underflows to 0 is harmless. Where D is so large that the
identity is lost, U comes from Givens rotations of [XD; I] or [DX'; I], which square nothing.

`xt` is X' (p, m): in row space every loop runs along a column of X.
"""

from __future__ import annotations

import numpy as np

from bayesreg.engines.loops.arrays import LOST
from bayesreg.engines.loops.triangle import (
    cholesky,
    inner,
    solve,
    solve_transposed,
    subtract,
    triangle_of,
)
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

STRIP, SQUARE = 256, 256  # columns of X in one matrix product, and rows of its result


@compiled
def core_of(xt: Array, gram: Array, sd: Array, core: Array) -> None:
    """DGD (its upper triangle) or XD²X' into `core`, by strips: XD is never held whole."""
    if len(gram) > 0:
        for i in range(len(sd)):
            row, source, right, d = core[i, i:], gram[i, i:], sd[i:], sd[i]
            for j in range(len(row)):
                row[j] = d * source[j] * right[j]
        return
    p, m = xt.shape
    for start in range(0, p, STRIP):
        strip = np.empty((min(STRIP, p - start), m))
        for j in range(len(strip)):
            row, source, d = strip[j], xt[start + j], sd[start + j]
            for i in range(m):
                row[i] = source[i] * d
        for left in range(0, m, SQUARE):
            _add_products(strip, left, start == 0, core)


@compiled
def _add_products(strip: Array, left: int, first: bool, core: Array) -> None:
    """Rows left … left + SQUARE of S'S, from the diagonal on, onto those of `core`."""
    k, m = strip.shape
    here, beyond = strip, strip
    if m > SQUARE:  # a product takes contiguous memory
        here, beyond = np.empty((k, min(SQUARE, m - left))), np.empty((k, m - left))
        for c in range(k):
            source, row, part = strip[c, left:], beyond[c], here[c]
            for i in range(len(row)):
                row[i] = source[i]
            for i in range(len(part)):
                part[i] = source[i]
    products = np.dot(here.T, beyond)
    for i in range(len(products)):
        row, source = core[left + i, left + i :], products[i, i:]
        for j in range(len(row)):
            row[j] = source[j] if first else row[j] + source[j]


@compiled
def factor(xt: Array, gram: Array, sd: Array, core: Array, square: float, a: Array) -> None:
    """U of I + square·core into a; `sd` is what makes the whole of it, should digits be lost."""
    largest = 0.0
    for i in range(len(a)):
        row, source = a[i, i:], core[i, i:]
        for j in range(len(row)):
            row[j] = square * source[j]
        largest = max(largest, row[0])
        row[0] += 1.0
    # In column space U stays accurate whatever D is, as long as it exists (Demmel 1989).
    narrow = len(gram) > 0
    if not (narrow or largest < LOST) or not cholesky(a):
        triangle_of(xt, sd, narrow, a)


@compiled
def penalised_sum(
    xt: Array, y: Array, xy: Array, sums: tuple[float, float], sd: Array, a: Array, w: Array
) -> float:
    """S = min_b ‖y − Xb‖² + ‖D⁻¹b‖² + rss from U; in w what the draw of b starts from.

    `xy` is empty in row space; `sums` are y'y and rss.
    """
    yy, rss = sums
    if len(xy) == 0:
        for i in range(len(w)):
            w[i] = y[i]
        solve_transposed(a, w)
        return rss + inner(w, w)
    for j in range(len(w)):
        w[j] = sd[j] * xy[j]
    solve_transposed(a, w)
    rest = yy - inner(w, w)
    if rest < 1e-6 * yy:
        # The difference has lost its digits: S as a sum of squares at the mean.
        z = np.empty(len(w))
        for j in range(len(w)):
            z[j] = w[j]
        solve(a, z)
        rest = inner(z, z)
        for j in range(len(z)):
            z[j] *= sd[j]
        residuals = residuals_of(xt, y, z)
        rest += inner(residuals, residuals)
    return rss + rest


@compiled
def draw_columns(
    sd: Array, a: Array, w: Array, noise: float, b: Array, rng: np.random.Generator
) -> None:
    """b | σ, D in column space, from U and w."""
    for j in range(len(b)):
        b[j] = w[j] + noise * rng.standard_normal()
    solve(a, b)
    for j in range(len(b)):
        b[j] *= sd[j]


@compiled
def draw_rows(
    xt: Array, y: Array, sd: Array, a: Array, noise: float, b: Array, rng: np.random.Generator
) -> None:
    """b = σD(z + DX'v), (I + XD²X')v = y/σ − XDz − δ, with z and δ standard normal."""
    u = np.empty(len(b))
    for j in range(len(b)):
        b[j] = rng.standard_normal()
        u[j] = noise * sd[j] * b[j]
    v = residuals_of(xt, y, u)
    for i in range(len(v)):
        v[i] = v[i] / noise - rng.standard_normal()
    solve_transposed(a, v)
    solve(a, v)
    for j in range(len(b)):
        b[j] = noise * sd[j] * (b[j] + sd[j] * inner(xt[j], v))


@compiled
def residuals_of(xt: Array, y: Array, b: Array) -> Array:
    """y − Xb."""
    rest = np.empty(len(y))
    for i in range(len(y)):
        rest[i] = y[i]
    for j in range(len(b)):
        subtract(rest, b[j], xt[j])
    return rest


@compiled
def fit_of_block(
    xt: Array, y: Array, gram: Array, xy: Array, b: Array, start: int, stop: int
) -> tuple[float, float]:
    """‖X_k b_k‖² and b_k'X_k'(y − the fit of the other columns), for columns start:stop."""
    if len(gram) == 0:
        rest, own = residuals_of(xt, y, b), np.zeros(len(y))
        for j in range(start, stop):
            subtract(own, -b[j], xt[j])
        square = inner(own, own)
        return square, inner(own, rest) + square
    square, cross = 0.0, 0.0
    alone = stop - start == len(b)
    for i in range(start, stop):
        fit = inner(gram[i], b)
        inside = fit if alone else inner(gram[i, start:stop], b[start:stop])
        square += b[i] * inside
        cross += b[i] * (xy[i] - fit + inside)
    return square, cross
