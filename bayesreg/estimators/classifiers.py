"""MapClassifier and BayesClassifier: yes or no for scikit-learn, with the logit link."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_expit, logit
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from bayesreg.data.columns import truth_columns
from bayesreg.data.design import Design
from bayesreg.data.labels import declared_order, read_labels
from bayesreg.data.streamed import Streamed
from bayesreg.estimators.base import (
    SPARSE,
    Beside,
    PriorEstimator,
    refuse_misaligned,
    refuse_text,
    taken,
)
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.warned import warn
from bayesreg.likelihoods import Bernoulli
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem

if TYPE_CHECKING:
    from typing import Self

    from sklearn.utils import Tags


@explained_throughout
class PriorClassifier(ClassifierMixin, PriorEstimator):
    """What classifiers share: two labels, and everything that log-odds say of them."""

    positive: Any
    result_: Any

    def __sklearn_tags__(self) -> Tags:
        """As scikit-learn asks: two classes, no more."""
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _condition(
        self, X: Any, y: Any, sample_weight: Any, known: Beside, **fields: Any
    ) -> Problem:
        prior = self._prior(fields)
        X, y, sample_weight, known = self._arrived(X, y, sample_weight, known)
        if isinstance(X, Streamed):
            design: Any = X
        elif self.formula is None:
            design = self._labelled(X, y, sample_weight, known)
        else:
            design = self._by_formula(X, y, sample_weight, prior, known, labels=True)
        problem = Model(prior, Bernoulli(self.positive)).condition(design, **self._options())
        if self.formula is not None:
            self.classes_ = np.array(sorted(problem.classes_ or (0, 1)))
        first, second = self.classes_.tolist()
        if self.positive is None and problem.classes_ == (second, first):
            warn(
                f"y declares {second!r} < {first!r}, so that result_ is of {first!r}; classes_ is "
                f"sorted, as scikit-learn has it: coef_ and decision_function are of {second!r}"
            )
        return problem

    def _labelled(self, X: Any, y: Any, sample_weight: Any, known: Beside) -> Design:
        """Validated rows whose y is the place of a label among `classes_`."""
        X, beside = taken(X, known)
        refuse_misaligned(X, y=y, sample_weight=sample_weight, **beside)
        refuse_text(X, "X")
        truths, order = truth_columns(X), declared_order(y)
        X, y = validate_data(self, X, y, dtype=np.float64, accept_sparse=SPARSE)
        if y.dtype.kind == "O":
            read_labels(y, "y")  # which names the row of a missing one
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise BadData(
                f"Only binary classification is supported. The type of the target is {kind}; "
                "wrap the classifier in sklearn.multiclass.OneVsRestClassifier for more classes"
            )
        self.classes_, codes = np.unique(y, return_inverse=True)
        design = self._design(X, codes.astype(np.float64), sample_weight, truths, beside)
        if len(np.unique(design.y)) < 2:
            raise BadData(
                f"y has one class only, {self.classes_.tolist()[int(design.y[0])]!r}, in the rows "
                "that count; a classifier needs two"
            )
        classes = tuple(self.classes_.tolist())
        labelled = dataclasses.replace(design, classes=classes, order=order)
        return labelled.knowing(known)

    def _keep(self, beta: Array, intercept: float) -> None:
        """The coefficients as those of ``classes_[1]``, in the shapes of scikit-learn."""
        self.coef_ = self._sign * np.asarray(beta)[None, :]
        self.intercept_ = np.array([self._sign * intercept])
        self.scale_ = self.result_.scale

    @property
    def _sign(self) -> float:
        """−1 where `positive` is the first of the sorted labels, and the result is about that."""
        return 1.0 if self.result_.problem.classes_[1] == self.classes_[1] else -1.0

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Log-odds of ``classes_[1]`` for each row of X, as `predict_proba` has them."""
        points = self._points(X, {"offset": offset})
        return self._sign * points.under(self._sign * self.coef_, self._at, {})[0][:, 0]

    @property
    def _at(self) -> Array:
        """The intercept in the log-odds of the label that is positive."""
        return np.asarray(self._sign * self.intercept_)

    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """The probabilities of both classes (m, 2), in the order of `classes_`."""
        odds = self.decision_function(X, offset)
        return np.column_stack([expit(-odds), expit(odds)])

    def predict_log_proba(self, X: Any, offset: Any = None) -> Array:
        """The logarithms of `predict_proba`, accurate where a probability is tiny."""
        odds = self.decision_function(X, offset)
        return np.column_stack([log_expit(-odds), log_expit(odds)])

    def predict(self, X: Any, offset: Any = None) -> Any:
        """The more probable label for each row."""
        odds = self.decision_function(X, offset)
        return self.classes_[(odds > 0.0).astype(np.intp)]

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """The share of rows whose label is the more probable one, as classifiers' score is."""
        found = self.predict(X, offset)
        return float(accuracy_score(y, found, sample_weight=sample_weight))


