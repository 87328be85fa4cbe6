"""Unknown hyperparameters of a MAP: by evidence, cross-validation, joint mode, or a posterior.

Each way returns the problem with λ fixed, σ, and in words how they were chosen. A joint mode over
the scale is degenerate (the density is unbounded at scale → 0) and refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.criteria import cross_validate, maximise_evidence, reference_sigma
from bayesreg.errors import BadArgument, NotSupported
from bayesreg.joint_mode import joint_mode, residual_sum
from bayesreg.model import Problem
from bayesreg.paths import default_lams, scale_for, solve_path
from bayesreg.priors import Normal
from bayesreg.solvers import closed_form, coordinate_descent

Array = NDArray[np.float64]
WAYS = ("evidence", "cv", "joint")


def settle(problem: Problem, hyper: Any, seed: int) -> tuple[Problem, float, str]:
    """Fix what is unknown: the problem with known λ, σ, and how it was chosen in words."""
    if isinstance(hyper, str) and hyper not in WAYS:
        raise BadArgument(f"hyper must be one of {', '.join(WAYS)} or a Posterior, not {hyper!r}")
    if problem.sigma is not None and not problem.unknown_scales:
        return problem, problem.sigma, "σ and scale given"
    if not problem.blocks:
        sigma = float(np.sqrt(problem.yy / max(problem.nu, 1.0)))
        return problem, sigma, "σ̂² = RSS/ν, least squares"
    if not isinstance(hyper, str):
        return _plug_in(problem, hyper)
    if problem.nu <= 0:
        return _by_prior(problem)
    if hyper == "cv":
        return _by_cv(problem, seed)
    return {"evidence": _by_evidence, "joint": _by_joint}[hyper](problem)


def _by_prior(problem: Problem) -> tuple[Problem, float, str]:
    """Prior medians: with no degree of freedom left, y says nothing about σ or scale."""
    rng = np.random.default_rng(0)
    prior = problem.sigma_prior
    sigma = problem.sigma or float(np.median(prior.sample(rng, 9999)))  # type: ignore[union-attr]
    unknown = [block.hyper for block in problem.blocks if block.hyper is not None]
    scales = [float(np.median(hyper.sample(rng, 9999))) for hyper in unknown]
    fixed = problem.at(sigma=sigma if problem.sigma is None else None, scale=scales or None)
    return fixed, sigma, "no degrees of freedom: σ and scale at their prior medians"


def _by_evidence(problem: Problem) -> tuple[Problem, float, str]:
    """Maximise p(y | σ, scale), exact for Normal priors."""
    if not all(isinstance(block.prior, Normal) for block in problem.blocks):
        raise NotSupported(
            "hyper='evidence' has a closed form for Normal priors only; use hyper='cv', or "
            "hyper=post with a posterior's medians"
        )
    best = maximise_evidence(problem)
    unknown = [s for s, known in (("σ", problem.sigma), ("scale", None)) if known is None]
    how = f"{' and '.join(unknown if problem.unknown_scales else unknown[:1])} at maximal evidence"
    if best.at_zero:
        # The limit scale → 0: every coefficient is 0; the smallest representable ridge says so.
        return (
            _at_zero(problem, best.sigma),
            best.sigma,
            (f"{how}: the maximum is at scale = 0, so β = 0 (the data prefer no effects at all)"),
        )
    return (
        problem.at(
            sigma=best.sigma if problem.sigma is None else None,
            scale=best.scale if problem.unknown_scales else None,
        ),
        best.sigma,
        how,
    )


def _at_zero(problem: Problem, sigma: float) -> Problem:
    """The problem at a scale so small that every coefficient is exactly 0 in floating point."""
    tiny = 1e-150 * (1.0 if problem.blocks[0].prior.unit == "sigma" else sigma)
    return problem.at(sigma=sigma if problem.sigma is None else None, scale=tiny)


def _by_cv(problem: Problem, seed: int) -> tuple[Problem, float, str]:
    """Choose λ by 10-fold cross-validation; σ̂² = RSS/(N − 1 − df); the scale follows from λ."""
    if len(problem.blocks) != 1:
        raise NotSupported(
            "hyper='cv' chooses one λ, and here several priors have their own; fix the scales, or "
            "use hyper=post with a posterior's medians"
        )
    if problem.design is None:
        raise NotSupported(
            "hyper='cv' needs rows, and this problem was conditioned on Moments; use "
            "hyper='evidence', or fix scale and σ"
        )
    guess = reference_sigma(problem)
    lams = default_lams(problem, 100)
    best = cross_validate(problem, lams, guess, seed=seed).lam
    b, df = solve_path(problem, np.array([best]), guess)
    rest = max(problem.nu - float(df[0]), 1.0)
    sigma = problem.sigma or float(np.sqrt(residual_sum(problem, b[0]) / rest))
    fixed = problem.at(
        sigma=sigma if problem.sigma is None else None,
        scale=scale_for(problem, best, sigma) if problem.unknown_scales else None,
    )
    return fixed, sigma, "λ by 10-fold cross-validation (minimum), σ̂² = RSS/(N − 1 − df)"


def _by_joint(problem: Problem) -> tuple[Problem, float, str]:
    """The mode over (β, log σ); a joint mode over the scale is degenerate and refused."""
    if problem.unknown_scales:
        raise NotSupported(
            "hyper='joint' over the scale is degenerate: the joint density is unbounded as "
            "scale → 0 with β = 0; give the scale, or use hyper='evidence' or 'cv'"
        )
    if problem.sigma is not None:
        return problem, problem.sigma, "σ and scale given"

    def solve(fixed: Problem, start: Array | None) -> Array:
        if not np.any(fixed.l1):
            return closed_form.solve(fixed).b
        return coordinate_descent.solve(fixed, start=start).b

    sigma = joint_mode(problem, solve)
    return problem.at(sigma=sigma), sigma, "σ at the joint mode of (β, log σ)"


def _plug_in(problem: Problem, post: Any) -> tuple[Problem, float, str]:
    """Posterior medians of what is unknown."""
    from bayesreg.results.posterior import Posterior

    if not isinstance(post, Posterior):
        raise BadArgument(
            f"hyper must be one of {', '.join(WAYS)} or a Posterior, not {type(post).__name__}"
        )
    if post.problem.unknown_scales != problem.unknown_scales:
        raise BadArgument("hyper=post: that posterior has other unknown scales than this problem")
    fixed = problem.at(
        sigma=post.sigma if problem.sigma is None else None,
        scale=post.scale if problem.unknown_scales else None,
    )
    return fixed, post.sigma, "posterior medians plugged in"
