"""What a prior on coefficients is: a scale family, and its capabilities as types.

A prior says how each coefficient b of its block is distributed given one number, its *effective
scale* s: the declared `scale`, times σ when ``unit="sigma"``, times the column's `relative`.
Two capabilities go beyond the density:

* :class:`Penalised`: −log density is λ₁|b| + ½λ₂b² after multiplication by σ², so a MAP exists;
* :class:`ScaleMixture`: b = loc + s·√t·z with z ~ N(0, 1), so a blocked Gibbs sampler applies.

Solvers and engines ask for the type that they need; nobody asks for a class by name.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.errors import BadArgument
from bayesreg.priors.hyper import HyperPrior

if TYPE_CHECKING:
    pass

Array = NDArray[np.float64]
Scale = float | Sequence[float] | Array | HyperPrior
UNITS = ("y", "sigma")


class Prior(ABC):
    """A prior for each coefficient of a block: independent given the block's scale."""

    scale: Any
    unit: Any
    loc: Any
    relative: Any
    groups: Any = None  # which columns share a local scale; None: none do

    @property
    def family(self) -> str:
        """Name of the family in snake case: ``ElasticNet`` is ``elastic_net``."""
        name = type(self).__name__
        return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")

    @property
    def hyper(self) -> HyperPrior | None:
        """The hyperprior of the scale, or None where the scale is a given number."""
        return self.scale if isinstance(self.scale, HyperPrior) else None

    @abstractmethod
    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density of each coefficient at effective scale `scale`, shapes broadcast."""

    @abstractmethod
    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at effective scale `scale`."""

    @abstractmethod
    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """The PyMC variable `name`, inside an open model, at effective scale `scale`."""

    def __repr__(self) -> str:
        """Show every argument that differs from its default, and always the unit."""
        shown = [
            f"{f.name}={_plain(getattr(self, f.name))}"
            for f in dataclasses.fields(self)  # type: ignore[arg-type]
            if f.repr and (f.name == "scale" or not _is_default(f, getattr(self, f.name)))
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


class Penalised(Prior):
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

    def prox(
        self, u: ArrayLike, step: float, sigma: float, scale: ArrayLike | None = None
    ) -> Array:
        """Minimiser of ½(b − u)² + step·(λ₁|b − loc| + ½λ₂(b − loc)²): shrunken soft threshold."""
        u = np.asarray(u, dtype=float) - self.loc
        shrunk = np.maximum(np.abs(u) - step * np.asarray(self.l1(sigma, scale)), 0.0)
        return np.asarray(
            self.loc + np.sign(u) * shrunk / (1.0 + step * np.asarray(self.l2(sigma, scale)))
        )


@dataclasses.dataclass(frozen=True)
class Mixing:
    """The law of the local variances t of a scale mixture, as the compiled sampler knows it.

    Attributes
    ----------
    law : str
        "constant", "exponential" (mix, rest), "inverse_gamma" (df), "half_cauchy",
        "half_cauchy_product", "gamma" (shape), "stable" (q), "slab" (slab_scale, slab_df) or
        "dirichlet" (concentration).
    parameters : tuple of float
        What the law needs.
    """

    law: str
    parameters: tuple[float, ...] = ()


class ScaleMixture(Prior):
    """A prior that is a scale mixture of normals: b = loc + s·√t·z, z ~ N(0, 1), t ~ p(t).

    Columns of one group share t; a group has one column unless `groups` says otherwise.
    """

    @property
    @abstractmethod
    def mixing(self) -> Mixing:
        """The law of t."""

    @abstractmethod
    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """Draw the prior sds (S, G) of G groups of `sizes` columns, for block scales (S,)."""

    @abstractmethod
    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """The prior sds (G,) of the groups, from PyMC variables declared in an open model."""


def settle(prior: Prior) -> None:
    """Validate `scale`, `unit`, `loc` and `relative` of a frozen prior and settle the unit.

    Unsaid, a number is in ``"y"`` and a hyperprior in ``"sigma"``: no absolute size suits every y.
    """
    name = type(prior).__name__
    if not isinstance(prior.scale, HyperPrior):
        object.__setattr__(prior, "scale", positive(prior.scale, f"{name}: scale"))
    elif not prior.scale.proper:
        raise BadArgument(
            f"{name}: the hyperprior of a scale must be proper, and {prior.scale!r} is not; "
            "use HalfCauchy(1.0), HalfNormal(s) or a number"
        )
    if prior.unit is None:
        object.__setattr__(prior, "unit", "sigma" if isinstance(prior.scale, HyperPrior) else "y")
    elif prior.unit not in UNITS:
        raise BadArgument(
            f"{name}: unit must be 'y' (absolute) or 'sigma' (multiples of σ), not {prior.unit!r}"
        )
    if isinstance(prior.loc, bool) or not math.isfinite(_number(prior.loc, f"{name}: loc")):
        raise BadArgument(f"{name}: loc must be a finite number, not {prior.loc!r}")
    if prior.relative is not None:
        relative = positive(prior.relative, f"{name}: relative")
        if not isinstance(relative, tuple):
            raise BadArgument(f"{name}: relative must be a list, one positive factor per column")
        if isinstance(prior.scale, tuple):
            raise BadArgument(f"{name}: give a scale per column or `relative`, not both")
        object.__setattr__(prior, "relative", relative)


def positive(value: Any, what: str) -> float | tuple[float, ...]:
    """Return a positive finite number, or a tuple of them; anything else is a BadArgument."""
    if isinstance(value, str | bytes | bool) or value is None:
        raise BadArgument(f"{what} must be a positive number, not {value!r}")
    if np.ndim(value) == 0:
        number = _number(value, what)
        if not (math.isfinite(number) and number > 0):
            raise BadArgument(f"{what} must be positive and finite, not {value!r}")
        return number
    values = [_number(v, what) for v in np.asarray(value, dtype=object).ravel()]
    for j, v in enumerate(values):
        if not (math.isfinite(v) and v > 0):
            raise BadArgument(f"{what}[{j}] must be positive and finite, not {v!r}")
    if not values:
        raise BadArgument(f"{what} is empty; give a number or one per column")
    return tuple(values)


def declared(prior: Prior, scale: ArrayLike | None) -> Any:
    """The scale in the declared unit: the argument, or the prior's own number(s)."""
    if scale is not None:
        return np.asarray(scale, dtype=float) if np.ndim(scale) else float(scale)  # type: ignore[arg-type]
    if isinstance(prior.scale, HyperPrior):
        raise BadArgument(
            f"{prior!r} has no fixed scale: pass scale=, or use penalty.at(sigma=, scale=)"
        )
    own = np.asarray(prior.scale, dtype=float)
    own = own if prior.relative is None else own * np.asarray(prior.relative)
    return own if own.ndim else float(own)


def _number(value: Any, what: str) -> float:
    """Convert a real scalar; bool, complex and text are refused."""
    if isinstance(value, bool | np.bool_ | str | bytes | complex):
        raise BadArgument(f"{what} must be a number, not {value!r}")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise BadArgument(f"{what} must be a number, not {value!r}") from error


def _plain(value: Any) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    """Whether a field holds its default; `unit` never counts as default, so it is printed."""
    return field.name != "unit" and (value is field.default or value == field.default)
