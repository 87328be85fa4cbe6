"""Problem: a model conditioned on data, the one object that solvers and engines receive."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.design import Design
from bayesreg.data.layout import Layout
from bayesreg.data.moments import Moments
from bayesreg.data.streamed import Streamed
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import shortened
from bayesreg.likelihoods import ConstantCurvature, Likelihood
from bayesreg.model.blocks import REST, Block, fix_scales, remarks, with_prior, with_scale
from bayesreg.model.coordinates import Coordinates
from bayesreg.model.effects import Columns, Effects
from bayesreg.model.in_passes import InPasses
from bayesreg.model.level import about_level
from bayesreg.model.loss import Loss, Point
from bayesreg.model.penalty import Penalty
from bayesreg.model.quadratic import Quadratic, project
from bayesreg.model.touching import pull_at_zero, touched, touched_at, touched_at_zero
from bayesreg.priors import Flat, HyperPrior, Prior
from bayesreg.priors.written import prior_of

if TYPE_CHECKING:
    import pymc

_ASKED = (
    "at classes_ column_sd design effects features given intercept likelihood moments n nu p "
    "penalty prior restore sigma standardize to_pymc unknown_scales unknown_sigma warnings"
)
PriorLike = Prior | Mapping[Any, Prior]


@explained_throughout
@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    r"""A model conditioned on data, in the coordinates where its prior lives.

    With b_j = x_sd_j·β_j − loc_j the objective is ½‖ỹ − X̃b‖² + Σλ₁ⱼ|b_j| + ½Σλ₂ⱼb_j², the intercept
    and the Flat columns projected out of what has a tilde; or another loss in the first place.

    Attributes
    ----------
    prior, likelihood : Prior or mapping, Likelihood
        What was said of the coefficients before the data; how y varies about its linear predictor.
    design, stream, moments : Design or None, Streamed or None, Moments
        The rows, where they are at hand and where they are read in passes; N, means and centred
        products of all columns.
    standardize, intercept : bool
    least_squares : Quadratic
        y on the columns by least squares; read as `quadratic`, which asks what the likelihood is.
    blocks : tuple of Block
        Columns grouped by prior, with each block's scale or hyperprior.
    own : mapping
        σ and the likelihood's other unknowns by name: numbers where known, else priors.
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

    prior: PriorLike
    likelihood: Likelihood
    design: Design | None
    moments: Moments
    standardize: bool
    intercept: bool
    least_squares: Quadratic
    blocks: tuple[Block, ...]
    own: dict[str, float | HyperPrior]
    warnings: tuple[str, ...] = ()
    stream: Streamed | None = None

    @property
    def layout(self) -> Layout | None:
        """What the columns are, wherever the rows may be; None when conditioned on Moments."""
        return self.stream if self.design is None else self.design

    @property
    def held(self) -> Design | Streamed | Moments:
        """What the model was conditioned on."""
        return self.design or self.stream or self.moments

    @property
    def rowless(self) -> str:
        """Why there is no design, in words."""
        return self.stream.apart if self.stream else "this problem was conditioned on Moments"

    @property
    def known(self) -> dict[str, float]:
        """What of the likelihood's own unknowns is a number."""
        return {k: value for k, value in self.own.items() if isinstance(value, float)}

    @property
    def unknown(self) -> dict[str, HyperPrior]:
        """The priors of those that are not known."""
        return {k: value for k, value in self.own.items() if isinstance(value, HyperPrior)}

    @property
    def sigma(self) -> float | None:
        """σ where known; 1 under a likelihood that has none."""
        return self.known.get("sigma", None if "sigma" in self.own else 1.0)

    @property
    def sigma_prior(self) -> HyperPrior | None:
        """The prior of an unknown σ."""
        return self.unknown.get("sigma")

    @property
    def exact(self) -> bool:
        """Whether the loss is one quadratic, so that moments say all that the likelihood does."""
        return isinstance(self.likelihood, ConstantCurvature)

    @property
    def classes_(self) -> tuple[Any, ...] | None:
        """The labels behind y = 0 and y = 1; None where y has no labels."""
        return self.likelihood.classes_

    @cached_property
    def loss(self) -> Loss:
        """φ·(−log L) along b, on rows; for a likelihood that is not one quadratic."""
        design = self._rows("this likelihood")
        z = (design.X - self.x_mean) / self.x_sd
        return Loss(
            likelihood=self.likelihood,
            theta=self.known | design.known.facts(-1),
            **about_level(design, self.likelihood, intercept=self.intercept)._asdict(),
            weights=design.frequencies,
            proper=z[:, self.proper],
            free=np.hstack([np.ones((design.n, int(self.intercept))), z[:, self.flat]]),
            loc=self.coordinates.loc,
        )

    def touching(self, at: Point) -> Problem:
        """The Gaussian problem, σ = √φ, whose ½‖ỹ − X̃b‖² touches the loss at a point.

        Weighted least squares in the working response: same slope, and the same curvature where
        that is positive. Priors, coordinates and divisors stay; its y is about the loss's level.
        """
        design, (omega, z) = self._rows("this likelihood"), self.loss.working(at)
        z = z if self.loss.offset is None else z - self.loss.offset
        return touched(self, Moments.of(design.X, z, omega, self.features, warn=False))

    @cached_property
    def in_passes(self) -> InPasses:
        """The loss where the rows are read in passes, and where passes have been."""
        return InPasses.of(self.stream, self.likelihood, self.known, self.coordinates)

    @cached_property
    def at_zero(self) -> Problem:
        """The Gaussian problem that touches the loss at b = 0; itself where the loss is one."""
        return self if self.exact else touched_at_zero(self)

    @cached_property
    def pull(self) -> Array:
        """−∂L/∂b (p,) at b = 0, the rest at its best: X̃'ỹ, or Z'u. λ_max is its largest entry."""
        return self.xy if self.exact else pull_at_zero(self)

    def _rows(self, what: str) -> Design:
        if self.design is None:
            raise NotSupported(f"{what} needs rows, and {self.rowless}; condition on X and y")
        return self.design

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all P columns of X."""
        return self.moments.names

    @property
    def quadratic(self) -> Quadratic:
        """The one quadratic that the loss is, as solvers and engines see it.

        Raises
        ------
        NotSupported
            If the likelihood is not one quadratic.
        """
        if not self.exact:
            raise NotSupported(
                f"the loss of {type(self.likelihood).__name__}() is not one quadratic, and this is "
                "for Gaussian(); problem.touching(problem.loss.at(b)) is the quadratic at b"
            )
        return self.least_squares

    def quadratic_at(self, b: Array) -> Quadratic:
        """The quadratic that touches the loss at b; the same everywhere where it is one."""
        return self.least_squares if self.exact else touched_at(self, b).least_squares

    @property
    def coordinates(self) -> Coordinates:
        """What b is, and the way back to original units."""
        return self.least_squares.coordinates

    @property
    def p(self) -> int:
        """Number of columns with a proper prior."""
        return self.coordinates.p

    @property
    def proper(self) -> NDArray[np.intp]:
        """Positions of the proper columns among `features`."""
        return self.coordinates.proper

    @property
    def flat(self) -> NDArray[np.intp]:
        """Positions of the Flat columns among `features`."""
        return self.coordinates.flat

    @property
    def n(self) -> float:
        """N, the sum of weights."""
        return self.coordinates.n

    @property
    def nu(self) -> float:
        """ν = N − 1[intercept] − #Flat."""
        return self.least_squares.nu

    @property
    def gram(self) -> Array:
        """X̃'X̃ (p, p)."""
        return self.quadratic.gram

    @property
    def xy(self) -> Array:
        """X̃'ỹ (p,)."""
        return self.quadratic.xy

    @property
    def yy(self) -> float:
        """ỹ'ỹ."""
        return self.quadratic.yy

    @property
    def root(self) -> Array | None:
        """A (m, p + 1) with A'A = [X̃ ỹ]'[X̃ ỹ], where it is kept instead of products alone."""
        return self.quadratic.root

    @property
    def x_mean(self) -> Array:
        """Weighted column means (P,); zeros without an intercept."""
        return self.coordinates.x_mean

    @property
    def x_sd(self) -> Array:
        """Divisors of the columns (P,): their sds when standardised, ones otherwise."""
        return self.coordinates.x_sd

    @property
    def column_sd(self) -> Array:
        """Weighted 1/N sds of the columns (P,), whether standardised or not."""
        return self.moments.x_sd

    @cached_property
    def effects(self) -> Effects:
        """What its coefficients say: slopes of numbers, contrasts of the levels of factors."""
        return Effects.read(Columns(self.features, self.moments, self.intercept, self.layout))

    @cached_property
    def penalty(self) -> Penalty:
        """What the prior is as a penalty."""
        return Penalty(
            blocks=self.blocks,
            theta=self.known,
            n=self.n,
            standardize=self.standardize,
            intercept=self.intercept,
            flat=tuple(self.features[j] for j in self.flat),
            likelihood=self.likelihood,
            shifted=self.layout is not None and self.layout.shifted,
            rows=self.moments.rows,
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
    def relative(self) -> Array:
        """Known factor of every proper column on the scale of its block (p,)."""
        out = np.ones(self.p)
        for block in self.blocks:
            out[block.columns] = block.relative
        return out

    @property
    def unknown_scales(self) -> tuple[str, ...]:
        """Labels of the blocks whose scale is unknown, in order."""
        return tuple(block.label for block in self.blocks if block.scale is None)

    @property
    def unknown_sigma(self) -> bool:
        """Whether σ is unknown."""
        return self.sigma is None

    def at(self, *, scale: Any = None, **own: float | None) -> Problem:
        """The same data with unknown scale(s), σ or the like fixed: as `given`, of unknowns alone.

        Raises
        ------
        BadArgument
            If a value is not positive, or as many scales are not unknown.
        """
        blocks = self.blocks if scale is None else fix_scales(self.blocks, scale)
        return dataclasses.replace(self, blocks=blocks, own=self.likelihood.fixing(self.own, own))

    def given(
        self, *, scale: Any = None, prior: Prior | str | None = None, **own: float | None
    ) -> Problem:
        """The same data under another scale, prior or σ, whether or not these are known here.

        Parameters
        ----------
        scale : float, sequence of float, or HyperPrior, optional
            In its declared unit: one per unknown scale, or per block; all unknown by a hyperprior.
        prior : Prior or str, optional
            One prior for all columns that are not Flat. Their relative factors and their groups
            stay; `scale` then speaks of this prior.
        **own : float
            The likelihood's own unknowns by name: ``sigma``, in the unit of y, ``shape``, ``df``.

        Returns
        -------
        Problem

        Raises
        ------
        BadArgument
            If a value is not positive, the number of scales is another, a prior names factors or
            groups of its own, or the likelihood has no unknown of a name.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> lasso = br.Model(br.Laplace(25.0)).condition(data.X, data.y, standardize=True)
        >>> lasso.given(prior=br.Normal(0.5), sigma=54.0).penalty.kind
        'ridge'
        >>> lasso.given(scale=[30.0]).blocks[0].scale
        30.0
        """
        changes: dict[str, Any] = {"own": self.likelihood.fixing(self.own, own)}
        if prior is not None:
            changes |= self._under(prior_of(prior))
        if scale is not None:
            changes["blocks"] = with_scale(changes.get("blocks", self.blocks), scale)
        return dataclasses.replace(self, **changes)

    def _under(self, prior: Prior) -> dict[str, Any]:
        """What another prior changes: the blocks, and where coefficients are measured from."""
        flat: dict[Any, Prior] = {self.features[j]: Flat() for j in self.flat}
        label = REST if flat else prior.family  # as of a model conditioned with `said`
        how = self.likelihood, self.held, self.proper, label
        prior, blocks = with_prior(self.blocks, prior, *how)
        said: PriorLike = flat | {...: prior} if flat else prior
        changes: dict[str, Any] = {"blocks": blocks, "prior": said}
        if not np.all(self.coordinates.loc == prior.loc):
            changes["least_squares"] = self._projected(self.moments, blocks)
        return changes

    def _projected(self, moments: Moments, blocks: tuple[Block, ...]) -> Quadratic:
        """Data of these columns in the coordinates where the priors of `blocks` live."""
        how = {"standardize": self.standardize, "intercept": self.intercept}
        return project(moments, self.flat, blocks, **how)

    def on(self, moments: Moments) -> Problem:
        """The same question put to other rows, standardised anew; hyperparameters as they are."""
        square = self._projected(moments, self.blocks)
        return dataclasses.replace(
            self, design=None, stream=None, moments=moments, least_squares=square, warnings=()
        )

    def on_rows(self, rows: NDArray[np.intp]) -> Problem:
        """The same question put to some of its rows, standardised anew."""
        design = self._rows("a part of the rows").take(rows)
        return dataclasses.replace(self.on(design.moments), design=design)

    def effective_scale(self, block: Block, sigma: Any, scale: Any = None) -> Any:
        """Scale of each b_j of a block: declared × `relative`, × σ in unit "sigma"."""
        s: Any = block.scale if scale is None else scale
        return s * block.relative * (sigma if block.prior.unit == "sigma" else 1.0)

    def restore(self, b: Array, near: Array | None = None) -> tuple[Array, Array]:
        """β (…, P) per original unit, β₀ (…) at x = 0, of b (…, p), γ at its best from `near`."""
        if self.exact:
            return self.coordinates.restore(b)
        if self.stream is not None:
            return self.restore_free(b, self.in_passes.free_beside(b))
        return self.restore_free(b, self.loss.best_free(np.asarray(b, dtype=float), near))

    def restore_free(self, b: Array, free: Array) -> tuple[Array, Array]:
        """β (…, P) and β₀ (…) for b (…, p) and γ (…, k): β₀ at the means, and Flat columns."""
        beta, intercept = self.coordinates.restore_free(b, free)
        about = self.intercept and self.stream is None
        return beta, intercept + self.loss.level if about else intercept

    def to_pymc(self) -> pymc.Model:
        """An ordinary, unsampled ``pm.Model`` on rows, with the names and coords of ``post.tree``.

        beta, intercept and what is unknown of sigma and scale are free; ``mu`` is η by row. After
        ``pm.set_data({"X": new}, coords={"obs_id": ids})`` a posterior's own draws predict:
        ``pm.sample_posterior_predictive(post.tree, predictions=True)``; ``freeze_vars=["beta",
        "intercept"]`` silences PyMC's remark on local scales, which no tree of ours has.

        Raises
        ------
        NotSupported
            If the problem was conditioned on Moments, which have no rows.
        """
        from bayesreg.model.pymc_model import compose

        return compose(self)

    def __dir__(self) -> list[str]:
        """What users ask of a problem; what solvers and engines read of it is not listed."""
        return _ASKED.split()

    def __repr__(self) -> str:
        """Data, prior, likelihood and penalty in four lines."""
        flat = f", {len(self.flat)} flat" if len(self.flat) else ""
        return (
            f"Problem: N = {self.n:g}, {len(self.features)} columns"
            f"{' (standardised)' if self.standardize else ''}{flat}, ν = {self.nu:g}\n"
            f"  prior       {shortened(repr(self.prior), 200)}{remarks(self.blocks, '; ')}\n"
            f"  likelihood  {self.likelihood!r}\n"
            f"  penalty     {self.penalty!r}"
        )
