"""scikit-learn shells around the verbs: no mathematics here."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from bayesreg.data.design import Design
from bayesreg.errors import BadArgument, BayesregWarning, PerfectFit
from bayesreg.fit import fit_map, sample
from bayesreg.likelihoods import Gaussian
from bayesreg.model import Model, Problem
from bayesreg.priors import Normal, Prior

if TYPE_CHECKING:
    from typing import Self

Array = NDArray[np.float64]


class _PriorRegressor(RegressorMixin, BaseEstimator):
    """What both regressors share: nested prior parameters, validation, conditioning."""

    prior: Any
    sigma: Any
    standardize: Any
    fit_intercept: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; with `deep`, those of the prior as ``prior__scale`` and so on."""
        params: dict[str, Any] = BaseEstimator.get_params(self, deep=False)
        if deep:
            prior = Normal() if self.prior is None else self.prior
            if isinstance(prior, Prior):
                for field in dataclasses.fields(prior):  # type: ignore[arg-type]
                    params[f"prior__{field.name}"] = getattr(prior, field.name)
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``prior__scale=…`` replaces the prior by one with that scale."""
        nested = {k.removeprefix("prior__"): v for k, v in params.items() if "prior__" in k}
        plain = {k: v for k, v in params.items() if "prior__" not in k}
        BaseEstimator.set_params(self, **plain)
        if nested:
            prior = Normal() if self.prior is None else self.prior
            if not isinstance(prior, Prior):
                raise BadArgument("prior__… sets a field of a single prior, and this is a mapping")
            known = {f.name for f in dataclasses.fields(prior)}  # type: ignore[arg-type]
            unknown = set(nested) - known
            if unknown:
                raise BadArgument(f"{type(prior).__name__} has no parameter {min(unknown)!r}")
            # Of the two ways to say a scale the one that is set replaces the other.
            for one, other in (("scale", "expected_nonzero"), ("expected_nonzero", "scale")):
                if nested.get(one) is not None and other in known:
                    nested.setdefault(other, None)
            if "scale" in nested and "unit" not in nested:
                # The unit follows from what the new scale is, as in a fresh prior, unless it was
                # declared: a prior whose unit is not the one its scale implies was declared so.
                unknown_scale = prior.scale is None or prior.hyper is not None
                implied = "sigma" if unknown_scale else "y"
                nested["unit"] = None if prior.unit == implied else prior.unit
            self.prior = dataclasses.replace(prior, **nested)  # type: ignore[type-var]
        return self

    def _condition(self, X: Any, y: Any, sample_weight: Any) -> Problem:
        """Validate as scikit-learn does, then condition the model."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        if len(y) == 1 and self.sigma is None:
            raise BadArgument("n_samples=1: one sample cannot tell σ from β₀; pass sigma=")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        prior = Normal() if self.prior is None else self.prior
        names = getattr(self, "feature_names_in_", None)
        with warnings.catch_warnings():
            # scikit-learn normalises weights freely; N = Σw is this package's own convention.
            warnings.filterwarnings("ignore", ".*look normalised", BayesregWarning)
            design = Design.of(X, y, sample_weight)
            if names is not None:
                design = dataclasses.replace(design, names=tuple(map(str, names)))
        options = {
            "standardize": bool(self.standardize),
            "intercept": bool(self.fit_intercept),
        }
        try:
            return Model(prior, Gaussian(self.sigma)).condition(design, **options)
        except PerfectFit:
            # A model refuses this; scikit-learn's users expect a fit, and its limit σ → 0 is one.
            rounding = float(1e-8 * np.std(y)) or 1.0
            warnings.warn(
                f"y is fitted without residual: σ was held at {rounding:.2g}; pass sigma=",
                BayesregWarning,
                stacklevel=3,
            )
            return Model(prior, Gaussian(rounding)).condition(design, **options)

    def _rows(self, X: Any) -> Array:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=np.float64, reset=False))


