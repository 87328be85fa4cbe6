"""Data sets that come with the package, and simulated ones whose truth is known."""

from __future__ import annotations

import math
from contextlib import suppress
from csv import DictReader
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayesreg.language.arguments import did_you_mean, integer, settled_seed
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained

if TYPE_CHECKING:
    import pandas as pd

_EFRON = (
    "Efron, Hastie, Johnstone & Tibshirani 2004, Least angle regression, Annals of Statistics "
    "32(2), 407-499, doi:10.1214/009053604000000067"
)


class _Shipped(NamedTuple):
    """One data set: its file, response, what else is no column, and what is said of it."""

    file: str
    target: str
    source: str
    description: str
    likelihood: str = "gaussian"
    exposure: str | None = None


_SHIPPED = {
    "diabetes": _Shipped(
        "diabetes.csv",
        "progression",
        _EFRON,
        "442 patients: age (years), sex (coded 1 and 2), body mass index (kg/m²), mean blood "
        "pressure (mm Hg) and six blood serum measurements s1 to s6, all in original units; the "
        "response is a measure of disease progression one year after baseline.",
    ),
    "diabetes64": _Shipped(
        "diabetes.csv",
        "progression",
        _EFRON,
        "The 10 columns of diabetes in original units, 9 squares (of all but sex, which has two "
        "values) and 45 interactions; squares and interactions are products of columns brought to "
        "mean 0 and sd 1 (1/N) first, as by Efron et al. (2004).",
    ),
    "endometrial": _Shipped(
        "endometrial.csv",
        "high_grade",
        "Heinze & Schemper 2002, A solution to the problem of separation in logistic regression, "
        "Statistics in Medicine 21(16), 2409-2419, doi:10.1002/sim.1047 (data of E. Asseryanis, "
        "Medical University of Vienna)",
        "79 patients with cancer of the endometrium: neovascularisation (1 where present), "
        "pulsatility index of the arteria uterina, height of the endometrium; the response is "
        "whether the histology is of high grade, yes or no. All 13 patients with "
        "neovascularisation have one, so that its odds ratio has no finite estimate without a "
        "prior.",
        likelihood="bernoulli",
    ),
    "ships": _Shipped(
        "ships.csv",
        "incidents",
        "McCullagh & Nelder 1989, Generalized Linear Models, 2nd ed., §6.3.2 (data of J. Crilley "
        "and L. N. Heminway, Lloyd's Register of Shipping)",
        "34 groups of cargo ships: type (A to E), years in which they were built and in which they "
        "were operated; the response is the number of incidents of damage by waves, the exposure "
        "the aggregate months of service. The counts vary more than Poisson's.",
        likelihood="poisson",
        exposure="service",
    ),
}
INTERCEPT = 3.0  # of simulated data: not zero, so that a lost intercept shows


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: columns, response and where they come from.

    Attributes
    ----------
    X : DataFrame (n, p)
        Columns of text are factors, which a formula codes, as the shell does by itself.
    y : Series (n,)
    source : str
        The publication to cite.
    name, description : str
    likelihood : str
        How y varies, as it is written: "gaussian", "bernoulli", "poisson".
    exposure : Series (n,) or None
        What a count is per: time, area or people.
    """

    X: pd.DataFrame
    y: pd.Series
    source: str
    name: str
    description: str
    likelihood: str = "gaussian"
    exposure: pd.Series | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """Columns, exposure and response in one frame, for a formula."""
        beside = [] if self.exposure is None else [self.exposure]
        return self.X.join([*beside, self.y])

    def __repr__(self) -> str:
        n, p = self.X.shape
        return f"Dataset({self.name!r}: {n} rows, {p} columns, response {self.y.name!r})"


@dataclass(frozen=True, eq=False)
class Simulated:
    """Simulated data with the truth attached.

    Attributes
    ----------
    X : DataFrame (n, p)
    y : Series (n,)
    beta : Series (p,)
        The true coefficients.
    intercept, sigma : float
        The true intercept and noise sd.
    rho, snr : float
    seed : int
        Gives the same data again.
    name, source : str
    """

    X: pd.DataFrame
    y: pd.Series
    beta: pd.Series
    intercept: float
    sigma: float
    rho: float
    snr: float
    seed: int
    name: str = "simulated"
    source: str = "simulated by bayesreg.simulate"

    def __repr__(self) -> str:
        n, p = self.X.shape
        return (
            f"Simulated(seed={self.seed}: {n} rows, {p} columns, "
            f"{int((self.beta != 0).sum())} of them with an effect; rho={self.rho:g}, "
            f"snr={self.snr:g}, intercept={self.intercept:g}, sigma={self.sigma:.4g}; "
            "the truth is .beta)"
        )


def dataset_names() -> tuple[str, ...]:
    """Names that `load_dataset` knows.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from bayesreg.data.datasets import dataset_names
    >>> dataset_names()
    ('diabetes', 'diabetes64', 'endometrial', 'ships')
    """
    return tuple(_SHIPPED)


@explained
def load_dataset(name: str) -> Dataset:
    """Load a data set that comes with the package.

    Parameters
    ----------
    name : str
        ``"diabetes"`` (442 × 10, original units) or ``"diabetes64"`` (442 × 64), a measurement;
        ``"endometrial"`` (79 × 3), yes or no; ``"ships"`` (34 × 3, factors), counts with an
        exposure.

    Returns
    -------
    Dataset

    Raises
    ------
    BadArgument
        If there is none of that name; the message has the nearest.

    References
    ----------
    Efron, Hastie, Johnstone & Tibshirani 2004, Annals of Statistics 32(2),
    doi:10.1214/009053604000000067; Heinze & Schemper 2002, Statistics in Medicine 21(16),
    doi:10.1002/sim.1047; McCullagh & Nelder 1989, *Generalized Linear Models*, §6.3.2.

    Examples
    --------
    >>> from bayesreg.data.datasets import load_dataset
    >>> load_dataset("diabetes")
    Dataset('diabetes': 442 rows, 10 columns, response 'progression')
    >>> ships = load_dataset("ships")
    >>> ships.likelihood, ships.exposure.name, list(ships.frame)
    ('poisson', 'service', ['type', 'built', 'operated', 'service', 'incidents'])
    """
    if name not in _SHIPPED:
        hint = did_you_mean(name, _SHIPPED)
        raise BadArgument(f"no data set {name!r}{hint} (there are {', '.join(_SHIPPED)})")
    import pandas as pd

    found = _SHIPPED[name]
    with (files("bayesreg.data") / found.file).open(encoding="utf-8") as file:
        frame = pd.DataFrame(DictReader(file))
    for column in frame:
        with suppress(ValueError):  # a column of text
            frame[column] = frame[column].astype(float)
    y = frame.pop(found.target)
    exposure = None if found.exposure is None else frame.pop(found.exposure)
    return Dataset(
        _with_products(frame) if name == "diabetes64" else frame,
        y,
        found.source,
        name,
        found.description,
        found.likelihood,
        exposure,
    )


def _with_products(X: pd.DataFrame) -> pd.DataFrame:
    """X beside the squares (where a column has more than two values) and pairwise products."""
    import pandas as pd

    z = (X - X.mean()) / X.std(ddof=0)
    squares = {f"{a}^2": z[a] ** 2 for a in X if X[a].nunique() > 2}
    pairs = {f"{a}:{b}": z[a] * z[b] for a, b in combinations(X, 2)}
    return pd.concat([X, pd.DataFrame(squares | pairs)], axis=1)


@explained
def simulate(
    n: int = 100,
    p: int = 10,
    n_nonzero: int = 3,
    rho: float = 0.5,
    snr: float = 3.0,
    seed: int | None = None,
) -> Simulated:
    r"""Simulate a sparse linear regression with correlated columns.

    :math:`y = 3 + X\beta + \sigma\varepsilon`; rows of X are standard normal with the
    autoregressive correlation :math:`\Sigma_{jk} = \rho^{|j-k|}`; `n_nonzero` coefficients at
    random places have sizes uniform on (0.5, 1.5) and random signs; and
    :math:`\sigma^2 = \beta'\Sigma\beta / \mathrm{snr}` (σ = 1 if β = 0).

    Parameters
    ----------
    n, p : int, default 100, 10
        Rows and columns, at least 1.
    n_nonzero : int, default 3
        Between 0 and p.
    rho : float, default 0.5
        Correlation of neighbouring columns, between -1 and 1.
    snr : float, default 3.0
        Variance of Xβ over that of the noise, positive.
    seed : int, optional
        Drawn, and recorded, if not given.

    Returns
    -------
    Simulated
        ``.X``, ``.y`` and the truth: ``.beta``, ``.intercept``, ``.sigma``.

    Raises
    ------
    BadArgument
        If an argument is out of its range.

    References
    ----------
    The design of Hastie, Tibshirani & Tibshirani 2020, Statistical Science 35(4),
    doi:10.1214/19-STS733, with places and sizes of the coefficients drawn at random.

    Examples
    --------
    >>> from bayesreg.data.datasets import simulate
    >>> data = simulate(n=50, p=20, n_nonzero=4, seed=1)
    >>> data.X.shape, int((data.beta != 0).sum()), data.intercept
    ((50, 20), 4, 3.0)
    """
    n, p = integer(n, "n", 1), integer(p, "p", 1)
    n_nonzero = integer(n_nonzero, "n_nonzero", 0)
    if n_nonzero > p:
        raise BadArgument(f"n_nonzero = {n_nonzero} must not exceed p = {p}")
    rho, snr = _real("rho", rho), _real("snr", snr)
    if not -1 < rho < 1:
        raise BadArgument(f"rho = {rho} must lie between -1 and 1, both excluded")
    if not snr > 0:
        raise BadArgument(f"snr = {snr} must be positive")
    seed = settled_seed(seed)
    import pandas as pd

    rng = np.random.default_rng(seed)
    beta = np.zeros(p)
    places = np.sort(rng.choice(p, n_nonzero, replace=False))
    beta[places] = rng.uniform(0.5, 1.5, n_nonzero) * rng.choice([-1.0, 1.0], n_nonzero)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + math.sqrt(1 - rho**2) * X[:, j]
    correlation = rho ** np.abs(places[:, None] - places)
    signal = float(beta[places] @ correlation @ beta[places])
    sigma = math.sqrt(signal / snr) if n_nonzero else 1.0
    y = INTERCEPT + X @ beta + sigma * rng.standard_normal(n)
    names = [f"x{j + 1}" for j in range(p)]
    return Simulated(
        X=pd.DataFrame(X, columns=names),
        y=pd.Series(y, name="y"),
        beta=pd.Series(beta, index=names, name="beta"),
        intercept=INTERCEPT,
        sigma=sigma,
        rho=rho,
        snr=snr,
        seed=seed,
    )


def _real(name: str, value: object) -> float:
    """A finite number."""
    if not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise BadArgument(f"{name} must be a finite number, not {value!r}")
    return float(value)
