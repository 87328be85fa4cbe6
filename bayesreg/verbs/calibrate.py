"""calibrate: priors of different families on an equal footing before the data."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import brentq

from bayesreg.data.arrival import Held, arrive
from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.engines.prior_quantities import Expected, Ground, draws_for, expected
from bayesreg.language.arguments import one_positive
from bayesreg.language.errors import BadArgument, BayesregWarning
from bayesreg.language.misnamed import explained
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.model.blocks import Block
from bayesreg.model.model import Model, flag, read
from bayesreg.model.problem import PriorLike, Problem
from bayesreg.priors import R2D2, Flat, Normal, Prior
from bayesreg.priors.rescaled import rescaled
from bayesreg.results.equal_footing import EqualFooting
from bayesreg.verbs.named_models import models_by_name

WIDEST = 60.0  # of log scale, on either side of what was given
WORDS = {
    "r2": "a mean R² of {value:.4g}",
    "expected_nonzero": "{value:.4g} effects expected beyond {delta:g} sd of the noise",
    "sd": "a median of {value:.4g} for the sd of η over the rows, in units of {unit}",
}


@dataclass(frozen=True)
class Asked:
    """On which quantity the priors shall agree, and its value."""

    quantity: str
    value: float
    delta: float

    def of(self, one: Expected) -> float:
        """The quantity under a prior."""
        if self.quantity == "r2":
            return float(one.r2.mean())
        if self.quantity == "sd":
            return float(np.median(one.eta_sd))
        return float(one.above(self.delta).mean())


@explained
def calibrate(
    priors: Any,
    X: Any,
    y: Any = None,
    *,
    r2: float | None = None,
    expected_nonzero: float | None = None,
    sd: float | None = None,
    match: str | None = None,
    delta: float = 0.1,
    likelihood: Any = None,
    standardize: bool = False,
    intercept: bool = True,
) -> EqualFooting:
    r"""Set the scales of priors so that they agree on one quantity before the data.

    With b drawn from the prior and η = Xβ about its mean over the rows,

        Var(η) = b'X̃'X̃b/N,   R² = Var(η)/(Var(η) + τ²),

    τ = σ, or where there is no σ one over the root of a row's information about η at the constant
    fit. A scale that has a hyperprior keeps its family, and is integrated out.

    Parameters
    ----------
    priors : mapping, list or str
        As :func:`compare` takes them; scales are where the search begins. Of R2D2 the mean R²
        moves, with its precision as it is.
    X : Problem, Design, Moments, array (n, P) or data frame
        The columns; of a Problem also likelihood, coordinates and intercept.
    y : array (n,), optional
        Only where the noise follows from it: yes/no outcomes, counts.
    r2 : float, optional
        The prior mean of R², in (0, 1).
    expected_nonzero : float, optional
        The prior mean of the number of effects |sd(x_j)·β_j| beyond δτ, above 0 and below p.
    sd : float, optional
        The prior median of the sd of η over the rows, in the unit of η; of σ where σ is unknown.
        (Its mean square is infinite under Cauchy tails.)
    match : {"ridge"}, optional
        That sd, as the Normal prior of the Problem implies it, or else the first Normal of
        `priors`. Exactly one of these four is given.
    delta : float, default 0.1
        δ above, in sds of the noise.
    likelihood : Likelihood or str, default Gaussian()
        Of priors on arrays.
    standardize, intercept : bool
        As in :meth:`Model.condition`, for arrays.

    Returns
    -------
    EqualFooting
        The models by name, ready for :func:`compare`, and a table of what still differs. Where σ is
        unknown their scales are in units of σ.

    Raises
    ------
    BadArgument
        If not exactly one quantity is given, or a prior cannot reach it: its range is named.
    NotSupported
        If a prior is not centred at 0, or no column has a proper prior.

    References
    ----------
    Piironen & Vehtari (2017), EJS 11(2), §3, https://doi.org/10.1214/17-EJS1337SI; Zhang, Naughton,
    Bondell & Reich (2022), JASA 117(538), https://doi.org/10.1080/01621459.2020.1825449.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> even = br.calibrate(
    ...     {"ridge": br.Normal(1.0), "lasso": br.Laplace(1.0)}, data.X, r2=0.5, standardize=True
    ... )
    >>> {name: round(model.prior.scale, 2) for name, model in even.items()}
    {'ridge': 0.35, 'lasso': 0.26}
    """
    source, own, standardize, intercept = _ground(X, y, likelihood, standardize, intercept)
    models = models_by_name(priors, own)
    problem = X if isinstance(X, Problem) else None
    how = {"r2": r2, "expected_nonzero": expected_nonzero, "sd": sd, "match": match}
    said = {name: value for name, value in how.items() if value is not None}
    if problem is not None and isinstance(problem.prior, Normal) and "match" in said:
        reference: Model | None = Model.of(problem)
    else:
        reference = None
    return on_equal_footing(
        models, source, said, delta, reference, standardize=standardize, intercept=intercept
    )


def _ground(
    X: Any, y: Any, likelihood: Any, standardize: bool, intercept: bool
) -> tuple[Held, Any, bool, bool]:
    """The columns, the likelihood as it read y, and the coordinates."""
    flag(standardize, "standardize")
    flag(intercept, "intercept")
    if isinstance(X, Problem):
        if y is not None or likelihood is not None:
            raise BadArgument("a Problem already holds y and its likelihood; leave them out")
        return X.held, X.likelihood, X.standardize, X.intercept
    own = likelihood_of("gaussian" if likelihood is None else likelihood)
    if isinstance(X, Held):
        if y is not None:
            raise BadArgument(f"{type(X).__name__} already holds y; leave it out")
        if isinstance(X, Design):
            X, own = read(X, own)
        return X, own, standardize, intercept
    if own.has_sigma:  # no prior quantity sees y where σ is its own unit
        names = {"weights": None, "offset": None, "exposure": None, "trials": None}
        if X is None:
            raise BadArgument("X is missing: pass calibrate(priors, X, …) or a Problem")
        X = arrive(X, None, names, "refuse")[0]
        found = X if isinstance(X, Held) else Moments.of(X, np.zeros(np.shape(X)[0]), warn=False)
        return found, own, standardize, intercept
    if y is None:
        raise BadArgument(
            f"y is missing: under {type(own).__name__}() the noise follows from y; pass "
            "calibrate(priors, X, y, …) or a Problem"
        )
    # Under a Normal prior of known scale every posterior exists.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)  # it is not the prior of anybody
        problem = Model(Normal(1.0), own).condition(X, y)
    return problem.held, problem.likelihood, standardize, intercept


def asked_in(text: Any) -> dict[str, Any]:
    """What ``calibrate=`` of :func:`compare` says: a text such as "r2=0.5", or a mapping.

    Raises
    ------
    BadArgument
        If it is neither.

    Examples
    --------
    >>> asked_in("r2=0.5"), asked_in("match=ridge")
    ({'r2': 0.5}, {'match': 'ridge'})
    """
    if isinstance(text, Mapping):
        return dict(text)
    name, equals, value = str(text).partition("=") if isinstance(text, str) else ("", "", "")
    name, value = name.strip(), value.strip()
    if name == "match" and equals:
        return {"match": value}
    try:
        return {name: float(value)}
    except ValueError:
        raise BadArgument(
            "calibrate must be such as 'r2=0.5', 'expected_nonzero=3', 'sd=2' or 'match=ridge', "
            f"not {text!r}"
        ) from None


def on_equal_footing(
    models: Mapping[str, Model],
    source: Held,
    said: Mapping[str, Any],
    delta: float = 0.1,
    reference: Model | None = None,
    *,
    standardize: bool,
    intercept: bool,
) -> EqualFooting:
    """The models at scales where they agree; `reference` is the ridge of ``match="ridge"``."""
    how = {"standardize": standardize, "intercept": intercept}
    grounds = {name: _Turned(model, source, how) for name, model in models.items()}
    asked = _asked(said, one_positive(delta, "delta"))
    if asked.quantity == "match":
        asked = _matched(asked, models, reference, source, how)
    return _agreeing(grounds, asked, {k: _solved(k, one, asked) for k, one in grounds.items()})


def _agreeing(
    grounds: Mapping[str, _Turned], asked: Asked, factors: Mapping[str, float]
) -> EqualFooting:
    """The models at multiples of their scales, and what they then expect."""
    draws = {name: turned.expected(factors[name]) for name, turned in grounds.items()}
    unit = next(iter(grounds.values())).ground.unit
    words = WORDS[asked.quantity].format(value=asked.value, delta=asked.delta, unit=unit)
    return EqualFooting(
        models={name: turned.model(factors[name]) for name, turned in grounds.items()},
        agreed=f"before the data all priors have {words}, at scales that were set so",
        target=asked.value,
        reached={name: asked.of(one) for name, one in draws.items()},
        expected=draws,
        delta=asked.delta,
        quantity=asked.quantity,
    )


def footing_again(
    problems: Mapping[str, Problem], source: Held, quantity: str, target: float, delta: float
) -> EqualFooting:
    """The footing of priors that agree already, as when they were set so: the same draws.

    Raises
    ------
    BadArgument
        If there is no such quantity, or a number is not positive.
    """
    if quantity not in WORDS:
        raise BadArgument(f"quantity must be one of {', '.join(WORDS)}, not {quantity!r}")
    asked = Asked(quantity, one_positive(target, "target"), one_positive(delta, "delta"))
    grounds = {
        name: _Turned(
            Model.of(one), source, {"standardize": one.standardize, "intercept": one.intercept}
        )
        for name, one in problems.items()
    }
    return _agreeing(grounds, asked, dict.fromkeys(grounds, 1.0))


def _asked(said: Mapping[str, Any], delta: float) -> Asked:
    """The one quantity that is asked for."""
    known = ("r2", "expected_nonzero", "sd", "match")
    wrong = [name for name in said if name not in known]
    if wrong or len(said) != 1:
        given = ", ".join(f"{name}=" for name in said) or "none"
        raise BadArgument(
            f"calibrate takes exactly one of r2=, expected_nonzero=, sd= and match=; given: {given}"
        )
    (name, value), *_ = said.items()
    if name == "match":
        if value != "ridge":
            raise BadArgument(f"match must be 'ridge', not {value!r}")
        return Asked("match", 0.0, delta)
    value = one_positive(value, name)
    if name == "r2" and not value < 1.0:
        raise BadArgument(f"r2 must lie strictly between 0 and 1, not {value!r}")
    return Asked(name, value, delta)


def _matched(
    asked: Asked,
    models: Mapping[str, Model],
    reference: Model | None,
    source: Held,
    how: dict[str, bool],
) -> Asked:
    """The sd of η that a ridge implies."""
    if reference is None:
        ridges = [model for model in models.values() if isinstance(model.prior, Normal)]
        if not ridges:
            raise BadArgument(
                "match='ridge' needs a ridge: a Problem under br.Normal(scale), or one of the "
                "priors that is br.Normal(scale)"
            )
        reference = ridges[0]
    prior = reference.prior
    assert isinstance(prior, Normal)
    known = "sigma" not in reference.likelihood.unknowns or isinstance(
        reference.likelihood.unknowns["sigma"], float
    )
    if prior.unit == "y" and reference.likelihood.has_sigma and not known:
        raise BadArgument(
            f"match='ridge': {prior!r} is in the unit of y, and σ is unknown, in whose units the "
            "others are; say br.Gaussian(sigma=…), or give the ridge unit='sigma'"
        )
    turned = _Turned(reference, source, how)
    value = Asked("sd", 0.0, asked.delta).of(turned.expected(1.0))
    return Asked("sd", value, asked.delta)


class _Turned:
    """A model whose prior is turned by a factor on its scale."""

    def __init__(self, model: Model, source: Held, how: dict[str, bool]) -> None:
        self.own, self.source, self.how = model, source, how
        self.ground, self.blocks = self._laid(model.prior)
        sigma = model.likelihood.unknowns.get("sigma", 1.0)
        # R² and effects in units of an unknown σ ask for scales in that unit.
        self.unit = "sigma" if not isinstance(sigma, float) else None
        self.multiplies = self._multiplies()

    def _laid(self, prior: PriorLike) -> tuple[Ground, tuple[Block, ...]]:
        return Ground.of(prior, self.own.likelihood, self.source, **self.how)

    def prior(self, factor: float) -> PriorLike:
        """The prior at a multiple of its scale; Flat ones as they are."""
        own = self.own.prior
        if isinstance(own, Prior):
            return self._at(own, factor, self.blocks[0])
        labels = {block.label: block for block in self.blocks}
        return {
            key: self._at(one, factor, labels.get("rest" if key is ... else str(key)))
            for key, one in own.items()
        }

    def _at(self, prior: Prior, factor: float, block: Block | None) -> Prior:
        if isinstance(prior, Flat) or block is None:
            return prior
        return rescaled(prior, factor, unit=self.unit, hyper=block.hyper)

    def model(self, factor: float) -> Model:
        """The model with it."""
        return Model(self.prior(factor), self.own.likelihood)

    def _multiplies(self) -> bool:
        """Whether a multiple of the scale is that multiple of every coefficient."""
        with np.errstate(over="ignore"):
            one, two = (
                expected(self.ground, self._laid(self.prior(c))[1], 20).effects for c in (1.0, 2.0)
            )
        return bool(np.allclose(two, 2.0 * one, rtol=1e-9, atol=0.0))

    @cached_property
    def _first(self) -> Expected:
        return self._drawn(1.0)

    @cached_property
    def _at_one(self) -> Expected:
        """Draws at scale 1, which another law of the scale multiplies."""
        blocks = [dataclasses.replace(self.blocks[0], scale=1.0, hyper=None)]
        return expected(self.ground, blocks, draws_for(len(self.ground.size)))

    def _drawn(self, factor: float) -> Expected:
        blocks = self._laid(self.prior(factor))[1]
        if isinstance(blocks[0].prior, R2D2) and len(blocks) == 1:
            assert blocks[0].hyper is not None
            return self._at_one.under(blocks[0].hyper)
        return expected(self.ground, blocks, draws_for(len(self.ground.size)))

    def expected(self, factor: float) -> Expected:
        """Draws from the prior at a multiple of its scale, from the same seed at each."""
        return self._first.times(factor) if self.multiplies else self._drawn(factor)


def _solved(name: str, turned: _Turned, asked: Asked) -> float:
    """The factor on the scale at which the quantity is what was asked: it grows with the scale."""

    def over(log_factor: float) -> float:
        return asked.of(turned.expected(float(np.exp(log_factor)))) - asked.value

    p = len(turned.ground.size)
    if asked.quantity == "expected_nonzero" and asked.value >= p:
        raise BadArgument(
            f"expected_nonzero={asked.value:g} is out of reach of {name!r}: it must be below the "
            f"number of columns under proper priors, {p}"
        )
    low, high, step = 0.0, 0.0, 1.0
    while over(low) > 0.0 and low > -WIDEST:
        low, step = max(low - step, -WIDEST), 2.0 * step
    step = 1.0
    while over(high) < 0.0 and high < WIDEST:
        high, step = min(high + step, WIDEST), 2.0 * step
    if over(low) > 0.0 or over(high) < 0.0:
        ends = [asked.value + over(end) for end in (low, high)]
        raise BadArgument(
            f"{asked.quantity}={asked.value:g} is out of reach of {name!r}, "
            f"{turned.own.prior!r}: whatever its scale, it lies between {ends[0]:.3g} and "
            f"{ends[1]:.3g}"
        )
    if low == high:
        return float(np.exp(low))
    return float(np.exp(brentq(over, low, high, xtol=1e-4)))
