"""Before the data: what each prior expects of R², of the largest effect, and of their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.engines.prior import prior_coefficients
from bayesreg.language import families
from bayesreg.language.arguments import Array, integer, one_positive
from bayesreg.language.errors import BadData
from bayesreg.language.misnamed import explained
from bayesreg.language.text import shortened
from bayesreg.model.model import Model
from bayesreg.priors import Flat, Prior
from bayesreg.priors.written import prior_of
from bayesreg.verbs.bounded import condition_bounded
from bayesreg.verbs.demonstrate.placed import named
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.fit import need_problem

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False, repr=False)
class BeforeData(Record):
    """Draws from K priors of what they say of the user's columns, y unseen.

    Attributes
    ----------
    r2 : dict of str to ndarray (S,)
        By prior: the share of the variance of y that the columns explain.
    largest : dict of str to ndarray (S,)
        The largest |effect of one standard deviation|, in units of σ.
    above : dict of str to ndarray (S,)
        How many effects exceed `delta`.
    delta : float
        In units of σ.
    left : ndarray (p,)
        By direction of X, the strongest first: the share of the variance of a normal prior that
        expects R² = ½ that is still there once y is known.
    rank : int
        Of the columns with a proper prior; p − rank elements of `left` are 1.
    held : tuple of str
        What improper parts of the model were held at.
    notes : tuple of str
        What was said of the priors.
    """

    picture: ClassVar[str] = "before_data"

    r2: dict[str, Array]
    largest: dict[str, Array]
    above: dict[str, Array]
    delta: float
    left: Array
    rank: int
    held: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The priors."""
        return tuple(self.r2)

    @property
    def quantities(self) -> dict[str, dict[str, Array]]:
        """What is drawn, by its name."""
        return {
            "R²": self.r2,
            "largest effect, in σ": self.largest,
            f"effects above {self.delta:g} σ": self.above,
        }

    def quantiles(self, which: dict[str, Array]) -> Array:
        """5, 25, 50, 75 and 95 % of each prior's draws (K, 5)."""
        return np.array([np.quantile(one, LEVELS) for one in which.values()])

    def summary(self) -> pd.DataFrame:
        """Median and central 90 % of each quantity, one row per prior."""
        import pandas as pd

        columns = dict[str, Array]()
        for words, which in self.quantities.items():
            found = self.quantiles(which)
            columns |= {words: found[:, 2], f"{words}, 5 %": found[:, 0]}
            columns[f"{words}, 95 %"] = found[:, 4]
        return pd.DataFrame(columns, index=pd.Index(self.names, name="prior"))

    @property
    def says(self) -> str:
        """The extremes among the priors, and what no y can say."""
        r2, number = (_extremes(self.quantiles(one), self.names) for one in (self.r2, self.above))
        p = len(self.left)
        who = "The prior expects" if len(self.names) == 1 else "Priors expect"
        said = (
            f"{who} different things before y is seen: a median R² {r2.format('.2f')}, and of {p} "
            f"effects more than {self.delta:g} σ {number.format('.3g')}"
        )
        if len(self.names) == 1:
            said = (
                f"{self.names[0]} expects, before y is seen, a median R² of "
                f"{np.median(self.r2[self.names[0]]):.2f} and "
                f"{np.median(self.above[self.names[0]]):.3g} of {p} effects above {self.delta:g} σ"
            )
        if self.rank == p:
            return f"{said}; X has full rank, so that y speaks along all {p} directions."
        return (
            f"{said}; X has rank {self.rank}, so that along {p - self.rank} of {p} directions no y "
            "says anything: without a prior there is no one answer, and with one it is the prior's."
        )

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        p, none = len(self.left), len(self.left) - self.rank
        rest = f", and is 1 along the last {none}" if none else ""
        return (
            f"Three panels with a row for each of {len(self.names)} priors, a dot at the median, a "
            "thick line for the central 50 % and a thin one for 90 %: R² before the data, the "
            f"largest effect on a logarithmic axis, and the number of {p} effects above "
            f"{self.delta:g} σ. A fourth panel has, by direction of X, the share of a normal "
            f"prior's variance that y leaves: it rises from {self.left[0]:.2g} to "
            f"{self.left[self.rank - 1] if self.rank else 1.0:.2g}{rest}."
        )


