"""A clear reference for the compiled sampler: slow, uncollapsed, one conditional after another.

Everything is drawn on the rows with an explicit intercept. Whatever is neither β nor a constant is
drawn from its full conditional density, tabulated on a grid. Many chains advance side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import bayesreg as br
from tests.cases import Case

Array = NDArray[np.float64]
Density = Callable[[Array], Array]


# --- laws of local variances: log densities of y = log t, up to constants ---------------------


def _exponential(y: Array, m: float, mix: float, rest: float) -> Array:
    """1/t = 1/t₁ + rest, p(t₁) ∝ t₁^((m−1)/2) e^(−mix²t₁/2) (1 + rest·t₁)^(−m/2)."""
    t = np.exp(y)
    left = np.where(rest * t < 1.0, 1.0 - rest * t, np.nan)
    t1 = t / left
    log_density = 0.5 * (m - 1.0) * np.log(t1) - 0.5 * mix**2 * t1 + 0.5 * m * np.log(left)
    return np.nan_to_num(log_density - 2.0 * np.log(left) + y, nan=-np.inf)


def _inverse_gamma(y: Array, m: float, df: float) -> Array:
    return -0.5 * df * y - 0.5 * df * np.exp(-y)


def _half_cauchy(y: Array, m: float) -> Array:
    """√t ~ C⁺(0, 1): p(√t) ∝ 1/(1 + t)."""
    return 0.5 * y - np.logaddexp(0.0, y)


def _half_cauchy_product(y: Array, m: float) -> Array:
    """p(√t) ∝ log(√t)/(t − 1), which is ½ at t = 1."""
    half = np.where(np.abs(y) < 1e-5, 1e-5, 0.5 * y)
    return np.log(half / np.sinh(half))


def _gamma(y: Array, m: float, shape: float) -> Array:
    return shape * y - 0.5 * np.exp(y)


def _stable(y: Array, m: float, q: float) -> Array:
    """w = 1/2t with p(w) ∝ w^(−m/2)·g(w), g positive stable of index q/2: E e^(−xw) = e^(−x^(q/2)).

    p(t) ∝ p(w)·w² and t^(−m/2)e^(−x/2t)p(t)dt ∝ e^(−xw)g(w)dw, whatever m is.
    """
    log_w = -y - np.log(2.0)
    return -0.5 * m * log_w + log_positive_stable(log_w, 0.5 * q) + log_w


def log_positive_stable(log_w: Array, a: float) -> Array:
    """Log density of the positive stable law of index a (Zolotarev 1986, §2.2), by quadrature."""
    u = np.pi * (np.arange(800) + 0.5) / 800
    log_a = a * np.log(np.sin(a * u)) + (1 - a) * np.log(np.sin((1 - a) * u)) - np.log(np.sin(u))
    log_a /= 1.0 - a
    power = np.asarray(log_w)[..., None] / (1.0 - a)
    with np.errstate(over="ignore"):
        body = log_a - power - np.exp(log_a - a * power)
    top = body.max(axis=-1, keepdims=True)
    return np.log(a / (1 - a)) + top[..., 0] + np.log(np.exp(body - top).mean(axis=-1))


LOCAL: dict[str, Callable[..., Array]] = {
    "exponential": _exponential,
    "inverse_gamma": _inverse_gamma,
    "half_cauchy": _half_cauchy,
    "half_cauchy_product": _half_cauchy_product,
    "gamma": _gamma,
    "stable": _stable,
    "slab": lambda y, m, *numbers: _half_cauchy(y, m),
}


def from_grid(log_density: Array, grid: Array, rng: np.random.Generator) -> Array:
    """One draw per leading index from densities (…, K) on an even grid, by the inverse CDF."""
    weight = np.exp(log_density - log_density.max(axis=-1, keepdims=True))
    total = np.cumsum(weight, axis=-1)
    u = rng.random(total.shape[:-1]) * total[..., -1]
    cell = np.sum(total < u[..., None], axis=-1)
    return grid[cell] + (rng.random(cell.shape) - 0.5) * (grid[1] - grid[0])


# --- the chain --------------------------------------------------------------------------------

# Where logarithms are looked for. Scales are kept off 0 by the priors and data of the tests.
SIGMA = np.linspace(-6.0, 4.0, 300)
SCALE = np.linspace(-14.0, 8.0, 330)
WIDTH = np.linspace(-8.0, 12.0, 200)  # log c² of a slab
RANGES = {
    "exponential": (-18.0, 5.0),
    "inverse_gamma": (-5.0, 25.0),
    "half_cauchy": (-28.0, 28.0),
    "half_cauchy_product": (-36.0, 36.0),
    "gamma": (-45.0, 5.0),
    "stable": (-14.0, 40.0),
    "slab": (-28.0, 28.0),
    "dirichlet": (-45.0, 5.0),
}


class Part:
    """A block of columns and its unknowns in every chain: scale s, local t, a slab's c²."""

    def __init__(self, block: Any, chains: int, rng: np.random.Generator) -> None:
        self.columns, self.group, self.sizes = block.columns, block.group, block.sizes
        self.law, self.numbers = block.prior.mixing.law, block.prior.mixing.parameters
        self.relative, self.hyper = block.relative, block.hyper
        self.absolute = block.prior.unit == "y"
        start = 1.0 if block.scale is None else block.scale
        self.s = np.full(chains, start)
        if block.scale is None:
            self.s = np.exp(0.3 * rng.standard_normal(chains))
        self.t = np.ones((chains, len(self.sizes)))
        self.slab = np.ones(chains)
        if self.law in RANGES:
            self.grid = np.linspace(*RANGES[self.law], 240)
        if self.law in LOCAL:
            self.prior = np.stack(
                [LOCAL[self.law](self.grid, m, *self.numbers) for m in self.sizes]
            )

    def variance(self, s: Array, t: Array) -> Array:
        """Prior variances (…, G) of u = b/(unit·relative), from s (…) and t (…, G)."""
        v = np.square(s)[..., None] * t
        if self.law == "slab":
            v = v / (1.0 + v / self.slab.reshape(-1, *[1] * (v.ndim - 1)))
        if self.law == "dirichlet":
            v = np.square(s)[..., None] * t / t.sum(axis=-1, keepdims=True)
        return v

    def fit(self, squares: Array, v: Array) -> Array:
        """Log normal density (…, G) of ‖u_g‖² = squares at variances v."""
        return -0.5 * self.sizes * np.log(v) - 0.5 * squares / v

    def sds(self, sigma: Array) -> Array:
        """Prior sds of b (C, columns)."""
        unit = 1.0 if self.absolute else sigma[:, None]
        return unit * self.relative * np.sqrt(self.variance(self.s, self.t))[:, self.group]

    def update(self, b: Array, sigma: Array, rng: np.random.Generator) -> None:
        """s, t and c² given b and σ, each from a grid."""
        u = b / self.relative / (1.0 if self.absolute else sigma[:, None])
        squares = np.stack(
            [np.square(u[:, self.group == g]).sum(1) for g in range(len(self.sizes))]
        )
        squares = squares.T
        if self.hyper is not None:
            s = np.exp(SCALE)
            v = self.variance(np.broadcast_to(s, (len(b), len(s))), self.t[:, None, :])
            body = self.fit(squares[:, None, :], v).sum(-1) + self.hyper.log_density(s) + SCALE
            self.s = np.exp(from_grid(body, SCALE, rng))
        if self.law == "slab":
            scale, df = self.numbers
            v = np.square(self.s)[:, None] * self.t
            wide = v[:, None, :] / (1.0 + v[:, None, :] * np.exp(-WIDTH)[:, None])
            body = self.fit(squares[:, None, :], wide).sum(-1)
            body = (
                body + stats.invgamma.logpdf(np.exp(WIDTH), df / 2, scale=df * scale**2 / 2) + WIDTH
            )
            self.slab = np.exp(from_grid(body, WIDTH, rng))
        if self.law == "dirichlet":
            self._gammas(squares, rng)
        elif self.law != "constant":
            v = self.variance(self.s[:, None], np.exp(self.grid)[:, None])  # (C, K, 1)
            body = self.fit(squares[:, None, :], v) + self.prior.T
            self.t = np.exp(from_grid(np.moveaxis(body, 1, 2), self.grid, rng))

    def _gammas(self, squares: Array, rng: np.random.Generator) -> None:
        """φ = γ/Σγ with γ ~ Gamma(concentration, 1): each γ given the others."""
        for g in range(len(self.sizes)):
            t = np.repeat(self.t[:, None, :], len(self.grid), axis=1)
            t[:, :, g] = np.exp(self.grid)
            body = self.fit(squares[:, None, :], self.variance(self.s[:, None], t)).sum(-1)
            body += self.numbers[0] * self.grid - np.exp(self.grid)
            self.t[:, g] = np.exp(from_grid(body, self.grid, rng))


