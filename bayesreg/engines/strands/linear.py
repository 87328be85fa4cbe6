r"""b given its prior sds, and the likelihood with b integrated out, for many chains side by side.

With D = diag(prior sd of b_j ÷ σ) one Cholesky factor serves both, as in `loops.linear`:

    I + DGD = LL',   b = DL⁻ᵀ(L⁻¹DX'y + σε)                        (Rue 2001, JRSS B 63(2))
    I + XD²X' = LL', b by Bhattacharya, Chakraborty & Mallick (2016), Biometrika 103(4)

Where D is so large that the identity is lost, L comes from a QR of [XD; I] or [DX'; I].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr
from scipy.linalg.lapack import dtrtrs

from bayesreg.engines.loops.arrays import LOST
from bayesreg.language.arguments import Array

_FEW = 8  # rows beyond which one step of substitution at a time serves all of them sooner


@dataclass(frozen=True, eq=False)
class Data:
    """What the likelihood is made of; arrays have one row that serves all chains, or one for each.

    `x` (R, m, p), `y` (R, m), `gram` (R, p, p) and `xy` (R, p), empty in row space, `squares`
    (R, p) the diagonal of X'X, `yy` (R,), and `rss` what no b can reduce.
    """

    x: Array
    y: Array
    gram: Array
    xy: Array
    squares: Array
    yy: Array
    rss: float

    @property
    def narrow(self) -> bool:
        """Whether the factor is in column space."""
        return self.gram.size > 0

    def take(self, rows: Any) -> Data:
        """Those of some chains."""
        if len(self.y) == 1 or isinstance(rows, slice):
            return self
        arrays = (self.x, self.y, self.gram, self.xy, self.squares, self.yy)
        x, y, gram, xy, squares, yy = (a[rows] if len(a) else a for a in arrays)
        return Data(x, y, gram, xy, squares, yy, self.rss)

    def fit(self, b: Array) -> Array:
        """Xb."""
        return b @ self.x[0].T if len(self.x) == 1 else (self.x @ b[..., None])[..., 0]

    def back(self, v: Array) -> Array:
        """X'v."""
        return v @ self.x[0] if len(self.x) == 1 else (v[:, None] @ self.x)[:, 0]

    def times(self, b: Array) -> Array:
        """X'Xb in column space."""
        return b @ self.gram[0] if len(self.gram) == 1 else (b[:, None] @ self.gram)[:, 0]

    def squares_left(self, b: Array) -> Array:
        """‖y − Xb‖² + rss; by products where no rows are kept."""
        if self.x.size:
            residuals = self.y - self.fit(b)
            return np.asarray(self.rss + np.square(residuals).sum(axis=1))
        left = self.yy + np.einsum("ni,ni->n", b, self.times(b) - 2.0 * self.xy)
        return np.asarray(self.rss + np.maximum(left, 0.0))

    def core(self, sd: Array) -> Array:
        """DGD or XD²X'."""
        if self.narrow:
            return self.gram * sd[:, :, None] * sd[:, None, :]
        half = self.x * sd[:, None, :]
        return half @ half.swapaxes(1, 2)


@dataclass(frozen=True, eq=False)
class Factor:
    """L, what the draw of b starts from, and S = min_b ‖y − Xb‖² + ‖D⁻¹b‖² + rss."""

    lower: Array
    w: Array
    s: Array


def factor(data: Data, sd: Array, core: Array | None = None, square: Any = 1.0) -> Factor:
    """The factor of I + square·core; `sd` is what makes the whole of it, should digits be lost."""
    a = data.core(sd) if core is None else core * np.asarray(square)[:, None, None]
    diagonal = np.einsum("nii->ni", a)
    lost = np.zeros(len(a), bool)
    if not data.narrow:  # in column space L is accurate as long as it exists (Demmel 1989)
        lost = ~(diagonal.max(axis=1, initial=0.0) < LOST)
    diagonal += 1.0
    try:
        lower = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        lower = np.empty_like(a)
        for i, one in enumerate(a):
            try:
                lower[i] = np.linalg.cholesky(one)
            except np.linalg.LinAlgError:
                lost[i] = True
    for i in np.flatnonzero(lost).tolist():
        half = data.x[i if len(data.x) > 1 else 0] * sd[i]
        lower[i] = _triangle(half if data.narrow else half.T)
    return _with_sum(data, sd, lower)


