"""BayesRegressor: the posterior for scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.known import Points
from bayesreg.estimators.base import labelled_as
from bayesreg.estimators.regressors import PriorRegressor
from bayesreg.language.arguments import Array
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
        Noise sd, or its prior; p(σ²) ∝ 1/σ² unless given. Of Student-t and Laplace noise the
        scale.
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
    likelihood : Likelihood or str, optional
        How y varies: "poisson", "negative_binomial", "binomial", "student_t(df=4)", …; Gaussian()
        unless given.

    Attributes
    ----------
    coef_, intercept_ : ndarray (P,), float
        Posterior means per unit of the original columns.
    sigma_, scale_ : float or None, float or None
        Posterior medians.
    shape_, df_ : float
        Posterior medians, of NegativeBinomial and of StudentTNoise.
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
        likelihood: Any = None,
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
        """Sample the posterior given X (n, P) and y (n,).

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
        self.result_ = self._posterior(X, y, sample_weight, **known)
        self.coef_ = self.result_.beta.to_numpy()
        self.intercept_ = self.result_.intercept
        self._keep(self.result_.draws.theta)
        return self

    def predict(
        self,
        X: Any,
        return_std: bool = False,
        level: float | None = None,
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
    ) -> Any:
        """Posterior predictive mean; its sd, or a table with an interval, noise included.

        Parameters
        ----------
        X : array (m, P)
            New rows.
        return_std : bool, default False
            Also return the sd of a new y.
        level : float, optional
            Return a DataFrame with the interval of this probability: see `Posterior.predict`.
        offset, exposure, trials : array (m,) or str, optional
            As at the fit; a text names a column of X. Without trials, of one trial.
        """
        known = {"offset": offset, "exposure": exposure, "trials": trials}
        points = self._points(X, known)
        if level is None and not return_std:
            return self._mean(points)
        X, known = self._beside(X, known)
        given = points.x if self.formula is None else X
        found = self.result_.predict(given, return_std, level=level, **known)
        return found if level is None else labelled_as(X, found)

    def _mean(self, points: Points) -> Array:
        from bayesreg.results.predictive import predicted

        return np.asarray(predicted(self.result_.draws, points, "mean", return_std=False))