def chain(
    problem: br.Problem, case: Case, *, chains: int, tune: int, draws: int, seed: int
) -> dict[str, Array]:
    """β (C, S, P), intercept, log σ and log scale (C, S, B) of a case's problem without Flat."""
    rng = np.random.default_rng(seed)
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    rows = np.column_stack([np.ones(len(case.y)), case.X])[:, 0 if case.intercept else 1 :]
    k, unit = rows.shape[1] - case.X.shape[1], np.ones(case.X.shape[1])
    if case.standardize:
        unit = np.sqrt(w @ np.square(case.X - w @ case.X / w.sum()) / w.sum())
    gram, xy = rows.T @ (w[:, None] * rows), rows.T @ (w * case.y)
    sigma = np.full(chains, problem.sigma or np.exp(0.2 * rng.standard_normal()))
    parts = [Part(block, chains, rng) for block in problem.blocks]
    unknown = [part for part in parts if part.hyper is not None]
    kept = []
    for i in range(tune + draws):
        precision = np.zeros((chains, rows.shape[1]))
        for part in parts:
            precision[:, k + part.columns] = np.square(unit[part.columns] / part.sds(sigma))
        a = gram / np.square(sigma)[:, None, None] + np.eye(k + len(unit)) * precision[:, None, :]
        theta = _normal(a, xy / np.square(sigma)[:, None], rng)
        b = theta[:, k:] * unit
        for part in parts:
            part.update(b[:, part.columns], sigma, rng)
        if problem.sigma is None:
            rss = np.square(case.y - theta @ rows.T) @ w
            sigma = _noise(problem, parts, rss, w.sum(), b, rng)
        if i >= tune:
            scales = [np.log(part.s) for part in unknown]
            kept.append(np.column_stack([theta, np.log(sigma), *scales]))
    all_kept, p = np.stack(kept, axis=1), k + len(unit)
    return {
        "beta": all_kept[..., k:p],
        "intercept": all_kept[..., :k],
        "log sigma": all_kept[..., p : p + 1],
        "log scale": all_kept[..., p + 1 :],
    }


