"""Regularisation paths: the optimum at many λ, and the prior scale that each λ means."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import Array, is_number
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.blocks import Block, only_block
from bayesreg.model.model import Model
from bayesreg.priors import ElasticNet, Flat, Laplace, Majorised, Normal, Penalised
from bayesreg.solvers import (
    closed_form,
    conjugate_gradients,
    continuation,
    coordinate_descent,
    damped_newton,
    group_descent,
    group_newton,
    interior_point,
    irls,
    newton,
    pass_path,
    sparse_path,
)
from bayesreg.solvers.certificate import Certificate, certify
from bayesreg.solvers.degrees import active_df, df_at
from bayesreg.solvers.groups import members_of
from bayesreg.solvers.path_certificate import certify_loss_path, certify_path

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

FOLLOWED = "one optimum is followed from λ to λ, and others were not sought: fit_map seeks them"


def one_block(problem: Problem) -> Block:
    """The single penalised block of a problem, or NotSupported."""
    block = only_block(problem.blocks, "a path moves one λ")
    if not isinstance(block.prior, Penalised):
        name = type(block.prior).__name__
        if isinstance(block.prior, Majorised):
            raise NotSupported(
                f"{name} has no λ, because its penalty is no multiple of one norm, and so no path "
                "in λ; bayesian_path(problem) has its optima along the scale"
            )
        raise NotSupported(
            f"{name} has no MAP and no path: {block.prior.why_no_map}; use Laplace or ElasticNet"
        )
    if block.grouped and not problem.penalty.in_groups:
        raise NotSupported(
            f"a path needs a penalty by column, and columns of {block.label!r} share a local scale"
        )
    return block


def refuse_unknown(problem: Problem) -> None:
    """Raise NotSupported where the loss itself depends on an unknown, as on a shape."""
    if problem.exact or not problem.unknown:
        return
    names = ", ".join(problem.unknown)
    fixed = ", ".join(f"{name}=…" for name in problem.unknown)
    raise NotSupported(
        f"the loss depends on {names}, which is unknown here, and a ray moves λ alone: give a "
        f"number, such as that of a fit, by problem.at({fixed})"
    )


def penalised(problem: Problem) -> Penalised:
    """The prior of the single block, which has a λ."""
    prior = one_block(problem).prior
    assert isinstance(prior, Penalised)
    return prior


def default_lams(
    problem: Problem, n: int, ratio: float | None = None, l1_ratio: float | None = None
) -> Array:
    """`n` values evenly spaced in log λ, from no effects downwards.

    With a kink, from λ_max = max|x̃_j'ỹ|·r_j (over groups: of their norms), where every coefficient
    is 0 (Friedman, Hastie & Tibshirani 2010, §2.5), over three decades (two where p ≥ ν); for
    ridge, where the effective degrees of freedom run from about p/1000 to nearly p. `ratio` is that
    of the smallest to the largest, where another is wanted.
    """
    block = one_block(problem)
    share = float(penalised(problem).kinked) if l1_ratio is None else l1_ratio
    if share == 0.0:
        spread = (problem.at_zero.quadratic.norms * block.relative) ** 2
        top, low = float(spread.max(initial=0.0)) * 1e3, 1e-8
    else:
        top = group_descent.largest_lam(problem) / share * (1.0 + 1e-12)
        low = 1e-2 if problem.p >= problem.nu else 1e-3
    if not top > 0:
        top, low = 1.0, 1e-3  # X̃'ỹ = 0: every λ gives β = 0
    return np.geomspace(top, top * (low if ratio is None else ratio), n)


def scale_for(problem: Problem, lam: Any, sigma: float) -> Any:
    """The scale, in the declared unit, whose λ (λ₂ for Normal, else λ₁) is `lam` at this σ."""
    prior, root = penalised(problem), root_at(problem, sigma)
    unit = sigma / root if prior.unit == "sigma" else 1.0  # λ's see √φ
    if not prior.kinked:
        return np.sqrt(prior.l2(root, unit) / lam)
    return prior.l1(root, unit) / lam


def root_at(problem: Problem, sigma: float) -> float:
    """√φ at this σ, which λ's see."""
    return problem.penalty.at(sigma=sigma).root or 1.0


