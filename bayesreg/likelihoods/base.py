r"""What a likelihood is: how y varies about its linear predictor η, and its capabilities as types.

Row i has the density p(y_i | η_i, θ) with η = β₀ + x'β, θ the likelihood's own unknowns (σ under
Gaussian noise), and counts w_i times. Solvers and engines see a likelihood only by what it says
here, row by row:

* every :class:`Likelihood` is *touched* by a quadratic in η wherever asked, for solvers;
* :class:`ConstantCurvature`: that quadratic is the loss itself, the same everywhere, so that
  moments are enough;
* :class:`AbsoluteDeviation`: the loss is |y − η|, with a kink where a quadratic would touch it;
* :class:`NormalMixture`: given latent ω it is a quadratic exactly, so that a Gibbs sampler applies.

A prior has the same three kinds (:mod:`bayesreg.priors.base`): it is the same idea seen from β.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from bayesreg.language.arguments import Array, did_you_mean, one_positive, positive
from bayesreg.language.errors import BadArgument, BadCell, NotSupported
from bayesreg.priors.flat import Flat
from bayesreg.priors.hyper import HyperPrior, Power

Theta = Mapping[str, Any]
Summed = Callable[[Array, Theta], Array]


class Ratio(NamedTuple):
    """What e^β is called, and what it multiplies."""

    name: str
    of: str

    @property
    def key(self) -> str:
        """Its name as a column."""
        return self.name.replace(" ", "_")


RATIOS = {
    "logit": Ratio("odds ratio", "the odds"),
    "log": Ratio("rate ratio", "the expected count"),
}


class Likelihood(ABC):
    """How y varies about η, row by row; shapes of y, η and θ broadcast."""

    capability: ClassVar[str] = "any"
    convex: ClassVar[bool] = True  # −log p in η: whether a gap can be certified
    self_concordant: ClassVar[bool] = False  # |f‴| ≤ f″: a damped step of Newton's needs no search
    smooth: ClassVar[bool] = True  # whether log p has two derivatives in η everywhere
    link: ClassVar[str] = "identity"  # from the mean of y to η
    takes_labels: ClassVar[bool] = False  # whether y may be labels: text, truth values, any two
    takes_exposure: ClassVar[bool] = False  # whether the log of a row's exposure may be in η
    takes_trials: ClassVar[bool] = False  # whether y counts successes among a row's trials
    counts: ClassVar[bool] = False  # whether y is a whole number
    in_units: ClassVar[str] = "the unit of y"  # what η is measured in
    apart: ClassVar[str] = ""  # what columns along which −log p stays bounded tell apart
    noun: ClassVar[str] = "the likelihood"  # in a sentence
    seen: ClassVar[str] = "its law of y is the nearer one"  # what its predicting better means
    wider: ClassVar[str] = ""  # what to use where rows vary more than it says; empty: nothing
    phi: ClassVar[str] = "1"  # the dispersion in symbols
    meanings: ClassVar[Mapping[str, str]] = {}  # of its own unknowns, where a name does not say it

    @property
    @abstractmethod
    def unknowns(self) -> dict[str, float | HyperPrior]:
        """θ by name: a number where it is known, else its prior; empty where there is none."""

    def fixing(
        self, own: Mapping[str, float | HyperPrior], values: Mapping[str, float | None]
    ) -> dict[str, float | HyperPrior]:
        """`own` with some of it at numbers; σ = 1 is what a likelihood has that has none.

        Raises
        ------
        BadArgument
            If there is no unknown of such a name, or a value is not positive.
        """
        values = dict(values)
        if "sigma" not in own and values.get("sigma", 1.0) in (None, 1.0):
            values.pop("sigma", None)
        for name in values:
            if name not in own:
                hint = did_you_mean(name, ("scale", "prior", *own))
                raise BadArgument(f"{self!r} has no unknown {name}{hint}")
        return {**own, **{k: one_positive(v, k) for k, v in values.items() if v is not None}}

    @property
    def has_sigma(self) -> bool:
        """Whether there is a σ in whose units a prior's scale can be."""
        return "sigma" in self.unknowns

    @property
    def moved(self) -> str:
        """What a coefficient is a change in: y itself, or its log-odds or the like."""
        return "y" if self.link == "identity" else self.in_units

    @property
    def discrete(self) -> bool:
        """Whether y has probabilities rather than a density."""
        return self.counts or self.takes_labels

    @property
    def ratio(self) -> Ratio | None:
        """What e^β is; None where a coefficient is a change in y itself."""
        return RATIOS.get(self.link)

    @property
    def classes_(self) -> tuple[Any, ...] | None:
        """The labels behind y = 0 and y = 1, once data were seen; None where y has no labels."""
        return None

    @abstractmethod
    def words(self, eta: str) -> str:
        """The loss φ·(−log L) in symbols: in η, or in `eta` itself, ``β₀ + Xβ`` or the like."""

    def read(self, y: Any, *, coded: bool = False, counts: Any = None) -> tuple[Any, Likelihood]:
        """The response as numbers, and this likelihood with what was learnt of them.

        With `coded`, y may be the numbers of an earlier reading, as in a Design; what stands in
        rows that do not count (n,) does not matter.

        Raises
        ------
        BadData
            If y is no response of this kind; the message says which would be.
        """
        del coded, counts
        return y, self

    def refuse_known(self, **given: Any) -> None:
        """Raise NotSupported for an `exposure` or `trials` that means nothing here."""
        wanted = {"exposure": self.takes_exposure, "trials": self.takes_trials}
        cures = {
            "exposure": "it belongs to counts, as in br.Poisson(); offset= adds a known part of η",
            "trials": "it belongs to br.Binomial(), as cbind(successes, failures) does; write one "
            "row per trial, or let weights= count equal rows",
        }
        for name, value in given.items():
            if value is not None and not wanted.get(name, True):
                raise NotSupported(f"{type(self).__name__}() takes no {name}=; {cures[name]}")

    def check(self, y: Array, facts: Theta, rows: Any = None) -> None:
        """Raise BadData for the first y that this likelihood cannot have.

        Parameters
        ----------
        y : ndarray (n,)
        facts : mapping
            What is known by row, such as the trials.
        rows : ndarray (n,), optional
            What the rows are called; their numbers unless given.
        """
        del y, facts, rows

    def dispersion(self, theta: Theta) -> Any:
        """φ, with J = φ·(−log L) + penalty: 1 unless the likelihood has a scale of its own."""
        del theta
        return 1.0

    def observations(self, weights: Array, theta: Theta) -> float:
        """How many observations rows of these frequencies are: N of BIC."""
        return float(np.sum(weights))

    @abstractmethod
    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """Log p(y | η, θ), constants included."""

    def summed(self, y: Array, weights: Array, facts: Theta) -> Summed:
        """Σ w log p (S,) of η (S, n) and θ (S, 1), up to a constant, for many η of the same rows.

        Either may be one, η (1, n) or θ (1, 1). `facts` is what of θ is known by row.
        """

        def total(eta: Array, theta: Theta) -> Array:
            return np.asarray(self.log_density(y, eta, {**theta, **facts}) @ weights)

        return total

    @abstractmethod
    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """First and second derivative of φ·(−log p) in η."""

    def expand(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """ω and z, of which ½ω(z − η)² has the slope and curvature of φ·(−log p) at η."""
        slope, bend = self.derivatives(y, eta, theta)
        omega = np.maximum(bend, FLATTEST)
        return omega, np.asarray(np.asarray(eta) - slope / omega)

    @abstractmethod
    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """f(η) + f*(u) − uη ≥ 0 with f = φ·(−log p): 0 where u = f′(η), ∞ outside f*'s domain.

        The duality gap of a convex loss is its sum over rows; computed so that nothing cancels.
        """

    @abstractmethod
    def recession(self, y: Array, theta: Theta) -> Array:
        """+1, −1 or 0 by row: in which direction of η −log p stays bounded, if in one."""

    def order(self, theta: Theta) -> float:
        """a, where p(y | η) ~ σ^a as σ → 0 beside y ≠ η; ∞ where it falls faster or has no σ."""
        del theta
        return math.inf

    def orders(self, y: Array, weights: Array) -> dict[str, float]:
        """m by unknown θ: where η may grow like 1/θ as θ → 0, L falls like θ^m and no faster."""
        del y, weights
        return {}

    def bounded(self, side: float) -> str:
        """What is seen in a row whose −log p stays bounded as η → ∞ (`side` +1), or −∞ (−1)."""
        del side
        return ""

    @abstractmethod
    def first_guess(self, y: Array, weights: Array, theta: Theta) -> float:
        """η of the best constant fit; what of θ is unknown has its prior there."""

    # Unknowns at whose ∞ another likelihood is: what number stands for it, and in words what it is.
    limits: ClassVar[Mapping[str, tuple[float, str]]] = {}

    def rises(self, y: Array, eta: Array, weights: Array) -> bool:
        """Whether log p(y | η, θ) rises as θ goes to its limit, near that limit."""
        del y, eta, weights
        return False

    @abstractmethod
    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """One over the root of a row's information about η at the constant fit.

        It stands for σ where a number of expected effects is turned into a scale: Piironen &
        Vehtari (2017), Electronic Journal of Statistics 11(2), §3.
        """

    @abstractmethod
    def mean(self, eta: ArrayLike, theta: Theta) -> Array:
        """E(y | η, θ)."""

    @abstractmethod
    def mean_slope(self, eta: ArrayLike, theta: Theta) -> Array:
        """dE(y | η, θ)/dη."""

    @abstractmethod
    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """Var(y | η, θ)."""

    def width(self, eta: ArrayLike, theta: Theta) -> Array:
        """What squares of residuals are measured in: Var(y | η, θ), or what is finite for it."""
        return self.variance(eta, theta)

    def information(self, eta: ArrayLike, theta: Theta) -> Array:
        """E(−∂² log p/∂η²): Var(y | η, θ) under a canonical link, without a dispersion."""
        return self.variance(eta, theta)

    @abstractmethod
    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """P(Y ≤ y | η, θ)."""

    @abstractmethod
    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """The least y with P(Y ≤ y | η, θ) ≥ prob."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """One y per η."""

    @abstractmethod
    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """The PyMC distribution of y, and its arguments."""

    def node(self, name: str, y: Array, eta: Any, theta: Theta, weights: Array | None) -> None:
        """Observe y in an open PyMC model, in the dims ``obs_id`` where the model has them.

        A row that counts w times has w times its log density, and is drawn as any other.
        """
        import pymc as pm

        dims = "obs_id" if "obs_id" in pm.modelcontext(None).coords else None
        kind, arguments = self.law(eta, theta)
        seen = y.astype(np.int64) if kind.rv_op.dtype == "int64" else y
        if weights is None:
            kind(name, **arguments, observed=seen, dims=dims)
            return

        def row(*values: Any, **options: Any) -> Any:
            return kind.dist(**dict(zip(arguments, values, strict=True)), **options)

        pm.CustomDist(
            name,
            *arguments.values(),
            dist=lambda *values: row(*values[:-1], size=values[-1]),
            logp=lambda value, *values: weights * pm.logp(row(*values), value),
            observed=seen,
            dims=dims,
            class_name=f"Weighted{kind.__name__}",
        )


# Of a curvature, below which a row would divide by nothing; any larger curvature serves a step.
FLATTEST = 1e-100


class ConstantCurvature(Likelihood):
    """A likelihood that is one quadratic in η: moments of X and y say all that it says."""

    capability = "one quadratic"


class Measured(Likelihood):
    """y is a measurement about η, and `sigma` the scale of its noise, in the unit of y."""

    sigma: float | HyperPrior | Flat | None

    @property
    def has_sigma(self) -> bool:
        """Always."""
        return True

    @property
    def known(self) -> float | None:
        """σ where it is given as a number."""
        return self.sigma if isinstance(self.sigma, float) else None

    @property
    def sigma_prior(self) -> HyperPrior | None:
        """The prior of an unknown σ, p(σ²) ∝ 1/σ² where none is said; None when it is known."""
        if isinstance(self.sigma, Flat):
            return Power(0.0)
        if isinstance(self.sigma, HyperPrior):
            return self.sigma
        return Power(1.0) if self.sigma is None else None

    def settle_sigma(self) -> None:
        """Hold a number as a float; BadArgument for what is neither number nor distribution."""
        if self.sigma is None or isinstance(self.sigma, HyperPrior | Flat):
            return
        name = type(self).__name__
        sigma = positive(self.sigma, f"{name}: sigma")
        if not isinstance(sigma, float):
            raise BadArgument(f"{name}: sigma must be one number; rows share one noise scale")
        object.__setattr__(self, "sigma", sigma)

    @property
    def unknowns(self) -> dict[str, float | HyperPrior]:
        """σ."""
        return {"sigma": self.sigma_prior or self.known or 1.0}

    def recession(self, y: Array, theta: Theta) -> Array:
        """Nowhere."""
        return np.zeros(len(y))

    def mean(self, eta: ArrayLike, theta: Theta) -> Array:
        """η: the centre, also where the noise is so heavy that it has no mean."""
        return np.asarray(eta, dtype=float)

    def mean_slope(self, eta: ArrayLike, theta: Theta) -> Array:
        """1."""
        return np.ones(np.shape(eta))


class AbsoluteDeviation(Likelihood):
    """A likelihood with φ·(−log p) = |y − η| + constant: at η = y any slope from −1 to 1."""

    capability = "absolute deviations"

    def blurred(self, y: Array, eta: Array, sd: Array) -> tuple[Array, Array, Array]:
        """E|y − η′| by row under η′ ~ N(η, sd²), and its first and second derivative in η."""
        rest = eta - y
        z = rest / sd
        slope = 2.0 * ndtr(z) - 1.0
        bend = math.sqrt(2.0 / math.pi) * np.exp(-0.5 * z * z) / sd
        return rest * slope + np.square(sd) * bend, slope, bend


class NormalMixture(Likelihood):
    """A likelihood that is normal in η given latent ω, as N(η; z, σ²/ω); σ = 1 if it has none."""

    capability = "normal given latent weights"
    latent_seconds: ClassVar[float] = 5e-7  # of a draw of ω: how many chains pay side by side

    @abstractmethod
    def augment(
        self, rng: np.random.Generator, y: Array, eta: Array, theta: Theta, weights: Array
    ) -> tuple[Array, Array]:
        """Draw ω | y, η for rows that count `weights` times; ω and z, both (n,)."""

    def why_not_augmented(self, weights: Array | None, theta: Theta) -> str | None:
        """Why no exact draw of ω exists for these frequencies, or None."""
        del weights, theta
        return None


def improper(law: Any) -> bool:
    """Whether what was given for an unknown is a law that does not integrate to one."""
    return isinstance(law, Flat) or (isinstance(law, HyperPrior) and not law.proper)


def refuse_rows(y: Array, bad: Any, what: str, rows: Any = None) -> None:
    """Raise BadData for the first row that is bad, and say what it is: ``{y:g}``, ``{row}``."""
    if np.any(bad):
        place = int(np.flatnonzero(bad)[0])
        row = place if rows is None else rows[place]
        called = row.item() if isinstance(row, np.generic) else row
        raise BadCell("y", place, f"is {y[place]:.15g}{what}", called)
