"""What a prior on coefficients is: a scale family, and its capabilities as types.

A prior says how each coefficient b of its block is distributed given one number, its *effective
scale* s: the declared `scale`, times σ when ``unit="sigma"``, times the column's `relative`.
Three capabilities go beyond the density:

* :class:`Majorised`: the density is bounded, so a MAP exists, and its penalty σ²·(−log density) has
  a majoriser λ₁|b| + ½λ₂b² + constant that touches it wherever asked;
* :class:`Penalised`: that majoriser is the penalty itself;
* :class:`ScaleMixture`: b = loc + s·√t·z with z ~ N(0, 1), so a blocked Gibbs sampler applies.

Solvers and engines ask for the type that they need and not for a class by name. A likelihood has
the same three kinds (:mod:`bayesreg.likelihoods.base`).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.families import snake
from bayesreg.priors import mixing
from bayesreg.priors.hyper import HyperPrior
from bayesreg.priors.mixing import Mixing
from bayesreg.priors.settled import beside_sigma, declared, settle, without_sigma

Scale = float | Sequence[float] | Array | HyperPrior

__all__ = [
    "Majorised",
    "Mixing",
    "Penalised",
    "Prior",
    "Scale",
    "ScaleMixture",
    "beside_sigma",
    "declared",
    "settle",
    "without_sigma",
]


class Prior(ABC):
    """A prior for each coefficient of a block: independent given the block's scale."""

    capability: ClassVar[str] = "proper priors"

    scale: Any
    unit: Any
    loc: Any
    relative: Any
    groups: Any = None  # which columns share a local scale; None: none do
    expected_nonzero: Any = None  # a guess that stands for the scale until the model meets data
    pseudo_sigma: Any = None  # what stands for σ where there is none, if that is asked
    conjugate = False  # whether the posterior given σ and scale is normal, in closed form

    @property
    def family(self) -> str:
        """Name of the family in snake case: ``elastic_net``, ``r2d2``."""
        return snake(type(self).__name__)

    @property
    def hyper(self) -> HyperPrior | None:
        """The hyperprior of the scale, or None where the scale is a given number."""
        return self.scale if isinstance(self.scale, HyperPrior) else None

    def among(self, sizes: NDArray[np.intp]) -> tuple[Prior, Array]:
        """The prior once its groups have these sizes, and a factor on the sds of each."""
        return self, np.ones(len(sizes))

    def beside_noise(self, sd: float) -> Prior:
        """The prior where there is no σ, and what y says of η is worth noise of this sd."""
        del sd
        return self

    @property
    def remark(self) -> str:
        """What a reader must know of it that data settled; empty where they settle nothing."""
        return ""

    @property
    def coupled(self) -> bool:
        """Whether coefficients depend on one another even given the scale and without `groups`."""
        return False

    @property
    def why_no_map(self) -> str | None:
        """Why the posterior under this prior has no mode to be found; None where it has one."""
        return None

    def moments(self, of_scale: float) -> float:
        """Below which order E|b|^k is finite, the scale having moments below order `of_scale`."""
        return of_scale

    @property
    def implied(self) -> dict[str, Any]:
        """Arguments that follow from the others, by name, so that a repr leaves them out."""
        return {}

    def cure(self, k: int) -> str:
        """What gives b a moment of order k: another scale, or another family."""
        if self.moments(np.inf) > k:
            return f"Give it HalfStudentT({max(3, k + 1)}) or HalfNormal as scale"
        return "Use Normal, Laplace or RegularizedHorseshoe"

    @property
    def lighter(self) -> Prior | None:
        """The nearest family whose tail leaves a posterior where classes are separated, or None."""
        return None

    @abstractmethod
    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density of each coefficient at effective scale `scale`, shapes broadcast.

        Where the family is more than its scale (a slab), b and `scale` are in the prior's unit.
        """

    @abstractmethod
    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at effective scale `scale`."""

    @abstractmethod
    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """The PyMC variable `name`, inside an open model, at effective scale `scale`."""

    def __repr__(self) -> str:
        """A call that makes this prior: its shape, scale and unit, and whatever else was said."""
        shown = [f"{name}={_plain(value)}" for name, value in _said(self).items()]
        return f"{type(self).__name__}({', '.join(shown)})"


