"""Unknown hyperparameters of a MAP: by evidence, cross-validation, joint mode, or a posterior.

Each way returns the problem with λ fixed, σ, and in words how they were chosen. A joint mode over
the scale is degenerate (the density is unbounded at scale → 0) and refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.criteria import cross_validate
from bayesreg.criteria.alternation import alternate
from bayesreg.criteria.evidence_by_draws import maximise_by_draws
from bayesreg.criteria.joint_mode import joint_mode
from bayesreg.criteria.own_mode import null_theta, own_mode, theta_at
from bayesreg.criteria.scale_search import scale_by_cv
from bayesreg.data.projected_columns import refuse_unformed
from bayesreg.data.streamed import Streamed
from bayesreg.engines.weighed import near
from bayesreg.gaussian.evidence import maximise_evidence, reference_sigma
from bayesreg.gaussian.ridge import leave_rows_out
from bayesreg.gaussian.spectrum import layout
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.problem import Problem
from bayesreg.model.touching import touched, touched_at
from bayesreg.solvers import closed_form, coordinate_descent
from bayesreg.solvers.by_name import default_solver, minimise
from bayesreg.solvers.path import default_lams, scale_for, solve_path

WAYS = ("evidence", "cv", "joint")
SIGNS = {"sigma": "σ"}
TURNS = 4  # of λ and θ
LAMS = 30  # λ's judged in each
MOST, SAME = 12, 1e-4  # turns of scale and MAP, and a change of log scale that ends them
TINY = 1e-150  # a scale at which every coefficient is exactly 0 in floating point


def settle(problem: Problem, hyper: Any, seed: int) -> tuple[Problem, float, str]:
    """Fix what is unknown: the problem with known λ, σ, and how it was chosen in words."""
    if isinstance(hyper, str) and hyper not in WAYS:
        raise BadArgument(f"hyper must be one of {', '.join(WAYS)} or a Posterior, not {hyper!r}")
    if not problem.unknown and not problem.unknown_scales:
        said = "σ and scale given" if problem.likelihood.has_sigma else "scale given"
        return problem, problem.sigma or 1.0, said
    if not problem.exact:
        return _settle_touched(problem, hyper, seed)
    if not problem.blocks:
        sigma = float(np.sqrt(problem.yy / max(problem.nu, 1.0)))
        return problem, sigma, "σ̂² = RSS/ν, least squares"
    if not isinstance(hyper, str):
        return _plug_in(problem, hyper)
    if problem.nu <= 0:
        return _by_prior(problem)
    if problem.least_squares.columns is not None:
        _refuse_products(problem, hyper)
    if hyper == "cv":
        has_lam = problem.penalty.linear_quadratic or problem.penalty.in_groups
        return _by_cv(problem, seed) if has_lam else scale_by_cv(problem, seed)
    return _by_evidence(problem, seed) if hyper == "evidence" else _by_joint(problem, seed)


def _refuse_products(problem: Problem, hyper: str) -> None:
    """Raise where a way of settling needs X'X, of columns for which it is not formed."""
    if hyper != "cv":
        raise refuse_unformed(f"hyper={hyper!r}", problem.p)
    if not problem.unknown_scales:
        raise NotSupported(
            "σ is unknown and the scale is given: of a wide sparse X no joint mode over σ is "
            "served; give σ, or leave the scale to hyper='cv'"
        )
    one = len(problem.blocks) == 1
    if one and problem.unknown_sigma and not np.any(problem.at(sigma=1.0, scale=1.0).l1):
        raise NotSupported(
            "σ̂² = RSS/(N − 1 − df) needs the degrees of freedom of ridge, a trace that is not "
            "formed of a wide sparse X; give σ, and hyper='cv' chooses the scale"
        )


def own_settled(problem: Problem, seed: int = 0) -> tuple[Problem, str]:
    """The problem with what its likelihood alone does not know at the values that `fit_map` has.

    So that λ is the same thing all along a path, and its optimum at `fit_map`'s λ is `fit_map`'s.
    Also in words, which are empty where nothing was unknown or the loss is one quadratic.
    """
    if problem.exact or not problem.unknown:
        return problem, ""
    fixed, _, how = settle(problem, "cv" if problem.unknown_scales else "joint", seed)
    own = {name: fixed.known[name] for name in problem.unknown}
    said = ", ".join(f"{SIGNS.get(name, name)} = {value:.6g}" for name, value in own.items())
    return problem.at(**own), f"{said} all along, as fit_map has it ({how})"


