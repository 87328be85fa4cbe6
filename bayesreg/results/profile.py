"""Profile: what a prior does to an estimate, whatever the estimate is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.engines.factors import curvature_of
from bayesreg.gaussian.normal_means import REACH, NormalMeans
from bayesreg.language.arguments import Array
from bayesreg.language.text import outline


@dataclass(frozen=True, eq=False)
class Profile:
    r"""Posterior mean and MAP of one coefficient against its least-squares estimate.

    For orthogonal columns b̂ ~ N(b, se²) says all that the data say of b, se = σ/√G_jj, and

        E(b | b̂) = ∫ b N(b̂; b, se²) p(b) db / ∫ N(b̂; b, se²) p(b) db,

    which is b̂ less what the prior takes. A normal prior takes a fixed share, a Laplace prior a
    fixed amount of a large b̂, and a prior with heavy tails hardly anything of it.

    Attributes
    ----------
    label : str
        The block of columns, empty where there is one.
    estimate : ndarray (K,)
        b̂ − loc in standard errors.
    mean : ndarray (K,)
        E(b | b̂) − loc in standard errors.
    map : ndarray (K,) or None
        The same of the penalised optimum; None where there is none.
    estimator : str
        What the estimate is: least squares, or maximum likelihood, whose error is taken to be
        normal with the curvature of the loss at the posterior mean.

    References
    ----------
    Efron (2011), "Tweedie's formula and selection bias", JASA 106,
    https://doi.org/10.1198/jasa.2011.tm11181; Carvalho, Polson & Scott (2010), Biometrika 97(2).
    """

    label: str
    estimate: Array
    mean: Array
    map: Array | None
    estimator: str = "least-squares"

    def __repr__(self) -> str:
        return outline(self)


def profiles(entry: Any) -> tuple[Profile, ...]:
    """The profile of each block, at the MAP's σ and scale, or else the posterior medians.

    G_jj is that of the median column of the block: all are alike where columns are standardised.

    Parameters
    ----------
    entry : Entry
        One prior of a comparison.
    """
    problem = entry.problem if entry.fit is None else entry.fit.problem
    sigma = float(np.median(entry.post.draws.sigma)) if entry.fit is None else entry.fit.sigma
    estimator = "least-squares" if problem.exact else "maximum-likelihood"
    quadratic = curvature_of(entry.post.draws)
    found = []
    for block, (scale, unit) in zip(problem.blocks, entry.scales, strict=True):
        norms = quadratic.norms[block.columns]
        if not np.any(norms > 0):
            continue
        se = sigma / float(np.median(norms[norms > 0]))
        label = block.label if len(problem.blocks) > 1 else ""
        estimate = np.linspace(0.0, REACH, 61)
        one = NormalMeans(block.prior, scale, unit, se)
        found.append(Profile(label, estimate, one.mean(estimate), one.mode(estimate), estimator))
    return tuple(found)
