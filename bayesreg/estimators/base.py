"""What all estimators share: nested prior parameters, validation as scikit-learn does it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from bayesreg.data.arrival import arrive, framed
from bayesreg.data.columns import is_dask, row_index, text_advice, truth_columns
from bayesreg.data.design import Design
from bayesreg.data.frames import take_beside, take_response
from bayesreg.data.known import Points, refuse_named_twice
from bayesreg.data.rows import Rows
from bayesreg.data.sparse import read_any
from bayesreg.data.stores import source_of
from bayesreg.data.streamed import Streamed
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.language.misnamed import explained_throughout
from bayesreg.likelihoods import Likelihood
from bayesreg.model.problem import Problem
from bayesreg.priors import Normal, Prior
from bayesreg.priors.written import prior_of
from bayesreg.results.map_fit import asked
from bayesreg.results.predicted_rows import at_once
from bayesreg.verbs.choose import choose
from bayesreg.verbs.fit import fit_map, sample

if TYPE_CHECKING:
    from typing import Self

    from sklearn.utils import Tags

    from bayesreg.results.map_fit import MapFit
    from bayesreg.results.posterior import Posterior

SPARSE = ("csc", "csr", "coo")  # formats taken as they are; others become the first
Beside = Mapping[str, Any]  # offset, exposure and trials by name, None where there are none


@explained_throughout
class PriorEstimator(BaseEstimator):
    """What regressors and classifiers share: nested prior parameters, validation, the verbs."""

    prior: Any
    likelihood: Any
    result_: Any
    standardize: Any
    fit_intercept: Any
    random_state: Any
    formula: Any
    _unsaid: type[Prior] = Normal  # the prior where none is given

    def __sklearn_tags__(self) -> Tags:
        """As scikit-learn asks: a sparse X is taken, and stays so."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; with `deep`, ``prior__scale``, ``likelihood__shape`` and the like."""
        params: dict[str, Any] = BaseEstimator.get_params(self, deep=False)
        if deep:
            try:
                nested = {"prior": self._said()}
                if "likelihood" in params:
                    nested["likelihood"] = self._varies()
            except BadArgument:  # a text that says nothing is refused where it is used
                return params
            for name, one in nested.items():
                for field in dataclasses.fields(one) if dataclasses.is_dataclass(one) else ():
                    params[f"{name}__{field.name}"] = getattr(one, field.name)
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``prior__scale=…`` replaces the prior by one with that scale."""
        nested: dict[str, dict[str, Any]] = {"prior": {}, "likelihood": {}}
        plain: dict[str, Any] = {}
        for key, value in params.items():
            name, _, field = key.partition("__")
            (nested[name] if field and name in nested else plain)[field or key] = value
        BaseEstimator.set_params(self, **plain)
        if nested["prior"]:
            self.prior = changed(single(self._said(), "prior__…"), nested["prior"])
        if nested["likelihood"]:
            self.likelihood = altered(self._varies(), nested["likelihood"])
        return self

    def _said(self) -> Any:
        """The prior as an object, or the mapping of columns to priors."""
        if isinstance(self.prior, str):
            return prior_of(self.prior)
        return self._unsaid() if self.prior is None else self.prior

    def _varies(self) -> Likelihood:
        """The likelihood as an object."""
        raise NotImplementedError

    def _condition(
        self, X: Any, y: Any, sample_weight: Any, known: Beside, **fields: Any
    ) -> Problem:
        """Validate as scikit-learn does, then condition the model, its prior's fields changed."""
        raise NotImplementedError

    def _optimum(self, X: Any, y: Any, sample_weight: Any, **known: Any) -> MapFit:
        """The MAP, its scale as ``scale`` and ``hyper`` say."""
        scale, hyper = self.scale, self.hyper
        if scale is not None and hyper is not None:
            raise BadArgument("scale= and hyper= both settle the scale: leave out one of them")
        given = {} if scale is None or isinstance(scale, str) else {"scale": scale}
        problem = self._condition(X, y, sample_weight, known, **given)
        seed = seed_of(self.random_state) or 0
        if isinstance(scale, str):
            problem = choose(problem, by=[scale], seed=seed).problem(scale)
        return fit_map(problem, hyper=hyper, seed=seed)

    def _posterior(self, X: Any, y: Any, sample_weight: Any, **known: Any) -> Posterior:
        """The posterior, by ``draws``, ``chains`` and ``engine``."""
        return sample(
            self._condition(X, y, sample_weight, known),
            draws=self.draws,
            chains=self.chains,
            engine=self.engine,
            seed=seed_of(self.random_state),
        )

    def _prior(self, fields: dict[str, Any]) -> Any:
        """The prior, some fields changed."""
        prior = self._said()
        return changed(single(prior), fields) if fields else prior

    def _design(
        self, X: Any, y: Any, sample_weight: Any, truths: frozenset[int], known: Beside
    ) -> Design:
        """Validated rows with scikit-learn's names, and which columns held true and false."""
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        design = Design.of(X, y, sample_weight, **known)
        names = tuple(map(str, getattr(self, "feature_names_in_", design.names)))
        return dataclasses.replace(
            design, names=names, truths=tuple(names[j] for j in sorted(truths))
        )

    def _by_formula(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        prior: Any,
        known: Beside,
        *,
        labels: bool = False,
    ) -> Design:
        """The design that the formula makes of a frame, and the columns that it reads of it."""
        from bayesreg.estimators.by_formula import design_by_formula

        refuse_misaligned(X, y=y, sample_weight=sample_weight)
        design = design_by_formula(self.formula, X, y, sample_weight, prior, labels=labels, **known)
        self.feature_names_in_ = np.array(sorted(design.spec.variables), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return design

    def _arrived(
        self, X: Any, y: Any, sample_weight: Any, known: Beside
    ) -> tuple[Any, Any, Any, dict[str, Any]]:
        """A source read into a frame, or, where it is large, as a stream with its names kept."""
        if source_of(X) is None:
            return X, y, sample_weight, dict(known)
        if self.formula is not None:
            return framed(X), y, sample_weight, dict(known)
        X, y, beside, _ = arrive(X, y, {"weights": sample_weight, **known})
        if isinstance(X, Streamed):
            self.feature_names_in_ = np.array(X.names, dtype=object)
            self.n_features_in_ = X.p
            return dataclasses.replace(X, named=False), None, None, {}  # as of validated arrays
        X, y = take_response(X.to_pandas(), y)
        for name, value in beside.items():
            X, beside[name] = take_response(X, value, name)
        return X, y, beside.pop("weights"), beside

    def _options(self) -> dict[str, Any]:
        return {"standardize": bool(self.standardize), "intercept": bool(self.fit_intercept)}

    def _points(self, X: Any, known: Beside) -> Points:
        """New rows, validated, and what is known beside them: as at the fit."""
        check_is_fitted(self)
        X = at_once(self.result_.problem, X, known)
        left, known = self._beside(X, known)
        rows = self._rows(left) if self.formula is None else X
        return asked(self.result_.problem, rows, **known)

    def _beside(self, X: Any, known: Beside) -> tuple[Any, dict[str, Any]]:
        """New rows, and what is known beside them: as given, or in the columns of the fit."""
        check_is_fitted(self)
        X = at_once(self.result_.problem, X, known)
        return take_beside(X, known, self.result_.problem.layout.beside)

    def _rows(self, X: Any) -> Array:
        check_is_fitted(self)
        if self.formula is not None:
            return np.asarray(self.result_.problem.layout.encode(X))
        refuse_text(X, "X")
        if is_dask(X):  # scikit-learn sees no names in it, and would take columns by position
            raise BadData("new X is a collection of Dask; pass new X.compute()")
        found = validate_data(self, X, dtype=np.float64, reset=False, accept_sparse=SPARSE)
        rows: Array = read_any(found, "X", []).values
        self.result_.problem.layout.refuse_other_kinds(rows, truth_columns(X))
        return rows


def taken(X: Any, known: Beside) -> tuple[Any, dict[str, Any]]:
    """X, and what is known of its rows: the column of X where it is named."""
    found = dict(known)
    refuse_named_twice(known)
    for name, value in known.items():
        X, found[name] = take_response(X, value, name) if isinstance(value, str) else (X, value)
    return X, found


def altered(likelihood: Likelihood, fields: dict[str, Any]) -> Likelihood:
    """The likelihood with some fields set."""
    known = {f.name for f in dataclasses.fields(likelihood)}  # type: ignore[arg-type]
    unknown = set(fields) - known
    if unknown:
        raise BadArgument(f"{type(likelihood).__name__} has no parameter {min(unknown)!r}")
    return dataclasses.replace(likelihood, **fields)  # type: ignore[type-var]


def labelled_as(X: Any, found: Any) -> Any:
    """A table whose rows have the labels of X, where X is a data frame."""
    index = getattr(X, "index", None)
    return found if index is None or callable(index) else found.set_axis(index)


def refuse_misaligned(X: Any, **per_row: Any) -> None:
    """Raise BadData where labels of rows differ from X's; lengths are for scikit-learn to judge."""
    labels = row_index(X)
    for name, values in per_row.items():
        own = row_index(values)
        if labels is not None and own is not None and len(own) == len(labels):
            Rows(len(labels), labels).matched(len(own), own, name)


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
    if "scale" in prior.implied:  # it follows from what is set
        fields.setdefault("scale", None)
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
    most = np.iinfo(np.int32).max
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(most))
    try:
        return int(check_random_state(random_state).randint(most))
    except ValueError:
        raise BadArgument(
            "random_state must be None, an integer, a Generator or a RandomState, not "
            f"{random_state!r}"
        ) from None


