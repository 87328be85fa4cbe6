"""BayesRegressor: the posterior for scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.estimators.base import PriorRegressor, labelled_as
from bayesreg.language.misnamed import explained_throughout

if TYPE_CHECKING:
    from typing import Self


@explained_throughout
class BayesRegressor(PriorRegressor):
    r"""The full posterior as a scikit-learn regressor: coefficients are posterior means.

    Parameters
    ----------
    prior : Prior, str or mapping, optional
        Normal() unless given, or by name, as "lasso"; a grid search can set ``prior__scale``.
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
    random_state : int, Generator, RandomState or None
        Seeds the draws.
    formula : str, optional
        Such as ``"y ~ x + C(g)"``: then X is a data frame, and `y` may be left out where it is a
        column of X, or the formula written without it, ``"x + C(g)"``.

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
        formula: str | None = None,
    ) -> None:
        self.prior = prior
        self.sigma = sigma
        self.draws = draws
        self.chains = chains
        self.engine = engine
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.formula = formula

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Sample the posterior given X (n, P) and y (n,), rows counted by `sample_weight`."""
        self.result_ = self._posterior(X, y, sample_weight)
        self.coef_ = self.result_.beta.to_numpy()
        self.intercept_ = self.result_.intercept
        self.sigma_ = self.result_.sigma
        self.scale_ = self.result_.scale
        return self

    def predict(self, X: Any, return_std: bool = False, level: float | None = None) -> Any:
        """Posterior predictive mean; its sd, or a table with an interval, noise included.

        Parameters
        ----------
        X : array (m, P)
            New rows.
        return_std : bool, default False
            Also return the sd of a new y.
        level : float, optional
            Return a DataFrame with the interval of this probability: see `Posterior.predict`.
        """
        rows = self._rows(X)
        if level is None and not return_std:
            return np.asarray(rows @ self.coef_ + self.intercept_)
        given = rows if self.formula is None else X
        found = self.result_.predict(given, return_std, level=level)
        return found if level is None else labelled_as(X, found)
