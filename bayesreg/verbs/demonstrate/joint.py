"""The mode against the posterior: two coefficients together, and what "zero" means for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.language.arguments import Array, check_level
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import shortened, shown
from bayesreg.results.posterior import Posterior
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject
from bayesreg.verbs.fit import fit_map, sample

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit

SIDE = 80  # points of the grid along each axis
EPSILONS = 121


@dataclass(frozen=True, eq=False, repr=False)
class Joint(Record):
    """Two coefficients of one posterior, its mode, and how much of it lies near 0.

    Coefficients are effects of one standard deviation of their column.

    Attributes
    ----------
    problem : Problem
        What was sampled.
    pair : tuple of str (2,)
    draws : ndarray (S, 2)
        Of the two coefficients.
    grid : tuple of ndarray (G,), (G,)
        Where the density is.
    density : ndarray (G, G)
        A kernel estimate of their joint density; the first coefficient along the last axis.
    threshold : float
        The density on the edge of the credible region, which is where it is higher.
    level : float
        The region's share of the draws.
    mean : ndarray (2,)
    mode : ndarray (2,) or None
        The MAP of all coefficients, at the σ and scale that `hyper` names; None where there is
        none, and `hyper` says why.
    hyper : str
    epsilon : ndarray (E,)
        Sizes below which an effect might be called none.
    near : ndarray (E, 2)
        P(|effect| < ε) of the two.
    near_se : ndarray (E, 2)
        Its Monte Carlo standard errors, by means of batches of draws.
    count : int
        How many coefficients are counted: all that have a proper prior, or all if none has.
    below : tuple of ndarray (E,), three
        How many of them lie below ε: mean over the draws, and its 5 % and 95 % points.
    below_mode : ndarray (E,) or None
        The same of the MAP.
    zeros_of_draws : int
        The largest number of exact zeros in any draw.
    zeros_of_mode : int or None
    """

    picture: ClassVar[str] = "joint"

    problem: Problem
    pair: tuple[str, str]
    draws: Array
    grid: tuple[Array, Array]
    density: Array
    threshold: float
    level: float
    mean: Array
    mode: Array | None
    hyper: str
    epsilon: Array
    near: Array
    near_se: Array
    count: int
    below: tuple[Array, Array, Array]
    below_mode: Array | None
    zeros_of_draws: int
    zeros_of_mode: int | None

    def summary(self) -> pd.DataFrame:
        """Mode, mean and sd of the two effects, and P(|effect| < ε) at three ε's."""
        import pandas as pd

        columns: dict[str, Any] = {
            "mode": np.full(2, np.nan) if self.mode is None else self.mode,
            "mean": self.mean,
            "sd": self.draws.std(axis=0, ddof=1),
        }
        for k in (len(self.epsilon) // 2, 3 * len(self.epsilon) // 4, len(self.epsilon) - 13):
            columns[f"P(|effect| < {self.epsilon[k]:.2g})"] = self.near[k]
        return pd.DataFrame(columns, index=list(self.pair))

    @property
    def says(self) -> str:
        """The picture in one sentence."""
        k = min(int(np.searchsorted(self.near[:, 0], 0.5)), len(self.epsilon) - 1)
        name = shortened(self.pair[0])
        asked = (
            f"P({name} = 0 exactly) is 0, and what can be asked instead is "
            f"P(|effect of {name}| < {self.epsilon[k]:.2g}) = {self.near[k, 0]:.2g}"
        )
        if self.zeros_of_mode is None:
            begin = f"The prior has no MAP, and of {len(self.draws)} draws"
        else:
            zeros = f"{self.zeros_of_mode} of {self.count} coefficients"
            begin = f"The mode sets {zeros} to exactly 0, and of {len(self.draws)} draws"
        none = "none has a single one" if self.zeros_of_draws == 0 else "some have zeros"
        return f"{begin} {none}: {asked}."

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        first, second = map(shortened, self.pair)
        at = (
            "no mode"
            if self.mode is None
            else f"the mode at ({self.mode[0]:.3g}, {self.mode[1]:.3g})"
        )
        return (
            f"Three panels. Left, contours of the joint posterior density of {first} and {second} "
            f"with the region of probability {self.level:g}, the mean at ({self.mean[0]:.3g}, "
            f"{self.mean[1]:.3g}) and {at}. Middle, the probability that each effect is smaller "
            "than ε, which falls to 0 with ε. Right, the number of coefficients smaller than ε: "
            "that of the draws falls to 0, that of a mode stays at its number of exact zeros."
        )


@explained
def joint(
    problem: Problem | MapFit | Posterior, columns: Any = None, *, level: float = 0.9, seed: int = 0
) -> Joint:
    r"""Two coefficients of a posterior with their mode, and what lies within ε of 0.

    A mode is a point, and under a Laplace prior some of its coordinates are exactly 0. The
    posterior has a density, so that no point has any probability:

    .. math:: P(\beta_j = 0 \mid y) = 0, \qquad
              P(|\beta_j| < \varepsilon \mid y) = \int_{-\varepsilon}^{\varepsilon}
              p(\beta_j \mid y)\,d\beta_j > 0.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        A posterior is taken as it is; of a problem 4000 draws are made.
    columns : pair of str, optional
        Unsaid, the smallest and the largest effect of the mode (of the mean, where there is none);
        of several that the mode drops the one whose mean is largest.
    level : float, default 0.9
        Of the credible region: the draws where the density is highest.
    seed : int, default 0
        Of the draws and of the fit.

    Returns
    -------
    Joint

    Raises
    ------
    BadArgument
        If `columns` are not two different columns, or `level` is not between 0 and 1.

    References
    ----------
    Park & Casella (2008), "The Bayesian lasso", JASA 103, §3.1,
    https://doi.org/10.1198/016214508000000337; Hyndman (1996), "Computing and graphing highest
    density regions", The American Statistician 50(2),
    https://doi.org/10.1080/00031305.1996.10474359.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(br.Laplace(12.0), br.Gaussian(54.0))
    >>> found = joint(model.condition(data.X, data.y, standardize=True), ["s3", "bmi"])
    >>> found.zeros_of_mode, found.zeros_of_draws
    (2, 0)
    """
    level = check_level(level)
    post = (
        problem if isinstance(problem, Posterior) else sample(subject(problem, "joint"), seed=seed)
    )
    problem, sd = post.problem, post.problem.column_sd
    effects = post.draws.beta.reshape(-1, len(problem.features)) * sd
    mode, hyper = _mode(problem, seed)
    mean = effects.mean(axis=0)
    i, j = _pair(problem, columns, mean if mode is None else mode, mean)
    two = effects[:, [i, j]]
    grid, density, threshold = _density(two, level)
    counted = _counted(problem)
    every = effects[:, counted]
    top = float(np.max(np.abs(every)))
    epsilon = top * np.geomspace(1e-5, 1.0, EPSILONS)
    size = np.sort(np.abs(two), axis=0)
    near = np.stack([np.searchsorted(column, epsilon) for column in size.T], axis=1) / len(two)
    counts = np.array([np.sum(np.abs(every) < e, axis=1) for e in epsilon])
    small = None if mode is None else np.abs(mode[counted])
    return Joint(
        problem, (problem.features[i], problem.features[j]), two, grid, density, threshold, level,
        two.mean(axis=0), None if mode is None else mode[[i, j]], hyper, epsilon, near,
        _errors(post, (i, j), epsilon, sd), len(counted),
        (counts.mean(axis=1), *np.quantile(counts, [0.05, 0.95], axis=1)),
        None if small is None else np.array([np.sum(small < e) for e in epsilon]),
        int(np.max(np.sum(every == 0.0, axis=1), initial=0)),
        None if small is None else int(np.sum(small == 0.0)),
    )  # fmt: skip


def _counted(problem: Problem) -> Any:
    """The columns whose coefficients are counted: those with a prior, or all where none has.

    A column that does not vary has no effect, whatever its coefficient, and is not counted.
    """
    every = np.flatnonzero(problem.column_sd > 0.0)
    live = every[np.isin(every, problem.proper)]
    return live if len(live) else every


def _mode(problem: Problem, seed: int) -> tuple[Array | None, str]:
    """The MAP's effects per standard deviation, and how σ and scale were settled; or why none."""
    try:
        fit = fit_map(problem, seed=seed)
    except NotSupported as error:
        return None, str(error)
    return fit.standardized.to_numpy(float), fit.hyper


def _pair(problem: Problem, columns: Any, effects: Array, mean: Array) -> tuple[int, int]:
    """Which two columns."""
    known = list(problem.features)
    if columns is None:
        live = _counted(problem)
        live = live if len(live) > 1 else np.flatnonzero(problem.column_sd > 0.0)
        if len(live) < 2:
            raise BadArgument(
                f"a joint density needs two columns that vary, and there is {len(live)}"
            )
        order = live[np.lexsort((-np.abs(mean[live]), np.abs(effects[live])))]
        return int(order[0]), int(order[-1])
    named = list(columns) if not isinstance(columns, str) else [columns]
    if len(named) != 2 or len(set(named)) != 2 or not set(named) <= set(known):
        raise BadArgument(f"columns must name two of the columns, not {columns!r}")
    for name in named:
        if not problem.column_sd[known.index(name)] > 0.0:
            raise BadData(f"column {shown(name)!r} does not vary: nothing has an effect of one sd")
    return known.index(named[0]), known.index(named[1])


def _density(two: Array, level: float) -> tuple[tuple[Array, Array], Array, float]:
    """A Gaussian kernel estimate on a grid, and its value that a share `level` of draws exceeds."""
    from scipy.stats import gaussian_kde

    kernel = gaussian_kde(two.T)
    low, high = np.quantile(two, [0.002, 0.998], axis=0)
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    wide = 0.06 * (high - low)
    x, y = (np.linspace(a, b, SIDE) for a, b in zip(low - wide, high + wide, strict=True))
    points = np.array(np.meshgrid(x, y)).reshape(2, -1)
    density = kernel(points).reshape(SIDE, SIDE)
    some = two[:: max(len(two) // 4000, 1)]
    return (x, y), density, float(np.quantile(kernel(some.T), 1.0 - level))


def _errors(post: Posterior, pair: tuple[int, int], epsilon: Array, sd: Array) -> Array:
    """Monte Carlo standard errors of P(|effect| < ε), by means of √n batches of each chain."""
    both = np.abs(post.draws.beta[..., list(pair)] * sd[list(pair)])
    chains, length = both.shape[:2]
    batch = max(int(np.sqrt(length)), 1)
    count = length // batch
    out = np.empty((len(epsilon), 2))
    for k, e in enumerate(epsilon):
        inside = (both[:, : batch * count] < e).astype(float)
        means = inside.reshape(chains * count, batch, 2).mean(axis=1)
        out[k] = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return out