@dataclass(frozen=True, eq=False)
class Ray:
    """How one λ sets λ₁ and λ₂ of every column.

    Attributes
    ----------
    problem : Problem
        One penalised prior; its own scale is ignored.
    sigma : float
        Noise sd: for the elastic net's λ₂ and for what λ means as a scale. A likelihood that is not
        one quadratic has its own.
    l1_ratio : float or None
        λ₁ = l1_ratio·λ and λ₂ = (1 − l1_ratio)·λ; None for the prior's own scale family, where λ is
        λ₂ for Normal and else λ₁, and λ₂ = (1 − ρ)λ²/(ρσ)² for the elastic net.
    """

    problem: Problem
    sigma: float
    l1_ratio: float | None = None

    @classmethod
    def of(cls, problem: Problem, sigma: float, l1_ratio: float | None = None) -> Ray:
        """The ray of a problem, or NotSupported; BadArgument for a ratio outside [0, 1]."""
        one_block(problem)
        refuse_unknown(problem)
        if not problem.exact and problem.sigma is not None:
            sigma = problem.sigma  # the loss itself may depend on it
        return cls(problem, float(sigma), check_l1_ratio(l1_ratio))

    @property
    def smooth(self) -> bool:
        """Whether λ₁ = 0 all along: ridge."""
        if self.l1_ratio is not None:
            return self.l1_ratio == 0.0
        return not penalised(self.problem).kinked

    def penalties(self, lams: Array) -> tuple[Array, Array]:
        """λ₁ and λ₂ (L, p) per proper column; a column of relative scale r has λ₁/r and λ₂/r²."""
        prior, lams = penalised(self.problem), np.asarray(lams, dtype=float)
        if self.l1_ratio is not None:
            first, second = self.l1_ratio * lams, (1.0 - self.l1_ratio) * lams
        elif self.smooth:
            first, second = np.zeros_like(lams), lams
        else:
            first = lams
            root = root_at(self.problem, self.sigma)
            second = np.asarray(prior.l2(root, prior.l1(root, 1.0) / lams), dtype=float)
        relative = self.problem.relative
        return first[:, None] / relative, second[:, None] / np.square(relative)

    def prior(self, lam: float) -> Any:
        """The prior that λ is at this σ, for a column of relative scale 1."""
        prior: Any = one_block(self.problem).prior
        if self.l1_ratio is None:
            return dataclasses.replace(prior, scale=scale_for(self.problem, lam, self.sigma))
        first, second = self.l1_ratio * lam, (1.0 - self.l1_ratio) * lam
        root = root_at(self.problem, self.sigma)
        unit = root if prior.unit == "y" else root / self.sigma
        same = {"loc": prior.loc, "unit": prior.unit, "relative": prior.relative}
        if not second:
            return Laplace(unit * root / first, **same)
        if not first:
            return Normal(unit / np.sqrt(second), **same)
        both = {"laplace": unit * root / first, "normal": unit / np.sqrt(second)}
        product = ElasticNet.from_scales(**both, unit=prior.unit)
        return dataclasses.replace(product, loc=prior.loc, relative=prior.relative)

    def scales(self, lams: Array) -> Array:
        """The prior scale (L,) that each λ means; NaN where that needs a σ which is unknown."""
        if self.problem.sigma is None and needs_sigma(self):
            return np.full(len(lams), np.nan)
        if self.l1_ratio is None:
            found = scale_for(self.problem, np.asarray(lams, dtype=float), self.sigma)
            return np.asarray(found, dtype=float)
        return np.array([float(self.prior(lam).scale) for lam in lams])

    def at(self, lam: float) -> Problem:
        """The problem at this σ and the scale that means λ there, whatever its own are."""
        if self.l1_ratio is None:
            scale = scale_for(self.problem, float(lam), self.sigma)
            return self.problem.given(scale=scale, sigma=self.sigma)
        prior = dataclasses.replace(self.prior(float(lam)), relative=None)  # the columns keep them
        return self.problem.given(prior=prior, sigma=self.sigma)


