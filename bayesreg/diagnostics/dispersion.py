"""Dispersion: whether counts vary as much, and hold as many zeros, as a model's own replicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.engines.draws import Sample
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.diagnostics.residuals import Residuals
    from bayesreg.engines.draws import Draws

REPLICATES = 400
CELLS = 2**21  # numbers in one block of rows × replicates
SEED = 319


@dataclass(frozen=True, eq=False)
class Dispersion:
    """A statistic of the rows, and of as many replicates of them.

    Attributes
    ----------
    spread, zeros : float
        Mean of (y_i − E(y_i | y_-i))²/Var(y_i | η_i), and the share of rows with y = 0.
    spreads, many : ndarray (R,)
        The same of replicated y, each about the mean over draws.

    References
    ----------
    Pearson's statistic over its degrees of freedom: McCullagh & Nelder (1989), *Generalized Linear
    Models*, 2nd ed., §4.5.2; by replicates: Gelman, Meng & Stern (1996), Statistica Sinica 6(4).
    """

    spread: float
    zeros: float
    spreads: Array
    many: Array

    @classmethod
    def of(cls, draws: Draws, found: Residuals) -> Dispersion:
        """Of at most `REPLICATES` draws, evenly spaced."""
        sample = Sample.of(draws, r_eff=1.0)
        sample = sample.at(
            np.linspace(0, sample.size - 1, min(REPLICATES, sample.size)).astype(int)
        )
        design, rng = found.design, np.random.default_rng(SEED)
        w = design.frequencies / design.frequencies.sum()
        spreads, many = np.zeros(sample.size), np.zeros(sample.size)
        step = max(1, CELLS // sample.size)
        for start in range(0, design.n, step):
            part = slice(start, start + step)
            y = sample.likelihood.sample(rng, *sample.on_rows(design, part))
            gap = np.square(y - found.fitted[part, None]) / found.width[part, None]
            spreads += w[part] @ gap
            many += w[part] @ (y == 0.0)
        gap = np.square(design.y - found.left_out) / found.width
        return cls(float(w @ gap), float(w @ (design.y == 0.0)), spreads, many)

    @property
    def ratio(self) -> float:
        """How many times as much rows vary as replicates do."""
        return self.spread / max(float(np.mean(self.spreads)), 1e-300)


def chance(seen: float, replicated: Array) -> float:
    """Two-sided p of a statistic among its replicates, taken as normal."""
    from scipy.special import ndtr

    sd = float(np.std(replicated))
    if sd == 0.0:
        return 1.0 if seen == replicated[0] else 0.0
    return float(2.0 * ndtr(-abs(seen - float(np.mean(replicated))) / sd))