def _settle_touched(problem: Problem, hyper: Any, seed: int) -> tuple[Problem, float, str]:
    """The same under a likelihood that is not one quadratic, θ its own unknowns."""
    name = type(problem.likelihood).__name__
    if not isinstance(hyper, str):
        return _plug_in(problem, hyper)
    if problem.stream is not None:
        _refuse_unsettled(problem, problem.stream, hyper)
    if hyper == "evidence":
        if problem.unknown or not problem.likelihood.self_concordant:
            raise NotSupported(
                f"hyper='evidence' integrates over β alone, and of {name}() that is not served "
                f"where {', '.join(problem.unknown) or 'log L has no curvature that bounds it'} "
                "is not known; use hyper='cv', hyper='joint' for a given scale, hyper=post with a "
                "posterior's medians, or give what is unknown"
            )
        return _by_touching_evidence(problem, seed)
    if not problem.unknown_scales:
        if hyper == "joint" or not problem.blocks:
            return _by_own_mode(problem, seed)
        return _by_own_mode(problem, seed, "the scale is given, so that there is no λ to choose; ")
    if hyper == "joint":
        _refuse_joint_scale()
    if not (problem.penalty.linear_quadratic or problem.penalty.in_groups):
        raise NotSupported(
            f"the scale of {problem.penalty.kind} is chosen for Gaussian() alone; under {name}() "
            "give the scale, or use hyper=post with a posterior's medians"
        )
    return _by_cv_and_own(problem, seed) if problem.unknown else _by_cv(problem, seed)


def _refuse_unsettled(problem: Problem, stream: Streamed, hyper: str) -> None:
    """Raise where what is unknown would take dozens of passes over rows that are not at hand."""
    if hyper == "evidence" and not problem.unknown:
        return
    own = [f"{name}=…" for name in problem.unknown]
    said = ", ".join((["scale=…"] if problem.unknown_scales else []) + own)
    cure = "" if own else "hyper='evidence' takes a few; or "
    raise NotSupported(
        f"{said.replace('=…', '')} is not known, and to choose it by {hyper!r} takes dozens of "
        f"passes over the rows of {stream.read.label}. {cure}".rstrip()
        + f"{' g' if cure else ' G'}ive it: fit_map(problem.at({said})), with the value that a fit "
        "of a sample has, model.condition(problem.stream.sample(…))"
    )


def _by_touching_evidence(problem: Problem, seed: int) -> tuple[Problem, float, str]:
    """Scales of maximal evidence, log L the quadratic that touches it at the MAP at these scales.

    The two are found in turn: MacKay (1992), "The evidence framework applied to classification
    networks", Neural Computation 4(5), https://doi.org/10.1162/neco.1992.4.5.720.
    """
    if problem.stream is None:
        touching = problem.at_zero
    else:
        touching = touched(problem, problem.in_passes.moments(near(problem)))
    found: Problem | None = None
    before = np.full(len(problem.unknown_scales), np.inf)
    for _ in range(MOST):
        sigma, scales, errors, how = _maximum(touching, seed)
        words = f" of the quadratic that touches log L at the MAP{how}"
        there, _, words = _at_maximum(problem, sigma, scales, words)
        log_scale = np.log([max(one, TINY) for one in scales])
        if found is not None and np.all(np.abs(log_scale - before) <= np.maximum(errors, SAME)):
            return found, 1.0, words
        found, before = there, log_scale
        touching = touched_at(problem, minimise(found, default_solver(found), seed).b)
    raise NotSupported(
        f"hyper='evidence': scale and MAP did not settle in {MOST} turns (the last scales were "
        f"{', '.join(f'{one:.3g}' for one in scales)}), as where columns separate y; give the scale"
    )


def _by_own_mode(problem: Problem, seed: int, why: str = "") -> tuple[Problem, float, str]:
    """θ at the joint mode of (β, log θ)."""
    mode = own_mode(problem, seed)
    fixed = problem.at(**mode.theta)
    signs = [SIGNS.get(name, name) for name in mode.theta]
    if mode.limit:
        return fixed, fixed.sigma or 1.0, f"{why}{signs[0]} = {mode.limit}"
    how = f"{' and '.join(signs)} at the joint mode of (β, {', '.join(f'log {s}' for s in signs)})"
    if mode.modes > 1:
        how += f" ({mode.modes} local modes seen, this the highest)"
    return fixed, fixed.sigma or 1.0, why + how