def solve_path(
    problem: Problem,
    lams: Array,
    sigma: float,
    *,
    l1_ratio: float | None = None,
    guide: Array | None = None,
    enough: float = 0.0,
) -> tuple[Array, Array]:
    """Optima b (L, p) and effective degrees of freedom (L,), in the order of `lams`.

    Parameters
    ----------
    problem : Problem
        One penalised prior; its own scale is ignored.
    lams : ndarray (L,)
        Positive, in any order.
    sigma : float
        It matters for the elastic net's own scale family alone, whose λ₂ is (1 − ρ)λ₁²/(ρσ)².
    l1_ratio : float, optional
        The ray λ₁ = l1_ratio·λ, λ₂ = (1 − l1_ratio)·λ in place of the prior's scale family.
    guide : ndarray (L, p), optional
        Optima of a similar problem at these λ's, as of all rows for a fold of them: columns that
        enter there are tried here. The result does not depend on it.
    enough : float, default 0
        Relative change of b at which Newton's method may stop, where no certificate is asked for.

    Raises
    ------
    NotSupported
        If the priors are several, or not penalties by column.
    BadArgument
        If `l1_ratio` is not a number from 0 to 1.
    """
    ray, lams = Ray.of(problem, sigma, l1_ratio), np.asarray(lams, dtype=float)
    b, df, _ = _solve(ray, lams, guide, enough)
    return b, df if enough else degrees(ray, lams, b, df)


def degrees(ray: Ray, lams: Array, b: Array, df: Array) -> Array:
    """Effective degrees of freedom (L,) at optima (L, p): those known, and those that are NaN."""
    left = np.flatnonzero(np.isnan(df))
    if not len(left) or not ray.smooth or ray.problem.exact:
        return df
    out = df.copy()
    _, l2 = ray.penalties(lams[left])
    out[left] = damped_newton.ridge_degrees(ray.problem.loss, l2, b[left])
    return out


def certified_at(problem: Problem, b: Array) -> Certificate:
    """The certificate of a point of a path; where J is not convex it says that one is followed."""
    return _followed(certify(problem, b))


def _followed(one: Certificate) -> Certificate:
    """Said of a local optimum: that it is that of the λ before, and that no other was sought."""
    return one if one.gap is not None or not one.ok else replace(one, why=f"{one.why}; {FOLLOWED}")


def rough_path(
    ray: Ray, lams: Array, *, enough: float, guide: Array | None = None
) -> tuple[Array, Array | None]:
    """Optima b (L, p) that no certificate is asked of, and γ (L, k) near its best beside them.

    Under a likelihood that is not one quadratic a `guide` (L, k + p) has (γ, b) of a similar
    problem at these λ's.
    """
    b, _, free = _solve(ray, lams, guide, enough)
    return b, free


def solve_at(ray: Ray, lam: float, start: Array) -> tuple[Problem, Array, str]:
    """The problem at one λ of a ray, its optimum from a start near it, and which solver ran."""
    problem = ray.at(lam)
    solve: Any = group_descent.solve if problem.penalty.in_groups else coordinate_descent.solve
    smooth: Any = closed_form.solve
    if problem.least_squares.columns is not None:
        smooth = conjugate_gradients.solve
    solve = smooth if ray.smooth else solve
    found = (solve if problem.exact else newton.solve)(problem, start=start)
    return problem, found.b, found.solver


