"""Yes/no: the logistic loss of two columns with L1 and L2, and what separation does to it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import BayesregWarning, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import listed, number, shortened, shown
from bayesreg.likelihoods import Bernoulli
from bayesreg.model.model import Model
from bayesreg.model.separation import direction
from bayesreg.priors import Flat, Laplace, Normal
from bayesreg.solvers.path import default_lams
from bayesreg.verbs.demonstrate.pair import pair_of
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject
from bayesreg.verbs.fit import fit_map, path

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit, Posterior

KINDS = ("L1", "L2")
SIDES = (25, 61)  # points along each side of the contours: fewest, for very many rows, and most
CELLS = 2**24  # of rows times points, beyond which there are fewer
NUMBERS = 2**22  # of rows times points that are looked at at once
POINTS = 60  # values of C
DECADES = 5.0  # of C, from where L1 lets the first coefficient go


@dataclass(frozen=True, eq=False, repr=False)
class YesNo(Record):
    """The logistic loss on two columns, its penalised minima at one C and along C.

    Attributes
    ----------
    names : tuple of str
    outcome : str
        What is predicted, as "y = yes".
    C : float
        1/λ, as scikit-learn has it: λ₁ = 1/C of L1 and λ₂ = 1/C of L2.
    points : dict of str to ndarray (2,)
        The minimum of loss + ‖b‖₁/C ("L1") and of loss + ½‖b‖²/C ("L2").
    losses : dict of str to float
        The loss there.
    null : float
        The loss at b = 0.
    axes : ndarray (2, K)
        Values of the two coefficients.
    loss : ndarray (K, K)
        Σ[log(1 + e^η) − yη] there at the best β₀; the second coefficient by row.
    Cs : ndarray (L,)
        Ascending.
    paths : dict of str to ndarray (L, 2)
        The minima along them.
    unpenalised : ndarray (2,) or None
        Where the loss is least; None where it falls without end.
    separating : tuple of str
        The columns whose coefficients then grow without end.
    standardized : bool
        Whether b_j = sd(x_j)·β_j.
    """

    picture: ClassVar[str] = "yes_no"

    names: tuple[str, str]
    outcome: str
    C: float
    points: dict[str, Array]
    losses: dict[str, float]
    null: float
    axes: Array
    loss: Array
    Cs: Array
    paths: dict[str, Array]
    unpenalised: Array | None
    separating: tuple[str, ...]
    standardized: bool

    def summary(self) -> pd.DataFrame:
        """Both coefficients under L1 and L2, one row per C."""
        import pandas as pd

        columns = {
            f"{kind}: {shown(name)}": b[:, j]
            for kind, b in self.paths.items()
            for j, name in enumerate(self.names)
        }
        return pd.DataFrame(columns, index=pd.Index(self.Cs, name="C"))

    @property
    def says(self) -> str:
        """Both answers at C, and what there is without a prior."""
        first, second = (shortened(name) for name in self.names)
        at = {kind: f"({b[0]:.3g}, {b[1]:.3g})" for kind, b in self.points.items()}
        said = (
            f"At C = {self.C:g} λ is 1/C = {1 / self.C:.3g}, and the coefficients of {first} and "
            f"{second} are {at['L1']} under L1, a Laplace prior of scale C, and {at['L2']} under "
            "L2, a normal prior of scale √C"
        )
        if self.unpenalised is not None:
            free = f"({self.unpenalised[0]:.3g}, {self.unpenalised[1]:.3g})"
            return f"{said}; without a prior they are {free}."
        j = self.names.index(self.separating[0])
        end, middle = self.paths["L2"][-1, j], self.paths["L2"][POINTS // 2, j]
        who = listed([shortened(name) for name in self.separating])
        whole = "separates" if len(self.separating) == 1 else "together separate"
        return (
            f"{said}; {who} {whole} the classes, so that without a prior there is no answer: under "
            f"L2 the coefficient of {shortened(self.separating[0])} is {middle:.3g} at C = "
            f"{number(self.Cs[POINTS // 2])}, {end:.3g} at C = {number(self.Cs[-1])}, and so on."
        )

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        first, second = (shortened(name) for name in self.names)
        free = "level off at the values without a prior, drawn dotted"
        if self.unpenalised is None:
            free = f"do not level off: that of {shortened(self.separating[0])} grows with log C"
        b1, b2 = (f"({b[0]:.3g}, {b[1]:.3g})" for b in self.points.values())
        return (
            f"Contours of the logistic loss in the coefficients of {first} and {second}, no "
            f"ellipses: left a diamond touches one at {b1}, in the middle a circle at {b2}, each "
            "with the path of its penalty. Right, both coefficients over C on a logarithmic axis, "
            f"L1 solid and L2 dashed: as C grows they {free}."
        )


@explained
def yes_no(
    problem: Problem | MapFit | Posterior, columns: Sequence[str] | None = None, *, C: float = 1.0
) -> YesNo:
    r"""The logistic loss of two columns with an L1 and an L2 penalty, where C = 1/λ.

    .. math:: \sum_i w_i\,[\log(1+e^{\eta_i})-y_i\eta_i]+\tfrac1C\lVert b\rVert_1
              \quad\text{or}\quad \dots+\tfrac1{2C}\lVert b\rVert^2,\qquad \eta_i=\beta_0+x_i'b

    scikit-learn multiplies the loss by C instead, which has the same minimum. There is no σ: L1 is
    a Laplace prior of scale C, L2 a normal one of scale √C. Where columns separate the classes the
    loss falls for ever along some direction (Albert & Anderson 1984), and only a prior ends it.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        Under Bernoulli(), on rows, with at least two columns that have a proper prior; the prior
        itself is not used, nor are the other columns.
    columns : sequence of two str, optional
        By default the two that say most of y, each alone.
    C : float, default 1.0
        1/λ.

    Returns
    -------
    YesNo

    Raises
    ------
    BadArgument
        If there are not two such columns, a name is unknown, they are collinear, or C is not
        positive.
    NotSupported
        If y is not yes/no, or there are no rows.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., §4.4.4;
    Albert & Anderson (1984), "On the existence of maximum likelihood estimates in logistic
    regression models", Biometrika 71(1), https://doi.org/10.1093/biomet/71.1.1.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("endometrial")
    >>> problem = br.Model(br.Normal(1.0), "bernoulli").condition(
    ...     data.X[["pulsatility", "height"]], data.y, standardize=True
    ... )
    >>> found = yes_no(problem)
    >>> found.separating, found.points["L2"].round(2).tolist()
    ((), [-0.13, -1.94])
    """
    problem = subject(problem, "yes_no")
    if problem.classes_ is None:
        raise NotSupported(
            f"yes_no is of a y with two labels, under Bernoulli(), and this is "
            f"{problem.likelihood}; demonstrate.geometry draws the loss of Gaussian()"
        )
    if problem.design is None:
        raise NotSupported(f"yes_no needs rows, and {problem.rowless}")
    C = one_positive(C, "C")
    names = pair_of(problem.at_zero, columns, "yes_no").names
    asked = {"L1": _on(problem, names, Laplace(C)), "L2": _on(problem, names, Normal(C**0.5))}
    points = {kind: np.asarray(fit_map(one).b) for kind, one in asked.items()}
    highest = float(default_lams(asked["L1"], 1)[0])
    lams = highest * np.logspace(0.0, -DECADES, POINTS)
    paths = {kind: np.asarray(path(one, lams).b) for kind, one in asked.items()}
    free, separating = _unpenalised(problem, asked["L1"], names)
    spread = [*points.values(), *([] if free is None else [free])]
    side = int(np.clip((CELLS / problem.design.n) ** 0.5, *SIDES))
    axes = _axes(np.array(spread), np.array(list(points.values())), side)
    first, second = np.meshgrid(*axes)
    grid = np.stack([first.ravel(), second.ravel()], axis=1)
    loss = _losses(asked["L1"], np.vstack([np.zeros(2), *points.values(), grid]))
    return YesNo(
        names,
        f"{problem.design.y_name} = {problem.classes_[1]}",
        C,
        points,
        dict(zip(points, map(float, loss[1:3]), strict=True)),
        float(loss[0]),
        axes,
        loss[3:].reshape(first.shape),
        1.0 / lams,
        paths,
        free,
        separating,
        problem.standardize,
    )


def _on(problem: Problem, names: tuple[str, str], prior: Any) -> Problem:
    """The two columns alone under a prior."""
    import pandas as pd

    design = problem.design
    assert design is not None
    columns = {name: design.numbers(problem.features.index(name)) for name in names}
    with warnings.catch_warnings():  # the picture itself is about separation
        warnings.simplefilter("ignore", BayesregWarning)
        return Model(prior, Bernoulli()).condition(
            pd.DataFrame(columns),
            np.asarray(design.y),
            standardize=problem.standardize,
            intercept=problem.intercept,
            weights=design.weights,
            offset=design.offset,
        )


def _unpenalised(
    problem: Problem, two: Problem, names: tuple[str, str]
) -> tuple[Array | None, tuple[str, ...]]:
    """Where the loss is least; or the columns along which it falls for ever."""
    loss = two.loss
    side = two.likelihood.recession(loss.y, loss.theta)
    found = direction(np.hstack([loss.free, loss.proper]), side)
    if found is None:
        return np.asarray(fit_map(_on(problem, names, Flat())).beta * two.x_sd), ()
    moving = np.abs(found[loss.free.shape[1] :]) > 0.0
    return None, tuple(name for name, moves in zip(names, moving, strict=True) if moves)


def _axes(every: Array, points: Array, side: int) -> Array:
    """Two axes (2, K) of one length that hold 0, the minima, and the regions through them."""
    size = max(float(np.sum(np.abs(points[0]))), float(np.linalg.norm(points[1])), 1e-6)
    low = np.minimum(np.min(every, axis=0), -size)
    high = np.maximum(np.max(every, axis=0), size)
    middle, half = 0.5 * (low + high), 0.56 * float(np.max(high - low))
    return np.linspace(middle - half, middle + half, side).T


def _losses(problem: Problem, b: Array) -> Array:
    """The loss at many b (G, 2), each at the best β₀."""
    loss, out = problem.loss, np.empty(len(b))
    step = max(1, NUMBERS // len(loss.y))
    for start in range(0, len(b), step):
        eta = loss.settled(b[start : start + step])[0]
        density = problem.likelihood.log_density(loss.y, eta, loss.theta)
        out[start : start + step] = -density @ loss.weights
    return out
