"""Before the data: what each prior expects of R², of the largest effect, and of their number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.engines.prior_quantities import Expected, Ground, expected
from bayesreg.language import families
from bayesreg.language.arguments import Array, integer, one_positive
from bayesreg.language.errors import BadData, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import listed, shortened
from bayesreg.likelihoods import Gaussian
from bayesreg.model.model import Model
from bayesreg.priors import Flat, Prior
from bayesreg.priors.written import prior_of
from bayesreg.verbs.bounded import condition_bounded
from bayesreg.verbs.demonstrate.placed import named
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit, Posterior

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
LEFT_OUT = " is left out: "


@dataclass(frozen=True, eq=False, repr=False)
class BeforeData(Record):
    """Draws from K priors of what they say of the user's columns, y unseen.

    Attributes
    ----------
    expected : dict of str to Expected
        Draws by prior: the share of the variance of y that the columns explain (``r2``), the
        largest |effect of one standard deviation| in sds of the noise (``largest``), and how many
        exceed δ (``above(delta)``).
    delta : float
        In sds of the noise.
    left : ndarray (p,)
        By direction of X, the strongest first: the share of the variance of a normal prior that
        expects R² = ½ that is still there once y is known.
    rank : int
        Of the columns with a proper prior; p − rank elements of `left` are 1.
    held : tuple of str
        At what value σ was held, where a prior in the unit of y needs it and it is unknown.
    notes : tuple of str
        What was said of the priors.
    """

    picture: ClassVar[str] = "before_data"

    expected: dict[str, Expected]
    delta: float
    left: Array
    rank: int
    held: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The priors."""
        return tuple(self.expected)

    @cached_property
    def quantiles(self) -> dict[str, Array]:
        """5, 25, 50, 75 and 95 % of each prior's draws (K, 5), by what is drawn."""
        draws = self.expected.values()
        found = {
            "R²": [one.r2 for one in draws],
            "largest effect, in sds of the noise": [one.largest for one in draws],
            f"effects above {self.delta:g} sd of the noise": [
                one.above(self.delta) for one in draws
            ],
        }
        return {words: np.quantile(np.array(one), LEVELS, axis=1).T for words, one in found.items()}

    def summary(self) -> pd.DataFrame:
        """Median and central 90 % of each quantity, one row per prior."""
        import pandas as pd

        columns = dict[str, Array]()
        for words, found in self.quantiles.items():
            columns |= {words: found[:, 2], f"{words}, 5 %": found[:, 0]}
            columns[f"{words}, 95 %"] = found[:, 4]
        return pd.DataFrame(columns, index=pd.Index(self.names, name="prior"))

    @property
    def says(self) -> str:
        """The extremes among the priors, and what no y can say."""
        shares, _, numbers = self.quantiles.values()
        r2, number = (_extremes(one, self.names) for one in (shares, numbers))
        p = len(self.left)
        who = "The prior expects" if len(self.names) == 1 else "Priors expect"
        said = (
            f"{who} different things before y is seen: a median R² {r2.format('.2f')}, and of {p} "
            f"effects more than {self.delta:g} sd of the noise {number.format('.3g')}"
        )
        if len(self.names) == 1:
            said = (
                f"{self.names[0]} expects, before y is seen, a median R² of {r2.low:.2f} and "
                f"{number.low:.3g} of {p} effects above {self.delta:g} sd of the noise"
            )
        out = [note.partition(LEFT_OUT)[0] for note in self.notes if LEFT_OUT in note]
        said += f"; left out, as these data allow no posterior: {listed(out)}" if out else ""
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
            f"Three panels with a row for each prior, {len(self.names)} in all, a dot at the "
            "median, a thick line for the central 50 % and a thin one for 90 %: R² before the "
            f"data, the largest effect on a logarithmic axis, and the number of {p} effects above "
            f"{self.delta:g} sd of the noise. A fourth panel has, by direction of X, the share of "
            f"a normal prior's variance that y leaves: it rises from {self.left[0]:.2g} to "
            f"{self.left[self.rank - 1] if self.rank else 1.0:.2g}{rest}."
        )