@explained_throughout
class MapClassifier(PriorClassifier):
    r"""The MAP, argmin Σ[log(1 + e^η) − yη] + λ₁‖β‖₁ + ½λ₂‖β‖², as a scikit-learn classifier.

    λ₂ = 1/scale² under Normal(scale), which is 1/C of scikit-learn's LogisticRegression.

    Parameters
    ----------
    prior : Prior, str or mapping, optional
        Normal() unless given, or by name, as "lasso"; a grid search can set ``prior__scale``.
    hyper : {"cv"}, optional
        How an unknown scale is settled; see :func:`bayesreg.fit_map`.
    standardize : bool, default False
        Whether the prior refers to sd(x_j)·β_j.
    fit_intercept : bool, default True
        Whether there is an unpenalised intercept.
    positive : object, optional
        The label that `result_` and the prior are about; unsaid, the second in the order that the
        type of y declares, else in sorted order.
    random_state : int, Generator, RandomState or None
        Seeds the folds of ``hyper`` and ``scale``.
    scale : float or str, optional
        The prior's scale, as ``prior__scale`` sets it; or the rule that chooses it, "cv" or
        "cv-1se" of :func:`bayesreg.choose`. Not beside `hyper`.
    formula : str, optional
        Such as ``"y ~ x + C(g)"``: then X is a data frame, and `y` may be left out where it is a
        column of X, or the formula written without it, ``"x + C(g)"``.

    Attributes
    ----------
    classes_ : ndarray (2,)
        The labels, sorted as scikit-learn has them, whatever `positive` is or y declares: where
        these differ a warning says so.
    coef_, intercept_ : ndarray (1, P), (1,)
        The optimum, as log-odds of ``classes_[1]`` per unit of the original columns.
    scale_ : float
        Prior scale used.
    result_ : MapFit
        With certificate and correspondence.

    Raises
    ------
    BadData
        If y has not two labels.
    NotConverged
        If the optimum cannot be certified.

    References
    ----------
    Buitinck et al. (2013), "API design for machine learning software", arXiv:1309.0238; Le Cessie &
    van Houwelingen (1992), "Ridge estimators in logistic regression", Applied Statistics 41(1).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.estimators import MapClassifier
    >>> data = br.load_dataset("diabetes")
    >>> ill = ["yes" if y > 150 else "no" for y in data.y]
    >>> model = MapClassifier(br.Laplace(0.2), standardize=True).fit(data.X, ill)
    >>> model.classes_.tolist(), int((model.coef_ == 0).sum())
    (['no', 'yes'], 3)
    >>> model.predict_proba(data.X).shape
    (442, 2)
    """

    def __init__(
        self,
        prior: Any = None,
        hyper: Any = None,
        standardize: bool = False,
        fit_intercept: bool = True,
        positive: Any = None,
        random_state: Any = None,
        scale: Any = None,
        formula: str | None = None,
    ) -> None:
        self.prior = prior
        self.hyper = hyper
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.random_state = random_state
        self.scale = scale
        self.formula = formula

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> Self:
        """Fit to X (n, P) and labels y (n,), rows counted by `sample_weight` (frequencies).

        `offset` (n,) is a known part of the log-odds of `positive`.
        """
        self.result_ = self._optimum(X, y, sample_weight, offset=offset)
        beta, intercept = self.result_.problem.restore(self.result_.b)
        self._keep(beta, float(intercept))
        return self


@explained_throughout
class BayesClassifier(PriorClassifier):
    r"""The full posterior as a scikit-learn classifier: probabilities are averaged over the draws.

    Parameters
    ----------
    prior : Prior, str or mapping, optional
        Normal() unless given, or by name, as "lasso"; a grid search can set ``prior__scale``.
    draws, chains : int, default 1000, 4
        As in :func:`bayesreg.sample`.
    engine : str, optional
        Unsaid, the fastest exact one.
    standardize : bool, default False
        Whether the prior refers to sd(x_j)·β_j.
    fit_intercept : bool, default True
        Whether there is an unpenalised intercept.
    positive : object, optional
        The label that `result_` and the prior are about; unsaid, the second in the order that the
        type of y declares, else in sorted order.
    random_state : int, Generator, RandomState or None
        Seeds the draws.
    formula : str, optional
        Such as ``"y ~ x + C(g)"``: then X is a data frame, and `y` may be left out where it is a
        column of X, or the formula written without it, ``"x + C(g)"``.

    Attributes
    ----------
    classes_ : ndarray (2,)
        The labels, sorted as scikit-learn has them, whatever `positive` is or y declares: where
        these differ a warning says so.
    coef_, intercept_ : ndarray (1, P), (1,)
        Posterior means, as log-odds of ``classes_[1]`` per unit of the original columns.
    scale_ : float or None
        Posterior median.
    result_ : Posterior
        The draws and their checks.

    Raises
    ------
    BadData
        If y has not two labels.
    NotSupported
        If the engine cannot serve the model.

    References
    ----------
    Buitinck et al. (2013), arXiv:1309.0238; Polson, Scott & Windle (2013), JASA 108(504),
    https://doi.org/10.1080/01621459.2013.829001.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.estimators import BayesClassifier
    >>> data = br.load_dataset("diabetes")
    >>> model = BayesClassifier(standardize=True, draws=200, random_state=1)
    >>> model = model.fit(data.X, data.y > 150)
    >>> model.classes_.tolist(), bool(model.score(data.X, data.y > 150) > 0.7)
    ([False, True], True)
    """

    def __init__(
        self,
        prior: Any = None,
        draws: int = 1000,
        chains: int = 4,
        engine: str | None = None,
        standardize: bool = False,
        fit_intercept: bool = True,
        positive: Any = None,
        random_state: Any = None,
        formula: str | None = None,
    ) -> None:
        self.prior = prior
        self.draws = draws
        self.chains = chains
        self.engine = engine
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.random_state = random_state
        self.formula = formula

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> Self:
        """Sample the posterior given X (n, P) and labels y (n,), rows counted by weights.

        `offset` (n,) is a known part of the log-odds of `positive`.
        """
        self.result_ = self._posterior(X, y, sample_weight, offset=offset)
        self._keep(self.result_.beta.to_numpy(), self.result_.intercept)
        return self

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Log-odds of the posterior mean of P(``classes_[1]``): not those of the mean β."""
        from bayesreg.results.predictive import predicted

        points = self._points(X, {"offset": offset})
        mean = predicted(self.result_.draws, points, "mean", return_std=False)
        return np.asarray(self._sign * logit(mean))
