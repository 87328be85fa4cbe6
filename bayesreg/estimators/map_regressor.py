"""MapRegressor: the penalised optimum for scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.criteria import cross_validate
from bayesreg.estimators.base import refuse_misaligned, seed_of
from bayesreg.estimators.regressors import OptimumRegressor
from bayesreg.gaussian.evidence import reference_sigma
from bayesreg.gaussian.ridge import leave_rows_out
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained_throughout
from bayesreg.priors import Laplace
from bayesreg.solvers.path import Ray
from bayesreg.verbs.fit import fit_map, path

if TYPE_CHECKING:
    from typing import Self

RULES = ("min", "1se")


@explained_throughout
class MapRegressor(OptimumRegressor):
    r"""The MAP, argmin φ·(−log L) + λ₁‖β‖₁ + ½λ₂‖β‖², as a scikit-learn regressor.

    Under Gaussian noise φ·(−log L) is ½‖y − β₀ − Xβ‖², under any other likelihood of measurements
    or counts what :class:`bayesreg.Model` says.

    Parameters
    ----------
    prior : Prior, str or mapping, optional
        Normal() unless given, or by name, as "lasso"; a grid search can set ``prior__scale``.
    sigma : float or HyperPrior, optional
        Noise sd, or its prior; p(σ²) ∝ 1/σ² unless given. Of Student-t and Laplace noise the
        scale.
    hyper : {"evidence", "cv", "joint"}, optional
        How unknown hyperparameters are settled; see :func:`bayesreg.fit_map`.
    standardize : bool, default False
        Whether the prior refers to sd(x_j)·β_j.
    fit_intercept : bool, default True
        Whether there is an unpenalised intercept.
    random_state : int, Generator, RandomState or None
        Seeds the folds and draws of ``hyper`` and ``scale``.
    scale : float or str, optional
        The prior's scale, as ``prior__scale`` sets it; or the rule that chooses it, one of those of
        :func:`bayesreg.verbs.choose`: "evidence", "cv", "cv-1se", "bic", …. Not beside `hyper`.
    formula : str, optional
        Such as ``"y ~ x + C(g)"``: then X is a data frame, and `y` may be left out where it is a
        column of X, or the formula written without it, ``"x + C(g)"``.
    likelihood : Likelihood or str, optional
        How y varies: "poisson", "negative_binomial", "binomial", "student_t(df=4)", …; Gaussian()
        unless given.

    Attributes
    ----------
    coef_, intercept_ : ndarray (P,), float
        The optimum per unit of the original columns.
    sigma_, scale_ : float or None, float or None
        Noise sd and prior scale used.
    shape_, df_ : float
        Of NegativeBinomial and of StudentTNoise.
    result_ : MapFit
        With certificate and correspondence.

    Raises
    ------
    NotConverged
        If the optimum cannot be certified.
    BadArgument
        If `scale` and `hyper` are both given, or the rule is unknown.

    References
    ----------
    Buitinck et al. (2013), "API design for machine learning software", arXiv:1309.0238.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.estimators import MapRegressor
    >>> data = br.load_dataset("diabetes")
    >>> model = MapRegressor(br.Laplace(25.0), sigma=54.0, standardize=True)
    >>> int((model.fit(data.X, data.y).coef_ == 0).sum())
    2
    >>> model.set_params(scale="cv-1se").fit(data.X, data.y).scale_ < 25.0
    True
    >>> visits = MapRegressor(br.Normal(1.0), likelihood="poisson")
    >>> visits = visits.fit([[0.0], [1.0], [2.0]], [1, 4, 7], exposure=[1.0, 2.0, 1.0])
    >>> visits.predict([[1.0]], exposure=[10.0]).round(1).tolist()
    [24.6]
    """

    def __init__(
        self,
        prior: Any = None,
        sigma: Any = None,
        hyper: Any = None,
        standardize: bool = False,
        fit_intercept: bool = True,
        random_state: Any = None,
        scale: Any = None,
        formula: str | None = None,
        likelihood: Any = None,
    ) -> None:
        self.prior = prior
        self.sigma = sigma
        self.hyper = hyper
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.scale = scale
        self.formula = formula
        self.likelihood = likelihood

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
    ) -> Self:
        """Fit to X (n, P) and y (n,).

        Parameters
        ----------
        X, y : array (n, P), (n,)
            Rows and responses; under Binomial() y may have two columns, successes and failures.
        sample_weight : array (n,), optional
            Frequencies.
        offset, exposure, trials : array (n,) or str, optional
            As in :meth:`bayesreg.Model.condition`; a text names a column of X.
        """
        known = {"offset": offset, "exposure": exposure, "trials": trials}
        self.result_ = self._optimum(X, y, sample_weight, **known)
        beta, intercept = self.result_.problem.restore(self.result_.b)
        self.coef_, self.intercept_ = beta, float(intercept)
        self._keep(self.result_.theta)
        return self


@explained_throughout
class MapRegressorCV(OptimumRegressor):
    r"""The optimum of ½‖y − β₀ − Xβ‖² + λ₁‖β‖₁ + ½λ₂‖β‖² at the λ that K folds choose.

    Parameters
    ----------
    prior : Prior or str, optional
        Laplace() unless given; its scale is what λ replaces.
    lams : sequence of float, optional
        λ's of J, in sums over rows (scikit-learn's Lasso alpha is λ/N, its Ridge alpha is λ).
    n : int, default 100
        How many λ's, when `lams` is not given.
    l1_ratio : float, optional
        The ray λ₁ = l1_ratio·λ, λ₂ = (1 − l1_ratio)·λ instead of the prior's own scale family.
    cv : int, splitter or iterable, default 10
        Folds, a splitter of scikit-learn, or pairs of training and test rows.
    rule : {"min", "1se"}, default "min"
        The λ of smallest error, or the largest λ whose error is within one standard error of it.
    per_row : bool, default False
        Whether λ shrinks with the rows of a training set, λN_k/N, as that of LassoCV does.
    sigma : float or HyperPrior, optional
        Noise sd, or its prior; it says which scale a λ is.
    standardize : bool, default False
        Whether the prior refers to sd(x_j)·β_j, sds of each training set in the folds.
    fit_intercept : bool, default True
        Whether there is an unpenalised intercept.
    random_state : int, Generator, RandomState or None
        Seeds the folds.
    formula : str, optional
        Such as ``"y ~ x + C(g)"``: then X is a data frame, and `y` may be left out where it is a
        column of X, or the formula written without it, ``"x + C(g)"``.

    Attributes
    ----------
    coef_, intercept_ : ndarray (P,), float
        The optimum at `lam_`, per unit of the original columns.
    lam_, scale_ : float
        The λ chosen, and the prior scale that it is at `sigma_`.
    sigma_ : float
        The noise sd given, or σ̂² = RSS/(N − 1 − df) at `lam_`.
    lams_, cv_error_, cv_se_ : ndarray (L,)
        The λ's judged, their mean squared errors on held-out rows, and standard errors.
    fold_error_ : ndarray (K, L)
        The errors fold by fold.
    path_ : Path
        The optimum at every λ, certified.
    result_ : MapFit
        The one at `lam_`, with certificate and correspondence.

    Raises
    ------
    NotSupported
        If the prior has no λ.
    NotConverged
        If the optimum cannot be certified.

    References
    ----------
    Stone (1974), JRSS B 36(2); Breiman et al. (1984), *Classification and Regression Trees*, §3.4
    (the one-standard-error rule).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.estimators import MapRegressorCV
    >>> data = br.load_dataset("diabetes")
    >>> model = MapRegressorCV(standardize=True, rule="1se", random_state=0)
    >>> model.fit(data.X, data.y).lam_ > float(model.lams_[model.cv_error_.argmin()])
    True
    """

    _unsaid = Laplace

    def __init__(
        self,
        prior: Any = None,
        lams: Any = None,
        n: int = 100,
        l1_ratio: float | None = None,
        cv: Any = 10,
        rule: str = "min",
        per_row: bool = False,
        sigma: Any = None,
        standardize: bool = False,
        fit_intercept: bool = True,
        random_state: Any = None,
        formula: str | None = None,
    ) -> None:
        self.prior = prior
        self.lams = lams
        self.n = n
        self.l1_ratio = l1_ratio
        self.cv = cv
        self.rule = rule
        self.per_row = per_row
        self.sigma = sigma
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.formula = formula

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None) -> Self:
        """Choose λ and fit to X (n, P) and y (n,).

        Parameters
        ----------
        X, y : array (n, P), (n,)
            Rows and responses.
        sample_weight : array (n,), optional
            Frequencies, in the fits and in the errors of the folds.
        groups : array (n,), optional
            Rows with the same label stay in one fold.
        """
        if self.rule not in RULES:
            raise BadArgument(f"rule must be 'min' or '1se', not {self.rule!r}")
        X, y, sample_weight, _ = self._arrived(X, y, sample_weight, {})
        refuse_misaligned(X, groups=groups)
        problem = self._condition(X, y, sample_weight, {})
        folds, groups = _counted(self.cv, X, y, sample_weight, groups)
        walk = path(problem, self.lams, self.n, l1_ratio=self.l1_ratio)
        found = cross_validate(
            problem,
            walk.lam,
            reference_sigma(problem),
            folds=folds,
            seed=seed_of(self.random_state) or 0,
            groups=groups,
            per_row=self.per_row,
            l1_ratio=self.l1_ratio,
            closed=leave_rows_out,
        )
        self.path_, self.lams_ = walk, walk.lam
        self.cv_error_, self.cv_se_, self.fold_error_ = found.error, found.se, found.fold_error
        self.lam_ = found.lam if self.rule == "min" else found.lam_1se
        k = int(np.flatnonzero(walk.lam == self.lam_)[0])
        sigma = problem.sigma or problem.quadratic.residual_sd(walk.b[k], float(walk.df[k]))
        self.result_ = fit_map(Ray.of(problem, sigma, self.l1_ratio).at(self.lam_))
        beta, intercept = problem.restore(self.result_.b)
        self.coef_, self.intercept_ = beta, float(intercept)
        self.sigma_, self.scale_ = sigma, self.result_.scale
        return self


def _counted(cv: Any, X: Any, y: Any, weight: Any, groups: Any) -> tuple[Any, Any]:
    """Folds and groups in terms of the rows that count: those of weight 0 are no rows here."""
    keep = np.asarray(1.0 if weight is None else weight) > 0
    if np.all(keep):
        return cv, groups
    if isinstance(cv, int | np.integer):
        return cv, None if groups is None else np.asarray(groups)[keep]
    place = np.cumsum(keep) - 1

    def rows(chosen: Any) -> Any:
        chosen = np.arange(len(keep))[chosen]
        return place[chosen[keep[chosen]]]

    given = cv.split(X, y, groups) if hasattr(cv, "split") else cv
    return [tuple(map(rows, one)) if np.ndim(one[0]) else rows(one) for one in given], None
