"""Judges: what each rule makes of the λ's of one path. One function per argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.criteria import cross_validate, information_criteria
from bayesreg.criteria.curvature_criteria import CurvatureCriteria, curvature_criteria
from bayesreg.criteria.evidence_by_weights import weighed_evidence
from bayesreg.criteria.evidence_curve import evidence_curve
from bayesreg.gaussian.evidence import as_ridge, maximise_evidence
from bayesreg.gaussian.ridge import leave_rows_out, ridge_criteria
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.problem import Problem
from bayesreg.model.propriety import interpolates
from bayesreg.priors import Normal
from bayesreg.results.choice import Curve, Rule
from bayesreg.results.quantity import Quantity
from bayesreg.solvers.path import Ray, needs_sigma, one_block, penalised
from bayesreg.verbs.fit import sample

if TYPE_CHECKING:
    from bayesreg.criteria import CrossValidation
    from bayesreg.gaussian.ridge import RidgeCriteria
    from bayesreg.results.path import Path

FINE = 241  # λ's at which an evidence curve is shown
FINER = 8  # λ's of closed forms to one of the path, where that was left to us
NATS, SQUARES, DEVIANCE = "nats", "mean squared error", "mean deviance"


@dataclass(eq=False)
class Bench:
    """What the judges share; each writes its rules and curves here."""

    problem: Problem
    whole: Problem  # with what the likelihood does not know
    path: Path
    asked: bool
    given: bool
    sigma: float
    l1_ratio: float | None
    folds: Any
    groups: Any
    repeats: int
    seed: int
    rules: dict[str, Rule] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    posterior: Quantity | None = None
    sigmas: dict[str, tuple[float, str]] = field(default_factory=dict)

    @property
    def normal(self) -> bool:
        """Whether the penalty is ridge."""
        return one_block(self.problem).prior.conjugate and self.path.ray.smooth

    @property
    def error(self) -> tuple[str, str]:
        """What cross-validation measures: the unit of its curve, and in words."""
        exact = self.problem.exact
        return (SQUARES, "squared error") if exact else (DEVIANCE, "deviance, −2 log p(y)")

    @cached_property
    def cv(self) -> CrossValidation:
        """One cross-validation, which two rules read."""
        return self.validate(1)

    @property
    def by_column(self) -> bool:
        """Whether no penalty is of a group."""
        return not one_block(self.problem).grouped

    @cached_property
    def curved(self) -> tuple[Array, CurvatureCriteria]:
        """One expansion about each optimum of the path, which two rules read, λ rising."""
        order = np.argsort(self.path.lam, kind="stable")
        lams = self.path.lam[order]
        penalties = self.path.ray.penalties(lams)
        return lams, curvature_criteria(self.problem, *penalties, self.path.b[order])

    @cached_property
    def ridge(self) -> RidgeCriteria:
        """One eigendecomposition, which three rules read."""
        lams = np.sort(self.path.lam)
        if not self.given:
            lams = np.geomspace(lams[0], lams[-1], FINER * (len(lams) - 1) + 1)
        return ridge_criteria(self.problem, lams)

    def validate(self, repeats: int) -> CrossValidation:
        """Cross-validation along the path."""
        if self.problem.design is None:
            raise NotSupported(f"needs rows, and {self.problem.rowless}")
        return cross_validate(
            self.problem,
            np.sort(self.path.lam),
            self.sigma,
            folds=self.folds,
            groups=self.groups,
            seed=self.seed,
            repeats=repeats,
            l1_ratio=self.l1_ratio,
            closed=leave_rows_out,
        )

    def add(self, name: str, curve: Curve, optimises: str) -> None:
        """The minimum of a curve, the largest λ of equals; no minimum at the end of a fall."""
        value = np.where(np.isfinite(curve.value), curve.value, np.inf)
        if not np.any(np.isfinite(value)):
            raise NotSupported("not finite at any λ of the path")
        k = len(value) - 1 - int(np.argmin(value[::-1]))
        if k == 0 or not np.isfinite(value[k - 1]):
            saturated = self.problem.p >= self.problem.nu and self.problem.unknown_sigma
            if saturated and curve.unit == NATS:
                raise NotSupported(
                    "falls without bound towards λ → 0, where the columns interpolate y; give σ"
                )
            self.notes.append(
                f"{name} is smallest at the smallest λ looked at, {curve.lams[k]:.4g}: its minimum "
                "may lie beyond; look at smaller λ's too (lams=, in the shell --lams)"
            )
        self.curves[name] = curve
        self.rules[name] = Rule(name, float(curve.lams[k]), optimises)

    def sigma_of(self, rules: dict[str, Rule], source: str) -> tuple[float, str]:
        """σ known; or that of the path; or by evidence, cross-validation, posterior, another."""
        if self.problem.sigma is not None or not needs_sigma(self.path.ray):
            return self.sigma, source
        if penalised(self.problem).mixed and self.l1_ratio is None:
            return self.sigma, source
        for name in ("evidence", "cv", "posterior"):
            if name in self.sigmas:
                return self.sigmas[name]
        rule = next(iter(rules.values()))
        return self.residual_sd(rule.lam), f"√(RSS/(ν − df)) at the λ of {rule.name}"

    def residual_sd(self, lam: float) -> float:
        """√(RSS/(ν − df)) at a λ of the path."""
        k = int(np.argmin(np.abs(np.log(self.path.lam / lam))))
        df = float(self.path.df[k])
        return self.problem.quadratic.residual_sd(self.path.b[k], df, least=1e-12)


def _by_evidence(bench: Bench, name: str) -> None:
    """p(y | σ, λ): in closed form for Normal, else by path sampling."""
    if not bench.problem.exact:
        _by_laplace(bench, name)
        return
    words = "p(y | σ, λ), β integrated out"
    free = _free(bench.problem)
    if bench.normal:
        best = maximise_evidence(free)
        unit = best.sigma if one_block(free).prior.unit == "y" else 1.0
        lam = np.inf if not best.scale else (unit / best.scale) ** 2
        bench.sigmas[name] = best.sigma, "at maximal evidence"
        curve = Curve("evidence", (name,), bench.ridge.lam, -bench.ridge.log_evidence, NATS)
        bench.curves[name] = curve
        bench.rules[name] = Rule(name, lam, words)
        return
    if one_block(free).grouped:
        raise NotSupported("columns of a group share a local scale, which it would integrate out")
    if bench.problem.unknown_sigma and bench.problem.quadratic.rank >= bench.problem.nu:
        raise NotSupported(
            "grows without bound as σ → 0, because the columns can interpolate y; give σ"
        )
    start, ceiling = _start(bench, free)
    found = evidence_curve(
        free,
        lambda sigma, lam: Ray.of(free, sigma, bench.l1_ratio).at(lam),
        start,
        seed=bench.seed,
        ceiling=ceiling,
    )
    bench.sigmas[name] = found.sigma, "at maximal evidence"
    grid = np.geomspace(found.lams[0], found.lams[-1], FINE)
    value, error = found.at(grid)
    bench.curves[name] = Curve("evidence", (name,), grid, -value, NATS, error)
    bench.rules[name] = Rule(name, found.lam, words, found.log_error)


def _by_laplace(bench: Bench, name: str) -> None:
    """p(y | λ) by Laplace's approximation, under a Normal prior."""
    if bench.problem.exact or not bench.problem.likelihood.self_concordant:
        raise NotSupported("its loss has no curvature to expand about; use cv")
    if not bench.normal:
        raise NotSupported(
            "under a likelihood that is not Gaussian it is Laplace's approximation, for Normal "
            "priors alone, because |b| has no curvature; use cv, or the posterior of λ"
        )
    lams, found = bench.curved
    assert found.log_evidence is not None
    curve = Curve("evidence (Laplace)", (name,), lams, -found.log_evidence, NATS)
    bench.add(name, curve, "p(y | λ), β integrated out by Laplace's approximation")


