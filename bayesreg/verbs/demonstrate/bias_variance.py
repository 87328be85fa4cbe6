"""Bias and variance of what a path predicts, exact or simulated, beside the errors on real rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.criteria.cross_validation import cross_validate
from bayesreg.data.moments import Moments
from bayesreg.language.arguments import Array, integer, one_positive
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import number
from bayesreg.priors import Normal
from bayesreg.solvers.path import Ray, check_lams, default_lams, one_block, solve_path
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject
from bayesreg.verbs.fit import fit_map

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit, Posterior


@dataclass(frozen=True, eq=False, repr=False)
class BiasVariance(Record):
    """The parts of the mean squared error of fitted values along λ, in units of σ², per row.

    Attributes
    ----------
    problem : Problem
        Whose rows and prior they are.
    lams : ndarray (L,)
        Ascending.
    beta : ndarray (P,)
        The truth that is supposed, per unit of the original columns.
    sigma : float
        The noise sd that is supposed.
    supposed : str
        Where these come from.
    bias2, variance, error : ndarray (L,)
        Squared bias, variance and their sum.
    bias2_se, variance_se, error_se : ndarray (L,)
        Their Monte Carlo standard errors; zeros where they are exact.
    replications : int
        How many y's were simulated; 0 where none was.
    least_squares : float
        The error of least squares, which is all variance: (1 + F + rank X)/N.
    training, held_out, held_out_se : ndarray (L,)
        Of the y that there is: mean squared error on the rows that were fitted, and on rows left
        out in 10-fold cross-validation with its standard error, in units of σ².
    """

    picture: ClassVar[str] = "bias_variance"

    problem: Problem
    lams: Array
    beta: Array
    sigma: float
    supposed: str
    bias2: Array
    variance: Array
    error: Array
    bias2_se: Array
    variance_se: Array
    error_se: Array
    replications: int
    least_squares: float
    training: Array
    held_out: Array
    held_out_se: Array

    @property
    def best(self) -> int:
        """Where the error is least."""
        return int(np.argmin(self.error))

    def summary(self) -> pd.DataFrame:
        """One row for each λ: the parts with their errors, and the errors on the real y."""
        import pandas as pd

        names = ["bias2", "bias2_se", "variance", "variance_se", "error", "error_se", "training"]
        columns = {name: getattr(self, name) for name in [*names, "held_out", "held_out_se"]}
        return pd.DataFrame(columns, index=pd.Index(self.lams, name="lam"))

    @property
    def says(self) -> str:
        """The picture in one sentence."""
        k, h = self.best, int(np.argmin(self.held_out))
        how = f"over {self.replications} simulated y's" if self.replications else "exactly"
        within = f" ± {self.error_se[k]:.2g}" if self.replications else ""
        return (
            f"Were β and σ as supposed ({self.supposed}), the error of the fitted values would be "
            f"least at λ = {number(self.lams[k])}, {how}: {self.error[k]:.3g}{within} σ² per row, "
            f"of which {self.bias2[k]:.3g} is squared bias, where least squares has "
            f"{self.least_squares:.3g} and no bias; rows left out of the real y are predicted best "
            f"at λ = {number(self.lams[h])}."
        )

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        held = self.lams[int(np.argmin(self.held_out))]
        return (
            "Two panels over λ on a logarithmic axis. Left, squared bias rises from 0, variance "
            f"falls to that of a mean, and their sum, the error, is least at "
            f"λ = {self.lams[self.best]:.3g}. Right, on the real y: the error on the rows that are "
            f"fitted rises with λ throughout, that on rows left out is least at λ = {held:.3g}: to "
            "the left of it the fit follows noise, to the right it misses effects."
        )


@explained
def bias_variance(
    problem: Problem | MapFit | Posterior,
    beta: Any = None,
    sigma: float | None = None,
    *,
    lams: Any = None,
    simulated: bool | None = None,
    replications: int = 200,
    seed: int = 0,
) -> BiasVariance:
    r"""Squared bias and variance of the fitted values along λ, were β and σ the truth.

    .. math:: \tfrac1N E\lVert\hat f_\lambda - f\rVert^2
              = \tfrac1N \lVert E\hat f_\lambda - f\rVert^2
              + \tfrac1N E\lVert\hat f_\lambda - E\hat f_\lambda\rVert^2

    For ridge, with d and v the eigenvalues and eigenvectors of X'X, these are
    :math:`\tfrac1N\sum_k d_k\lambda^2(v_k'b)^2/(d_k+\lambda)^2` and
    :math:`\tfrac{\sigma^2}{N}[1 + F + \sum_k d_k^2/(d_k+\lambda)^2]`, the intercept and F Flat
    columns without bias. For other penalties y is simulated anew and the path computed each time;
    what the simulated mean has of variance is taken off its squared distance to f.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        One penalised prior under a Gaussian likelihood, on rows; its own scale is ignored.
    beta : array (P,), optional
        The supposed coefficients per original unit; unsaid, those of `fit_map` for the real y.
    sigma : float, optional
        The supposed noise sd; unsaid, the known one, or that of `fit_map`.
    lams : sequence of float, optional
        λ₂ for Normal, else λ₁; unsaid, 60 of `path`'s own range, for ridge 60 where the degrees of
        freedom run from nearly p to nearly 0.
    simulated : bool, optional
        False: exact, for ridge alone. Unsaid, exact where it can be.
    replications : int, default 200
        How many y's are simulated, at least 2.
    seed : int, default 0
        Of the simulation and of the folds.

    Returns
    -------
    BiasVariance

    Raises
    ------
    BadArgument
        If `beta` has another length or is not finite, σ is not positive, or an exact answer is
        asked for where there is none.
    NotSupported
        If the likelihood is not Gaussian, the priors are several, or there are no rows.

    References
    ----------
    Hoerl & Kennard (1970), "Ridge regression", Technometrics 12(1), §4,
    https://doi.org/10.1080/00401706.1970.10488634; Hastie, Tibshirani & Friedman (2009), *The
    Elements of Statistical Learning*, 2nd ed., §7.3.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.simulate(n=100, p=20, n_nonzero=4, snr=1.0, seed=1)
    >>> problem = br.Model(br.Normal(), br.Gaussian(data.sigma)).condition(data.X, data.y)
    >>> found = bias_variance(problem, data.beta, lams=[1.0, 100.0])
    >>> found.bias2.round(4).tolist(), found.variance.round(4).tolist(), found.least_squares
    ([0.0001, 0.1728], [0.202, 0.0521], 0.21)
    """
    problem = subject(problem, "bias_variance", quadratic=True)
    one_block(problem)
    if problem.design is None:
        raise NotSupported(f"bias_variance needs rows, and {problem.rowless}")
    closed = isinstance(problem.blocks[0].prior, Normal)
    if simulated is False and not closed:
        name = type(problem.blocks[0].prior).__name__
        raise BadArgument(f"simulated=False is for Normal(): {name}() has no exact decomposition")
    truth, noise, supposed = _truth(problem, beta, sigma)
    grid = _grid(problem) if lams is None else np.sort(check_lams(lams))
    if closed and not simulated:
        parts = _exact(problem, truth, noise, grid)
        replications = 0
    else:
        count = integer(replications, "replications", 2)
        parts = _simulated(problem, truth, noise, grid, count, integer(seed, "seed", 0))
    b, _ = solve_path(problem, grid, noise)
    training = np.asarray(problem.quadratic.residual_square(b)) / problem.n
    cv = cross_validate(problem, grid, noise, seed=seed)
    free = problem.n - problem.nu
    return BiasVariance(
        problem=problem,
        lams=grid,
        beta=truth,
        sigma=noise,
        supposed=supposed,
        **parts,
        replications=replications,
        least_squares=(free + problem.quadratic.rank) / problem.n,
        training=training / noise**2,
        held_out=cv.error / noise**2,
        held_out_se=cv.se / noise**2,
    )


def _truth(problem: Problem, beta: Any, sigma: Any) -> tuple[Array, float, str]:
    """The supposed coefficients (P,) and noise sd, and where they come from."""
    given = None if sigma is None else one_positive(sigma, "sigma")
    known = given if given is not None else problem.sigma
    said = "given"
    if beta is None:
        fit = fit_map(problem)
        known = fit.sigma if known is None else known
        return fit.beta.to_numpy(float), known, f"those of the optimum for the real y, {fit.hyper}"
    values = np.asarray(beta, dtype=float)
    if values.shape != (len(problem.features),) or not np.all(np.isfinite(values)):
        raise BadArgument(
            f"beta must have a finite number for each of the {len(problem.features)} columns; "
            f"it has the shape {values.shape}"
        )
    if known is None:
        known, said = fit_map(problem).sigma, "β given, σ that of the optimum for the real y"
    return values, known, said


def _grid(problem: Problem) -> Array:
    """λ's from overfitting to underfitting."""
    if not isinstance(problem.blocks[0].prior, Normal):
        return default_lams(problem, 60)[::-1]
    gram = problem.quadratic.gram * np.outer(problem.relative, problem.relative)
    top = float(np.linalg.eigvalsh(gram)[-1])
    return np.geomspace(1e-4 * top, 10.0 * top, 60) if top > 0 else np.geomspace(1e-3, 1.0, 60)


