"""The path against its own size: coefficients over ‖b‖ / max‖b‖."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, BayesregWarning, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import number, percent, shortened
from bayesreg.model.model import Model
from bayesreg.priors import Flat
from bayesreg.results.path import Path
from bayesreg.solvers.groups import group_sums
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject
from bayesreg.verbs.fit import fit_map, path

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem


@dataclass(frozen=True, eq=False, repr=False)
class PathByNorm(Record):
    """Effects along a path, by the share of its largest norm that each optimum has.

    Attributes
    ----------
    path : Path
    norm : {"‖b‖₁", "‖b‖₂", "Σ‖b_g‖₂"}
        What the penalty limits: ‖b‖₂ for ridge, Σ‖b_g‖₂ for groups.
    share : ndarray (L,)
        Ascending from 0 to 1; the first point is b = 0.
    lams : ndarray (L,)
        λ of each point: ∞ of the first, and 0 of the last where that is the optimum without a
        penalty.
    effects : ndarray (L, p)
        sd(x_j)·β_j of the penalised columns.
    largest : float
        The norm at share 1.
    unpenalised : bool
        Whether that is the optimum without a penalty; else the largest of the path.
    """

    picture: ClassVar[str] = "path_by_norm"

    path: Path
    norm: str
    share: Array
    lams: Array
    effects: Array
    largest: float
    unpenalised: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The penalised columns."""
        problem = self.path.problem
        return tuple(problem.features[j] for j in problem.proper)

    def share_at(self, lam: float) -> float:
        """The share of the optimum at some λ, between neighbours in log λ."""
        inner = np.isfinite(self.lams) & (self.lams > 0.0)
        x, y = np.log(self.lams[inner])[::-1], self.share[inner][::-1]
        return float(np.interp(np.log(lam), x, y))

    def summary(self) -> pd.DataFrame:
        """The effects, one row for each share."""
        import pandas as pd

        index = pd.Index(self.share, name="share")
        table = pd.DataFrame(self.effects, index=index, columns=list(self.names))
        table.insert(0, "lam", self.lams)
        return table

    @property
    def says(self) -> str:
        """How large the largest is, and what is left at half of it."""
        half = int(np.argmin(np.abs(self.share - 0.5)))
        kept, p = int(np.count_nonzero(self.effects[half])), len(self.names)
        whole = "without a penalty" if self.unpenalised else "at the smallest λ of the path"
        first = int(np.argmax(np.any(self.effects != 0.0, axis=1)))
        alone = np.flatnonzero(self.effects[first])
        said = (
            f"{self.norm} is {self.largest:.4g} {whole}; λ = {number(self.lams[half])} leaves "
            f"{percent(self.share[half])} of it, and {kept} of {p} coefficients that are not 0"
        )
        if len(alone) == 1 < p:
            said += f"; the first to enter is {shortened(self.names[alone[0]])}"
        return f"{said}."

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        end = "least squares" if self.path.problem.exact else "maximum likelihood"
        end = end if self.unpenalised else "the smallest λ"
        top = int(np.argmax(np.abs(self.effects[-1])))
        return (
            f"One line for each of {len(self.names)} coefficients over the share of the largest "
            f"{self.norm}: all start from 0 at the left and end at {end} on the right, where the "
            f"largest, {shortened(self.names[top])}, is {self.effects[-1, top]:.3g}."
        )


@explained
def path_by_norm(data: Any, lams: Any = None, n: int = 100) -> PathByNorm:
    r"""Coefficients along λ, against ‖b‖ / max‖b‖ of the optimum instead of λ.

    The optimum of J at λ is that of the loss under ‖b‖ ≤ t with t its own norm, so that t/max t is
    as good a name for it as λ. Its largest is that of the optimum without a penalty, where there is
    one; where columns reach rows, or separate a yes/no y, it is the largest of the path.

    Parameters
    ----------
    data : Problem or Path
        What :func:`bayesreg.path` takes, or what it gave.
    lams, n
        As in :func:`bayesreg.path`, for a problem.

    Returns
    -------
    PathByNorm

    Raises
    ------
    NotSupported
        If the problem has no path.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., fig.
    3.10; James, Witten, Hastie & Tibshirani (2021), *An Introduction to Statistical Learning*, 2nd
    ed., figs. 6.4 and 6.6.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    >>> found = path_by_norm(problem)
    >>> found.norm, round(found.largest, 1), round(found.share_at(500.0), 2)
    ('‖b‖₁', 164.6, 0.54)
    """
    found = data if isinstance(data, Path) else path(subject(data, "path_by_norm"), lams, n)
    problem = found.problem
    order = np.argsort(-found.lam)
    points, at = [np.zeros(problem.p), *found.b[order]], [np.inf, *found.lam[order]]
    free = _unpenalised(problem)
    if free is not None and at[-1] > 0.0:
        points, at = [*points, free], [*at, 0.0]
    b, at_lam = np.array(points), np.array(at)
    size = np.linalg.norm(b, axis=1) if found.ray.smooth else group_sums(problem, b)
    rank = np.argsort(size, kind="stable")  # as it is, where norms fall with λ
    largest = float(size[rank[-1]])
    name = "Σ‖b_g‖₂" if problem.penalty.in_groups else "‖b‖₁"
    proper = problem.proper
    effects = (b + problem.coordinates.loc) / problem.x_sd[proper] * problem.column_sd[proper]
    return PathByNorm(
        found,
        "‖b‖₂" if found.ray.smooth else name,
        size[rank] / (largest or 1.0),
        at_lam[rank],
        effects[rank],
        largest,
        free is not None,
    )


def _unpenalised(problem: Problem) -> Array | None:
    """b without a penalty; None where there is no one optimum."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayesregWarning)
            fit = fit_map(
                Model(Flat(), problem.likelihood).condition(
                    problem.held, standardize=problem.standardize, intercept=problem.intercept
                )
            )
    except (BadData, NotSupported):
        return None
    proper, beta = problem.proper, fit.beta.to_numpy(float)
    return np.asarray(beta[proper] * problem.x_sd[proper] - problem.coordinates.loc)
