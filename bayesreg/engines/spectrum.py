r"""Normal priors in the eigenbasis of the data: every formula becomes a sum over eigenvalues.

Columns are of two kinds. *Pinned* ones have a prior variance that is a known multiple of σ²; they
enter as extra pseudo-rows and are projected out like Flat columns. *Free* ones share one unknown
factor, prior variance r_j²σ²/λ, and are rotated: with X diag(r) = U diag(√d) V' and g = U'y,

    b_free = diag(r) V θ,   θ_i | λ, σ ~ N(√d_i g_i/(d_i + λ), σ²/(d_i + λ))
    S(λ) = rss + Σ g_i² λ/(d_i + λ)                       (MacKay 1992, Neural Computation 4(3))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular, svd
from scipy.linalg.lapack import dgejsv

from bayesreg.language.arguments import Array
from bayesreg.model.quadratic import PseudoData
from bayesreg.priors import Normal

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block
    from bayesreg.model.problem import Problem

Index = NDArray[np.intp]

# Above this ratio of column norms an ordinary SVD loses the small columns (Drmač & Veselić 2008).
_GRADED = 1e3
_ENOUGH = 400  # pseudo-rows for a rough estimate of two numbers


@dataclass(frozen=True, eq=False)
class Layout:
    """Which columns are pinned to σ and which share the factor λ.

    Attributes
    ----------
    pinned, free : ndarray of int
        Positions among the proper columns.
    pinned_sd : ndarray
        Prior sd ÷ σ of the pinned columns.
    free_sd : ndarray
        r: prior sd ÷ (σ/√λ) of the free columns.
    block : Block or None
        The block with the unknown scale; None where λ is σ² itself.
    """

    pinned: Index
    free: Index
    pinned_sd: Array
    free_sd: Array
    block: Block | None


def layout(problem: Problem) -> Layout | str:
    """Sort the columns, or say why no single factor λ serves them."""
    for block in problem.blocks:
        if not isinstance(block.prior, Normal):
            return f"{type(block.prior).__name__} on {block.label!r} is not a Normal prior"
    unknown = [block for block in problem.blocks if block.scale is None]
    if len(unknown) > 1:
        return f"{len(unknown)} scales are unknown"
    sd = np.empty(problem.p)
    free = np.zeros(problem.p, dtype=bool)
    for block in problem.blocks:
        absolute = block.prior.unit == "y"
        loose = block.scale is None or (absolute and problem.unknown_sigma)
        if loose and unknown and block is not unknown[0]:
            return (
                f"the scale of {unknown[0].label!r} is unknown, and that of {block.label!r} is in "
                "the unit of y while σ is unknown"
            )
        scale = 1.0 if block.scale is None else block.scale
        if not loose and absolute:
            assert problem.sigma is not None
            scale = scale / problem.sigma
        sd[block.columns] = scale * block.relative
        free[block.columns] = loose
    pinned, loose_columns = np.flatnonzero(~free), np.flatnonzero(free)
    return Layout(
        pinned, loose_columns, sd[pinned], sd[loose_columns], unknown[0] if unknown else None
    )


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A problem with Normal priors, rotated; see the module's formulae.

    Attributes
    ----------
    layout : Layout
        The two kinds of columns.
    d, g : ndarray (r,)
        Eigenvalues, and the responses in the eigenbasis.
    v : ndarray (len(free), r)
        Orthonormal basis.
    rss, nu : float
        Residual no coefficient reduces, and the exponent of 1/σ.
    head_y, head_x, head_root : ndarray
        b_pinned | b_free, σ ~ N(R⁻¹(head_y − head_x b_free), σ²R⁻¹R⁻ᵀ), R = head_root.
    log_pinned : float
        log of the factor that integrating out the pinned columns leaves.
    """

    layout: Layout
    d: Array
    g: Array
    v: Array
    rss: float
    nu: float
    head_y: Array
    head_x: Array
    head_root: Array
    log_pinned: float

    @classmethod
    def of(cls, data: PseudoData, columns: Layout) -> Spectrum:
        """Project the pinned columns out of the pseudo-rows and rotate the free ones."""
        x, y, rss = data.x[:, columns.free], data.y, data.rss
        k = len(columns.pinned)
        head_y, head_x, root = np.zeros(0), np.zeros((0, len(columns.free))), np.zeros((0, 0))
        log_pinned = 0.0
        if k:
            rows = np.vstack([data.x[:, columns.pinned], np.diag(1.0 / columns.pinned_sd)])
            q, root = qr(rows, mode="full", check_finite=False)
            root = root[:k]
            rest = np.column_stack([x, y])
            turned = q.T @ np.vstack([rest, np.zeros((k, rest.shape[1]))])
            head_x, head_y = turned[:k, :-1], turned[:k, -1]
            x, y = turned[k:, :-1], turned[k:, -1]
            log_pinned = -float(np.sum(np.log(np.abs(np.diagonal(root)) * columns.pinned_sd)))
        d, g, v, outside = _rotate(x * columns.free_sd, y)
        return cls(columns, d, g, v, rss + outside, data.nu, head_y, head_x, root, log_pinned)

    def penalised_rss(self, lam: Array) -> Array:
        """S(λ), shape of `lam`."""
        share = lam[..., None] / (self.d + lam[..., None])
        return np.asarray(self.rss + share @ np.square(self.g))

    def log_det(self, lam: Array) -> Array:
        """log det(I + X diag(r²) X'/λ), shape of `lam`."""
        return np.asarray(np.sum(np.log1p(self.d / lam[..., None]), axis=-1))

    @property
    def missing(self) -> int:
        """Number of free directions on which the data are silent because p exceeds the rows."""
        return int(self.v.shape[0] - self.v.shape[1])

    def ratios(self, lam: Array) -> Array:
        """Prior variances ÷ σ² of all columns, (len(lam), p)."""
        columns = self.layout
        out = np.empty((len(lam), len(columns.free) + len(columns.pinned)))
        out[:, columns.free] = np.square(columns.free_sd) / lam[:, None]
        out[:, columns.pinned] = np.square(columns.pinned_sd)
        return out

    def theta(self, lam: Array) -> Array:
        """Conditional means of θ, (len(lam), r)."""
        return np.sqrt(self.d) * self.g / (self.d + lam[:, None])

    def draw(self, lam: Array, sigma: Array, rng: np.random.Generator) -> Array:
        """b (S, p) given λ (S,) and σ (S,): exact, independent."""
        size, columns = len(lam), self.layout
        precision = self.d + lam[:, None]
        theta = (np.sqrt(self.d) * self.g) / precision
        theta += sigma[:, None] / np.sqrt(precision) * rng.standard_normal((size, len(self.d)))
        free = theta @ self.v.T
        if self.missing:
            noise = rng.standard_normal(free.shape)
            noise -= (noise @ self.v) @ self.v.T
            free += noise * (sigma / np.sqrt(lam))[:, None]
        free *= columns.free_sd
        if not len(columns.pinned):
            return free
        b = np.empty((size, len(columns.free) + len(columns.pinned)))
        b[:, columns.free] = free
        noise = sigma[:, None] * rng.standard_normal((size, len(columns.pinned)))
        right = self.head_y - free @ self.head_x.T + noise
        b[:, columns.pinned] = solve_triangular(self.head_root, right.T, check_finite=False).T
        return b


