"""A trial: parameters from the prior, y from the likelihood, on a design that has no symmetry."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.engines.prior import prior_draws
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BayesregWarning, NotSupported
from bayesreg.likelihoods import ConstantCurvature
from bayesreg.model.model import Model
from bayesreg.model.quadratic import Quadratic
from bayesreg.priors import HyperPrior
from bayesreg.validation.quantities import Unknowns

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


# Signal in noise, √(x_j'x_j)·median|b_j|/median σ, of the weakest and the strongest column: where
# the prior alone or the data alone decide the posterior, faults of the other cannot be seen.
_WEAKEST, _STRONGEST = 0.3, 2.0
_TYPICAL = 2000  # prior draws behind the medians
MOST_TRIALS = 4  # of a row, where y counts successes


@dataclass(frozen=True, eq=False)
class Trial:
    """What is validated, and where the truth comes from.

    Attributes
    ----------
    problem : Problem
        The fitted model on the design, with a y of no meaning.
    source : Problem
        The model that parameters are drawn from, on the same design.
    """

    problem: Problem
    source: Problem

    @cached_property
    def X(self) -> Array:
        """The columns (n, P)."""
        assert self.problem.design is not None
        return np.asarray(self.problem.design.X, dtype=float)

    @cached_property
    def root(self) -> Array:
        """R (m, P) with R'R = X'X, about the column means."""
        centred = self.X - self.X.mean(axis=0)
        return np.asarray(np.linalg.qr(centred, mode="r"))[: len(centred) - 1]

    def truths(self, size: int, seed: int) -> Unknowns:
        """Parameters from the source's prior; β₀ and β_Flat are held, since nothing here sees them.

        Under a flat prior the posterior of β₀ − β₀* has the same law for every truth β₀*, so that
        its rank is uniform wherever β₀* is held; likewise β_Flat.
        """
        return Unknowns.of_prior(prior_draws(self.source, size, seed)[0])

    def response(self, truth: Unknowns, rng: np.random.Generator) -> Array:
        """y (n,) for one truth."""
        likelihood = self.source.likelihood
        assert self.source.design is not None
        points = self.source.design.points
        own = truth.theta(likelihood)
        eta, theta = points.under(truth.beta, truth.intercept, own, axis=-1)
        return np.asarray(likelihood.sample(rng, eta, theta)[0])

    def given(self, y: Array) -> Problem:
        """The fitted model conditioned on y, by the way that users go.

        Under the prior that parameters are drawn from: what it takes from data is taken once.
        """
        assert self.problem.design is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayesregWarning)
            given = Model.of(self.problem).condition(
                replace(self.problem.design, y=y),
                standardize=self.problem.standardize,
                intercept=self.problem.intercept,
            )
        return replace(given, blocks=self.problem.blocks)

    def given_root(self, y: Array, rest: float) -> Problem:
        """The fitted model given responses y (m,) of `root` and √(residual sum of squares)."""
        m, P = self.root.shape
        whole = np.zeros((m + 1, P + 1))
        whole[:m, :P], whole[:m, P], whole[m, P] = self.root, y, rest
        n = len(self.X)
        means = self.X.mean(axis=0)
        return self._on(
            Moments(float(n), n, means, 0.0, None, whole, self.problem.features), self.problem.x_sd
        )

    def few(self) -> Trial:
        """The same on a third of the rows, at least 3: joint chains mix as data are weak."""
        design = self.problem.design
        assert design is not None
        rows = max(3, len(design.y) // 3) + len(self.problem.flat)
        if rows >= len(design.y):
            return self
        part = design.take(np.arange(rows))
        models = Model.of(self.problem), Model.of(self.source)
        return Trial(*_conditioned(*models, part, standardize=self.problem.standardize))

    def without_data(self, share: float) -> Problem:
        """The fitted model with X'y = 0, ν = 0 and X'X = 0, or tiny: the posterior is the prior.

        On rows, where the likelihood has no moments: each counts next to nothing.
        """
        if not self.problem.exact:
            assert self.problem.design is not None
            nothing = np.full(self.problem.design.n, share)
            return replace(self.problem, design=replace(self.problem.design, weights=nothing))
        P = len(self.problem.features)
        gram = np.zeros((P + 1, P + 1))
        gram[np.arange(P), np.arange(P)] = share * np.square(self.X - self.X.mean(axis=0)).sum(0)
        moments = Moments(1.0, 1, np.zeros(P), 0.0, gram, None, self.problem.features)
        return self._on(moments, np.ones(P))

    def _on(self, moments: Moments, x_sd: Array) -> Problem:
        """The fitted model on other moments of the same columns, divided by these sds."""
        problem = self.problem
        loc = problem.coordinates.loc
        quadratic = Quadratic.of(moments, problem.flat, x_sd, loc, intercept=True)
        return replace(problem, design=None, moments=moments, least_squares=quadratic)


def prepare(
    model: Model, truth: Model, n: int, p: int, design: Any, *, standardize: bool, seed: int
) -> Trial:
    """Condition both models on the design, after refusing what cannot be drawn from."""
    for one in (model, truth):
        _refuse_improper(one)
    given = _design(design, n, p, seed)
    if not isinstance(model.likelihood, ConstantCurvature):
        given = _answered(model, given, seed)
    problem, source = _conditioned(model, truth, given, standardize=standardize)
    if design is None and not standardize:
        found = prior_draws(source, _TYPICAL, seed)[0]
        size = np.median(np.abs(found["beta"]), axis=0)
        size[source.flat] = 1.0
        share = float(np.median(found["sigma"])) / size
        X = given.X * (share * _signals(p) / np.sqrt(np.square(given.X - given.X.mean(0)).sum(0)))
        problem, source = _conditioned(model, truth, replace(given, X=X), standardize=False)
    return Trial(problem, source)


def _conditioned(
    model: Model, truth: Model, design: Design, *, standardize: bool
) -> tuple[Problem, Problem]:
    """Both models on one design, which need not warn of what is no user's data."""
    # A flat intercept is no draw of a prior: where y is not linear in it, its rank is not uniform
    # for every truth, and so it is left out.
    exact = isinstance(model.likelihood, ConstantCurvature)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        problem = model.condition(design, standardize=standardize, intercept=exact)
        source = truth.condition(design, standardize=standardize, intercept=exact)
    if problem.unknown_scales != source.unknown_scales or (
        problem.unknown_sigma != source.unknown_sigma
    ):
        raise BadArgument(
            "model and truth must have the same unknowns: the rank of a scale or σ that only one "
            "of them has means nothing"
        )
    return problem, source


