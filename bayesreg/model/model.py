"""Model: where data, prior and likelihood meet.

A :class:`Model` is a prior and a likelihood. Conditioned on data it becomes a :class:`Problem`, the
one object that every solver and engine receives; nobody else reads X and y, centres, or guesses σ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesreg.data.arrival import Held, arrive
from bayesreg.data.design import Design
from bayesreg.data.frames import take_response, two_columns
from bayesreg.data.known import refuse_named_twice
from bayesreg.data.labels import declared_order
from bayesreg.data.moments import Moments
from bayesreg.data.rows import counting
from bayesreg.data.sparse import DENSE, is_sparse
from bayesreg.data.streamed import Streamed
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.warned import warn
from bayesreg.likelihoods import ConstantCurvature, Gaussian, Likelihood
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.model.blocks import assign, settled_under, worth
from bayesreg.model.problem import PriorLike, Problem
from bayesreg.model.propriety import concerns, refuse_improper
from bayesreg.model.quadratic import project
from bayesreg.model.streamed_response import read_streamed
from bayesreg.priors import Flat, Normal, Prior
from bayesreg.priors.written import prior_of

WIDEST_ROWS = 5_000  # columns of a sparse X that are written out where there is no one quadratic
LARGE = 2**24  # cells (128 MiB) beyond which that is worth a warning
WIDEST = 500.0  # of an offset in logarithms: more is a number that no logarithm was taken of


@explained_throughout
@dataclass(frozen=True)
class Model:
    r"""A prior on the coefficients and a likelihood: everything but the data.

    Parameters
    ----------
    prior : Prior, str or mapping, default Normal()
        One prior for every coefficient, or a mapping from column or formula-term names to priors,
        with ``...`` for the rest. A text such as ``"ridge"`` or ``"laplace(scale=2)"`` is a prior.
    likelihood : Likelihood or str, default Gaussian()
        How y varies about its linear predictor; as text, ``"poisson"`` or ``"student_t(df=4)"``.
        Under one without a σ, such as Bernoulli(), a scale is in units of the linear predictor,
        and one that is not given is HalfStudentT(3).

    Raises
    ------
    BadArgument
        If `prior` or `likelihood` is not such an object.

    References
    ----------
    Lindley & Smith (1972), "Bayes estimates for the linear model", JRSS B 34(1).

    Examples
    --------
    >>> import bayesreg as br
    >>> br.Model(prior=br.Laplace(scale=25.0), likelihood=br.Gaussian(sigma=54.0))
    Model(prior=Laplace(scale=25.0, unit='y'), likelihood=Gaussian(sigma=54.0))
    """

    prior: PriorLike = field(default_factory=Normal)
    likelihood: Likelihood = field(default_factory=Gaussian)

    def __post_init__(self) -> None:
        object.__setattr__(self, "likelihood", likelihood_of(self.likelihood))
        if isinstance(self.prior, Mapping):
            own = {k: prior_of(v, f"the prior of {k!r}") for k, v in self.prior.items()}
            object.__setattr__(self, "prior", {k: self._settled(v) for k, v in own.items()})
        else:
            object.__setattr__(self, "prior", self._settled(prior_of(self.prior)))

    def _settled(self, prior: Prior) -> Prior:
        """The prior in a unit that this likelihood has."""
        return settled_under(self.likelihood, prior)

    @classmethod
    def of(cls, problem: Problem) -> Model:
        """The model that a problem was conditioned with."""
        return cls(problem.prior, problem.likelihood)

    def condition(
        self,
        X: Any,
        y: Any = None,
        *,
        standardize: bool = False,
        intercept: bool = True,
        weights: Any = None,
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
        missing: str = "refuse",
    ) -> Problem:
        r"""Condition the model on data; a posterior that does not exist is refused here.

        Parameters
        ----------
        X : array (n, p), data frame, sparse matrix, mapping, Design, Moments, or source of rows
            The columns. From Moments there are no rows: no LOO, and no residuals. A matrix of
            scipy.sparse, or a pandas frame with sparse columns, is never written out: up to 5 000
            columns its products are formed, and everything is served; beyond, the optimum and path
            of penalties by column, and draws under Normal priors with σ and scale known. A source
            is a path, glob, folder or address of Parquet files; a DuckDB relation, a Polars
            LazyFrame, an Arrow dataset or reader, or another object with ``__arrow_c_stream__``;
            or, without y, blocks (X, y) or (X, y, weights) that can be iterated over again. Up to
            2²⁴ numbers (rows × columns) are read into memory; of more the rows are read in passes,
            and what needs all of them at once says so. Under Bernoulli, Binomial, Poisson and
            NegativeBinomial the optimum takes a few passes, and for few columns the posterior one.
        y : array (n,) or str, optional
            The response, in its own unit, or the name of the column of X that it is and that then
            leaves X; not given where X already holds it.
        standardize : bool, default False
            Whether prior and penalty refer to b_j = sd(x_j)·β_j (weighted 1/N sd) rather than β_j.
        intercept : bool, default True
            Whether there is an unpenalised intercept with a flat prior.
        weights : array (n,) or str, optional
            Frequencies: row i counts w_i times, and N = Σw. A text names a column of X, as it
            does for y and for what follows.
        offset : array (n,) or str, optional
            A known part of η, in its unit; added under every likelihood.
        exposure : array (n,) or str, optional
            Of counts, above 0: time, area or people, whose log is added to η.
        trials : array (n,) or str, optional
            Of how many trials y counts the successes, under Binomial(); unsaid, y has two columns,
            successes and failures.
        missing : {"refuse", "drop"}, default "refuse"
            Whether a row of a source or frame in which a column has no value is an error or left
            out, which the result then says, by column.

        Returns
        -------
        Problem

        Raises
        ------
        BadData
            If the data cannot be used, or the posterior does not exist.
        BadArgument
            If an argument means nothing here.
        NotSupported
            If the likelihood knows no `exposure` or `trials`.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> br.Model().condition(data.X, data.y, standardize=True).nu
        441.0
        """
        flag(standardize, "standardize")
        flag(intercept, "intercept")
        beside = {"offset": offset, "exposure": exposure, "trials": trials}
        self.likelihood.refuse_known(**beside)
        beside["weights"] = weights
        X, y, beside, origin = arrive(X, y, beside, missing)
        if isinstance(X, Held):
            if any(one is not None for one in (y, *beside.values())):
                cure = "" if offset is None else "; Moments.of(X, y - offset) is one with an offset"
                raise BadArgument(
                    f"{type(X).__name__} already holds y and weights; do not pass them again{cure}"
                )
            source, likelihood = suited(X, self.likelihood), self.likelihood
            if not isinstance(source, Moments):
                intercept = intercept and source.intercept is not False  # as its formula says
            if isinstance(source, Design):
                source, likelihood = read(source, likelihood)
            elif isinstance(source, Streamed):
                source, likelihood = read_streamed(source, likelihood)
        elif y is None:
            raise BadArgument("y is missing: pass condition(X, y), or a Design or Moments as X")
        else:
            X, y, found = taken(self.likelihood, X, y, **beside)
            coded, likelihood = self.likelihood.read(y, counts=counting(found["weights"]))
            design = Design.of(X, coded, **found).knowing(beside)
            order = declared_order(y) if likelihood.takes_labels else None
            design = dataclasses.replace(design, origin=origin, order=order)
            source = _labelled(design, likelihood, design.y)
        learnt = Model(self.prior, likelihood)
        return _condition(learnt, source, standardize=standardize, intercept=intercept)

    def condition_formula(
        self,
        formula: str,
        frame: Any,
        *,
        standardize: bool = False,
        weights: Any = None,
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
        missing: str = "refuse",
        levels: Mapping[str, Any] | None = None,
    ) -> Problem:
        """Condition the model on ``"y ~ x + C(g)"`` evaluated in a data frame.

        Parameters
        ----------
        formula : str
            A formula in formulaic's grammar; ``- 1`` removes the intercept, ``offset(log(t))`` adds
            to η and is made of new rows by itself, and ``cbind(won, lost) ~ x`` is a response of
            Binomial().
        frame : data frame, or source of rows
            Holds every variable of the formula. A source as in :meth:`condition`, or data frames
            that can be iterated over again; of more than 2²⁴ numbers the levels of factors and the
            means of ``center`` and ``scale`` are learnt in one pass, and the moments in another.
        standardize, weights, offset, exposure, trials
            As in :meth:`condition`; a text names a column of the frame.
        missing : {"refuse", "drop"}, default "refuse"
            As in :meth:`condition`, of the columns that are used.
        levels : mapping of str to sequence, optional
            Of columns, all levels in their order, whether a row has them or not; of a source they
            need not be looked for then.

        Raises
        ------
        BadData
            If the formula names an unknown column, or a value is missing; or the response is text
            under a likelihood of numbers.
        BadArgument
            If the formula cannot be read, or says what an argument says too.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> frame = data.X.assign(y=data.y)
        >>> br.Model(br.Normal(1.0)).condition_formula("y ~ bmi + C(sex)", frame).features
        ('bmi', 'C(sex)[1.0]', 'C(sex)[2.0]')
        """
        from bayesreg.data.formula_arrival import by_formula

        self.likelihood.refuse_known(exposure=exposure, trials=trials)
        beside = {"weights": weights, "offset": offset, "exposure": exposure, "trials": trials}
        found = by_formula(
            formula,
            frame,
            beside,
            flat_terms=flat_terms(self.prior),
            labels=self.likelihood.takes_labels,
            missing=missing,
            levels=levels,
        )
        intercept = found.intercept is not False
        return self.condition(found, standardize=standardize, intercept=intercept)


def taken(likelihood: Likelihood, X: Any, y: Any, **beside: Any) -> tuple[Any, Any, dict[str, Any]]:
    """What names a column of X taken out of it; of a y of two columns, successes and trials."""
    refuse_named_twice({"y": y} | beside)
    X, y = take_response(X, y)
    for name, value in beside.items():
        X, beside[name] = take_response(X, value, name)
    if likelihood.takes_trials:
        successes, trials = two_columns(y)
        if trials is not None and beside["trials"] is not None:
            raise BadData(
                "y has two columns, successes and failures, which say the trials already; "
                "leave out trials=, or pass the successes alone"
            )
        y, beside["trials"] = successes, beside["trials"] if trials is None else trials
    return X, y, beside


def _response(design: Design, likelihood: Likelihood) -> Any:
    """The response as the likelihood reads it: labels, or the numbers that the labels are."""
    if design.classes is None or likelihood.takes_labels:
        return design.response
    if not all(isinstance(label, int | float) for label in design.classes):
        raise BadData(
            f"the response {design.y_name!r} holds labels, such as {design.classes[0]!r}, and "
            f"{type(likelihood).__name__}() needs numbers; a yes/no outcome is br.Bernoulli()"
        )
    return design.response.astype(np.float64)


def _labelled(design: Design, likelihood: Likelihood, y: Any) -> Design:
    """A design that knows which labels its y stands for, so that it can be conditioned on again."""
    classes = likelihood.classes_
    own = None if classes == (0, 1) else classes  # which are their own labels
    if own == design.classes and np.array_equal(y, design.y):
        return design
    return dataclasses.replace(design, y=y, classes=own)


def read(design: Design, likelihood: Likelihood) -> tuple[Design, Likelihood]:
    """A design whose y is coded as the likelihood reads it, and the likelihood with what it learnt.

    Raises
    ------
    BadData
        If the response is none of this likelihood's.
    """
    likelihood.refuse_known(trials=design.trials)
    response = _response(design, likelihood)
    y, learnt = likelihood.read(response, coded=design.classes is None)
    return design if y is design.y else _labelled(design, learnt, y), learnt


def _condition(model: Model, source: Held, *, standardize: bool, intercept: bool) -> Problem:
    """Assemble the problem, refuse what has no posterior, and warn."""
    problem = _assemble(model, source, standardize=standardize, intercept=intercept)
    refuse_improper(problem)
    said = tuple(concerns(problem))
    for text in said:
        warn(text)
    return dataclasses.replace(problem, warnings=said)


def _assemble(model: Model, source: Held, *, standardize: bool, intercept: bool) -> Problem:
    """Assign priors to columns and project the intercept and the Flat columns out."""
    design = source if isinstance(source, Design) else None
    stream = source if isinstance(source, Streamed) else None
    moments = source if isinstance(source, Moments) else source.moments
    terms = () if isinstance(source, Moments) else source.terms
    if moments.p == 0 and not intercept:
        raise BadData("there is no column and no intercept, so there is nothing to estimate")
    likelihood = model.likelihood
    if design is not None:
        design = source = _in_full(design, likelihood)
        likelihood.check(design.y, design.known.facts(-1), design.obs_id)
        _refuse_no_logarithm(design, likelihood)
    flat, blocks = assign(model.prior, moments.names, terms, *worth(likelihood, source))
    return Problem(
        prior=model.prior,
        likelihood=likelihood,
        design=design,
        stream=stream,
        moments=moments,
        standardize=standardize,
        intercept=intercept,
        least_squares=project(moments, flat, blocks, standardize=standardize, intercept=intercept),
        blocks=blocks,
        own=likelihood.unknowns,
    )


def suited(source: Held, likelihood: Likelihood) -> Held:
    """What a likelihood can be conditioned on: of a stream its different rows, unless sums serve.

    Where there are too many of them, the stream itself, if passes over it serve.

    Raises
    ------
    NotSupported
        If it needs rows, and there are none, or too many different ones for what it is.
    """
    if isinstance(source, Design) or isinstance(likelihood, ConstantCurvature):
        return source
    name = f"{type(likelihood).__name__}()"
    if isinstance(source, Moments):
        raise NotSupported(f"{name} needs rows, and Moments keep none; condition on X and y")
    if source.gone:
        return source
    if likelihood.takes_labels:
        source, _ = read_streamed(source, likelihood)
    return (
        source.grouped(name) if not likelihood.self_concordant else source.repeating(name) or source
    )


def _in_full(design: Design, likelihood: Likelihood) -> Design:
    """The design with every cell of a sparse X written out, where a likelihood goes by rows."""
    if isinstance(likelihood, ConstantCurvature) or not is_sparse(design.X):
        return design
    name, cells = type(likelihood).__name__, design.n * design.p
    if design.p > WIDEST_ROWS or cells > DENSE:
        raise NotSupported(
            f"under {name}() every cell of X is written out, up to {WIDEST_ROWS} columns and "
            f"2^27 cells (1 GiB), and this sparse X has {design.n} × {design.p}; keep fewer "
            "columns or rows, or use Gaussian()"
        )
    note = f"X came sparse; under {name}() its {design.n} × {design.p} cells are written out"
    if cells > LARGE:
        warn(note)
    return dataclasses.replace(design, X=np.asarray(design.X), notes=(*design.notes, note))


def _refuse_no_logarithm(design: Design, likelihood: Likelihood) -> None:
    """Raise BadData for an offset in log-odds or log-counts that float64 cannot raise e to."""
    if design.offset is None or likelihood.link == "identity":
        return
    low, high = float(design.offset.min()), float(design.offset.max())
    if high - low > WIDEST:
        cure = "; pass people, time or area as exposure=" if likelihood.takes_exposure else ""
        raise BadData(
            f"the offset lies between {low:g} and {high:g}, and it is in {likelihood.in_units}: e "
            f"to the {high - low:g} is no ratio of this world{cure}"
        )


def flat_terms(prior: PriorLike) -> frozenset[str]:
    """Names of the terms whose prior is Flat; ``"..."`` stands for all that are not named."""
    if isinstance(prior, Flat):
        return frozenset({"..."})
    if isinstance(prior, Mapping):
        flat = {("..." if k is ... else str(k)) for k, v in prior.items() if isinstance(v, Flat)}
        named = {f"!{k}" for k in prior if k is not ...}
        return frozenset(flat | named) if "..." in flat else frozenset(flat)
    return frozenset()


def flag(value: Any, name: str) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise BadArgument(f"{name} must be True or False, not {value!r}")