@explained
def before_data(
    problem: Problem | MapFit | Posterior,
    priors: Any = None,
    *,
    delta: float = 0.1,
    draws: int = 4000,
    seed: int = 0,
) -> BeforeData:
    r"""What priors say of y before it is seen, on the columns of a problem.

    Of draws of scales and β from the prior, with S the covariance of the columns and τ the sd of
    the noise (σ; under yes/no and counts what a row knows of η at the constant fit),

    .. math:: R^2 = \frac{\beta'S\beta}{\beta'S\beta + \tau^2}, \qquad
              \max_j \frac{s_j|\beta_j|}{\tau}, \qquad \#\{j : s_j|\beta_j| > \delta\tau\}.

    And what y can say at all: along an eigenvector of X'X with eigenvalue d² the variance s² of a
    normal prior becomes s²/(1 + d²s²/τ²). With more columns than rows some d are 0: there the
    likelihood is flat, least squares has infinitely many answers, and the posterior is the prior.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        Its y serves only where a prior is in the unit of y and σ is unknown: σ is then held at the
        sd of y, which `held` says. Flat columns are projected out.
    priors : prior, text, sequence or mapping, optional
        Unsaid, the problem's own and the default of every other family.
    delta : float, default 0.1
        In sds of the noise.
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
        If a prior has no posterior here.
    NotSupported
        If there is no column with a proper prior, or a prior is not about 0.

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
    problem = subject(problem, "before_data")
    delta, size = one_positive(delta, "delta"), integer(draws, "draws", 2)
    seed = integer(seed, "seed", 0)
    found, held, notes = dict[str, Expected](), list[str](), list[str]()
    left, rank = _left(problem)
    for name, (asked, said) in _problems(problem, priors).items():
        likelihood = asked.likelihood
        in_y = any(block.prior.unit == "y" for block in asked.blocks)
        if asked.unknown_sigma and in_y and isinstance(likelihood, Gaussian):
            sigma = float(np.sqrt(asked.least_squares.yy / max(asked.nu, 1.0)))
            likelihood = Gaussian(sigma)
            held.append(f"σ = {sigma:.4g} (sd of y)")
        how = {"standardize": asked.standardize, "intercept": asked.intercept}
        ground, blocks = Ground.of(asked.prior, likelihood, asked.held, **how)
        found[name] = expected(ground, blocks, size, seed)
        notes += [one for one in said if one not in notes]
    return BeforeData(found, delta, left, rank, tuple(dict.fromkeys(held)), tuple(notes))


def _left(problem: Problem) -> tuple[Array, int]:
    """The share of a normal prior's variance that y leaves, by direction; and the rank of X."""
    how = {"standardize": problem.standardize, "intercept": problem.intercept}
    ground, _ = Ground.of(problem.prior, problem.likelihood, problem.held, **how)
    p, rank = len(ground.size), problem.least_squares.rank
    square = np.zeros(p)
    found = np.linalg.svd(ground.root, compute_uv=False)[:rank]
    square[:rank] = found**2
    return 1.0 / (1.0 + problem.n * square / max(float(np.sum(square)), 1e-300)), rank


def _problems(problem: Problem, priors: Any) -> dict[str, tuple[Problem, list[str]]]:
    """The columns under each prior, and what was said of it."""
    found: dict[str, tuple[Problem, list[str]]] = {}
    given, said = priors, list(problem.warnings)
    if priors is None:
        own = problem.prior if isinstance(problem.prior, Prior) else None
        found[type(own).__name__ if own else "as given"] = (problem, said)
        priors = {name: prior_of(families.snake(name)) for name in families.PRIORS}
        priors = {
            name: one
            for name, one in priors.items()
            if not isinstance(one, Flat) and name not in found
        }
    for name, prior in named(priors).items():
        try:
            found[name] = _under(problem, prior)
        except (BadData, NotSupported) as error:  # no posterior would follow from these data
            if given is not None:
                raise
            said.append(f"{name}{LEFT_OUT}{error}")
    return found


def _under(problem: Problem, prior: Prior) -> tuple[Problem, list[str]]:
    """The columns under another prior, Flat ones as they are, and what was said of it."""
    free: dict[Any, Any] = {problem.features[j]: Flat() for j in problem.flat}
    return condition_bounded(
        Model(free | {...: prior} if free else prior, problem.likelihood),
        problem.held,
        standardize=problem.standardize,
        intercept=problem.intercept,
    )


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