def _design(design: Any, n: int, p: int, seed: int) -> Design:
    """The columns given, or n × p of ours: correlated, with unequal means."""
    rng = np.random.default_rng([20180418, seed])
    if isinstance(design, Design):
        if design.weights is not None:
            raise NotSupported("validation simulates single rows: give a design without weights")
        return design
    if design is not None:
        return Design.of(design, rng.standard_normal(len(design)))
    rng = np.random.default_rng(20180418)
    z = rng.standard_normal((n, p))
    for j in range(1, p):
        z[:, j] = 0.5 * z[:, j - 1] + np.sqrt(0.75) * z[:, j]
    return Design.of(z + rng.normal(0.0, 2.0, p), rng.standard_normal(n))


def _answered(model: Model, design: Design, seed: int) -> Design:
    """With a y of no meaning that the likelihood can have, both labels where it has labels.

    Rows of our own count successes of 1, 2, … trials where trials are what y is of.
    """
    likelihood, rng = model.likelihood, np.random.default_rng(seed)
    if likelihood.takes_trials and design.trials is None:
        design = replace(design, trials=np.asarray(1.0 + np.arange(design.n) % MOST_TRIALS))
    theta: dict[str, Any] = {
        name: own if isinstance(own, float) else float(own.sample(rng, 1)[0])
        for name, own in likelihood.unknowns.items()
    }
    y = likelihood.sample(rng, np.zeros(design.n), theta | design.known.facts(-1))
    if likelihood.counts or likelihood.takes_labels:
        y[:2] = 0.0, 1.0
    return replace(design, y=y)


def _signals(p: int) -> Array:
    """Signal in noise by column: strongest first, then weakest, and so on inwards."""
    ordered = np.geomspace(_WEAKEST, _STRONGEST, p) if p > 1 else np.array([1.5])
    return np.where(np.arange(p) % 2, ordered[np.arange(p) // 2], ordered[::-1][np.arange(p) // 2])


def _refuse_improper(model: Model) -> None:
    """Parameters are drawn from the prior, which must be one."""
    kind = type(model.likelihood).__name__
    for name, own in model.likelihood.unknowns.items():
        if isinstance(own, HyperPrior) and not own.proper:
            word = "σ" if name == "sigma" else name
            raise NotSupported(
                f"validation draws parameters from the prior, and {own!r} on {word} is improper: "
                f"use a proper one, as in br.Model(prior, br.{kind}({name}=br.HalfNormal(1.0))), "
                f"or a known {word}"
            )