def _by_cv_and_own(problem: Problem, seed: int) -> tuple[Problem, float, str]:
    """λ by cross-validation of the deviance at θ, and θ given the fit at λ, in turn."""
    signs = " and ".join(SIGNS.get(name, name) for name in problem.unknown)
    theta, before, turn = null_theta(problem), 0.0, 0
    while turn < TURNS:
        turn += 1
        fixed, sigma, _ = _by_cv(problem.at(**theta), seed, LAMS)
        lam = lam_of(fixed)
        theta = theta_at(problem, fixed, theta)
        if abs(np.log(lam) - np.log(before or np.inf)) < 0.2:
            break
        before = lam
    at = problem.at(**theta)
    sigma = at.sigma or 1.0
    found = problem.at(**theta, scale=scale_for(at, lam_of(fixed), sigma))
    how = (
        "λ by 10-fold cross-validation of the deviance (minimum), "
        f"{signs} at the maximum given the fit, in turn ({turn} rounds)"
    )
    limits = problem.likelihood.limits
    said = [words for name, (value, words) in limits.items() if theta.get(name) == value]
    return found, sigma, "; ".join([how, *(f"it is at its limit, ∞: {words}" for words in said)])


def lam_of(problem: Problem) -> float:
    """The λ that a path counts: that of a column of relative scale 1."""
    which = "l1" if any(np.atleast_1d(problem.penalty.l1)) else "l2"
    power = 1 if which == "l1" else 2
    value = np.broadcast_to(getattr(problem.penalty, which), (problem.p,))
    return float(value[0] * problem.relative[0] ** power)


def _refuse_joint_scale() -> None:
    raise NotSupported(
        "hyper='joint' over the scale is degenerate: the joint density is unbounded as "
        "scale → 0 with β = 0; give the scale, or use hyper='evidence' or 'cv'"
    )


def _by_prior(problem: Problem) -> tuple[Problem, float, str]:
    """Prior medians: with no degree of freedom left, y says nothing about σ or scale."""
    rng = np.random.default_rng(0)
    prior = problem.sigma_prior
    sigma = problem.sigma or float(np.median(prior.sample(rng, 9999)))  # type: ignore[union-attr]
    unknown = [block.hyper for block in problem.blocks if block.hyper is not None]
    scales = [float(np.median(hyper.sample(rng, 9999))) for hyper in unknown]
    fixed = problem.at(sigma=sigma if problem.sigma is None else None, scale=scales or None)
    return fixed, sigma, "no degrees of freedom: σ and scale at their prior medians"


def _by_evidence(problem: Problem, seed: int) -> tuple[Problem, float, str]:
    """Maximise p(y | σ, scale)."""
    sigma, scales, _, how = _maximum(problem, seed)
    return _at_maximum(problem, sigma, scales, how)


def _maximum(problem: Problem, seed: int) -> tuple[float, list[float], Array, str]:
    """The σ and scales of it, exactly for Normal priors with one factor, else by Monte Carlo.

    Also the errors of log scale, and in words how they were found if not exactly.
    """
    if not isinstance(layout(problem), str):
        best = maximise_evidence(problem)
        scales = [] if best.scale is None else [best.scale]
        return best.sigma, scales, np.zeros(len(scales)), ""
    found = maximise_by_draws(problem, seed=seed)
    errors = [f"log σ ± {found.sigma_error:.1g}"] * problem.unknown_sigma
    errors += [f"log scale ± {one:.1g}" for one in found.scale_error if one > 0.0]
    how = f" by Monte Carlo ({', '.join(errors)}; {found.draws} draws of {found.engine!r})"
    how = how if any(found.scale) or not len(found.scale) else ""
    return found.sigma, found.scale.tolist(), np.asarray(found.scale_error), how