def refuse_text(values: Any, what: str) -> None:
    """Refuse text where numbers are meant, even text that scikit-learn would convert: "01", "1".

    Raises
    ------
    BadData
        With the column and what to do.
    """
    kinds: Any = getattr(values, "dtypes", getattr(values, "dtype", None))
    each = [kinds] if np.ndim(kinds) == 0 else list(kinds)
    for j, kind in enumerate(each):
        if str(kind).lower().startswith(("category", "categorical", "enum")):
            name = str(list(getattr(values, "columns", [what]))[j])
            raise BadData(text_advice(name, what, "categories"))
    if values is None or issparse(values) or (kinds is not None and all(map(_numeric, each))):
        return
    cells = np.asarray(values)
    if cells.dtype.kind not in "OUS" or not cells.size:
        return
    for j, column in enumerate(cells.reshape(len(cells), -1).T):
        text = next((cell for cell in column if isinstance(cell, str | bytes)), None)
        if text is not None:
            names = list(getattr(values, "columns", [])) or [
                getattr(values, "name", None) or str(j)
            ]
            raise BadData(text_advice(str(names[j] if j < len(names) else j), what, text))


def _numeric(kind: Any) -> bool:
    """Whether a dtype, of whichever library, holds numbers alone."""
    return str(kind).lower().startswith(("int", "uint", "float", "bool", "decimal", "complex"))