def certified_path(ray: Ray, lams: Array) -> tuple[Array, Array, tuple[Certificate, ...]]:
    """Optima, df and certificates; a point that fails is solved again as a single λ is.

    df is NaN where it costs more than the optimum; `degrees` has it.
    """
    b, df, free = _solve(ray, lams)
    found = [_followed(one) for one in _judged(ray, lams, b, free)]
    for k in np.flatnonzero([not one.ok for one in found]):
        problem, again, _ = solve_at(ray, lams[k], b[k])
        one = certified_at(problem, again)
        if one.ok or one.kkt < found[k].kkt:
            b[k], found[k] = again, one
    return b, df, tuple(found)


def certificates_of(ray: Ray, lams: Array, b: Array) -> tuple[Certificate, ...]:
    """Each point of a path judged anew, as `certified_path` judges it."""
    pairs = zip(_judged(ray, lams, b, None), lams, b, strict=True)
    return tuple(
        _followed(one) if one.ok else certified_at(ray.at(lam), row) for one, lam, row in pairs
    )


def _judged(ray: Ray, lams: Array, b: Array, free: Array | None) -> tuple[Certificate, ...]:
    """The certificates of a path, from products of matrices where penalties are by column."""
    problem, block = ray.problem, one_block(ray.problem)
    l1, l2 = ray.penalties(lams)
    if problem.stream is not None and not problem.exact:
        return tuple(certify(ray.at(lam), row) for lam, row in zip(lams, b, strict=True))
    if not problem.exact:
        groups = members_of(block) if block.grouped else ()
        return certify_loss_path(
            problem, l1, l2, b, at=lambda k: ray.at(lams[k]), free=free, groups=groups
        )
    if block.grouped or problem.least_squares.columns is not None:
        return tuple(certify(ray.at(lam), row) for lam, row in zip(lams, b, strict=True))
    return certify_path(problem, l1, l2, b, at=lambda k: ray.at(lams[k]))


def _solve(
    ray: Ray, lams: Array, guide: Array | None = None, enough: float = 0.0
) -> tuple[Array, Array, Array | None]:
    """Optima, degrees of freedom, and γ where they were found too, in the order of `lams`."""
    problem = ray.problem
    if not problem.exact:
        return _touched(ray, lams, enough, guide)
    if problem.quadratic.columns is not None:
        return *sparse_path.path(problem, lams, *ray.penalties(lams)), None
    unit = problem.quadratic.unit
    if ray.smooth:
        _, weights = ray.penalties(np.ones(1))
        return *closed_form.path(problem, lams, weights[0]), None
    if one_block(problem).grouped:
        return *group_descent.path(problem, *ray.penalties(lams)), None
    order = np.argsort(-lams, kind="stable")
    l1, l2 = unit.penalties(*ray.penalties(lams[order]))
    hints = None if guide is None else np.asarray(guide, dtype=float)[order][:, unit.kept]
    u, known = continuation.solve(unit, l1, l2, hints)
    for k in np.flatnonzero(np.isnan(known)):
        known[k] = active_df(unit, l2[k], u[k])
    b, df = np.zeros((len(lams), problem.p)), np.empty(len(lams))
    b[np.ix_(order, unit.kept)] = u * (unit.y_norm / unit.norms)
    df[order] = known
    return b, df, None


