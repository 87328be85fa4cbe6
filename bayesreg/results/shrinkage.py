"""Shrinkage: how much of each coefficient the prior decided, and how many it left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.draws import RATIO, Draws, pooled
from bayesreg.engines.factors import curvature_of, scales_of, shrinkage_factors
from bayesreg.language.arguments import Array, check_level, interval_names
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_lines, html_table, plain
from bayesreg.results.quantity import Quantity

if TYPE_CHECKING:
    import pandas as pd

KAPPA = "1/(1 + G_jj·v_j/σ²)"
# What κ is about where the engine kept it, under a likelihood that is not one quadratic.
KEPT = "1/(1 + G_jj·v_j), with G the curvature of −log L at the mode under the likeliest scale"
LARGEST = 1000  # eigenvalues, of which more would take longer than the draws
TINY = float(np.finfo(float).tiny)


@explained_throughout
@dataclass(frozen=True, eq=False)
class Shrinkage:
    r"""Posterior of the shrinkage factors κ_j = 1/(1 + G_jj·v_j/σ²) ∈ (0, 1).

    v_j is the prior variance of b_j given its scales and G = X̃'X̃ the columns with intercept and
    Flat columns projected out. At 1 the prior decides, at 0 the data. Where the columns are
    orthogonal, E(b_j | y, v, σ) is exactly 1 − κ_j times least squares (about loc); elsewhere κ_j
    is what the coefficient's own column would suffer alone. m_eff = Σ(1 − κ_j), between 0 and p, is
    the effective number of non-zero coefficients as if the columns were orthogonal: with n large it
    is near p on pure noise, and on correlated columns above the effective degrees of freedom. The
    columns of a factor are never orthogonal: beside an intercept K levels have K − 1 differences.
    They count together, with what their own block of G would leave of them alone,
    tr G(G + diag(σ²/v))⁻¹, which is 1 − κ_j for one column.

    Under another likelihood than the Gaussian there is no one G: it is the curvature of −log L at
    the mode under the likeliest scale, σ² in G. Where the engine kept no κ (``nuts``) it is that of
    the quadratic which touches at the posterior mean, or under Student-t and Laplace noise X̃'X̃
    times the information of a row, in units of 1/σ². `formula` says which.

    Attributes
    ----------
    kappa : ndarray (chain, draw, p) or None
        The factors of the columns with a proper prior; None where they are not available.
    features : tuple of str
        Names of all P columns.
    proper : ndarray of int (p,)
        Which of them have a proper prior; Flat ones have no κ.
    effect : ndarray (P,)
        Posterior mean of sd(x_j)·β_j, by which figures are ordered.
    source : str
        Where κ comes from, or why it is not available.
    formula : str
        κ_j in symbols.
    df : Quantity or None
        Posterior of the effective degrees of freedom tr X̃(X̃'X̃ + Λ)⁻¹X̃' under one Normal prior and
        Gaussian noise, correlation of the columns included; None elsewhere.
    factors : tuple of Together
        Columns that count together.

    References
    ----------
    Carvalho, Polson & Scott (2010), Biometrika 97(2), https://doi.org/10.1093/biomet/asq017;
    Piironen & Vehtari (2017), EJS 11(2), eq. 3.8, https://doi.org/10.1214/17-EJS1337SI; Hastie,
    Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., eq. 3.50 (df).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(br.Normal(1.0, unit="sigma"), br.Gaussian(sigma=54.0))
    >>> post = br.sample(model.condition(data.X, data.y, standardize=True), seed=1)
    >>> round(float(post.shrinkage["bmi"]) * (1 + 442), 12)
    1.0
    """

    kappa: Array | None
    features: tuple[str, ...]
    proper: NDArray[np.intp]
    effect: Array
    source: str
    formula: str = KAPPA
    df: Quantity | None = None
    factors: tuple[Together, ...] = ()

    @classmethod
    def of(cls, draws: Draws) -> Shrinkage:
        """The factors of a run: those that it kept, or those that follow from its draws."""
        kappa, source = shrinkage_factors(draws)
        problem = draws.problem
        effect = draws.beta.mean(axis=(0, 1)) * problem.column_sd
        said = formula(draws)
        df = ridge_df(draws)
        together = () if kappa is None else tuple(_together(draws))
        return cls(kappa, problem.features, problem.proper, effect, source, said, df, together)

    @property
    def known(self) -> bool:
        """Whether the factors are available; `source` says why, if not."""
        return self.kappa is not None

    @property
    def mean(self) -> pd.Series:
        """Posterior mean of κ by column; NaN for Flat columns and where it is not available."""
        import pandas as pd

        values = np.full(len(self.features), np.nan)
        if self.kappa is not None:
            values[self.proper] = self.kappa.mean(axis=(0, 1))
        return pd.Series(values, index=list(self.features), name="kappa")

    @cached_property
    def effective(self) -> Quantity:
        """Posterior of m_eff = Σ(1 − κ_j), Flat columns not counted.

        Raises
        ------
        NotSupported
            If κ is not available.
        """
        kappa = self._known()
        alone = np.ones(len(self.proper), dtype=bool)
        for one in self.factors:
            alone[one.at] = False
        kept = int(alone.sum()) - kappa[..., alone].sum(axis=2)
        return Quantity("m_eff", kept + sum(one.kept(kappa) for one in self.factors))

    @property
    def directions(self) -> int:
        """The most that m_eff can be: what the data tell apart of the columns with a prior."""
        return len(self.proper) - sum(len(one.at) - one.rank for one in self.factors)

    @property
    def table(self) -> pd.DataFrame:
        """`summary` at its default level."""
        return self.summary()

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Mean, sd and equal-tailed interval of κ by column.

        Parameters
        ----------
        level : float, default 0.95
            Probability inside the interval; its columns are named after kind and level.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        import pandas as pd

        tails = [(1 - check_level(level)) / 2, (1 + level) / 2]
        values = np.full((4, len(self.features)), np.nan)
        if self.kappa is not None and len(self.proper):
            flat = pooled(self.kappa)
            spread = flat.std(axis=0, ddof=1) if len(flat) > 1 else np.zeros(len(self.proper))
            values[:, self.proper] = [flat.mean(0), spread, *np.quantile(flat, tails, axis=0)]
        columns = ["mean", "sd", *interval_names(level)]
        return pd.DataFrame(values.T, index=list(self.features), columns=columns)

    def plot(self, ax: Any = None, *, level: float = 0.95) -> Any:
        """Draw κ of the largest coefficients with its intervals; returns the Axes."""
        from bayesreg.plots import plot_shrinkage

        return plot_shrinkage({"κ": self}, ax, level=level)

    def __getitem__(self, name: str) -> Quantity:
        """Posterior of one column's κ."""
        kappa = self._known()
        if name not in self.features:
            raise BadArgument(f"no column is called {name!r}; there are {_some(self.features)}")
        at = np.flatnonzero(self.proper == self.features.index(name))
        if not len(at):
            raise BadArgument(f"column {name!r} is Flat: no prior shrinks it, so it has no κ")
        return Quantity(f"κ[{name}]", kappa[..., int(at[0])])

    def _known(self) -> Array:
        if self.kappa is None:
            raise NotSupported(f"no shrinkage factors: {self.source}")
        return self.kappa

    def __repr__(self) -> str:
        """What κ is, m_eff, table."""
        if not self.known:
            return f"shrinkage: not available: {self.source}"
        return (
            f"shrinkage κ = {self.formula}: 0 is all data, 1 all prior; {self.source}\n"
            f"effective number of non-zero coefficients of {self.directions}, as if columns were "
            f"orthogonal: {self.effective!r}\n"
            f"{'' if self.df is None else repr(self.df) + chr(10)}"
            f"{plain(self.summary().round(4)).to_string(max_rows=30)}"
        )

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        return html_lines(*repr(self).split("\n")[:2]) + html_table(self.summary())


CELLS = 2**22  # numbers in one batch of matrices
ALIKE = 1e-6  # ratios v/σ² that differ by less differ by rounding: all columns have one prior sd


@dataclass(frozen=True, eq=False)
class Together:
    """Columns with one block of G: those of a factor, and of what interacts with it.

    Attributes
    ----------
    at : ndarray of int (K,)
        Their positions among the proper columns.
    root : ndarray (rank, K)
        F with F'F their block of G.
    """

    at: NDArray[np.intp]
    root: Array

    @classmethod
    def of(cls, at: NDArray[np.intp], gram: Array) -> Together:
        """The root by eigenvalues, those that are rounding left out."""
        norms = np.sqrt(np.diagonal(gram))
        size = np.where(norms > 0, norms, 1.0)
        values, vectors = np.linalg.eigh(gram / size / size[:, None])
        kept = values > len(at) * 1e-12 * max(values[-1], 0.0)
        return cls(at, np.sqrt(values[kept])[:, None] * vectors[:, kept].T * size)

    @property
    def rank(self) -> int:
        """How many directions of the coefficients the data tell apart."""
        return len(self.root)

    def kept(self, kappa: Array) -> Array:
        """tr G(G + R⁻¹)⁻¹ = rank − tr (I + FRF')⁻¹ by draw, R = diag(v/σ²), of κ (…, p)."""
        norms = np.square(self.root).sum(axis=0)
        own = kappa[..., self.at].reshape(-1, len(self.at))
        ratio = np.zeros_like(own)
        np.divide(1.0 / np.maximum(own, TINY) - 1.0, norms, out=ratio, where=norms > 0)
        seen = ratio[:, norms > 0]
        if not self.rank:
            return np.zeros(kappa.shape[:-1])
        if np.all(np.ptp(seen, axis=1) <= ALIKE * seen.max(axis=1)):
            pull = np.linalg.svd(self.root, compute_uv=False) ** 2 * seen[:, :1]
            kept: Array = np.sum(pull / (1.0 + pull), axis=1)
            return kept.reshape(kappa.shape[:-1])
        lost = np.empty(len(ratio))
        size = max(1, CELLS // max(1, self.rank * len(self.at)))
        eye = np.eye(self.rank)
        for start in range(0, len(ratio), size):
            part = slice(start, start + size)
            inner = eye + (self.root * ratio[part, None, :]) @ self.root.T
            lost[part] = np.trace(np.linalg.inv(inner), axis1=1, axis2=2)
        return self.rank - lost.reshape(kappa.shape[:-1])


def _together(draws: Draws) -> Iterator[Together]:
    """The groups of columns that count together, of those with a proper prior."""
    problem = draws.problem
    place = np.full(len(problem.features), -1)
    place[problem.proper] = np.arange(problem.p)
    for columns in problem.effects.groups:
        at = place[list(columns)]
        at = at[at >= 0]
        if len(at) > 1:
            yield Together.of(at, curvature_of(draws).block(at))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:12]) + ("…" if len(names) > 12 else "")