def _by_weights(bench: Bench, name: str) -> None:
    """p(y | λ) by draws about the mode, where Laplace's approximation is what else there is."""
    if bench.problem.exact:
        raise NotSupported("under a Gaussian likelihood evidence itself is exact, or by draws")
    if not (bench.problem.likelihood.self_concordant and bench.normal):
        raise NotSupported(
            "draws about the mode are weighed under Normal priors and a loss with a curvature; use "
            "cv, or the posterior of λ"
        )
    lams, curved = bench.curved
    assert curved.log_evidence is not None
    found = weighed_evidence(bench.path.ray.at, lams, curved.log_evidence, bench.seed)
    curve = Curve("evidence (draws)", (name,), found.lams, -found.value, NATS, found.error)
    bench.curves[name] = curve
    words = "p(y | λ), β integrated out by weighed draws about the mode"
    bench.rules[name] = Rule(name, found.lam, words, found.log_error)


def _by_posterior(bench: Bench, name: str) -> None:
    """The median of λ's posterior."""
    if not bench.problem.unknown_scales:
        raise NotSupported(
            "the scale is given here, so that λ has no posterior; give the prior a hyperprior on "
            "its scale"
        )
    if bench.l1_ratio is not None:
        raise NotSupported(
            "its hyperprior is on the prior's own scale family, and an l1_ratio is another"
        )
    if not bench.asked and interpolates(bench.problem):
        raise NotSupported(
            "interpolates y, because p ≥ ν and σ has no proper prior; give σ one, or know it"
        )
    post = sample(bench.whole, seed=bench.seed)
    bench.posterior = post.lam.quantities[0]
    bench.sigmas[name] = post.sigma, "its posterior median"
    hyper = one_block(bench.problem).hyper
    bench.rules[name] = Rule(
        name, bench.posterior.median, f"median of p(λ | y), scale ~ {hyper!r}", np.nan
    )
    if not post.checks.ok:
        bench.notes.append(f"posterior of λ: {post.checks.why}")