def _at_maximum(
    problem: Problem, sigma: float, scales: list[float], how: str
) -> tuple[Problem, float, str]:
    """The problem at the maximum; scale = 0 is a scale so small that β is exactly 0."""
    unknown = ["σ"] * problem.unknown_sigma + ["scale"] * bool(scales)
    words = f"{' and '.join(unknown)} at maximal evidence{how}"
    if scales and not any(scales):
        words += ": the maximum is at scale = 0, so β = 0 (the data prefer no effects at all)"
    elif not all(scales):
        pairs = zip(problem.unknown_scales, scales, strict=True)
        words += f": scale = 0 for {', '.join(repr(label) for label, s in pairs if s == 0.0)}"
    free = [block for block in problem.blocks if block.scale is None]
    tiny = [TINY * (1.0 if block.prior.unit == "sigma" else sigma) for block in free]
    used = [s or least for s, least in zip(scales, tiny, strict=True)]
    fixed = problem.at(sigma=sigma if problem.sigma is None else None, scale=used or None)
    return fixed, sigma, words


def _by_cv(problem: Problem, seed: int, n: int = 100) -> tuple[Problem, float, str]:
    """Choose λ by 10-fold cross-validation; σ̂² = RSS/(N − 1 − df); the scale follows from λ."""
    if len(problem.blocks) != 1:
        raise NotSupported(
            "hyper='cv' chooses one λ, and here several priors have their own; fix the scales, or "
            "use hyper=post with a posterior's medians"
        )
    if problem.design is None:
        raise NotSupported(
            f"hyper='cv' needs rows, and {problem.rowless}; use "
            "hyper='evidence', or fix scale and σ"
        )
    guess = reference_sigma(problem)
    lams = default_lams(problem, n)
    best = cross_validate(problem, lams, guess, seed=seed, closed=leave_rows_out).lam
    sigma = problem.sigma
    if sigma is None:
        b, df = solve_path(problem, np.array([best]), guess)
        sigma = problem.quadratic.residual_sd(b[0], float(df[0]))
    fixed = problem.at(
        sigma=sigma if problem.sigma is None else None,
        scale=scale_for(problem, best, sigma) if problem.unknown_scales else None,
    )
    if not problem.exact:
        return fixed, sigma, "λ by 10-fold cross-validation of the deviance (minimum)"
    return fixed, sigma, "λ by 10-fold cross-validation (minimum), σ̂² = RSS/(N − 1 − df)"


def _by_joint(problem: Problem, seed: int) -> tuple[Problem, float, str]:
    """The mode over (β, log σ); a joint mode over the scale is degenerate and refused."""
    if problem.unknown_scales:
        _refuse_joint_scale()
    if problem.sigma is not None:
        return problem, problem.sigma, "σ and scale given"
    if not problem.penalty.linear_quadratic:
        best = alternate(problem, seed)
        how = f"σ at a joint mode of (β, log σ), the best of {best.modes} seen"
        return problem.at(sigma=best.sigma), best.sigma, how

    def solve(fixed: Problem, start: Array | None) -> Array:
        if not np.any(fixed.l1):
            return closed_form.solve(fixed).b
        return coordinate_descent.solve(fixed, start=start).b

    mode = joint_mode(problem, solve)
    how = "σ at the joint mode of (β, log σ)"
    if np.isfinite(mode.gap):
        how += f" (concave: none is higher by more than {mode.gap:.1g} nats)"
    elif mode.modes > 1:
        how += f" ({mode.modes} local modes in σ seen, this the highest)"
    return problem.at(sigma=mode.sigma), mode.sigma, how


def _plug_in(problem: Problem, post: Any) -> tuple[Problem, float, str]:
    """Posterior medians of what is unknown."""
    from bayesreg.results.posterior import Posterior

    if not isinstance(post, Posterior):
        raise BadArgument(
            f"hyper must be one of {', '.join(WAYS)} or a Posterior, not {type(post).__name__}"
        )
    if post.problem.unknown_scales != problem.unknown_scales:
        raise BadArgument("hyper=post: that posterior has other unknown scales than this problem")
    if set(post.problem.unknown) != set(problem.unknown):
        raise BadArgument("hyper=post: that posterior has other unknowns than this problem")
    own = {name: float(np.median(post.draws.theta[name])) for name in problem.unknown}
    fixed = problem.at(**own, scale=post.scale if problem.unknown_scales else None)
    return fixed, fixed.sigma or 1.0, "posterior medians plugged in"
