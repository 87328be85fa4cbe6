r"""Slope and information of the evidence at one σ and scale, from draws of the coefficients.

With θ = (log σ, log scale) and b drawn from p(b | y, θ), the derivatives of ℓ(θ) = log p(y | θ) are
moments of those of the complete-data density c(θ) = log p(y, b | θ) (Fisher's identity; Louis 1982,
JRSS B 44(2)):

    ∇ℓ = E ∇c,        −∇²ℓ = −E ∇²c − Var ∇c
    c(θ) = −ν log σ − ‖ỹ − X̃b‖²/2σ² + Σ log p(b_j | scale)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.engines import base, engine_named
from bayesreg.engines.kernel import Engine, Independent
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

ENGINES = ("exact", "tilted", "gibbs")  # at fixed σ and scale; the first that serves
CHAINS, BATCHES, TUNE = 8, 4, 100
REACH = 1.0  # largest step in θ
LEAST = 0.02  # of the complete data's information that y must hold for a step of Newton's
FASTER = 0.1  # information assumed along other directions, where EM's step assumes 1


@dataclass(frozen=True, eq=False)
class Look:
    """ℓ about one θ, as draws there show it.

    `slope` is ∇ℓ with covariance `noise`; `information` is −∇²ℓ; `complete` is −E ∇²c.
    """

    theta: Array
    slope: Array
    noise: Array
    information: Array
    complete: Array
    draws: int
    engine: str

    @classmethod
    def of(cls, theta: Array, slopes: Array, bends: Array, engine: str) -> Look:
        """From ∇c of every draw (chain, draw, d) and the mean of ∇²c (d, d)."""
        flat = slopes.reshape(-1, len(theta))
        means = slopes.reshape(CHAINS * BATCHES, -1, len(theta)).mean(axis=1)
        noise = np.atleast_2d(np.cov(means.T)) / len(means)
        information = -bends - np.atleast_2d(np.cov(flat.T))
        return cls(theta, flat.mean(axis=0), noise, information, -bends, len(flat), engine)

    @cached_property
    def _shares(self) -> tuple[Array, Array]:
        """Eigenvalues of `information` relative to `complete`, and T with T'(complete)T = 1."""
        try:
            inverse = np.linalg.inv(np.linalg.cholesky(self.complete))
        except np.linalg.LinAlgError:
            raise NotSupported(
                "draws do not tell which way the evidence rises: y says next to nothing about the "
                "scale; use hyper='cv', or give the scale"
            ) from None
        share, basis = np.linalg.eigh(inverse @ self.information @ inverse.T)
        return share, inverse.T @ basis

    @cached_property
    def step(self) -> Array:
        """To the maximum by Newton's method; lengthened EM along directions without information."""
        share, turn = self._shares
        step = turn @ ((turn.T @ self.slope) / np.where(share > LEAST, share, FASTER))
        return np.asarray(step * min(1.0, REACH / max(float(np.max(np.abs(step))), 1e-300)))

    @property
    def spread(self) -> Array:
        """Covariance of `theta + step`; infinite where there is too little information."""
        share, turn = self._shares
        if not share.min() > LEAST:
            return np.full_like(self.noise, np.inf)
        inverse = (turn / share) @ turn.T
        return np.asarray(inverse @ self.noise @ inverse)


def draws_at(fixed: Problem, total: int, seed: int) -> tuple[Array, str]:
    """At least `total` draws of b (chain, draw, p) with nothing else unknown; and the engine."""
    engine = _engine_at(fixed)
    drawn = base.run(
        engine,
        fixed,
        draws=BATCHES * -(-total // (CHAINS * BATCHES)),
        chains=CHAINS,
        tune=None if isinstance(engine.KERNEL, Independent) else TUNE,
        seed=seed,
        progress=False,
    )
    b = drawn.beta[..., fixed.proper] * fixed.x_sd[fixed.proper] - fixed.coordinates.loc
    return np.asarray(b), drawn.engine


def _engine_at(problem: Problem) -> Engine:
    """The first engine that serves."""
    for name in ENGINES:
        engine = engine_named(name)
        if engine.supports(problem) is None:
            return engine
    raise NotSupported(
        "hyper='evidence': no engine draws fast enough from this posterior; use hyper='cv', or "
        "hyper=post with a posterior's medians"
    )
