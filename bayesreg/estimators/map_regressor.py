"""MapRegressor: the penalised optimum for scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.choose import choose
from bayesreg.estimators.base import PriorRegressor, seed_of
from bayesreg.fit import fit_map
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from typing import Self


class MapRegressor(PriorRegressor):
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
        Seeds the folds and draws of ``hyper`` and ``scale``.
    scale : float or str, optional
        The prior's scale, as ``prior__scale`` sets it; or the rule that chooses it, one of those of
        :func:`bayesreg.choose`: "evidence", "cv", "cv-1se", "bic", …. Not beside `hyper`.

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
    ) -> None:
        self.prior = prior
        self.sigma = sigma
        self.hyper = hyper
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.scale = scale

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n, P) and y (n,), rows counted by `sample_weight` (frequencies)."""
        if self.scale is not None and self.hyper is not None:
            raise BadArgument("scale= and hyper= both settle the scale: leave out one of them")
        given = {} if self.scale is None or isinstance(self.scale, str) else {"scale": self.scale}
        problem = self._condition(X, y, sample_weight, **given)
        seed = seed_of(self.random_state) or 0
        if isinstance(self.scale, str):
            problem = choose(problem, by=[self.scale], seed=seed).problem(self.scale)
        self.result_ = fit_map(problem, hyper=self.hyper, seed=seed)
        beta, intercept = problem.restore(self.result_.b)
        self.coef_, self.intercept_ = beta, float(intercept)
        self.sigma_ = self.result_.sigma
        self.scale_ = self.result_.scale
        return self

    def predict(self, X: Any) -> Array:
        """β₀ + x'β for each row."""
        rows = self._rows(X)
        return np.asarray(rows @ self.coef_ + self.intercept_)
