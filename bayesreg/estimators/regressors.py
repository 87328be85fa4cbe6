"""What regressors share: the likelihood, the mean of y for new rows, and a score."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logit
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import _check_sample_weight, validate_data

from bayesreg.data.columns import truth_columns
from bayesreg.data.frames import two_columns
from bayesreg.data.known import Known, Points
from bayesreg.data.streamed import Streamed
from bayesreg.estimators.base import (
    SPARSE,
    Beside,
    PriorEstimator,
    labelled_as,
    refuse_misaligned,
    refuse_text,
    taken,
)
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, PerfectFit
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.warned import warn
from bayesreg.likelihoods import Gaussian, Likelihood
from bayesreg.likelihoods.base import improper
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem

if TYPE_CHECKING:
    from sklearn.utils import Tags


@explained_throughout
class PriorRegressor(RegressorMixin, PriorEstimator):
    """What regressors share: measurements, and counts."""

    sigma: Any
    likelihood: Any = None

    def __sklearn_tags__(self) -> Tags:
        """As scikit-learn asks: counts are not negative."""
        tags: Tags = super().__sklearn_tags__()
        try:
            tags.target_tags.positive_only = self._varies().counts
        except BadArgument:  # which is said where it is used
            return tags
        return tags

    def _varies(self) -> Likelihood:
        """The likelihood as an object."""
        found = Gaussian() if self.likelihood is None else likelihood_of(self.likelihood)
        if found.takes_labels:
            raise BadArgument(
                f"{found!r} is a likelihood of classes: use MapClassifier or BayesClassifier"
            )
        return found

    def _likelihood(self) -> Likelihood:
        """The likelihood with ``sigma``, where that is said beside it."""
        found = self._varies()
        if self.sigma is None:
            return found
        if not found.has_sigma:
            raise BadArgument(
                f"sigma={self.sigma!r} means nothing under {found!r}, which has no noise sd"
            )
        if getattr(found, "sigma", None) is not None:
            raise BadArgument(f"{found!r} says sigma already; leave sigma= out")
        return dataclasses.replace(found, sigma=self.sigma)  # type: ignore[type-var]

    def _condition(
        self, X: Any, y: Any, sample_weight: Any, known: Beside, **fields: Any
    ) -> Problem:
        prior, likelihood = self._prior(fields), self._likelihood()
        likelihood.refuse_known(exposure=known.get("exposure"), trials=known.get("trials"))
        X, y, sample_weight, known = self._arrived(X, y, sample_weight, known)
        if isinstance(X, Streamed):
            return Model(prior, likelihood).condition(X, **self._options())
        if self.formula is not None:
            design = self._by_formula(X, y, sample_weight, prior, known)
        else:
            X, beside = taken(X, known)
            if likelihood.takes_trials and beside.get("trials") is None:
                y, beside["trials"] = two_columns(y)
            refuse_misaligned(X, y=y, sample_weight=sample_weight, **beside)
            refuse_text(X, "X")
            refuse_text(y, "y")
            truths = truth_columns(X)
            X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, accept_sparse=SPARSE)
            if len(y) == 1 and improper(likelihood.unknowns.get("sigma")):
                raise BadArgument("n_samples=1: one sample cannot tell σ from β₀; pass sigma=")
            design = self._design(X, y, sample_weight, truths, beside).knowing(known)
        try:
            return Model(prior, likelihood).condition(design, **self._options())
        except PerfectFit:
            # A model refuses this; scikit-learn's users expect a fit, and its limit σ → 0 is one.
            rounding = float(1e-8 * np.std(design.y)) or 1.0
            warn(
                f"y is fitted without residual: σ was held at {rounding:.2g}; pass sigma=",
            )
            held: Any = dataclasses.replace(likelihood, sigma=rounding)  # type: ignore[type-var]
            return Model(prior, held).condition(design, **self._options())

    def _keep(self, theta: dict[str, Array]) -> None:
        """The likelihood's own unknowns as attributes: `sigma_`, and `shape_` or `df_`."""
        self.sigma_: float | None = None
        for name, value in theta.items():
            setattr(self, f"{name}_", float(np.median(value)))
        self.scale_ = self.result_.scale

    @property
    def _theta(self) -> dict[str, Any]:
        names = self.result_.problem.own
        return {name: np.array([getattr(self, f"{name}_")]) for name in names}

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
    ) -> float:
        """R² of measurements, D² of counts: 1 is perfect, 0 as good as a constant.

        D² = 1 − D(y, μ)/D(y, μ₀), D the deviance, twice the log-likelihood that is lacking of a
        model that fits every row, and μ₀ of the constant that fits these rows best beside their
        `offset`; as scikit-learn's PoissonRegressor has it.

        Parameters
        ----------
        X, y : array (m, P), (m,)
            Rows and responses.
        sample_weight, offset, exposure, trials : array (m,), optional
            As at the fit.

        References
        ----------
        Hastie, Tibshirani & Wainwright (2015), *Statistical Learning with Sparsity*, §3.2.1.
        """
        known = {"offset": offset, "exposure": exposure, "trials": trials}
        likelihood = self.result_.problem.likelihood
        if likelihood.link == "identity":
            mean = self._mean(self._points(X, known))
            return float(r2_score(y, mean, sample_weight=sample_weight))
        X, known = taken(X, known)
        if likelihood.takes_trials and trials is None:
            y, known["trials"] = two_columns(y)
        points = self._points(X, known)
        mean, y = self._mean(points), np.asarray(y, dtype=np.float64)
        likelihood.check(y, points.known.facts(-1))
        theta = {name: float(value[0]) for name, value in self._theta.items()}
        weights = _check_sample_weight(sample_weight, points.x, dtype=np.float64)
        return explained_deviance(likelihood, y, mean, theta, weights, points.known)

    def _mean(self, points: Points) -> Array:
        """The mean of y at points."""
        raise NotImplementedError


