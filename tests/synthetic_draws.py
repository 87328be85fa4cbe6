"""Draws made without an engine, for the laws of diagnostics and storage."""

from __future__ import annotations

from typing import Any

import numpy as np

import bayesreg as br
from bayesreg.engines.draws import Draws

CHAINS, LENGTH = 4, 1000


def problem(p: int = 3, n: int = 40, *, sigma: float | None = None, prior: Any = None) -> Any:
    """A small problem with offsets, σ and scale unknown unless given."""
    rng = np.random.default_rng(10)
    X = rng.normal(size=(n, p)) * (1.0 + np.arange(p)) + 3.0
    y = 2.0 + X @ np.linspace(-1.0, 1.5, p) + rng.normal(size=n)
    return br.Model(prior or br.Laplace(), br.Gaussian(sigma)).condition(X, y)


def synthetic(
    about: Any = None,
    seed: int = 0,
    *,
    chains: int = CHAINS,
    length: int = LENGTH,
    shift: float = 0.0,
    stretch: float = 1.0,
    **changes: Any,
) -> Draws:
    """Independent draws of a made-up posterior: β and β₀ normal, σ and scale log-normal."""
    about = about or problem()
    rng = np.random.default_rng(seed)
    shape = (chains, length)
    blocks, features = len(about.unknown_scales), len(about.features)
    z = rng.normal(size=(*shape, features))
    fields: dict[str, Any] = {
        "beta": 1.0 + 0.1 * (z * stretch + shift),
        "intercept": 5.0 + rng.normal(size=shape),
        "sigma": np.exp(0.1 * rng.normal(size=shape)),
        "scale": np.exp(0.5 * rng.normal(size=(*shape, blocks))),
        "scale_labels": about.unknown_scales,
        "kappa": None,
        "stats": {},
        "engine": "gibbs",
        "seed": seed,
        "warmup": 500,
        "independent": False,
        "complete": True,
        "wall": 0.1,
        "problem": about,
    }
    if about.sigma is not None:
        fields["sigma"] = np.full(shape, about.sigma)
    return Draws(**(fields | changes))