def _triangle(half: Array) -> Array:
    """L with LL' = I + H'H by QR of [H; I]."""
    size = half.shape[1]
    r = np.asarray(qr(np.vstack([half, np.eye(size)]), mode="r", check_finite=False)[0])[:size]
    return np.asarray((r * np.where(np.diagonal(r) < 0.0, -1.0, 1.0)[:, None]).T)


def _with_sum(data: Data, sd: Array, lower: Array) -> Factor:
    """S from L, as a sum of squares where a difference would lose its digits."""
    if not data.narrow:
        w = forward(lower, np.broadcast_to(data.y, (len(lower), data.y.shape[1])))
        return Factor(lower, w, data.rss + np.einsum("ni,ni->n", w, w))
    w = forward(lower, sd * data.xy)
    rest = data.yy - np.einsum("ni,ni->n", w, w)
    close = np.flatnonzero(rest < 1e-6 * data.yy)
    if len(close) and data.x.size:
        own, z = data.take(close), backward(lower[close], w[close])
        residuals = own.y - own.fit(sd[close] * z)
        rest[close] = np.einsum("ni,ni->n", z, z)
        rest[close] += np.einsum("ni,ni->n", residuals, residuals)
    return Factor(lower, w, data.rss + rest)


def forward(lower: Array, right: Array) -> Array:
    """L⁻¹r, row by row."""
    if len(lower) < _FEW:
        return np.stack([dtrtrs(a, r, lower=1)[0] for a, r in zip(lower, right, strict=True)])
    x = right.copy()
    for j in range(x.shape[1]):
        if j:
            x[:, j] -= np.einsum("ni,ni->n", lower[:, j, :j], x[:, :j])
        x[:, j] /= lower[:, j, j]
    return x


def backward(lower: Array, right: Array) -> Array:
    """L⁻ᵀr, row by row."""
    if len(lower) < _FEW:
        solved = [dtrtrs(a, r, lower=1, trans=1)[0] for a, r in zip(lower, right, strict=True)]
        return np.stack(solved)
    x = right.copy()
    for j in range(x.shape[1] - 1, -1, -1):
        x[:, j] /= lower[:, j, j]
        if j:
            x[:, :j] -= lower[:, j, :j] * x[:, j, None]
    return x


def draw(data: Data, sd: Array, made: Factor, noise: Array, rng: np.random.Generator) -> Array:
    """b | σ, D; `noise` is σ (n,)."""
    z, by = rng.standard_normal(sd.shape), noise[:, None]
    if data.narrow:
        return sd * backward(made.lower, made.w + by * z)
    v = (data.y - data.fit(by * sd * z)) / by - rng.standard_normal((len(sd), data.y.shape[1]))
    v = backward(made.lower, forward(made.lower, v))
    return by * sd * (z + sd * data.back(v))


def fit_of_block(data: Data, b: Array, span: slice) -> tuple[Array, Array]:
    """‖X_k b_k‖² and b_k'X_k'(y − the fit of the other columns), for the columns of a block."""
    if not data.narrow:
        alone = np.zeros_like(b)
        alone[:, span] = b[:, span]
        own = data.fit(alone)
        square = np.einsum("ni,ni->n", own, own)
        return square, np.einsum("ni,ni->n", own, data.y - data.fit(b)) + square
    fit = data.times(b)
    inside = fit
    if span.stop - span.start < b.shape[1]:
        alone = np.zeros_like(b)
        alone[:, span] = b[:, span]
        inside = data.times(alone)
    part = b[:, span]
    square = np.einsum("ni,ni->n", part, inside[:, span])
    return square, np.einsum("ni,ni->n", part, (data.xy - fit + inside)[:, span])
