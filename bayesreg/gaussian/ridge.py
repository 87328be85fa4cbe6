"""Every criterion of a ridge path from one eigendecomposition and one pass over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.gaussian.evidence import free_spectrum, need_normal
from bayesreg.gaussian.leverages import Rotation
from bayesreg.language.arguments import Array
from bayesreg.solvers.path import check_lams

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


@dataclass(frozen=True, eq=False)
class RidgeCriteria:
    """What judges each λ of a ridge path; arrays (L,) in the order of the λ's given.

    Attributes
    ----------
    lam : ndarray (L,)
        λ₂ of J (scikit-learn's Ridge alpha).
    df : ndarray (L,)
        Σ d/(d + λ), without the intercept and the Flat columns.
    rss : ndarray (L,)
        Σ wᵢeᵢ².
    gcv : ndarray (L,)
        (RSS/N)/(1 − (df + 1 + #Flat)/N)², in the squared unit of y.
    loo : ndarray (L,) or None
        Mean of the squared leave-one-out errors, Σ wᵢ(eᵢ/(1 − hᵢ))²/N: one copy of the row is left
        out, the whole row where wᵢ < 1. None without rows; NaN where, without some row, a Flat
        coefficient is not identified.
    log_evidence : ndarray (L,)
        log p(y | λ, σ) up to the constant of `Evidence`.
    sigma : ndarray (L,)
        The σ of `log_evidence`: as known, else the one that maximises it, √(S(λ)/ν).
    """

    lam: Array
    df: Array
    rss: Array
    gcv: Array
    loo: Array | None
    log_evidence: Array
    sigma: Array


def ridge_criteria(problem: Problem, lams: Any) -> RidgeCriteria:
    r"""GCV, exact leave-one-out, evidence, RSS and degrees of freedom at each λ.

    .. math:: \mathrm{LOO}(\lambda) = \frac1N \sum_i w_i
              \Bigl(\frac{e_i}{1 - h_i}\Bigr)^2, \qquad
              \mathrm{GCV}(\lambda) = \frac{\mathrm{RSS}/N}{(1 - \sum_i w_i h_i/N)^2}

    The columns are as the problem has them: under ``standardize=True`` they are divided by the sds
    of all rows, whichever row is left out. `cross_validate` scales each training set anew.

    Parameters
    ----------
    problem : Problem
        One Normal prior, and Flat columns; its own scale is ignored. On Moments there is no LOO.
    lams : array (L,)
        λ₂ of J, positive, in any order.

    Returns
    -------
    RidgeCriteria

    Raises
    ------
    NotSupported
        If the prior is not one Normal.
    BadArgument
        If a λ is not positive and finite.

    References
    ----------
    Allen (1974), "The relationship between variable selection and data augmentation and a method
    for prediction", Technometrics 16(1), https://doi.org/10.1080/00401706.1974.10489157; Golub,
    Heath & Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge
    parameter", Technometrics 21(2), eq. 1.4, https://doi.org/10.1080/00401706.1979.10489751.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> found = ridge_criteria(problem, [1.0, 100.0])
    >>> found.loo.round(2), found.df.round(3)
    (array([3000.01, 3029.65]), array([9.74 , 6.592]))
    """
    lams = check_lams(lams)
    need_normal(problem)
    found = (_from_moments if problem.design is None else _from_rows)(problem, lams)
    d, c, rss, loo = found
    shrunk = d + lams[:, None]
    # N − 1 − #Flat − df, of which nothing cancels where df is nearly ν.
    free = (problem.nu - len(d)) + np.sum(lams[:, None] / shrunk, axis=1)
    penalised = rss + lams * np.sum(np.square(c / shrunk), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        gcv = problem.n * rss / np.square(free)
        sigma = np.sqrt(penalised / problem.nu)
        if problem.sigma is not None:
            sigma = np.full(len(lams), problem.sigma)
        fit = -problem.nu * np.log(sigma) - 0.5 * penalised / np.square(sigma)
    return RidgeCriteria(
        lam=lams,
        df=np.sum(d / shrunk, axis=1),
        rss=rss,
        gcv=gcv,
        loo=None if loo is None else loo / problem.n,
        log_evidence=fit - 0.5 * np.sum(np.log1p(d / lams[:, None]), axis=1),
        sigma=sigma,
    )


def leave_rows_out(problem: Problem, lams: Array) -> Array:
    """Squared errors (n, L) of each row, all its copies left out; NaN as in `RidgeCriteria.loo`.

    What cross-validation with one row to a fold gives, if columns are not standardised.
    """
    need_normal(problem)
    assert problem.design is not None
    copies = problem.design.frequencies
    rotation = Rotation.of(problem, problem.relative)
    return np.square(np.concatenate([error for _, error in rotation.errors(lams, copies)]))


def _from_rows(problem: Problem, lams: Array) -> tuple[Array, Array, Array, Array]:
    """d and c (k,), RSS and the sum of squared leave-one-out errors (L,)."""
    assert problem.design is not None
    w = problem.design.frequencies
    rotation = Rotation.of(problem, problem.relative)
    rss, loo, at = np.zeros(len(lams)), np.zeros(len(lams)), 0
    for residual, error in rotation.errors(lams, np.minimum(w, 1.0)):
        part = w[at : at + len(residual)]
        rss += part @ np.square(residual)
        loo += part @ np.square(error)
        at += len(residual)
    return rotation.d, rotation.c, rss, loo


def _from_moments(problem: Problem, lams: Array) -> tuple[Array, Array, Array, None]:
    """The same without rows, and so without leave-one-out."""
    spectrum = free_spectrum(problem)
    share = lams[:, None] / (spectrum.d + lams[:, None])
    rss = spectrum.rss + np.square(share) @ np.square(spectrum.g)
    return spectrum.d, np.sqrt(spectrum.d) * spectrum.g, rss, None
