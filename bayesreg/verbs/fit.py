"""The verbs: closed_form, fit_map, sample, path. Each default choice is one visible function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesreg.data.projected_columns import refuse_unformed
from bayesreg.engines import engine_named, fastest_of_quadratics
from bayesreg.gaussian.evidence import reference_sigma
from bayesreg.language.arguments import Array, integer
from bayesreg.language.errors import BadArgument, NotConverged, NotSupported, PerfectFit
from bayesreg.language.misnamed import explained
from bayesreg.model.problem import Problem
from bayesreg.priors import Normal
from bayesreg.results.map_fit import MapFit
from bayesreg.results.path import Path
from bayesreg.solvers.by_name import default_solver, minimise, need_solver, refuse_without_map
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.pass_path import find_zero
from bayesreg.solvers.path import (
    Ray,
    certified_path,
    check_l1_ratio,
    check_lams,
    check_ratio,
    default_lams,
    one_block,
)
from bayesreg.verbs.hyper import own_settled, settle

if TYPE_CHECKING:
    from bayesreg.results.closed_form import ClosedForm
    from bayesreg.results.posterior import Posterior


def need_problem(value: Any) -> None:
    """Refuse what is not a Problem, such as data or a Model."""
    if not isinstance(value, Problem):
        raise BadArgument(
            f"expected a Problem, from model.condition(X, y), not {type(value).__name__}"
        )


def default_engine(problem: Problem) -> tuple[str, str]:
    """The fastest exact engine that serves this problem, and why."""
    if not problem.exact:
        return _engine_by_pilot(problem) if problem.stream is None else _engine_of_passes(problem)
    if problem.least_squares.columns is not None:
        reason = engine_named("exact").supports(problem)
        if reason is not None:
            raise refuse_unformed(f"a posterior here ({reason})", problem.p)
        return "exact", "conjugate, of a wide sparse X: independent draws, each solved for"
    return fastest_of_quadratics(problem) or ("nuts", "no exact engine serves this model")


def _engine_by_pilot(problem: Problem) -> tuple[str, str]:
    """By proposals where a short run, always the same one, accepts enough of them.

    Those of engine independent under Normal priors: they cost less than tangent's, whose scale also
    moves in steps. With few rows a column, or few events, log L is no quadratic where the posterior
    is: then along its gradient, or by latent weights where log L has none. Latent weights say much
    of a scale: with columns as many as rows it would hardly move beside them.
    """
    from bayesreg.engines import importance
    from bayesreg.engines import laplace_tangent as tangent

    if importance.supports(problem) is None:
        return importance.NAME, importance.piloted(problem)[1].why
    said = "columns as many as rows"
    if tangent.supports(problem) is None:
        share = tangent.acceptance(problem)
        said = f"of proposals about the mode a pilot accepted {share:.0%}"
        if share >= tangent.POOR:
            return "tangent", said
    words = {"hmc": "along the gradient of log L", "gibbs": "normal given latent weights"}
    for name, why in words.items():
        if engine_named(name).supports(problem) is None:
            return name, f"{why}: {said}"
    return "nuts", "no exact engine serves this model"


def _engine_of_passes(problem: Problem) -> tuple[str, str]:
    """The one that serves rows that are read in passes.

    Raises
    ------
    NotSupported
        With the reason, where it does not.
    """
    reason = engine_named("streamed").supports(problem)
    if reason is not None:
        rows = "an engine that has all rows: condition on problem.stream.sample(…)"
        raise NotSupported(f"engine 'streamed' cannot serve: {reason}; or take {rows}")
    return "streamed", "independent proposals about the optimum, all scored in one pass"


def default_hyper(problem: Problem) -> str:
    """Evidence where it is closed; else the mode over σ, or CV over one λ; else evidence by draws.

    Laplace and ElasticNet have their evidence by name: CV is what users of the lasso know, judges
    the optimum itself (the evidence, the posterior), and compiles no sampler at its first call.
    With p ≥ ν columns and σ unknown the evidence grows without bound as both shrink to fit y.
    """
    unknown = problem.unknown_scales
    if problem.least_squares.columns is not None:
        return "cv"
    if not problem.exact:
        by_passes = "evidence" if problem.stream is not None and not problem.unknown else "cv"
        return by_passes if unknown else "joint"
    if problem.p >= problem.nu and problem.unknown_sigma and unknown:
        return "cv"
    if all(isinstance(block.prior, Normal) for block in problem.blocks) and len(unknown) <= 1:
        return "evidence"
    if not (problem.penalty.linear_quadratic or problem.penalty.in_groups):
        return "evidence"
    if not unknown:
        return "joint"
    return "cv" if len(problem.blocks) == 1 and problem.design is not None else "evidence"


@explained
def closed_form(problem: Problem) -> ClosedForm:
    r"""Return the conjugate posterior: N(A⁻¹X'y, σ²A⁻¹), A = X'X + λI, or its Student-t marginals.

    Parameters
    ----------
    problem : Problem
        Normal (or Flat) priors with given scales; σ known, or unknown with p(σ²) inverse gamma
        and scales in units of σ.

    Returns
    -------
    ClosedForm

    Raises
    ------
    NotSupported
        If there is no closed form; the message names the engine that serves.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., §14.2, §14.8.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal.from_lam(10.0)).condition(data.X, data.y, standardize=True)
    >>> round(float(br.closed_form(problem).mean["bmi"]), 3)
    5.574
    """
    from bayesreg.gaussian import exact
    from bayesreg.results.closed_form import ClosedForm

    reason = exact.supports(problem)
    if reason is not None:
        engine, _ = default_engine(problem)
        raise NotSupported(f"no closed form: {reason}; use sample(problem, engine={engine!r})")
    _refuse_perfect_fit(problem)
    return ClosedForm(problem, exact.posterior(problem))


@explained
def fit_map(
    problem: Problem, *, solver: str | None = None, hyper: Any = None, seed: int = 0
) -> MapFit:
    r"""Return the MAP, argmin J = ½‖ỹ − X̃b‖² + λ₁‖b‖₁ + ½λ₂‖b‖², with its certificate.

    Under a likelihood that is not Gaussian φ·(−log L) stands in the place of the squares. Under
    StudentT, Cauchy, Bridge and DoublePareto J has another penalty and may have several optima: the
    certificate says whether the one returned is the only one, or how many were seen.

    Parameters
    ----------
    problem : Problem
        Every prior must be a penalty, by column or (Laplace) by group.
    solver : str, optional
        "closed_form", "coordinate_descent", "group_descent", "homotopy", "interior_point", "irls",
        "lbfgsb", "newton", "newton_cg" or "reweighting"; unsaid, :func:`default_solver`.
    hyper : {"evidence", "cv", "joint"} or Posterior, optional
        How unknown σ or scale are settled. "evidence" maximises p(y | σ, scale), exactly for
        Normal and else by Monte Carlo, with its error in ``fit.hyper``, and under another
        likelihood that of the quadratic which touches log L at the MAP; "cv" chooses λ by 10-fold
        cross-validation, then σ̂² = RSS/(N − 1 − df); "joint" is the mode over (β, log σ) for a
        given scale, or (β, log θ) with all that a likelihood has of its own (shape, df); a
        Posterior plugs in its medians. Under a likelihood that is not Gaussian "cv" judges by the
        deviance, and θ follows from the fit. Unsaid, :func:`default_hyper`.
    seed : int, default 0
        For the folds, for draws, and for starts where J may have several optima.

    Returns
    -------
    MapFit

    Raises
    ------
    BadArgument
        If there is no solver or no way of that name.
    NotSupported
        If the prior has no MAP (a density unbounded at 0), or `hyper` cannot serve.
    NotConverged
        If the optimum could not be certified; ``.result`` holds it.

    References
    ----------
    Tibshirani (1996), JRSS B 58(1), §5; MacKay (1992), Neural Computation 4(3); Park & Casella
    (2008), JASA 103, §4.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal.from_lam(10.0)).condition(data.X, data.y, standardize=True)
    >>> fit = br.fit_map(problem)
    >>> fit.solver, fit.certificate.ok
    ('closed_form', True)
    """
    need_problem(problem)
    refuse_without_map(problem)
    if solver is not None:
        need_solver(problem, solver)
    way = default_hyper(problem) if hyper is None else hyper
    fixed, sigma, how = settle(problem, way, seed)
    name = solver or default_solver(fixed)
    found = minimise(fixed, name, seed)
    return _finish(fixed, found.b, sigma, name, how, found.seen)


@explained
def sample(
    problem: Problem,
    *,
    draws: int = 1000,
    chains: int = 4,
    tune: int | None = None,
    engine: str | None = None,
    seed: int | None = None,
) -> Posterior:
    r"""Draw β, β₀, σ and scale from p(β, β₀, σ, scale | y).

    Parameters
    ----------
    problem : Problem
        What to sample.
    draws, chains : int, default 1000, 4
        Draws per chain after warm-up, and chains.
    tune : int, optional
        Warm-up iterations per chain; unsaid, the engine's own default.
    engine : str, optional
        "exact", "direct", "tilted", "independent", "streamed", "tangent", "gibbs", "hmc" or
        "nuts"; unsaid, the fastest exact engine (:func:`default_engine`). "laplace", a normal
        approximation for rows that are read in passes, runs when asked for alone.
    seed : int, optional
        Drawn and recorded when not given.

    Returns
    -------
    Posterior

    Raises
    ------
    BadArgument
        If a number is not a positive integer, or the engine is unknown.
    NotSupported
        If the engine named cannot serve this problem.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., chs. 11–12.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), draws=500, seed=1)
    >>> post.engine, post.draws.beta.shape
    ('direct', (4, 500, 10))
    """
    from bayesreg.engines import base, in_passes, normal_approximation
    from bayesreg.results.posterior import Posterior

    need_problem(problem)
    _refuse_perfect_fit(problem)
    if engine is None:
        name, why = default_engine(problem)
    else:
        name, why = engine, "asked for"
        reason = engine_named(name).supports(problem)
        if reason is not None:
            better, _ = default_engine(problem)
            raise NotSupported(f"engine {name!r} cannot serve: {reason}; use engine={better!r}")
    scored = {one.NAME: one.said for one in (in_passes, normal_approximation)}
    if name in scored and in_passes.begins_at_optimum(problem):
        minimise(problem, default_solver(problem), 0)
    result = base.run(engine_named(name), problem, draws=draws, chains=chains, tune=tune, seed=seed)
    why = scored[name](result) if name in scored else why
    return Posterior(result, why, problem.warnings)


@explained
def path(
    problem: Problem,
    lams: Any = None,
    n: int = 100,
    ratio: float | None = None,
    l1_ratio: float | None = None,
) -> Path:
    r"""Return the optimum at each λ: λ₂ for Normal, λ₁ for Laplace and ElasticNet.

    Parameters
    ----------
    problem : Problem
        One penalised prior (and Flat columns); its σ is used, its scale is ignored. What a
        likelihood that is not Gaussian has of its own and does not know (σ, df, a shape) is held at
        the value that `fit_map` gives it, which the result says.
    lams : sequence of float, optional
        λ's, in any order; rows come back in that order. Unsaid, `n` values evenly spaced in log λ,
        from where every coefficient is 0 (or nearly) downwards.
    n : int, default 100
        How many, when `lams` is not given. Where rows are read in passes under a likelihood that
        is not Gaussian each takes two or three.
    ratio : float, optional
        The smallest of them over the largest; unsaid 1e-3, 1e-2 where p ≥ ν, and 1e-8 for ridge.
    l1_ratio : float, optional
        The ray λ₁ = l1_ratio·λ, λ₂ = (1 − l1_ratio)·λ, from ridge (0) to lasso (1), in place of the
        prior's own scale family. scikit-learn's ElasticNet at alpha = λ/N has this l1_ratio.

    Returns
    -------
    Path
        Every point with its certificate.

    Raises
    ------
    BadArgument
        If a λ is not positive and finite, or another argument not in its range.
    NotSupported
        If the priors are several, or not penalties.

    References
    ----------
    Friedman, Hastie & Tibshirani (2010), JSS 33(1), §2.5, https://doi.org/10.18637/jss.v033.i01;
    Osborne, Presnell & Turlach (2000), IMA Journal of Numerical Analysis 20(3), §3.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> br.path(problem, [1.0, 100.0]).df.round(2).tolist()
    [9.74, 6.59]
    """
    need_problem(problem)
    one_block(problem)
    problem, own = own_settled(problem)
    if problem.stream is not None and not problem.exact:
        find_zero(problem)
    share = check_l1_ratio(l1_ratio)
    if lams is None:
        grid = default_lams(problem, integer(n, "n"), check_ratio(ratio), share)
    else:
        if ratio is not None:
            raise BadArgument("ratio goes with λ's that are not given; leave out lams or ratio")
        grid = check_lams(lams)
    # On a ray λ alone fixes the penalty, whatever σ is.
    sigma = reference_sigma(problem) if share is None else problem.sigma or 1.0
    ray = Ray.of(problem, sigma, share)
    b, df, certificates = certified_path(ray, grid)
    return Path(ray, grid, b, ray.scales(grid), df, certificates, own)


def refuse_many_passes(problem: Problem, what: str) -> None:
    """Raise where `what` would take passes over rows that are not at hand for each of many λ's."""
    if problem.stream is None or problem.exact:
        return
    raise NotSupported(
        f"{what} takes passes over the {problem.stream.read.rows} rows of "
        f"{problem.stream.read.label} under {type(problem.likelihood).__name__}() for each of many "
        "λ's: path(problem, n=20) and choose(problem, ['aic', 'bic'], n=20) take a few each, and "
        "fit_map has the λ of maximal evidence under a prior of unknown scale, such as "
        "Laplace(); or ask it of a sample, model.condition(problem.stream.sample(…))"
    )


def _finish(
    problem: Problem, b: Array, sigma: float, solver: str, how: str, seen: int | None = None
) -> MapFit:
    """Certify; an uncertified result is raised with what it reached, never returned."""
    certificate = certify(problem, b, seen=seen)
    fit = MapFit(problem, b, sigma, solver, how, certificate)
    if not certificate.ok:
        raise NotConverged(
            f"{solver} did not reach the optimum: {certificate.why}. The result so far is in "
            ".result; try another solver=, or standardize=True",
            fit,
        )
    return fit


def _refuse_perfect_fit(problem: Problem) -> None:
    """Least squares needs no σ; a posterior over an unknown σ does not exist on a perfect fit."""
    prior = problem.sigma_prior
    if prior is None or prior.proper or problem.p or not problem.exact:
        return
    total = problem.moments.n * problem.moments.y_sd**2
    if problem.yy <= 1e-26 * total:
        raise PerfectFit(
            "zero residual variance: the Flat columns fit y perfectly, so under "
            f"{prior!r} no posterior exists; fix σ, or give it a proper prior"
        )