def _exact(problem: Problem, beta: Array, sigma: float, lams: Array) -> dict[str, Array]:
    """Ridge: bias², variance and error over σ², and their errors, which are none."""
    r = problem.relative
    d, v = np.linalg.eigh(problem.quadratic.gram * np.outer(r, r))
    d = np.maximum(d, 0.0)
    c = v.T @ (_penalised(problem, beta) / r)
    left = lams[:, None] / (d + lams[:, None])
    bias2 = np.square(left) @ (d * c**2) / (problem.n * sigma**2)
    free = problem.n - problem.nu
    variance = (free + np.sum(np.square(1.0 - left), axis=1)) / problem.n
    none = np.zeros(len(lams))
    return {
        "bias2": bias2, "variance": variance, "error": bias2 + variance,
        "bias2_se": none, "variance_se": none, "error_se": none,
    }  # fmt: skip


def _penalised(problem: Problem, beta: Array) -> Array:
    """The supposed β in the coordinates b of the penalty."""
    own = problem.coordinates
    return np.asarray(beta[own.proper] * own.x_sd[own.proper] - own.loc)


def _simulated(
    problem: Problem, beta: Array, sigma: float, lams: Array, count: int, seed: int
) -> dict[str, Array]:
    """The same from optima for simulated y's, with Monte Carlo standard errors.

    The intercept and the Flat columns take (1 + F)σ²/N, whatever λ is and independent of b, and
    enter as that number. A row of weight w is w rows, whose mean y has the noise σ/√w.
    """
    design = problem.design
    assert design is not None
    ray, rng = Ray.of(problem, sigma), np.random.default_rng(seed)
    weights = design.frequencies
    f, noise = design.X @ beta, sigma / np.sqrt(np.where(weights > 0, weights, np.inf))
    away = np.empty((count, len(lams), problem.p))
    b = _penalised(problem, beta)
    for k in range(count):
        y = f + noise * rng.standard_normal(len(f))
        again = problem.on(Moments.of(design.X, y, weights, problem.features, warn=False))
        away[k] = solve_path(again, lams, ray.sigma)[0] - b
    rows = problem.quadratic.rows.x / (sigma * math.sqrt(problem.n))
    away = away @ rows.T  # (R, L, m): distances of fitted values
    mean = away.mean(axis=0)
    spread = np.sum(np.square(away - mean), axis=2)  # (R, L)
    variance = spread.sum(axis=0) / (count - 1)
    bias2 = np.sum(mean**2, axis=1) - variance / count
    errors = np.sum(away**2, axis=2)
    along = 2.0 * np.einsum("rlm,lm->rl", away - mean, mean)
    share = np.std(along, axis=0, ddof=1) / math.sqrt(count)
    second = math.sqrt(2.0) * variance / count
    free = (problem.n - problem.nu) / problem.n
    return {
        "bias2": bias2,
        "variance": variance + free,
        "error": errors.mean(axis=0) + free,
        "bias2_se": np.hypot(share, second),
        "variance_se": np.std(spread, axis=0, ddof=1) * math.sqrt(count) / (count - 1),
        "error_se": np.std(errors, axis=0, ddof=1) / math.sqrt(count),
    }