def _normal(a: Array, pull: Array, rng: np.random.Generator) -> Array:
    """Draws from N(A⁻¹pull, A⁻¹) for a stack of A, scaled to unit diagonals."""
    d = 1.0 / np.sqrt(np.diagonal(a, axis1=1, axis2=2))
    lower = np.linalg.cholesky(a * d[:, :, None] * d[:, None, :])
    upper = np.swapaxes(lower, 1, 2)
    white = np.linalg.solve(lower, (d * pull)[..., None]) + rng.standard_normal((*pull.shape, 1))
    return d * np.linalg.solve(upper, white)[..., 0]


def _noise(
    problem: br.Problem, parts: list[Part], rss: Array, n: float, b: Array, rng: np.random.Generator
) -> Array:
    """σ given everything, from the grid."""
    assert problem.sigma_prior is not None
    total, count = rss.copy(), n
    for part in parts:
        if not part.absolute:
            total += np.square(b[:, part.columns] / part.sds(np.ones(len(b)))).sum(1)
            count += len(part.columns)
    body = -count * SIGMA - 0.5 * total[:, None] * np.exp(-2.0 * SIGMA)
    body = body + problem.sigma_prior.log_density(np.exp(SIGMA)) + SIGMA
    return np.exp(from_grid(body, SIGMA, rng))