def _touched(
    ray: Ray, lams: Array, enough: float, guide: Array | None
) -> tuple[Array, Array, Array | None]:
    """The same under any likelihood, each λ from the optimum of the one above it."""
    problem, order = ray.problem, np.argsort(-lams, kind="stable")
    b, df = np.zeros((len(lams), problem.p)), np.zeros(len(lams))
    if problem.stream is not None:
        b[order], df[order] = pass_path.minimise(lambda k: ray.at(float(lams[order[k]])), len(lams))
        return b, df, None
    if problem.likelihood.self_concordant:
        lams_of, fine = ray.penalties(lams[order]), enough == 0.0
        if one_block(problem).grouped and not ray.smooth:
            groups = members_of(one_block(problem))
            found = group_newton.minimise(problem.loss, *lams_of, groups, fine=fine)
        else:
            start = None if guide is None else guide[order]
            found = damped_newton.minimise(problem.loss, *lams_of, start=start, fine=fine)
        free = np.zeros((len(lams), found.free.shape[1]))
        b[order], df[order], free[order] = found.b, found.df, found.free
        for k in order[~found.reached]:
            one = ray.at(float(lams[k]))
            b[k] = newton.solve(one, enough=enough).b
            if fine and not ray.smooth:
                df[k] = df_at(one, one.loss.at(b[k]))
        return b, df, free
    at = problem.loss.start
    for k in order:
        one = ray.at(float(lams[k]))
        if problem.likelihood.convex:
            at = one.loss.at(newton.solve(one, start=at.b, enough=enough).b, near=at)
        else:
            at, _ = irls.descend(one, newton.inner_of(one), at, enough)
        b[k] = at.b
        df[k] = interior_point.degrees(one, at.b) if one.loss.kinked else df_at(one, at)
    return b, df, None


def check_lams(lams: Any) -> Array:
    """λ's as a vector of positive finite numbers, in the order given."""
    try:
        grid = np.atleast_1d(np.asarray(lams, dtype=float))
    except (TypeError, ValueError) as error:
        raise BadArgument(f"lams must be positive numbers, not {lams!r}") from error
    if grid.ndim != 1 or not len(grid):
        raise BadArgument(f"lams must be a non-empty list of λ's, not of shape {grid.shape}")
    bad = np.flatnonzero(~(np.isfinite(grid) & (grid > 0)))
    if len(bad):
        raise BadArgument(
            f"lams[{bad[0]}] = {grid[bad[0]]}: λ must be positive and finite (λ = 0 is Flat())"
        )
    return grid


def check_l1_ratio(l1_ratio: Any) -> float | None:
    """The share of λ₁ on a ray, from 0 (ridge) to 1 (lasso), or None."""
    if l1_ratio is None or (is_number(l1_ratio) and 0.0 <= l1_ratio <= 1.0):
        return None if l1_ratio is None else float(l1_ratio)
    raise BadArgument(f"l1_ratio must be a number from 0 (ridge) to 1 (lasso), not {l1_ratio!r}")


def check_ratio(ratio: Any) -> float | None:
    """The smallest λ over the largest, or None."""
    if ratio is None or (is_number(ratio) and 0.0 < ratio < 1.0):
        return None if ratio is None else float(ratio)
    raise BadArgument(f"ratio is the smallest λ over the largest, between 0 and 1, not {ratio!r}")


def model_at(ray: Ray, lam: float) -> Model:
    """The model of a ray's problem with the scale that λ means; Flat columns stay Flat.

    Parameters
    ----------
    ray : Ray
        Of a problem with one penalised prior, at the σ that translates λ.
    lam : float
        λ as the ray counts it.
    """
    given: Any = ray.problem.prior
    asked: Any = one_block(ray.problem).prior
    prior: Any = ray.prior(lam)
    if isinstance(asked.scale, tuple):  # a scale per column: λ is that of a factor 1
        prior = dataclasses.replace(prior, scale=tuple(prior.scale * one for one in asked.scale))
    if isinstance(given, Mapping):
        prior = {key: one if isinstance(one, Flat) else prior for key, one in given.items()}
    return dataclasses.replace(Model.of(ray.problem), prior=prior)


def needs_sigma(ray: Ray) -> bool:
    """Whether λ and the scale are tied by σ: with φ = σ² all but ridge in units of σ."""
    tie = ("1" if ray.smooth else "σ") if penalised(ray.problem).unit == "sigma" else "σ²"
    return "σ" in ray.problem.penalty.in_phi(f"{tie}/scale{'²' if ray.smooth else ''}")