@explained
def before_data(
    problem: Problem,
    priors: Any = None,
    *,
    delta: float = 0.1,
    draws: int = 4000,
    seed: int = 0,
) -> BeforeData:
    r"""What priors say of y before it is seen, on the columns of a problem.

    Of draws of σ, scales and β from the prior, with S the covariance of the columns,

    .. math:: R^2 = \frac{\beta'S\beta}{\beta'S\beta + \sigma^2}, \qquad
              \max_j \frac{s_j|\beta_j|}{\sigma}, \qquad \#\{j : s_j|\beta_j| > \delta\sigma\}.

    And what y can say at all: along an eigenvector of X'X with eigenvalue d² the variance s² of a
    normal prior becomes s²/(1 + d²s²/σ²). With more columns than rows some d are 0: there the
    likelihood is flat, least squares has infinitely many answers, and the posterior is the prior.

    Parameters
    ----------
    problem : Problem
        Under a Gaussian likelihood. Its y serves only where σ has an improper prior: σ is then held
        at the sd of y, which `held` says. Flat columns are projected out.
    priors : prior, text, sequence or mapping, optional
        Unsaid, the problem's own and the default of every other family.
    delta : float, default 0.1
        In units of σ.
    draws : int, default 4000
    seed : int, default 0

    Returns
    -------
    BeforeData

    Raises
    ------
    BadArgument
        If something is no prior, or a number is not positive.
    BadData
        If there is no column with a proper prior, or a prior has no posterior here.
    NotSupported
        If the likelihood is not Gaussian.

    References
    ----------
    Gelman, Goodrich, Gabry & Vehtari (2019), "R-squared for Bayesian regression models", The
    American Statistician 73(3), https://doi.org/10.1080/00031305.2018.1549100; Zhang, Naughton,
    Bondell & Reich (2022), "Bayesian regression using a prior on the model fit: the R2-D2 shrinkage
    prior", JASA 117(538), https://doi.org/10.1080/01621459.2020.1825449; Gabry, Simpson, Vehtari,
    Betancourt & Gelman (2019), "Visualization in Bayesian workflow", JRSS A 182(2), §3.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> found = before_data(problem, {"wide": br.Normal(1.0, unit="sigma"), "R²": br.R2D2()})
    >>> found.summary()["R²"].round(1).to_dict()
    {'wide': 0.9, 'R²': 0.4}
    """
    need_problem(problem)
    problem.quadratic  # noqa: B018  (refuses another likelihood)
    if not problem.p:
        raise BadData("no column has a proper prior, so that there is nothing to expect")
    delta, size = one_positive(delta, "delta"), integer(draws, "draws", 2)
    r2, largest, above = dict[str, Array](), dict[str, Array](), dict[str, Array]()
    held, notes = list[str](), list[str]()
    for name, (asked, said) in _problems(problem, priors).items():
        rng = np.random.default_rng(integer(seed, "seed", 0))
        b, _, theta, fixed = prior_coefficients(asked, size, rng)
        at_sigma = (b + asked.coordinates.loc) / theta["sigma"][:, None]
        sd = (asked.column_sd / asked.x_sd)[asked.proper]
        effects = np.abs(at_sigma * sd)
        with np.errstate(over="ignore", divide="ignore"):
            signal = np.einsum("si,ij,sj->s", at_sigma, asked.gram, at_sigma, optimize=True)
            r2[name] = 1.0 / (1.0 + asked.n / np.maximum(signal, 0.0))
        largest[name] = np.max(effects, axis=1)
        above[name] = np.sum(effects > delta, axis=1).astype(float)
        held += [one for one in fixed if one not in held]
        notes += [one for one in said if one not in notes]
    square = np.maximum(np.linalg.eigvalsh(problem.gram)[::-1], 0.0)
    rank = problem.least_squares.rank
    square[rank:] = 0.0
    left = 1.0 / (1.0 + square * problem.n / max(float(np.sum(square)), 1e-300))
    return BeforeData(r2, largest, above, delta, left, rank, tuple(held), tuple(notes))


def _problems(problem: Problem, priors: Any) -> dict[str, tuple[Problem, list[str]]]:
    """The columns under each prior, and what was said of it."""
    found = {}
    if priors is None:
        own = problem.prior if isinstance(problem.prior, Prior) else None
        found[type(own).__name__ if own else "as given"] = (problem, list(problem.warnings))
        priors = {name: prior_of(families.snake(name)) for name in families.PRIORS}
        priors = {
            name: one
            for name, one in priors.items()
            if not isinstance(one, Flat) and name not in found
        }
    free: dict[Any, Any] = {problem.features[j]: Flat() for j in problem.flat}
    for name, prior in named(priors).items():
        found[name] = condition_bounded(
            Model(free | {...: prior} if free else prior, problem.likelihood),
            problem.held,
            standardize=problem.standardize,
            intercept=problem.intercept,
        )
    return found


@dataclass(frozen=True)
class _Range:
    """The least and the largest median, and whose they are."""

    low: float
    high: float
    least: str
    most: str

    def format(self, digits: str) -> str:
        """From … to …."""
        return f"from {self.low:{digits}} ({self.least}) to {self.high:{digits}} ({self.most})"


def _extremes(quantiles: Array, names: tuple[str, ...]) -> _Range:
    middle = quantiles[:, LEVELS.index(0.5)]
    low, high = int(np.argmin(middle)), int(np.argmax(middle))
    least, most = (shortened(names[k], 20) for k in (low, high))
    return _Range(float(middle[low]), float(middle[high]), least, most)
