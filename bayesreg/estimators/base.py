"""What all regressors share: nested prior parameters, validation as scikit-learn does it."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from bayesreg.data.design import Design
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BayesregWarning, PerfectFit
from bayesreg.likelihoods import Gaussian
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.priors import Normal, Prior

if TYPE_CHECKING:
    from typing import Self


class PriorRegressor(RegressorMixin, BaseEstimator):
    """What both regressors share: nested prior parameters, validation, conditioning."""

    prior: Any
    sigma: Any
    standardize: Any
    fit_intercept: Any
    _unsaid: type[Prior] = Normal  # the prior where none is given

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; with `deep`, those of the prior as ``prior__scale`` and so on."""
        params: dict[str, Any] = BaseEstimator.get_params(self, deep=False)
        if deep:
            prior = self._unsaid() if self.prior is None else self.prior
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
            prior = self._unsaid() if self.prior is None else self.prior
            self.prior = changed(single(prior, "prior__…"), nested)
        return self

    def _condition(self, X: Any, y: Any, sample_weight: Any, **fields: Any) -> Problem:
        """Validate as scikit-learn does, then condition the model, its prior's fields changed."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        if len(y) == 1 and self.sigma is None:
            raise BadArgument("n_samples=1: one sample cannot tell σ from β₀; pass sigma=")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        prior = self._unsaid() if self.prior is None else self.prior
        if fields:
            prior = changed(single(prior), fields)
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


def single(prior: Any, argument: str = "scale=") -> Prior:
    """The prior, if it is one and not a mapping."""
    if not isinstance(prior, Prior):
        raise BadArgument(f"{argument} sets a field of a single prior, not of {prior!r}")
    return prior


def changed(prior: Prior, fields: dict[str, Any]) -> Prior:
    """The prior with some fields set; a scale takes the place of `expected_nonzero`, or back."""
    known = {f.name for f in dataclasses.fields(prior)}  # type: ignore[arg-type]
    unknown = set(fields) - known
    if unknown:
        raise BadArgument(f"{type(prior).__name__} has no parameter {min(unknown)!r}")
    fields = dict(fields)
    # Of the two ways to say a scale the one that is set replaces the other.
    for one, other in (("scale", "expected_nonzero"), ("expected_nonzero", "scale")):
        if fields.get(one) is not None and other in known:
            fields.setdefault(other, None)
    if "scale" in fields and "unit" not in fields:
        # The unit follows from what the new scale is, as in a fresh prior, unless it was declared:
        # a prior whose unit is not the one its scale implies was declared so.
        unknown_scale = prior.scale is None or prior.hyper is not None
        implied = "sigma" if unknown_scale else "y"
        fields["unit"] = None if prior.unit == implied else prior.unit
    return dataclasses.replace(prior, **fields)  # type: ignore[type-var]


def seed_of(random_state: Any) -> int | None:
    """An integer seed of scikit-learn's random_state."""
    if random_state is None:
        return None
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(random_state.randint(np.iinfo(np.int32).max))
