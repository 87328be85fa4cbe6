"""bayesian_path: the posterior of the coefficients at each scale of the prior, beside the MAP."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.engines.draws import Draws, pooled
from bayesreg.language.arguments import Array, check_level, integer, positive
from bayesreg.language.errors import NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.model.blocks import only_block
from bayesreg.model.problem import Problem
from bayesreg.priors import Penalised
from bayesreg.results.bayesian_path import BayesianPath
from bayesreg.results.quantity import Quantity
from bayesreg.results.shrinkage import Shrinkage
from bayesreg.solvers.path import scale_for
from bayesreg.solvers.scale_path import solve_scales
from bayesreg.verbs.fit import closed_form, need_problem, path, refuse_many_passes, sample

DRAWS, CHAINS = 500, 4  # at each scale
BEYOND = 12.0  # times what the posterior of the scale reaches, or what is given


@explained
def bayesian_path(
    problem: Problem,
    scales: Any = None,
    n: int = 25,
    *,
    engine: str | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> BayesianPath:
    r"""Follow the posterior of β along the scale of its prior, as a path follows the MAP.

    At each scale s: the mean, interval and P(β_j > 0) of p(β | y, s), an unknown σ averaged over,
    and the shrinkage factor κ_j. In closed form for Normal where it has one, else by draws.

    Parameters
    ----------
    problem : Problem
        One prior (and Flat columns) of any family with a scale.
    scales : sequence of float, optional
        In the prior's declared unit, in any order. Unsaid, `n` values evenly spaced in their
        logarithm, well beyond where the posterior of the scale lies, or about the one given.
    n : int, default 25
        How many, when `scales` is not given.
    engine : str, optional
        For the draws: "exact", "direct", "tilted", "independent", "tangent", "gibbs", "hmc" or
        "nuts"; unsaid, the fastest exact engine.
    level : float, default 0.95
        Probability inside the equal-tailed intervals.
    seed : int, default 0
        Of the draws.

    Returns
    -------
    BayesianPath

    Raises
    ------
    BadArgument
        If a scale is not positive and finite, or `n` is not a positive integer.
    NotSupported
        If the priors are several.

    References
    ----------
    Park & Casella (2008), "The Bayesian lasso", JASA 103, fig. 2; Hastie, Tibshirani & Friedman
    (2009), *The Elements of Statistical Learning*, 2nd ed., §3.4.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> br.bayesian_path(problem, n=5).mean.shape
    (5, 10)
    """
    _check(problem)
    check_level(level)
    post = sample(problem, engine=engine, seed=seed)
    unknown = bool(problem.unknown_scales)
    posterior = Quantity("scale", post.draws.scale[..., 0]) if unknown else None
    grid = _grid(problem, posterior, integer(n, "n")) if scales is None else _checked(scales)
    seeds = np.random.SeedSequence(seed).generate_state(len(grid)).tolist()
    found = [
        _posterior(problem.given(scale=float(scale)), engine, level, int(one))
        for scale, one in zip(grid, seeds, strict=True)
    ]
    rows, engines = [row for row, _ in found], {how for _, how in found}
    mean, low, high, above, kappa, error = (np.array(part) for part in zip(*rows, strict=True))
    sigma = problem.sigma or post.sigma
    own = {name: float(np.median(post.draws.theta[name])) for name in problem.unknown}
    optimum, why, lams = _optima(problem if problem.exact else problem.at(**own), grid, sigma)
    return BayesianPath(
        problem=problem,
        scales=grid,
        mean=mean,
        low=low,
        high=high,
        positive=above,
        kappa=kappa,
        optimum=optimum,
        level=level,
        sigma=sigma,
        own=", ".join(f"{name} = {value:.6g}" for name, value in own.items()) * (not problem.exact),
        sigma_source="known" if problem.sigma is not None else "its posterior median",
        lams=lams,
        posterior=posterior,
        engine=" and ".join(sorted(engines)),
        error=error,
        why_no_map=why,
    )


def _check(problem: Any) -> None:
    """A problem with one prior."""
    need_problem(problem)
    refuse_many_passes(problem, "bayesian_path")
    only_block(problem.blocks, "a path moves one scale")


def _grid(problem: Problem, posterior: Quantity | None, n: int) -> Array:
    """Scales from the largest down."""
    if posterior is None:
        (block,) = problem.blocks
        assert block.scale is not None
        low = high = block.scale
    else:
        low, high = posterior.interval()
    return np.geomspace(high * BEYOND, low / BEYOND, n)


def _checked(scales: Any) -> Array:
    """Scales as a vector of positive numbers, in the order given."""
    return np.atleast_1d(np.asarray(positive(np.atleast_1d(scales), "scales"), dtype=float))


def _posterior(
    fixed: Problem, engine: str | None, level: float, seed: int
) -> tuple[tuple[Array, ...], str]:
    """Mean, interval, P(> 0), κ and Monte Carlo error at one scale; and what computed them."""
    if engine is None and fixed.blocks[0].prior.conjugate:
        try:
            return _closed(fixed, level), "closed form"
        except NotSupported:
            pass
    post = sample(fixed, draws=DRAWS, chains=CHAINS, engine=engine, seed=seed)
    return _drawn(post.draws, level), f"draws of {post.engine}"


def _closed(fixed: Problem, level: float) -> tuple[Array, ...]:
    """From the Student-t or normal marginals."""
    from scipy.stats import t

    exact = closed_form(fixed).exact
    interval = exact.interval(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = t.cdf(exact.location / exact.scale, exact.df)
    (block,) = fixed.blocks
    ratio = np.empty(fixed.p)
    wide = 1.0 if block.prior.unit == "sigma" else fixed.sigma or np.nan
    assert block.scale is not None
    ratio[block.columns] = np.square(block.scale * block.relative / wide)
    kappa = np.full(len(fixed.features), np.nan)
    kappa[fixed.proper] = 1.0 / (1.0 + np.square(fixed.quadratic.norms) * ratio)
    zeros = np.zeros_like(kappa)
    return exact.mean, interval[:, 0], interval[:, 1], above, kappa, zeros


def _drawn(draws: Draws, level: float) -> tuple[Array, ...]:
    """From draws; the error of a mean by the means of their batches."""
    beta = draws.beta
    flat = pooled(beta)
    low, high = np.quantile(flat, [(1 - level) / 2, (1 + level) / 2], axis=0)
    batches = beta.reshape(beta.shape[0], 5, -1, beta.shape[-1]).mean(axis=2)
    means = pooled(batches)
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    kappa = Shrinkage.of(draws).mean.to_numpy()
    return flat.mean(axis=0), low, high, (flat > 0).mean(axis=0), kappa, error


def _optima(problem: Problem, grid: Array, sigma: float) -> tuple[Array | None, str | None, Array]:
    """The MAP (S, P) at each scale and σ, or why there is none; and the λ of each scale."""
    (block,) = problem.blocks
    nowhere = np.full(len(grid), np.nan)
    if problem.penalty.why_no_map is not None:
        return None, problem.penalty.why_no_map, nowhere
    if not isinstance(block.prior, Penalised):
        return problem.restore(solve_scales(problem, grid, sigma)[0])[0], None, nowhere
    at_one = float(scale_for(problem, 1.0, sigma))
    lams = (at_one / grid) ** (1 if block.prior.kinked else 2)
    return path(problem.given(sigma=sigma), lams).beta.to_numpy(), None, lams