class MapRegressor(_PriorRegressor):
    r"""The MAP, argmin ½‖y − β₀ − Xβ‖² + λ₁‖β‖₁ + ½λ₂‖β‖², as a scikit-learn regressor.

    Parameters
    ----------
    prior : Prior or mapping, optional
        Normal() unless given; a grid search can set ``prior__scale``.
    sigma : float or HyperPrior, optional
        Noise sd, or its prior; p(σ²) ∝ 1/σ² unless given.
    hyper : {"evidence", "cv", "joint"}, optional
        How unknown hyperparameters are settled; see :func:`bayesreg.fit_map`.
    standardize : bool, default False
        Whether the prior refers to sd(x_j)·β_j.
    fit_intercept : bool, default True
        Whether there is an unpenalised intercept.
    random_state : int, RandomState or None
        Seeds the folds of ``hyper="cv"``.

    Attributes
    ----------
    coef_, intercept_ : ndarray (P,), float
        The optimum per unit of the original columns.
    sigma_, scale_ : float, float or None
        Noise sd and prior scale used.
    result_ : MapFit
        With certificate and correspondence.

    Raises
    ------
    NotConverged
        If the optimum cannot be certified.

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
    """

    def __init__(
        self,
        prior: Any = None,
        sigma: Any = None,
        hyper: Any = None,
        standardize: bool = False,
        fit_intercept: bool = True,
        random_state: Any = None,
    ) -> None:
        self.prior = prior
        self.sigma = sigma
        self.hyper = hyper
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n, P) and y (n,), rows counted by `sample_weight` (frequencies)."""
        problem = self._condition(X, y, sample_weight)
        self.result_ = fit_map(problem, hyper=self.hyper, seed=_seed(self.random_state) or 0)
        beta, intercept = problem.restore(self.result_.b)
        self.coef_, self.intercept_ = beta, float(intercept)
        self.sigma_ = self.result_.sigma
        self.scale_ = self.result_.scale
        return self

    def predict(self, X: Any) -> Array:
        """β₀ + x'β for each row."""
        rows = self._rows(X)
        return np.asarray(rows @ self.coef_ + self.intercept_)


class BayesRegressor(_PriorRegressor):
    r"""The full posterior as a scikit-learn regressor: coefficients are posterior means.

    Parameters
    ----------
    prior : Prior or mapping, optional
        Normal() unless given; a grid search can set ``prior__scale``.
    sigma : float or HyperPrior, optional
        Noise sd, or its prior; p(σ²) ∝ 1/σ² unless given.
    draws, chains : int, default 1000, 4
        As in :func:`bayesreg.sample`.
    engine : str, optional
        Unsaid, the fastest exact one.
    standardize : bool, default False
        Whether the prior refers to sd(x_j)·β_j.
    fit_intercept : bool, default True
        Whether there is an unpenalised intercept.
    random_state : int, RandomState or None
        Seeds the draws.

    Attributes
    ----------
    coef_, intercept_ : ndarray (P,), float
        Posterior means per unit of the original columns.
    sigma_, scale_ : float, float or None
        Posterior medians.
    result_ : Posterior
        The draws and their checks.

    Raises
    ------
    NotSupported
        If the engine cannot serve the model.

    References
    ----------
    Buitinck et al. (2013), arXiv:1309.0238.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.estimators import BayesRegressor
    >>> data = br.load_dataset("diabetes")
    >>> model = BayesRegressor(standardize=True, random_state=1).fit(data.X, data.y)
    >>> mean, sd = model.predict(data.X[:2], return_std=True)
    >>> mean.shape, bool((sd > 50).all())
    ((2,), True)
    """

    def __init__(
        self,
        prior: Any = None,
        sigma: Any = None,
        draws: int = 1000,
        chains: int = 4,
        engine: str | None = None,
        standardize: bool = False,
        fit_intercept: bool = True,
        random_state: Any = None,
    ) -> None:
        self.prior = prior
        self.sigma = sigma
        self.draws = draws
        self.chains = chains
        self.engine = engine
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Sample the posterior given X (n, P) and y (n,), rows counted by `sample_weight`."""
        problem = self._condition(X, y, sample_weight)
        self.result_ = sample(
            problem,
            draws=self.draws,
            chains=self.chains,
            engine=self.engine,
            seed=_seed(self.random_state),
        )
        self.coef_ = self.result_.beta.to_numpy()
        self.intercept_ = self.result_.intercept
        self.sigma_ = self.result_.sigma
        self.scale_ = self.result_.scale
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Posterior predictive mean, and with `return_std` its sd, noise included."""
        rows = self._rows(X)
        if not return_std:
            return np.asarray(rows @ self.coef_ + self.intercept_)
        from bayesreg.results.predictive import mean_and_sd

        return mean_and_sd(self.result_.draws, rows, return_std=True)


def _seed(random_state: Any) -> int | None:
    """An integer seed of scikit-learn's random_state."""
    if random_state is None:
        return None
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(random_state.randint(np.iinfo(np.int32).max))
