"""Cross-validation of a whole path, from moments of the folds wherever that is enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.criteria.fold_optima import Optima, Solve
from bayesreg.criteria.splits import Split, splits_of
from bayesreg.criteria.training_moments import folds_of
from bayesreg.data.moments import Moments
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotSupported
from bayesreg.model.propriety import refuse_improper
from bayesreg.solvers.path import Ray, check_lams, one_block, rough_path

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


ENOUGH = 1e-4  # of b: what the noise of a split hides


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Mean squared prediction error by λ; under a likelihood that is not Gaussian, mean deviance.

    Attributes
    ----------
    lams : ndarray (L,)
        The λ's judged, in the order given.
    error : ndarray (L,)
        Mean over the splits of the mean squared error of a split, in the squared unit of y; or of
        −2 log p(y_i) of its rows.
    se : ndarray (L,)
        Standard error of `error`: sd of a run's fold errors over √K, and the root mean square of
        that over the runs, because to repeat with the same rows removes only the noise of
        splitting. NaN for a single split. Training sets overlap, so it is a rough guide.
    difference_se : ndarray (L,)
        Standard error of `error` less that at `lam`, from the differences within the same folds:
        what is hard to predict in one fold is so at every λ, and drops out.
    fold_error : ndarray (K·R, L)
        By split, in order; runs one after another.
    lam : float
        The λ of smallest error, the largest of them where several tie.
    lam_1se : float
        The largest λ whose error is within one standard error (that at `lam`) of the smallest;
        `lam` where there is no standard error.
    folds : tuple of ndarray
        Rows held out together, by split.
    weights : ndarray (K·R,)
        Sum of the weights of the test rows of each split, their number where they have none. Every
        split counts once in the mean whatever that is, so that weights of 1 are no weights, and
        rows written out are rows with their frequencies.
    """

    lams: Array
    error: Array
    se: Array
    difference_se: Array
    fold_error: Array
    lam: float
    lam_1se: float
    folds: tuple[NDArray[np.intp], ...]
    weights: Array


def cross_validate(
    problem: Problem,
    lams: Any,
    sigma: float,
    *,
    folds: Any = 10,
    seed: int = 0,
    solve: Solve | None = None,
    groups: Any = None,
    repeats: int = 1,
    per_row: bool = False,
    l1_ratio: float | None = None,
    closed: Callable[[Problem, Array], Array] | None = None,
) -> CrossValidation:
    """Cross-validation of a path: rows are read once per repeat, whatever the number of λ's.

    The moments of a training set are the sums of those of the other folds, with their own means and
    standard deviations, so that nothing leaks; the error on a fold is a quadratic form in its
    moments. Training sets that are not complements of a partition, few rows and more columns than
    rows go by rows. Each λ starts from the optimum for all rows. Ridge with one row to a fold is
    exact in closed form, unless columns are standardised anew without each row.

    Weights are frequencies: they count in training and in the error, all copies of a row are in
    the same fold, and folds are of like weight. Rows that are repeated go to different folds unless
    they share a group; with a group for the copies of each row the answer is that of the weights.

    Under a likelihood that is not Gaussian random folds have classes, or zero and positive counts,
    in equal shares; a training set that still lacks one is refused.

    Parameters
    ----------
    problem : Problem
        One penalised prior, on rows.
    lams : array (L,)
        Positive λ's in the unit of the whole problem's λ, in any order.
    sigma : float
        For the elastic net's λ₂.
    folds : int, splitter, or iterable, default 10
        A number (at most that of the rows or groups are made, at random by `seed`); an object with
        scikit-learn's ``split(X, y, groups)``, which may leave rows in several test sets or none;
        or an iterable of (train, test) row numbers, or of test sets alone.
    seed : int, default 0
        Of the random folds.
    solve : callable, optional
        ``solve(problem, lams, sigma)`` with optima b (L, p) first, in place of `solve_path`; its
        λ's may be prior scales, and then `lam_1se` has no meaning.
    groups : array (n,), optional
        Labels; rows with the same label are held out together.
    repeats : int, default 1
        How many random partitions to average over.
    per_row : bool, default False
        False: every training set has the same λ, as the same prior does (scikit-learn's Ridge).
        True: a training set of N_k of the N rows has λN_k/N, so that λ/N stays (scikit-learn's
        Lasso and ElasticNet).
    l1_ratio : float, optional
        λ₁ = l1_ratio·λ and λ₂ = (1 − l1_ratio)·λ.

    Returns
    -------
    CrossValidation

    Raises
    ------
    NotSupported
        If there are no rows.
    BadArgument
        If there are fewer than two rows, folds or groups, a λ is not positive, or rows are given
        that overlap or do not exist.
    BadData
        If a Flat coefficient is not identified in a training set.

    References
    ----------
    Stone (1974), "Cross-validatory choice and assessment of statistical predictions", JRSS B 36(2);
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., §7.10
    (one standard error); Bengio & Grandvalet (2004), "No unbiased estimator of the variance of
    K-fold cross-validation", JMLR 5.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    >>> found = cross_validate(problem, [100.0, 1000.0, 10_000.0], 1.0, seed=1)
    >>> found.error.round(-1), found.lam, found.lam_1se
    (array([3010., 3040., 4140.]), 100.0, 1000.0)
    """
    lams = check_lams(lams)
    design = problem.design
    if design is None:
        raise NotSupported(f"cross-validation needs rows, and {problem.rowless}")
    strata = None if problem.exact else _strata(problem)
    splits = splits_of(design, folds, seed=seed, groups=groups, repeats=repeats, strata=strata)
    weights = np.array([design.frequencies[split.test].sum() for split in splits])
    if not problem.exact:
        errors = _deviances(problem, lams, splits, l1_ratio, per_row=per_row)
        return _summed(lams, errors, splits, weights)
    ridge = solve is None and Ray.of(problem, sigma, l1_ratio).smooth
    unequal = per_row and design.weights is not None  # λ then differs by training set
    if closed is not None and ridge and not unequal and _singly(problem, splits):
        factor = (problem.n - 1.0) / problem.n if per_row else 1.0
        by_row = closed(problem, lams * factor)
        errors = by_row[np.concatenate([split.test for split in splits])]
    else:
        optima = Optima(problem, lams, sigma, solve, l1_ratio)
        errors = np.empty((len(splits), len(lams)))
        for k, (fold, one, b) in enumerate(optima.of(folds_of(problem, splits), per_row=per_row)):
            errors[k] = _squared_error(fold.test, *one.restore(b))
    return _summed(lams, errors, splits, weights)


