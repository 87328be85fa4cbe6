"""Bernoulli: yes or no, with log-odds that are linear in the columns."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from bayesreg.data.labels import declared_order, in_place_of, read_labels
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.language.misnamed import explained
from bayesreg.likelihoods import logistic
from bayesreg.likelihoods.base import NormalMixture, Summed, Theta
from bayesreg.priors.hyper import HyperPrior


@explained
@dataclass(frozen=True, repr=False)
class Bernoulli(NormalMixture):
    r"""Bernoulli likelihood with the logit link, P(y_i = 1) = 1/(1 + e^(−η_i)), η = β₀ + x'β.

    .. math:: -\log p(y \mid \eta) = \log(1 + e^{\eta}) - y\eta

    φ = 1, so that J is in nats, λ₁ = 1/scale for a Laplace prior and λ₂ = 1/scale² for a Normal
    one, and a prior's scale is in log-odds per unit of a column (per sd with ``standardize=True``).
    Given Pólya–Gamma ω it is normal in η (Polson, Scott & Windle 2013): engine ``gibbs`` uses that.

    Parameters
    ----------
    positive : object, optional
        Which label is y = 1; unsaid, the second in the order that the type of y declares (an
        ordered categorical of pandas', an Enum of Polars', labels of values in Stata), else in
        sorted order (1 of 0/1, True, "yes" of "no"/"yes").
    classes : tuple of two labels, optional
        (y = 0, y = 1), as learnt from data; there is no need to give it.

    Raises
    ------
    BadArgument
        If `positive` is none of two given `classes`.

    References
    ----------
    McCullagh & Nelder (1989), *Generalized Linear Models*, 2nd ed., ch. 4; Polson, Scott & Windle
    (2013), "Bayesian inference for logistic models using Pólya–Gamma latent variables", JASA
    108(504), https://doi.org/10.1080/01621459.2013.829001.

    Examples
    --------
    >>> import bayesreg as br
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> problem = br.Model(br.Normal(1.0), br.Bernoulli()).condition(X, ["no", "yes", "no", "yes"])
    >>> problem.classes_
    ('no', 'yes')
    >>> br.fit_map(problem).beta.round(3).to_dict()
    {'x1': 0.453}
    """

    positive: Any = None
    classes: tuple[Any, Any] | None = field(default=None, kw_only=True)

    self_concordant: ClassVar[bool] = True
    link: ClassVar[str] = "logit"
    takes_labels: ClassVar[bool] = True
    in_units: ClassVar[str] = "log-odds"
    apart: ClassVar[str] = "the classes of y"
    noun: ClassVar[str] = "Bernoulli"

    def __post_init__(self) -> None:
        if not isinstance(self.positive, Hashable):
            raise BadArgument(f"Bernoulli: positive is one label of y, not {self.positive!r}")
        if self.classes is None:
            return
        if [len(set(self.classes)), len(self.classes)] != [2, 2]:
            raise BadArgument(f"Bernoulli: classes must be two labels, not {self.classes!r}")
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.positive is not None and self.positive != self.classes[1]:
            raise BadArgument(
                f"Bernoulli: positive={self.positive!r} and classes={self.classes!r} disagree; "
                "leave classes out, it is learnt from y"
            )

    def __repr__(self) -> str:
        """Show what was said, and the labels once they are known."""
        said = [] if self.positive is None else [f"positive={self.positive!r}"]
        said += [] if self.classes is None else [f"classes={self.classes!r}"]
        return f"Bernoulli({', '.join(said)})"

    @property
    def unknowns(self) -> dict[str, float | HyperPrior]:
        """None: the mean says all."""
        return {}

    @property
    def classes_(self) -> tuple[Any, ...] | None:
        """(label of y = 0, label of y = 1)."""
        return self.classes

    def words(self, eta: str) -> str:
        """Σ[log(1 + e^η) − yη]."""
        return "Σ[log(1 + exp η) − yη]"

    def read(self, y: Any, *, coded: bool = False, counts: Any = None) -> tuple[Any, Bernoulli]:
        """0/1 for the two labels of y, in the order that it declares, else sorted.

        Unless `positive` says which is 1.

        With `coded`, a y of 0 and 1 is taken as it is once the labels are known; what stands in
        rows that do not count (n,), of weight 0, does not matter.

        Raises
        ------
        BadData
            If there are not two labels, a value is missing, or y is a proportion.
        BadArgument
            If `positive` is no label of y.
        """
        if coded and self.classes is not None and np.all(np.isin(np.asarray(y), (0.0, 1.0))):
            return y, self
        labels = read_labels(y, "y", counts)
        classes = self.classes or self._learn(labels, declared_order(y))
        values = _coded(labels, classes)
        if values is None:
            raise BadData(
                f"y has labels other than the {classes[0]!r} and {classes[1]!r} that the model "
                f"knows, such as {next(v for v in labels if v not in classes)!r}"
            )
        same = isinstance(y, np.ndarray) and y.dtype.kind == "f" and np.array_equal(y, values)
        return (y if same else in_place_of(y, values)), Bernoulli(self.positive, classes=classes)

    def _learn(self, labels: list[Any], order: tuple[Any, ...] | None) -> tuple[Any, Any]:
        """The two labels, the positive one last."""
        kinds = list(dict.fromkeys(labels))
        if any(isinstance(v, float) and not float(v).is_integer() for v in kinds):
            raise BadData(
                f"y holds {next(v for v in kinds if not float(v).is_integer())!r}: a yes/no "
                "outcome has two labels, not proportions; measurements are Gaussian()"
            )
        if len(kinds) == 1 and kinds[0] in (0, 1):
            kinds = [type(kinds[0])(0), type(kinds[0])(1)]
        if len(kinds) != 2:
            shown = ", ".join(repr(v) for v in kinds[:5]) + (", …" if len(kinds) > 5 else "")
            raise BadData(
                f"y has {len(kinds)} different value{'s' if len(kinds) != 1 else ''} ({shown}), "
                f"and a yes/no outcome has two; {_instead(kinds)}"
            )
        try:
            first, second = sorted(kinds, key=None if order is None else order.index)
        except TypeError:
            raise BadData(
                f"y mixes labels of different types, {kinds[0]!r} and {kinds[1]!r}, which have no "
                "order; make them one type"
            ) from None
        if self.positive is None or self.positive == second:
            return first, second
        if self.positive == first:
            return second, first
        raise BadArgument(
            f"Bernoulli: positive={self.positive!r} is no label of y, which has {first!r} and "
            f"{second!r}"
        )

    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """yη − log(1 + e^η)."""
        return np.asarray(-logistic.loss(y, np.subtract(1.0, y), eta))

    def summed(self, y: Array, weights: Array, facts: Theta) -> Summed:
        """By one logarithm of many factors."""
        total = logistic.summed(weights * y, weights)
        return lambda eta, _theta: total(eta)

    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """P − y and P(1 − P)."""
        return logistic.derivatives(y, np.subtract(1.0, y), eta)

    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """KL(s ‖ P), s = u + y the mean that u stands for, P that of η."""
        return logistic.fenchel_young(y, np.subtract(1.0, y), eta, u)

    def recession(self, y: Array, theta: Theta) -> Array:
        """η → ∞ where y = 1, η → −∞ where y = 0."""
        return np.where(y > 0.5, 1.0, -1.0)

    def bounded(self, side: float) -> str:
        """The label of y."""
        return f"y = {(self.classes or (0, 1))[int(side > 0.0)]!r}"

    def first_guess(self, y: Array, weights: Array, theta: Theta) -> float:
        """The log-odds of the mean; of (Σwy + ½)/(N + 1) where one class is missing."""
        n, ones = float(weights.sum()), float(weights @ y)
        if not 0.0 < ones < n:
            ones, n = ones + 0.5, n + 1.0
        return float(np.log(ones / (n - ones)))

    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """1/√(ȳ(1 − ȳ)), ȳ = (Σwy + ½)/(N + 1)."""
        share = (float(weights @ y) + 0.5) / (float(weights.sum()) + 1.0)
        return float(1.0 / np.sqrt(share * (1.0 - share)))

    def mean(self, eta: ArrayLike, theta: Theta) -> Array:
        """P(y = 1)."""
        return np.asarray(expit(eta))

    def mean_slope(self, eta: ArrayLike, theta: Theta) -> Array:
        """P(1 − P)."""
        return self.variance(eta, theta)

    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """P(1 − P)."""
        return np.asarray(expit(eta) * expit(np.negative(eta)))

    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """0 below 0, then 1 − P, and 1 from 1 on."""
        y = np.asarray(y)
        return np.where(y < 0.0, 0.0, np.where(y < 1.0, expit(np.negative(eta)), 1.0))

    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """0 up to 1 − P, then 1."""
        return np.asarray(expit(np.negative(eta)) < prob, dtype=float)

    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """0 or 1."""
        return np.asarray(rng.random(np.shape(eta)) < expit(eta), dtype=float)

    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """``pm.Bernoulli``."""
        import pymc as pm

        return pm.Bernoulli, {"logit_p": eta}

    def augment(
        self, rng: np.random.Generator, y: Array, eta: Array, theta: Theta, weights: Array
    ) -> tuple[Array, Array]:
        """ω ~ PG(w, η) and z = w(y − ½)/ω (Polson, Scott & Windle 2013, §3.1)."""
        from bayesreg.likelihoods.polya_gamma import draw_polya_gamma

        omega = draw_polya_gamma(rng, weights, eta)
        return omega, weights * (y - 0.5) / omega

    def why_not_augmented(self, weights: Array | None, theta: Theta) -> str | None:
        """PG(w, η) is a sum of w draws: exact for whole w, and quick for few."""
        if weights is None or np.array_equal(weights, np.round(weights)):
            return None
        return "its latent variables have an exact draw for whole frequencies only"


def _instead(kinds: list[Any]) -> str:
    """What to do with more or fewer labels than two."""
    if all(isinstance(v, int | float) and v >= 0 for v in kinds) and len(kinds) > 2:
        return "counts are Poisson() or NegativeBinomial(), successes among trials Binomial()"
    return "recode it, or choose another likelihood"


def _coded(labels: list[Any], classes: tuple[Any, Any]) -> Array | None:
    """0 and 1; None where some label is neither."""
    code = {classes[0]: 0.0, classes[1]: 1.0}
    try:
        return np.array([code[label] for label in labels])
    except (KeyError, TypeError):
        return None