def formula(draws: Draws) -> str:
    """κ_j in symbols."""
    if draws.problem.exact:
        return KAPPA
    likelihood = draws.problem.likelihood
    if draws.kappa is not None and RATIO not in draws.stats:
        return KEPT
    if likelihood.has_sigma:
        return f"{KAPPA}, with G that of X'X times the information of a row of {likelihood.noun}"
    return "1/(1 + G_jj·v_j), with G that of the quadratic at the posterior mean"


def ridge_df(draws: Draws) -> Quantity | None:
    """Σ d_i/(d_i + λ) draw by draw, d the eigenvalues of X̃'X̃; None but for one Normal prior."""
    problem = draws.problem
    if not problem.exact or len(problem.blocks) != 1 or not problem.blocks[0].prior.conjugate:
        return None
    rows = problem.quadratic.rows
    if min(rows.x.shape) > LARGEST:
        return None
    ((block, scale),) = scales_of(draws)
    d = np.square(np.linalg.svd(rows.x * block.relative, compute_uv=False))
    unit = draws.sigma if block.prior.unit == "sigma" else 1.0
    lam = np.square(draws.sigma / (scale * unit))
    df = np.zeros_like(lam)
    for one in d:
        df += one / (one + lam)
    return Quantity("effective degrees of freedom", df)