def _singly(problem: Problem, splits: tuple[Split, ...]) -> bool:
    """Whether the splits leave single rows out of a Normal prior in fixed coordinates."""
    fixed = one_block(problem).prior.conjugate and not problem.standardize
    return fixed and all(split.partition and len(split.test) == 1 for split in splits)


def _strata(problem: Problem) -> NDArray[Any]:
    """What a training set must not lack: rows that hold η from above, from below, and from both.

    Classes of a yes/no outcome, zero and positive counts: without one of them the intercept that
    is left has no optimum.
    """
    return problem.likelihood.recession(problem.loss.y, problem.loss.theta)


def _deviances(
    problem: Problem,
    lams: Array,
    splits: tuple[Split, ...],
    l1_ratio: float | None,
    *,
    per_row: bool,
) -> Array:
    """Weighted mean of −2 log p(y_i) over the rows left out (K, L), each fitted on the others."""
    out = np.empty((len(splits), len(lams)))
    whole, free = rough_path(Ray.of(problem, 1.0, l1_ratio), lams, enough=ENOUGH)
    guide = None if free is None else np.hstack([free, whole])
    for k, split in enumerate(splits):
        try:
            train = problem.on_rows(split.train)
            refuse_improper(train)
        except BadData as error:
            raise BadData(f"in the training set of split {k}: {error}") from error
        part = train.n / problem.n if per_row else 1.0
        b, free = rough_path(Ray.of(train, 1.0, l1_ratio), lams * part, enough=ENOUGH, guide=guide)
        beta, intercept = train.restore(b, free)
        assert problem.design is not None
        test = problem.design.take(split.test)
        eta, facts = test.points.under(beta, intercept, {}, axis=-1)
        density = problem.likelihood.log_density(test.y, eta, facts | problem.known)
        out[k] = -2.0 * np.average(density, axis=1, weights=test.weights)
    return out


def _squared_error(test: Moments, beta: Array, intercept: Array) -> Array:
    """Weighted mean of (y − β₀ − x'β)² over the rows of `test`, for each of L fits."""
    full = np.column_stack([-beta, np.ones(len(beta))])
    if test.root is not None:
        spread = np.square(full @ test.root.T).sum(axis=1)
    else:
        spread = test.quadratic(full)
    centre = test.y_mean - intercept - beta @ test.x_mean
    return np.asarray(spread / test.n + centre * centre)


def _summed(
    lams: Array, errors: Array, splits: tuple[Split, ...], weights: Array
) -> CrossValidation:
    """The curve over splits, and what its minimum and the one-standard-error rule select."""
    runs = np.array([split.run for split in splits])
    mean = np.mean(errors, axis=0)
    se = _standard_error(errors, runs)
    best = int(np.lexsort((-lams, mean))[0])
    within = mean <= mean[best] + (0.0 if np.isnan(se[best]) else se[best])
    return CrossValidation(
        lams=lams,
        error=mean,
        se=se,
        difference_se=_standard_error(errors - errors[:, [best]], runs),
        fold_error=errors,
        lam=float(lams[best]),
        lam_1se=float(lams[within].max()) if not np.isnan(se[best]) else float(lams[best]),
        folds=tuple(split.test for split in splits),
        weights=weights,
    )


def _standard_error(errors: Array, runs: NDArray[np.intp]) -> Array:
    """Of the mean over splits (L,): root mean square over the runs of sd over √K; NaN for K = 1."""
    variances, size = [], float(np.max(np.abs(errors), initial=0.0)) or 1.0  # so that squares fit
    for run in range(runs.max() + 1):
        part = errors[runs == run] / size
        spread = np.mean(np.square(part - np.mean(part, axis=0)), axis=0)
        variances.append(
            spread / (len(part) - 1) if len(part) > 1 else np.full(len(spread), np.nan)
        )
    return np.asarray(size * np.sqrt(np.mean(variances, axis=0)))