@explained_throughout
class OptimumRegressor(PriorRegressor):
    """What regressors share whose ``result_`` is an optimum."""

    def predict(
        self,
        X: Any,
        level: float | None = None,
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
    ) -> Any:
        """The mean of y for each row; or a table with an interval given the optimum.

        Parameters
        ----------
        X : array (m, P)
            New rows.
        level : float, optional
            Return a DataFrame with the interval of this probability: see `MapFit.predict`.
        offset, exposure, trials : array (m,) or str, optional
            As at the fit; a text names a column of X. Without trials, of one trial.
        """
        known = {"offset": offset, "exposure": exposure, "trials": trials}
        points = self._points(X, known)
        if level is None:
            return self._mean(points)
        X, known = self._beside(X, known)
        given = points.x if self.formula is None else X
        return labelled_as(X, self.result_.predict(given, level=level, **known))

    def _mean(self, points: Points) -> Array:
        at = np.atleast_1d(self.intercept_)
        eta, theta = points.under(np.atleast_2d(self.coef_), at, self._theta)
        return np.asarray(self.result_.problem.likelihood.mean(eta, theta)[:, 0])


def explained_deviance(
    likelihood: Likelihood,
    y: Array,
    mean: Array,
    theta: dict[str, float],
    weights: Array,
    known: Known,
) -> float:
    """D² of means under a link that is not the identity, beside the best constant of these rows."""
    facts = theta | known.facts(-1)
    with np.errstate(divide="ignore"):
        share = mean / facts.get("trials", 1.0)
        eta = logit(share) if likelihood.link == "logit" else np.log(mean)
    shift = np.zeros(len(y)) if known.offset is None else known.offset

    def lacking(at: Array) -> float:
        # f(η) − min f: the gap of Fenchel and Young at u = 0.
        return float(weights @ likelihood.fenchel_young(y, at, np.zeros(len(y)), facts))

    start = likelihood.first_guess(y, weights, facts) - float(np.average(shift, weights=weights))
    least = minimize_scalar(lambda c: lacking(shift + c), bracket=(start - 1.0, start + 1.0))
    null, own = float(least.fun), lacking(eta)
    if null <= len(y) * np.finfo(float).eps:  # a constant is perfect
        return 1.0 if own <= null else 0.0
    return 1.0 - own / null
