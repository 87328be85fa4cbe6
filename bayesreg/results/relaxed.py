"""Relaxed: least squares on the columns that a penalty keeps, beside the penalised optimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.criteria.refit import refit_errors, refitted
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.language.text import plain
from bayesreg.model.problem import Problem
from bayesreg.solvers.path import Ray

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.criteria import CrossValidation


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The refit without shrinkage, and what it changes.

    Attributes
    ----------
    problem : Problem
        With λ as selected.
    b, penalised : ndarray (p,)
        The refit and the penalised optimum in penalised coordinates.
    rss, penalised_rss : float
        Residual sums of squares.
    cv_error, penalised_cv_error : float
        Mean squared error by cross-validation at this λ, columns selected anew in each fold; NaN
        without cross-validation.
    """

    problem: Problem
    b: Array
    penalised: Array
    rss: float
    penalised_rss: float
    cv_error: float
    penalised_cv_error: float

    @property
    def beta(self) -> pd.Series:
        """Coefficients per unit of the original column."""
        import pandas as pd

        return pd.Series(self.problem.restore(self.b)[0], list(self.problem.features), name="beta")

    @property
    def intercept(self) -> float:
        """β₀ at x = 0 of the original columns."""
        return float(self.problem.restore(self.b)[1])

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the penalised columns that the optimum keeps."""
        names = [self.problem.features[j] for j in self.problem.proper]
        return tuple(name for name, value in zip(names, self.penalised, strict=True) if value)

    @property
    def why(self) -> str:
        """What the refit costs or gains, in a sentence."""
        fit = (
            f"least squares on the {len(self.kept)} columns kept lowers the residual sum of "
            f"squares from {self.penalised_rss:.5g} to {self.rss:.5g}"
        )
        if not np.isfinite(self.cv_error):
            return fit
        change = self.cv_error / self.penalised_cv_error - 1.0
        word = "raises" if change > 0 else "lowers"
        return (
            f"{fit} and {word} the cross-validated error by {abs(change):.2%}, from "
            f"{self.penalised_cv_error:.5g} to {self.cv_error:.5g}"
        )

    def summary(self) -> pd.DataFrame:
        """One row per coefficient: the refit, the penalised optimum, and whether it is kept."""
        import pandas as pd

        table = pd.DataFrame({"beta": self.beta})
        table["penalised"] = self.problem.restore(self.penalised)[0]
        table["kept"] = [name in self.kept for name in table.index]
        return table

    def __repr__(self) -> str:
        """The sentence and the coefficients."""
        return f"{self.why}\n{plain(self.summary()).to_string(max_rows=30)}"


def relaxed(ray: Ray, lam: float, b: Array, cv: CrossValidation | None) -> Relaxed:
    """Refit the columns of an optimum, and cross-validate both at its λ.

    Parameters
    ----------
    ray : Ray
        How λ sets the penalty.
    lam : float
        λ as the ray counts it.
    b : ndarray (p,)
        Its optimum.
    cv : CrossValidation or None
        Whose folds serve.
    """
    if ray.smooth:
        raise NotSupported(
            "ridge keeps every column, so that the relaxed refit is least squares: use br.Flat(), "
            "or Laplace or ElasticNet to select"
        )
    fixed = ray.at(lam)
    refit = refitted(fixed, b[None])[0]
    errors = (np.nan, np.nan)
    if cv is not None and fixed.design is not None:
        errors = refit_errors(ray, lam, cv.folds)
    rss = fixed.quadratic.residual_square
    return Relaxed(fixed, refit, b, rss(refit), rss(b), *errors)
