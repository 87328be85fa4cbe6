"""The page to play with: two coefficients of a problem, to be moved by hand in a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.misnamed import explained, explained_throughout
from bayesreg.language.text import labels, listed, shortened
from bayesreg.language.versions import versions
from bayesreg.model.problem import Problem
from bayesreg.priors import Laplace, Normal
from bayesreg.priors.base import Prior
from bayesreg.priors.bridge import Bridge
from bayesreg.results import MapFit, Posterior
from bayesreg.verbs.demonstrate.subject import subject

ENDINGS = (".html", ".htm")
CLOSEST = 0.999  # correlation of the two columns, up to which the page's quadrature settles
ROUNDING = 1e-12  # of y'y: a residual sum of squares below it is none
WIDTH = 24  # characters of a column's name in a drawing


@explained_throughout
@dataclass(frozen=True, eq=False)
class Page:
    """One HTML file in which σ, the prior's scale and the exponent of the norm are sliders.

    Attributes
    ----------
    data : dict
        What the page's script computes from: names, moments, and where the sliders start.
    title : str
        Its heading.
    source : str
        Its last line: what the moments are of.
    """

    data: dict[str, Any]
    title: str
    source: str

    @property
    def says(self) -> str:
        """What the page shows, in a sentence."""
        return (
            f"Move the noise, the prior and its exponent, and see that the prior of {self._both} "
            "is a penalty: the objective has its lowest point at the mode, and the posterior "
            "density is its exponential, exp(−J/σ²)."
        )

    @property
    def html(self) -> str:
        """The whole file."""
        from bayesreg.report import demo

        version = versions(["bayesreg"])["bayesreg"]
        words = {"title": self.title, "says": self.says, "source": self.source}
        return demo.html(self.data, version=version, **words)

    def save(self, path: Any, *, overwrite: bool = False) -> Path:
        """Write the file, which needs no network and no other file.

        Parameters
        ----------
        path : str or path
            Where to write, ending in ``.html``. A page that bayesreg wrote is replaced.
        overwrite : bool, default False
            Replace a file that bayesreg did not write.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        BadArgument
            If the file cannot be written or would be lost.
        """
        from bayesreg.report.target import write_file

        target = checked(path, overwrite=overwrite)
        write_file(target, self.html.encode("utf-8", errors="backslashreplace"))
        return target

    @property
    def _both(self) -> str:
        return listed(self.data["names"])

    def __repr__(self) -> str:
        start = self.data["start"]
        return (
            f"Page: {self.data['y']} on {self._both}, σ = {start['sigma']:.4g}, exponent "
            f"{start['power']:g}; .save('demo.html') writes it"
        )


def checked(path: Any, *, overwrite: bool = False) -> Path:
    """Whether a page can be written there, asked before anything is read."""
    from bayesreg.report.target import check_target

    return check_target(path, overwrite=overwrite, endings=ENDINGS)


@explained
def page(
    problem: Problem | MapFit | Posterior,
    columns: Sequence[str] | None = None,
    *,
    title: str | None = None,
) -> Page:
    r"""Return an interactive page about two coefficients of a problem.

    With J(b) = ½‖y − β₀ − Zb‖² + λΣ|b_j|^q and λ = σ²/s^q it draws, as σ, s and q move, the loss
    and the constraint that its minimum touches, prior and posterior density, the path along λ, and
    the mode, the closed form where there is one, and the posterior mean.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        Under a Gaussian likelihood and one prior Normal, Laplace or Bridge with ``loc=0``. Its σ
        and scale, where known, are where the sliders start; else σ is the residual sd of the two
        columns, √(RSS/ν), and s is such that the penalty of the least-squares estimate is what
        the loss rises by from there to 0.
    columns : sequence of str, optional
        The two columns. Unsaid, the problem's two; of more, those most correlated with y that are
        not nearly the same.
    title : str, optional
        The heading.

    Returns
    -------
    Page
        Its `.html` is the file, and ``.save("demo.html")`` writes it.

    Raises
    ------
    BadArgument
        If `columns` are not two of the problem's.
    BadData
        If one of them does not vary, they are nearly the same, or y is a function of them and σ
        unknown.
    NotSupported
        If the likelihood is not Gaussian, or the prior none of these.

    References
    ----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso", JRSS B 58(1), figure 2;
    Frank & Friedman (1993), "A statistical view of some chemometrics regression tools",
    Technometrics 35(2), https://doi.org/10.1080/00401706.1993.10485033, §6.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Laplace(25.0)).condition(data.X, data.y, standardize=True)
    >>> br.demonstrate.page(problem, ["bmi", "bp"])
    Page: progression on bmi and bp, σ = 60.05, exponent 1; .save('demo.html') writes it
    """
    problem = subject(problem, "page")
    prior = _prior(problem)
    index = _two(problem, columns)
    quadratic = problem.quadratic
    gram, xy, yy = quadratic.block(index), quadratic.xy[index], quadratic.yy
    names = [problem.features[j] for j in index]
    _check(gram, names)
    hat = np.linalg.solve(gram, xy)
    sigma = _sigma(problem, yy - float(hat @ xy), names)
    power = 2.0 if isinstance(prior, Normal) else prior.q if isinstance(prior, Bridge) else 1.0
    y = _response(problem)
    data = {
        "names": labels(names, WIDTH),
        "y": shortened(y, WIDTH),
        "n": problem.n,
        "intercept": problem.intercept,
        "standardized": problem.standardize,
        "weighted": problem.n != problem.moments.rows,
        "sds": problem.x_sd[index].tolist(),
        "moments": {
            "a": float(gram[0, 0]),
            "h": float(gram[0, 1]),
            "d": float(gram[1, 1]),
            "c1": float(xy[0]),
            "c2": float(xy[1]),
            "yy": yy,
        },
        "start": {
            "sigma": sigma,
            "scale": _scale(problem, prior, sigma, power, hat, xy),
            "power": power,
        },
    }
    heading = title or f"A prior is a penalty: {shortened(y, 40)} on {listed(labels(names, 40))}"
    return Page(data, heading, _source(problem))


def _prior(problem: Problem) -> Any:
    """The one prior of all columns, or why a page cannot be about it."""
    if not problem.exact:
        raise NotSupported(
            f"the page computes from moments, which are all of the data under Gaussian() alone, "
            f"and not under {type(problem.likelihood).__name__}()"
        )
    if len(problem.flat):
        raise NotSupported(
            f"the page has one prior, and {problem.features[problem.flat[0]]!r} is Flat; leave out "
            "such columns"
        )
    if problem.layout is not None and problem.layout.shifted:
        raise NotSupported("the page has no offset: subtract it from y")
    prior = problem.blocks[0].prior
    if len(problem.blocks) > 1 or not isinstance(prior, Normal | Laplace | Bridge):
        raise NotSupported(
            f"the page is about exp(−|b/s|^q): use Normal(), Laplace() or Bridge(), and one of "
            f"them for all columns, not {shortened(repr(problem.prior), 100)}"
        )
    for what, said in (("loc", prior.loc), ("groups", prior.groups), ("relative", prior.relative)):
        if said:
            raise NotSupported(f"the page has one scale and no groups, about 0: leave out {what}=")
    return prior


def _two(problem: Problem, columns: Sequence[str] | None) -> Any:
    """Positions of the two columns."""
    names = problem.features
    if columns is None:
        if len(names) < 2:
            raise BadArgument(f"the page needs two columns, and the problem has {listed(names)}")
        with np.errstate(divide="ignore", invalid="ignore"):
            tied = np.nan_to_num(np.abs(problem.quadratic.xy) / problem.quadratic.norms)
        tied = np.round(tied / (np.max(tied) or 1.0), 9)  # a copy's rounding chooses nothing
        first, *others = np.argsort(-tied, kind="stable").tolist()
        gram = problem.quadratic.gram
        apart = [
            k for k in others if abs(_correlation(gram[np.ix_([first, k], [first, k])])) <= CLOSEST
        ]
        return np.sort([first, *(apart or others)][:2])
    said = [columns] if isinstance(columns, str) else list(columns)
    for name in said:
        if name not in names:
            known = f"; there are {shortened(', '.join(map(str, names)), 200)}"
            raise BadArgument(f"columns: no column {name!r}{did_you_mean(name, names)}{known}")
    if len(set(said)) != 2 or len(said) != 2:
        raise BadArgument(f"columns must be two different names, not {said!r}")
    return np.array([names.index(name) for name in said])


def _correlation(gram: Any) -> float:
    """Of two columns; 1 where one does not vary, which tells as little as a copy."""
    size = math.sqrt(gram[0, 0] * gram[1, 1])
    return float(gram[0, 1] / size) if size > 0.0 else 1.0


def _check(gram: Any, names: list[str]) -> None:
    """Whether the two columns vary, and differently."""
    for j, name in enumerate(names):
        if not gram[j, j] > 0:
            raise BadData(f"column {name!r} does not vary; give another")
    tied = _correlation(gram)
    if abs(tied) > CLOSEST:
        raise BadData(
            f"columns {names[0]!r} and {names[1]!r} are nearly the same (correlation {tied:.6g}, "
            f"and {CLOSEST} is the most); give another for one of them"
        )


def _sigma(problem: Problem, rss: float, names: list[str]) -> float:
    """σ where known, else the residual sd of the two columns."""
    if problem.sigma is not None:
        return problem.sigma
    nu = problem.n - float(problem.intercept) - 2.0
    if nu <= 0 or rss <= ROUNDING * problem.quadratic.yy:
        raise BadData(
            f"{listed(names)} leave nothing of y over rounding ({problem.n:g} rows), so that "
            "nothing tells what σ is; say it: Gaussian(sigma=…)"
        )
    return math.sqrt(rss / nu)


def _scale(problem: Problem, prior: Prior, sigma: float, power: float, hat: Any, xy: Any) -> float:
    """The s of exp(−|b/s|^q) where the sliders start."""
    said = problem.blocks[0].scale
    if said is not None:
        effective = float(said) * (sigma if prior.unit == "sigma" else 1.0)
        return effective * (math.sqrt(2.0) if power == 2.0 else 1.0)
    rise = 0.5 * float(hat @ xy)
    if not rise > 0:
        return sigma  # y has nothing to do with either: no scale is better than another
    return float((sigma * sigma * np.sum(np.abs(hat) ** power) / rise) ** (1.0 / power))


def _response(problem: Problem) -> str:
    layout = problem.layout
    return problem.moments.y_name if layout is None else layout.y_name


def _source(problem: Problem) -> str:
    """What the moments are of."""
    moments = problem.moments
    weights = f" of total weight {problem.n:g}" if problem.n != moments.rows else ""
    how = "standardised" if problem.standardize else "in original units"
    return f"{moments.rows} rows{weights}; columns are {how}."
