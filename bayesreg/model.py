"""Model and Problem: where data, prior and likelihood meet.

A :class:`Model` is a prior and a likelihood. Conditioned on data it becomes a :class:`Problem`, the
one object that every solver and engine receives; nobody else reads X and y, centres, or guesses σ.
"""

from __future__ import annotations

import dataclasses
import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.assignment import assign
from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.data.projection import Projection
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning
from bayesreg.likelihoods import Gaussian
from bayesreg.penalty import Block, Penalty, fix_scales
from bayesreg.priors import PRIORS, Flat, HyperPrior, Normal, Prior
from bayesreg.priors.base import positive
from bayesreg.propriety import concerns, refuse_improper

if TYPE_CHECKING:
    import pymc

PriorLike = Prior | Mapping[Any, Prior]


@dataclass(frozen=True)
class Model:
    r"""A prior on the coefficients and a likelihood: everything but the data.

    Parameters
    ----------
    prior : Prior or mapping, default Normal()
        One prior for every coefficient, or a mapping from column or formula-term names to priors,
        with ``...`` for the rest.
    likelihood : Gaussian, default Gaussian()
        How y varies about its linear predictor.

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
    likelihood: Gaussian = field(default_factory=Gaussian)

    def __post_init__(self) -> None:
        if isinstance(self.prior, Mapping):
            for key, value in self.prior.items():
                _need_prior(value, f"the prior of {key!r}")
            object.__setattr__(self, "prior", dict(self.prior))
        else:
            _need_prior(self.prior, "prior")
        if not isinstance(self.likelihood, Gaussian):
            raise BadArgument(
                f"likelihood must be a likelihood such as br.Gaussian(), not {self.likelihood!r}"
            )

    def condition(
        self,
        X: Any,
        y: Any = None,
        *,
        standardize: bool = False,
        intercept: bool = True,
        weights: Any = None,
    ) -> Problem:
        r"""Condition the model on data; a posterior that does not exist is refused here.

        Parameters
        ----------
        X : array (n, p), data frame, Design, or Moments
            The columns. From Moments there are no rows: no LOO, and no residuals.
        y : array (n,), optional
            The response, in its own unit; not given where X already holds it.
        standardize : bool, default False
            Whether prior and penalty refer to b_j = sd(x_j)·β_j (weighted 1/N sd) rather than β_j.
        intercept : bool, default True
            Whether there is an unpenalised intercept with a flat prior.
        weights : array (n,), optional
            Frequencies: row i counts w_i times, and N = Σw.

        Returns
        -------
        Problem

        Raises
        ------
        BadData
            If the data cannot be used, or the posterior does not exist.
        BadArgument
            If an argument means nothing here.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> br.Model().condition(data.X, data.y, standardize=True).nu
        441.0
        """
        _flag(standardize, "standardize")
        _flag(intercept, "intercept")
        if isinstance(X, Design | Moments):
            if y is not None or weights is not None:
                raise BadArgument(
                    f"{type(X).__name__} already holds y and weights; do not pass them again"
                )
            source = X
        elif y is None:
            raise BadArgument("y is missing: pass condition(X, y), or a Design or Moments as X")
        else:
            source = Design.of(X, y, weights)
        return _condition(self, source, standardize=standardize, intercept=intercept)

    def condition_formula(
        self,
        formula: str,
        frame: Any,
        *,
        standardize: bool = False,
        weights: Any = None,
    ) -> Problem:
        """Condition the model on ``"y ~ x + C(g)"`` evaluated in a data frame.

        Parameters
        ----------
        formula : str
            A formula in formulaic's grammar; ``- 1`` removes the intercept.
        frame : data frame
            Holds every variable of the formula.
        standardize, weights
            As in :meth:`condition`.

        Raises
        ------
        BadData
            If the formula names an unknown column, or a value is missing.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> frame = data.X.assign(y=data.y)
        >>> br.Model(br.Normal(1.0)).condition_formula("y ~ bmi + C(sex)", frame).features
        ('bmi', 'C(sex)[1.0]', 'C(sex)[2.0]')
        """
        from bayesreg.data.formula import design_from_formula

        design = design_from_formula(formula, frame, weights, flat_terms=_flat_keys(self.prior))
        intercept = design.intercept is not False
        return self.condition(design, standardize=standardize, intercept=intercept)


@dataclass(frozen=True, eq=False)
class Problem:
    r"""A model conditioned on data, in the coordinates where its prior lives.

    With b_j = x_sd_j·β_j − loc_j the objective is ½‖ỹ − X̃b‖² + Σλ₁ⱼ|b_j| + ½Σλ₂ⱼb_j², where tildes
    mean that the intercept and the Flat columns have been projected out.

    Attributes
    ----------
    model : Model
        What was conditioned.
    design : Design or None
        The rows; None when conditioned on Moments.
    moments : Moments
        N, means and centred cross-products of all columns.
    standardize, intercept : bool
        As given to :meth:`Model.condition`.
    projection : Projection
        The data as solvers and engines see them.
    blocks : tuple of Block
        Columns grouped by prior, with each block's scale or hyperprior.
    sigma : float or None
        Noise sd, where known.
    sigma_prior : HyperPrior or None
        The prior of an unknown σ.
    warnings : tuple of str
        What the reader of any result must know.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(prior=br.Laplace(scale=25.0), likelihood=br.Gaussian(sigma=54.0))
    >>> problem = model.condition(data.X, data.y, standardize=True)
    >>> problem.penalty
    lasso: ½‖y − β₀ − Zb‖² + λ‖b‖₁ with λ = σ²/scale = 116.64, b = sd(x)·β
    """

    model: Model
    design: Design | None
    moments: Moments
    standardize: bool
    intercept: bool
    projection: Projection
    blocks: tuple[Block, ...]
    sigma: float | None
    sigma_prior: HyperPrior | None
    warnings: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all P columns of X."""
        return self.moments.names

    @property
    def p(self) -> int:
        """Number of columns with a proper prior."""
        return self.projection.p

    @property
    def proper(self) -> NDArray[np.intp]:
        """Positions of the proper columns among `features`."""
        return self.projection.proper

    @property
    def flat(self) -> NDArray[np.intp]:
        """Positions of the Flat columns among `features`."""
        return self.projection.flat

    @property
    def n(self) -> float:
        """N, the sum of weights."""
        return self.projection.n

    @property
    def nu(self) -> float:
        """ν = N − 1[intercept] − #Flat."""
        return self.projection.nu

    @property
    def gram(self) -> Array:
        """X̃'X̃ (p, p)."""
        return self.projection.gram

    @property
    def xy(self) -> Array:
        """X̃'ỹ (p,)."""
        return self.projection.xy

    @property
    def yy(self) -> float:
        """ỹ'ỹ."""
        return self.projection.yy

    @property
    def root(self) -> Array | None:
        """A (m, p + 1) with A'A = [X̃ ỹ]'[X̃ ỹ], where it is kept instead of products alone."""
        return self.projection.root

    @property
    def wide(self) -> bool:
        """Whether p exceeds the rows of the root: work in row space, never form the Gram matrix."""
        return self.projection.wide

    @property
    def rss0(self) -> float:
        """Least-squares residual sum of squares of ỹ on the proper columns."""
        return self.projection.rss0

    @property
    def x_mean(self) -> Array:
        """Weighted column means (P,); zeros without an intercept."""
        return self.projection.x_mean

    @property
    def x_sd(self) -> Array:
        """Divisors of the columns (P,): their sds when standardised, ones otherwise."""
        return self.projection.x_sd

    @property
    def column_sd(self) -> Array:
        """Weighted 1/N sds of the columns (P,), whether standardised or not."""
        return self.moments.x_sd

    @cached_property
    def penalty(self) -> Penalty:
        """What the prior is as a penalty."""
        return Penalty(
            blocks=self.blocks,
            sigma=self.sigma,
            n=self.n,
            standardize=self.standardize,
            intercept=self.intercept,
            flat=tuple(self.features[j] for j in self.flat),
        )

    @property
    def l1(self) -> Array | None:
        """λ₁ per proper column; None while it depends on an unknown."""
        return self.penalty.vector("l1")

    @property
    def l2(self) -> Array | None:
        """λ₂ per proper column; None while it depends on an unknown."""
        return self.penalty.vector("l2")

    @property
    def unknown_scales(self) -> tuple[str, ...]:
        """Labels of the blocks whose scale is unknown, in order."""
        return tuple(block.label for block in self.blocks if block.scale is None)

    @property
    def unknown_sigma(self) -> bool:
        """Whether σ is unknown."""
        return self.sigma is None

    def at(self, *, sigma: float | None = None, scale: Any = None) -> Problem:
        """The same data with unknown σ or scale(s) fixed.

        Parameters
        ----------
        sigma : float, optional
            Noise sd in the unit of y.
        scale : float or sequence of float, optional
            The unknown scale in its declared unit, or one per unknown scale.

        Raises
        ------
        BadArgument
            If a value is not positive, or as many scales are not unknown.
        """
        changes: dict[str, Any] = {}
        if sigma is not None:
            changes["sigma"] = positive(sigma, "sigma")
            changes["sigma_prior"] = None
        if scale is not None:
            changes["blocks"] = fix_scales(self.blocks, scale)
        return dataclasses.replace(self, **changes)

    def on(self, moments: Moments) -> Problem:
        """The same question put to other rows of the same columns, as in cross-validation.

        Standardisation and projection are done anew; hyperparameters stay as they are here.
        """
        projection = _project(
            moments, self.flat, self.blocks, standardize=self.standardize, intercept=self.intercept
        )
        return dataclasses.replace(
            self, design=None, moments=moments, projection=projection, warnings=()
        )

    def effective_scale(self, block: Block, sigma: Any, scale: Any = None) -> Any:
        """Scale of each b_j of a block: declared × `relative`, × σ in unit "sigma"."""
        s: Any = block.scale if scale is None else scale
        return s * block.relative * (sigma if block.prior.unit == "sigma" else 1.0)

    def restore(self, b: Array) -> tuple[Array, Array]:
        """β (…, P) per original unit and β₀ (…) at x = 0, for b (…, p)."""
        return self.projection.restore(b)

    def restore_draws(
        self, b: Array, sigma: Array, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """β and β₀ for draws of b and σ, with intercept and Flat columns drawn exactly."""
        return self.projection.restore_draws(b, sigma, rng)

    def to_pymc(self) -> pymc.Model:
        """An ordinary, unsampled ``pm.Model`` on rows, with the names and coords of ``post.tree``.

        Returns
        -------
        pymc.Model
            With ``X`` as ``pm.Data``, observed ``y``, and beta, intercept, sigma and scale.

        Raises
        ------
        NotSupported
            If the problem was conditioned on Moments, which have no rows.
        """
        from bayesreg.composition import compose

        return compose(self)

    def __repr__(self) -> str:
        """Data, prior, likelihood and penalty in four lines."""
        prior = self.model.prior
        flat = f", {len(self.flat)} flat" if len(self.flat) else ""
        return (
            f"Problem: N = {self.n:g}, {len(self.features)} columns"
            f"{' (standardised)' if self.standardize else ''}{flat}, ν = {self.nu:g}\n"
            f"  prior       {prior!r}\n"
            f"  likelihood  {self.model.likelihood!r}\n"
            f"  penalty     {self.penalty!r}"
        )


def _condition(
    model: Model, source: Design | Moments, *, standardize: bool, intercept: bool
) -> Problem:
    """Assemble the problem, refuse what has no posterior, and warn."""
    problem = _assemble(model, source, standardize=standardize, intercept=intercept)
    refuse_improper(problem)
    said = tuple(concerns(problem))
    for text in said:
        python_warnings.warn(text, BayesregWarning, stacklevel=4)
    return dataclasses.replace(problem, warnings=said)


def _assemble(
    model: Model, source: Design | Moments, *, standardize: bool, intercept: bool
) -> Problem:
    """Assign priors to columns and project the intercept and the Flat columns out."""
    design = source if isinstance(source, Design) else None
    moments = source.moments if isinstance(source, Design) else source
    terms = design.terms if design is not None else ()
    if moments.p == 0 and not intercept:
        raise BadData("there is no column and no intercept, so there is nothing to estimate")
    flat, blocks = assign(model.prior, moments.names, terms, moments.n)
    return Problem(
        model=model,
        design=design,
        moments=moments,
        standardize=standardize,
        intercept=intercept,
        projection=_project(moments, flat, blocks, standardize=standardize, intercept=intercept),
        blocks=blocks,
        sigma=model.likelihood.known,
        sigma_prior=model.likelihood.sigma_prior,
    )


def _project(
    moments: Moments,
    flat: NDArray[np.intp],
    blocks: tuple[Block, ...],
    *,
    standardize: bool,
    intercept: bool,
) -> Projection:
    """The data with columns divided by their sds, and what is flat projected out."""
    sd = np.where(moments.constant, 0.0, moments.x_sd)
    x_sd = np.where(sd > 0, sd, 1.0) if standardize else np.ones(moments.p)
    loc = np.zeros(moments.p - len(flat))
    for block in blocks:
        loc[block.columns] = block.prior.loc
    return Projection.of(moments, flat, x_sd, loc, intercept=intercept)


def _flat_keys(prior: PriorLike) -> frozenset[str]:
    """Names of the terms whose prior is Flat; ``"..."`` stands for all that are not named."""
    if isinstance(prior, Flat):
        return frozenset({"..."})
    if isinstance(prior, Mapping):
        flat = {("..." if k is ... else str(k)) for k, v in prior.items() if isinstance(v, Flat)}
        named = {f"!{k}" for k in prior if k is not ...}
        return frozenset(flat | named) if "..." in flat else frozenset(flat)
    return frozenset()


def _need_prior(value: Any, what: str) -> None:
    """Refuse what is not a prior, with the nearest name."""
    if isinstance(value, Prior):
        return
    known = {name.lower(): name for name in PRIORS}
    text = value.__name__ if isinstance(value, type) else str(value)
    squashed = text.strip("()").replace("_", "").lower()
    near = get_close_matches(squashed, known, n=1, cutoff=0.4)
    right = known[near[0]] if near else "Laplace"
    raise BadArgument(f"{what} must be a prior such as br.{right}(), not {value!r}")


def _flag(value: Any, name: str) -> None:
    if not isinstance(value, bool | np.bool_):
        raise BadArgument(f"{name} must be True or False, not {value!r}")