def _rotate(a: Array, y: Array) -> tuple[Array, Array, Array, float]:
    """d, g, V of a = U diag(√d) V' with g = U'y, and the part of ‖y‖² outside U."""
    if min(a.shape) == 0:
        return np.zeros(0), np.zeros(0), np.zeros((a.shape[1], 0)), float(y @ y)
    norms = np.linalg.norm(a, axis=0)
    norms = norms[norms > 0]
    graded = len(norms) and norms.max() > _GRADED * norms.min() and a.shape[1] <= 512
    u, s, v = _jacobi(a) if graded else _ordinary(a)
    g = u.T @ y
    rest = y - u @ g
    rest -= u @ (u.T @ rest)
    outside = float(rest @ rest) if a.shape[0] > len(s) else 0.0
    return np.square(s), g, v, outside


def _ordinary(a: Array) -> tuple[Array, Array, Array]:
    """U, s, V by divide and conquer, or by QR iteration should that fail."""
    try:
        u, s, vt = svd(a, full_matrices=False, check_finite=False)
    except np.linalg.LinAlgError:
        u, s, vt = svd(a, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    return u, s, vt.T


def _jacobi(a: Array) -> tuple[Array, Array, Array]:
    """U, s, V with each singular value to high relative accuracy (LAPACK dgejsv, joba 'F')."""
    tall = a.shape[0] >= a.shape[1]
    sva, u, v, work, _, info = dgejsv(a if tall else a.T, joba=2, jobu=0, jobv=0, jobr=0)
    if info != 0:
        return _ordinary(a)
    s = sva * (work[0] / work[1])
    return (u[:, : len(s)], s, v) if tall else (v, s, u[:, : len(s)])


def profile(data: PseudoData, sigma: float | None) -> tuple[float, float]:
    """Rough type-II estimates of log(scale ÷ σ) and log σ under one Normal prior, for a start.

    Maximises −½Σ log(1 + d_i s²) − (ν/2) log S(s), or −S/2σ², over a grid of log s with a
    half-Cauchy(1) penalty that keeps s finite (MacKay 1992, Neural Computation 4(3)).
    """
    data = _sketch(data)
    d, g, outside = _rough_spectrum(data)
    log_s = np.linspace(-14.0, 6.0, 161)
    share = 1.0 / (1.0 + d * np.exp(2.0 * log_s)[:, None])
    s = data.rss + outside + share @ np.square(g)
    if not np.all(s > 0) or data.nu <= 0:
        return 0.0, 0.0 if sigma is None else float(np.log(sigma))
    fit = 0.5 * data.nu * np.log(s) if sigma is None else 0.5 * s / sigma**2
    target = 0.5 * np.sum(np.log(share), axis=1) - fit + log_s - np.log1p(np.exp(2.0 * log_s))
    best = int(np.argmax(target))
    size = 0.5 * np.log(s[best] / data.nu) if sigma is None else np.log(sigma)
    return float(log_s[best]), float(size)


def _rough_spectrum(data: PseudoData) -> tuple[Array, Array, float]:
    """d, g and the rest of ‖y‖² as `_rotate` gives them, from XX' where rows are fewer."""
    if data.x.shape[0] >= data.x.shape[1]:
        d, g, _, outside = _rotate(data.x, data.y)
        return d, g, outside
    d, u = np.linalg.eigh(data.x @ data.x.T)
    return np.maximum(d, 0.0), u.T @ data.y, 0.0


def _sketch(data: PseudoData) -> PseudoData:
    """As many random combinations of the pseudo-rows as a rough estimate needs."""
    m = len(data.y)
    if m <= _ENOUGH:
        return data
    mix = np.random.default_rng(0).standard_normal((_ENOUGH, m)) / np.sqrt(m)
    share = _ENOUGH / m
    return PseudoData(mix @ data.x, mix @ data.y, share * data.rss, share * data.nu)


def maxima(data: PseudoData, sigma: float | None) -> list[tuple[float, float]]:
    """Rough log(scale ÷ σ) and log σ where a Normal prior's evidence has maxima, and at `profile`.

    The latter leans away from scale → 0, where a prior with heavier tails may not have its maximum.
    """
    d, g, _, outside = _rotate(data.x, data.y)
    known = profile(data, sigma)
    if not np.any(d > 0.0):
        return [known]
    low, high = (-0.5 * float(np.log(x)) for x in (d.max(), d[d > 0.0].min()))
    log_s = np.linspace(low - 2.0, min(high, low + 60.0) + 8.0, 801)
    share = 1.0 / (1.0 + d * np.exp(2.0 * log_s)[:, None])
    rest = data.rss + outside + share @ np.square(g)
    fit = 0.5 * data.nu * np.log(rest) if sigma is None else 0.5 * rest / sigma**2
    curve = 0.5 * np.sum(np.log(share), axis=1) - fit
    inner = 1 + np.flatnonzero((curve[1:-1] > curve[:-2]) & (curve[1:-1] >= curve[2:]))
    size = 0.5 * np.log(rest / data.nu) if sigma is None else np.full(801, np.log(sigma))
    found = [(float(log_s[k]), float(size[k])) for k in inner[np.argsort(-curve[inner])][:3]]
    return found + [known] * all(abs(known[0] - one[0]) > 1.0 for one in found)
