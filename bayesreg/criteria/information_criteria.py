"""Information criteria along a path: AIC, BIC and extended BIC from RSS and degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from bayesreg.language.arguments import Array
from bayesreg.solvers.path import check_lams, penalised

if TYPE_CHECKING:
    from bayesreg.data.streamed import Streamed
    from bayesreg.model.problem import Problem

SATURATED = 1e-14  # RSS as a share of ỹ'ỹ that rounding alone can leave


@dataclass(frozen=True, eq=False)
class InformationCriteria:
    """AIC, BIC and EBIC of each optimum, lower is better; arrays (L,) in the order of the λ's.

    Where σ is unknown and no residual degree of freedom is left, or the residual is zero, the
    likelihood has no maximum in σ, and all three are NaN.

    Attributes
    ----------
    lam, rss : ndarray (L,)
        λ, and ‖ỹ − X̃b‖².
    parameters : ndarray (L,)
        k: effective degrees of freedom, intercept, Flat columns, and σ where it is unknown.
    deviance : ndarray (L,)
        −2 log-likelihood at the optimum, and at σ̂² = RSS/N where σ is unknown.
    aic, bic : ndarray (L,)
        Deviance + 2k; deviance + k·log N.
    ebic : ndarray (L,) or None
        bic + 2 log C(p, min(s, p/2)), s the number of non-zero b_j: γ = 1. None for Normal, which
        selects no columns.
    """

    lam: Array
    rss: Array
    parameters: Array
    deviance: Array
    aic: Array
    bic: Array
    ebic: Array | None


def information_criteria(
    problem: Problem, lams: Array, b: Array, df: Array, estimated: int = 0
) -> InformationCriteria:
    r"""AIC, BIC and EBIC (γ = 1) of penalised fits, by their effective degrees of freedom.

    .. math:: -2\log L = N \log(2\pi\sigma^2) + \mathrm{RSS}/\sigma^2, \quad
              \mathrm{AIC} = -2\log L + 2k, \quad \mathrm{BIC} = -2\log L + k\log N, \quad
              \mathrm{EBIC} = \mathrm{BIC} + 2\log\binom{p}{\min(s, \lfloor p/2 \rfloor)}

    The binomial coefficient counts the models of s columns, and falls again beyond p/2: without the
    bound the model of all p columns would be as cheap as that of none, for which EBIC, made for
    s ≪ p, was not meant.

    N is Σw, and under a binomial likelihood Σwm, the number of trials; under likelihoods that are
    not Gaussian df is tr H_AA(H_AA + Λ₂)⁻¹, H the curvature of the loss at the optimum.
    With σ unknown, σ̂² = RSS/N. Where p is near or above N that lets a nearly saturated fit win AIC
    and BIC; a known σ does not.

    Parameters
    ----------
    problem : Problem
        One penalised prior.
    lams : ndarray (L,)
    b : ndarray (L, p)
        The optimum at each, as `solve_path` gives it.
    df : ndarray (L,)
        Their effective degrees of freedom, of the penalised columns.
    estimated : int, default 0
        How many of what the problem knows were found from these data, as a shape: each counts one.

    Returns
    -------
    InformationCriteria

    References
    ----------
    Akaike (1974), "A new look at the statistical model identification", IEEE Transactions on
    Automatic Control 19(6); Schwarz (1978), "Estimating the dimension of a model", Annals of
    Statistics 6(2); Zou, Hastie & Tibshirani (2007), "On the degrees of freedom of the lasso",
    Annals of Statistics 35(5), eqs. 3.3 and 3.4, https://doi.org/10.1214/009053607000000127; Chen &
    Chen (2008), "Extended Bayesian information criteria for model selection with large model
    spaces", Biometrika 95(3), eq. 1, https://doi.org/10.1093/biomet/asn034.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesreg as br
    >>> from bayesreg.solvers.path import default_lams, solve_path
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    >>> lams = default_lams(problem, 50)
    >>> found = information_criteria(problem, lams, *solve_path(problem, lams, 1.0))
    >>> [float(lams[np.argmin(curve)].round(1)) for curve in (found.aic, found.ebic)]
    [443.7, 443.7]
    """
    lams, prior = check_lams(lams), penalised(problem)
    parameters = df + len(problem.flat) + float(problem.intercept) + estimated
    parameters = parameters + float(problem.unknown_sigma)
    n, rss = problem.n, np.full(len(b), np.nan)
    if problem.exact:
        rss = problem.quadratic.residual_square(b)
    if problem.stream is not None and not problem.exact:
        deviance = np.array([2.0 * problem.in_passes.nearest(one).sums.value for one in b])
        n = _observed(problem.stream, problem)
    elif not problem.exact:
        loss = problem.loss
        phi = float(problem.likelihood.dispersion(loss.theta))
        deviance = 2.0 / phi * np.array([loss.at(one).value for one in b])
        n = problem.likelihood.observations(loss.weights, loss.theta)
    elif problem.sigma is not None:
        deviance = n * np.log(2.0 * np.pi * problem.sigma**2) + rss / problem.sigma**2
    else:
        open_ = (rss > SATURATED * problem.yy) & (problem.nu - df > 1e-8 * problem.nu)
        with np.errstate(divide="ignore"):
            profiled = n * (np.log(2.0 * np.pi * rss / n) + 1.0)
        deviance = np.where(open_, profiled, np.nan)
    bic = deviance + parameters * np.log(n)
    p = b.shape[1]
    size = np.minimum(np.count_nonzero(b, axis=1), p // 2)
    subsets = gammaln(p + 1.0) - gammaln(size + 1.0) - gammaln(p - size + 1.0)
    return InformationCriteria(
        lam=lams,
        rss=rss,
        parameters=parameters,
        deviance=deviance,
        aic=deviance + 2.0 * parameters,
        bic=bic,
        ebic=bic + 2.0 * subsets if prior.kinked else None,
    )


def _observed(stream: Streamed, problem: Problem) -> float:
    """N of rows that are read in passes, by what was seen of y."""
    if stream.seen is None:
        return float(problem.n)
    _, weights, facts = stream.seen.as_row
    return problem.likelihood.observations(weights, facts)