class Majorised(Prior):
    r"""A prior with a mode at `loc`: P(u) = σ²·(log p(loc) − log p(loc + u)) can be minimised.

    P is even, P(0) = 0, it does not fall as |u| grows, and λ₁|v| + ½λ₂v² + constant, with the λ's
    of `majoriser` at u, touches it at v = ±u and lies nowhere below. Everything is per coordinate
    (shapes broadcast) and in the unit of u; `scale` is the effective one.
    """

    @property
    def exact(self) -> bool:
        """Whether the majoriser is the same at every u, and so the penalty itself."""
        return False

    @property
    def scale_in_words(self) -> str:
        """The effective scale in symbols."""
        return "scale" if self.unit == "y" else "(σ·scale)"

    @abstractmethod
    def words(self, term: str) -> str:
        """The penalty of all coordinates in symbols, `term` being b_j or the like."""

    @abstractmethod
    def cost(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P(u) for noise sd `sigma`."""

    @abstractmethod
    def slope(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P′(|u|); at u = 0 its limit from the right, which is ∞ under a cusp."""

    @abstractmethod
    def bend(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P″(|u|); at u = 0 its limit from the right."""

    @abstractmethod
    def least_bend(self, radius: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """The least P″ on 0 < |u| ≤ radius; −∞ under a cusp. A kink counts as no curvature."""

    @abstractmethod
    def majoriser(
        self, u: ArrayLike, sigma: float, scale: ArrayLike
    ) -> tuple[Array | float, Array | float]:
        """λ₁ and λ₂ of a majoriser that touches P at u; ∞ where it keeps u = 0 at 0."""


class Penalised(Majorised):
    """A prior that is a penalty: σ²·(−log density) = λ₁|b − loc| + ½λ₂(b − loc)² + constant."""

    @abstractmethod
    def l1(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """λ₁ for noise sd `sigma`; `scale` in the declared unit, by default the prior's own."""

    @abstractmethod
    def l2(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """λ₂ for noise sd `sigma`; `scale` in the declared unit, by default the prior's own."""

    @property
    @abstractmethod
    def formulae(self) -> dict[str, str]:
        """The non-zero λ's as formulae in σ and scale, by name, in the declared unit."""

    @property
    def kinked(self) -> bool:
        """Whether there is a λ₁, which keeps coefficients at exactly zero, and is "λ" then."""
        return "λ₁" in self.formulae

    @property
    def mixed(self) -> bool:
        """Whether there are λ₁ and λ₂, so that one λ fixes the penalty only together with σ."""
        return len(self.formulae) > 1

    # Whether columns that share a local scale have the penalty λ₁‖b_g‖₂ in place of λ₁‖b_g‖₁.
    by_group = False

    @property
    def exact(self) -> bool:
        """Always."""
        return True

    def words(self, term: str) -> str:
        """λ₁ and λ₂ as formulae, on sums over the coordinates."""
        shapes = {"λ₁": f"Σ|{term}|", "λ₂": f"½Σ{term}²"}
        return " + ".join(f"({f})·{shapes[name]}" for name, f in self.formulae.items())

    def majoriser(
        self, u: ArrayLike, sigma: float, scale: ArrayLike
    ) -> tuple[Array | float, Array | float]:
        """λ₁ and λ₂, the same at every u."""
        declared = np.asarray(scale) / (sigma if self.unit == "sigma" else 1.0)
        return self.l1(sigma, declared), self.l2(sigma, declared)

    def cost(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """λ₁|u| + ½λ₂u²."""
        l1, l2 = self.majoriser(u, sigma, scale)
        return np.asarray(l1 * np.abs(u) + 0.5 * l2 * np.square(u))

    def slope(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """λ₁ + λ₂|u|."""
        l1, l2 = self.majoriser(u, sigma, scale)
        return np.asarray(l1 + l2 * np.abs(u))

    def bend(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """λ₂."""
        return np.asarray(self.majoriser(u, sigma, scale)[1] + 0.0 * np.abs(u))

    def least_bend(self, radius: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """λ₂."""
        return np.asarray(self.majoriser(radius, sigma, scale)[1])

    def prox(
        self, u: ArrayLike, step: float, sigma: float, scale: ArrayLike | None = None
    ) -> Array:
        """Minimiser of ½(b − u)² + step·(λ₁|b − loc| + ½λ₂(b − loc)²): shrunken soft threshold."""
        u = np.asarray(u, dtype=float) - self.loc
        shrunk = np.maximum(np.abs(u) - step * np.asarray(self.l1(sigma, scale)), 0.0)
        return np.asarray(
            self.loc + np.sign(u) * shrunk / (1.0 + step * np.asarray(self.l2(sigma, scale)))
        )


class ScaleMixture(Prior):
    """A prior that is a scale mixture of normals: b = loc + s·√t·z, z ~ N(0, 1), t ~ p(t).

    Columns of one group share t; a group has one column unless `groups` says otherwise. All that a
    family must give is :meth:`log_mixing`. One that has faster or closer forms gives these in its
    place: `mixing`, a law that the compiled sampler draws from directly, and with it `sample_sds`
    and `sd_node`.
    """

    capability = "scale mixtures of normals"

    def log_mixing(self, y: Array) -> Array:
        """Log density of y = log t, normalised, whatever the size of the group."""
        raise NotImplementedError(f"{type(self).__name__} has a compiled law alone")

    @property
    def mixing(self) -> Mixing:
        """The law of t as the compiled sampler knows it; unless overridden, by its table."""
        return Mixing("tabulated")

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """Draw the prior sds (S, G) of G groups of `sizes` columns, for block scales (S,)."""
        y = mixing.draw(self.log_mixing, rng, (len(scale), len(sizes)))
        return np.asarray(np.asarray(scale)[:, None] * np.exp(0.5 * y))

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """The prior sds (G,) of the groups, from PyMC variables declared in an open model."""
        import pytensor.tensor as pt

        return scale * pt.exp(0.5 * mixing.node(self.log_mixing, f"{name}_log_t", len(sizes)))

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at scale `scale`, each coefficient in a group of its own."""
        full = np.broadcast_to(np.asarray(scale, dtype=float), size)
        sd = self.sample_sds(rng, full.ravel(), np.ones(1, dtype=np.intp)).reshape(full.shape)
        return np.asarray(self.loc + sd * rng.standard_normal(full.shape))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """Non-centred: loc + sd·z with the sds of :meth:`sd_node`, one per entry of `scale`."""
        import pymc as pm
        import pytensor.tensor as pt

        vector = pt.atleast_1d(pt.as_tensor_variable(scale))
        sd = self.sd_node(name, vector, np.ones(vector.type.shape[0], dtype=np.intp))
        z = pm.Normal(f"{name}_z", shape=vector.type.shape, dims=dims)
        return pm.Deterministic(name, self.loc + sd * z, dims=dims)


def _plain(value: Any) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


# Arguments that say nothing at their default; what shapes the density is always said.
_QUIET = ("scale", "loc", "relative", "groups", "expected_nonzero", "parts", "pseudo_sigma")


def _said(prior: Prior) -> dict[str, Any]:
    """The arguments that make this prior, by name."""
    fields = [f for f in dataclasses.fields(prior) if f.repr]  # type: ignore[arg-type]
    quiet = {f.name: f.default for f in fields if f.name in _QUIET} | prior.implied
    values = {f.name: getattr(prior, f.name) for f in fields}
    return {
        name: str(value) if name == "unit" else value
        for name, value in values.items()
        if name not in quiet or not (value is quiet[name] or value == quiet[name])
    }


def in_brief(prior: Any) -> str:
    """A prior in a few words for a legend or a heading: ``Laplace(scale ~ HalfCauchy(1)·σ)``.

    Examples
    --------
    >>> from bayesreg.priors import Laplace, Normal, StudentT
    >>> in_brief(Laplace()), in_brief(Normal(25.0)), in_brief(StudentT(4, scale=[1, 2]))
    ('Laplace(scale ~ HalfCauchy(1)·σ)', 'Normal(scale 25)', 'StudentT(df 4, scale 1…2)')
    >>> in_brief({"age": Normal(2.0), ...: Laplace()})
    'age: Normal(scale 2), the rest: Laplace(scale ~ HalfCauchy(1)·σ)'
    """
    if isinstance(prior, Mapping):
        parts = [
            f"{'the rest' if key is ... else key}: {in_brief(one)}" for key, one in prior.items()
        ]
        return ", ".join(parts)
    said = _said(prior)
    shapes = {k: v for k, v in said.items() if isinstance(v, float) and k not in ("scale", "rest")}
    words = [f"{name} {value:g}" for name, value in shapes.items()]
    by_sigma = "·σ" if prior.unit == "sigma" else ""
    if "scale" not in said:
        pass
    elif isinstance(prior.scale, HyperPrior):
        words.append(f"scale ~ {_numbers(prior.scale)}{by_sigma}")
    else:
        scales = np.atleast_1d(prior.scale)
        span = "…".join(f"{one:g}" for one in dict.fromkeys((scales.min(), scales.max())))
        words.append(f"scale {span}{by_sigma}")
    return f"{type(prior).__name__}({', '.join(words)})"


def _numbers(law: HyperPrior) -> str:
    """A hyperprior with its numbers alone."""
    values = dataclasses.astuple(law)  # type: ignore[call-overload]
    return f"{type(law).__name__}({', '.join(f'{value:g}' for value in values)})"
