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
from scipy.linalg import qr, solve_triangular

from bayesreg.engines.starts import _rotate
from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import PseudoData

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block
    from bayesreg.model.problem import Problem

Index = NDArray[np.intp]


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
        if not block.prior.conjugate:
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
        """b (S, p) given λ (S,) and σ (S,): exact, independent.

        The noise of θ is V'z for a z in the coordinates of b, so that draws move with the data as
        A⁻¹ does, whatever basis and signs the rotation found.
        """
        size, columns = len(lam), self.layout
        precision = self.d + lam[:, None]
        z = rng.standard_normal((size, len(columns.free)))
        along = z @ self.v
        theta = (np.sqrt(self.d) * self.g) / precision
        theta += sigma[:, None] / np.sqrt(precision) * along
        free = theta @ self.v.T
        if self.missing:
            free += (z - along @ self.v.T) * (sigma / np.sqrt(lam))[:, None]
        free *= columns.free_sd
        if not len(columns.pinned):
            return free
        b = np.empty((size, len(columns.free) + len(columns.pinned)))
        b[:, columns.free] = free
        noise = sigma[:, None] * rng.standard_normal((size, len(columns.pinned)))
        noise *= np.sign(np.diagonal(self.head_root))
        right = self.head_y - free @ self.head_x.T + noise
        b[:, columns.pinned] = solve_triangular(self.head_root, right.T, check_finite=False).T
        return b