def _by_cv(bench: Bench, name: str) -> None:
    """Cross-validated error, its minimum or the largest λ within a standard error."""
    cv = bench.cv
    label = f"CV, {len(cv.folds)} folds"
    unit, error = bench.error
    curve = Curve(label, ("cv", "cv-1se"), cv.lams, cv.error, unit, cv.se)
    if name == "cv":
        bench.add(name, curve, f"cross-validated {error}")
        if bench.problem.sigma is None:
            bench.sigmas[name] = bench.residual_sd(cv.lam), "√(RSS/(ν − df)) at the λ of cv"
    else:
        if not np.any(np.isfinite(cv.se)):
            raise NotSupported("a single split has no standard error")
        bench.curves.setdefault("cv", curve)
        words = "largest λ within one standard error of the smallest cross-validated error"
        bench.rules[name] = Rule(name, cv.lam_1se, words)


def _by_repeated_cv(bench: Bench, name: str) -> None:
    """Cross-validated error averaged over partitions."""
    if isinstance(bench.folds, bool) or not isinstance(bench.folds, int | np.integer):
        raise NotSupported("the folds are given, so that there is nothing to repeat")
    if bench.repeats < 2:
        raise NotSupported("repeats=1 is cv itself")
    cv = bench.validate(bench.repeats)
    label = f"CV, {bench.repeats} × {len(cv.folds) // bench.repeats} folds"
    unit, error = bench.error
    words = f"cross-validated {error}, mean of {bench.repeats} partitions"
    bench.add(name, Curve(label, (name,), cv.lams, cv.error, unit, cv.se), words)


def _by_leaving_one_out(bench: Bench, name: str) -> None:
    """GCV and exact leave-one-out, for ridge; approximate leave-one-out under other likelihoods."""
    if name == "loo" and bench.problem.likelihood.self_concordant and bench.by_column:
        lams, found = bench.curved
        words = "approximate leave-one-out deviance, −2 log p(y), to first order"
        bench.add(name, Curve("ALO", (name,), lams, found.loo, DEVIANCE), words)
        return
    if not (bench.normal and bench.problem.exact):
        raise NotSupported(
            "exact for Normal and Gaussian alone, where fitted values are linear in y; under other "
            "likelihoods loo is of first order, for penalties by column and a curvature that does "
            "not jump; use cv"
        )
    value = bench.ridge.gcv if name == "gcv" else bench.ridge.loo
    if value is None:
        raise NotSupported(f"needs rows, and {bench.problem.rowless}")
    label, words = {
        "gcv": ("GCV", "generalised cross-validation"),
        "loo": ("LOO", "exact leave-one-out squared error"),
    }[name]
    bench.add(name, Curve(label, (name,), bench.ridge.lam, value, SQUARES), words)


def _by_information(bench: Bench, name: str) -> None:
    """AIC, BIC or EBIC; halved, so that all is in nats."""
    order = np.argsort(bench.path.lam, kind="stable")
    at = bench.path.lam[order], bench.path.b[order], bench.path.df[order]
    estimated = len(bench.whole.unknown) - len(bench.problem.unknown)
    found = information_criteria(bench.problem, *at, estimated)
    value = getattr(found, name)
    if value is None:
        raise NotSupported("counts the columns that are kept, and ridge keeps all")
    half = {"aic": "df", "bic": "½ log(N)·df"}
    half["ebic"] = f"{half['bic']} + log C(p, min(kept, p/2))"
    curve = Curve(name.upper(), (name,), found.lam, 0.5 * np.asarray(value), NATS)
    bench.add(name, curve, f"−log L + {half[name]}")


JUDGES: dict[str, Callable[[Bench, str], None]] = {
    "evidence": _by_evidence,
    "evidence-draws": _by_weights,
    "posterior": _by_posterior,
    "cv": _by_cv,
    "cv-1se": _by_cv,
    "repeated-cv": _by_repeated_cv,
    "gcv": _by_leaving_one_out,
    "loo": _by_leaving_one_out,
    "aic": _by_information,
    "bic": _by_information,
    "ebic": _by_information,
}


def _free(problem: Problem) -> Problem:
    """The problem with an unknown scale, whatever its own is."""
    return problem.given(scale=one_block(problem).hyper or Normal().hyper)


def ridge_evidence(problem: Problem) -> tuple[float, float | None]:
    """σ̂ and the prior sd in the unit of y where a Normal prior has its maximal evidence."""
    best = maximise_evidence(as_ridge(problem))
    return best.sigma, None if not best.scale else best.scale * best.sigma


def _start(bench: Bench, free: Problem) -> tuple[tuple[float, float], float]:
    """σ and λ at which to look for the evidence first, by ridge; and a λ beyond every effect."""
    sigma, sd = ridge_evidence(free)
    lams = bench.path.lam
    ceiling = 30.0 * float(np.max(lams))
    low, high = float(np.min(lams)), 3.0 * float(np.max(lams))
    one = Ray.of(free, sigma, bench.l1_ratio).at(float(lams[0]))
    assert one.l1 is not None
    share = float(np.max(one.l1)) / float(lams[0])
    guess = high if sd is None else np.sqrt(2.0) * sigma**2 / (sd * max(share, 0.1))
    return (sigma, float(np.clip(guess, low, high))), ceiling
