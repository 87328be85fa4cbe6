"""Cross-validation: the error of rows left out along λ, with its standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.language.text import number
from bayesreg.results.choice import Choice
from bayesreg.verbs.choose import choose
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class ErrorCurve(Record):
    """Cross-validated error along λ, the λ of the least, and the one-standard-error rule's.

    Attributes
    ----------
    choice : Choice
        Whose rules "cv" and "cv-1se" these are.
    lams : ndarray (L,)
        Ascending.
    error, se : ndarray (L,)
        Mean squared error in the squared unit of y, or mean deviance; its standard error over
        folds, NaN of a single split.
    df : ndarray (L,)
        Effective degrees of freedom of the fit to all rows.
    lam, lam_1se : float
        The λ of the least error, and the largest whose error is within one standard error of it.
    splits : int
        Over how many training sets.
    """

    picture: ClassVar[str] = "cross_validation"

    choice: Choice
    lams: Array
    error: Array
    se: Array
    df: Array
    lam: float
    lam_1se: float
    splits: int

    @property
    def unit(self) -> str:
        """What the error is."""
        return "mean squared error" if self.choice.source.exact else "mean deviance, −2 log p(y)"

    def at(self, lam: float) -> int:
        """The position of a λ."""
        return int(np.argmin(np.abs(np.log(self.lams / lam))))

    def summary(self) -> pd.DataFrame:
        """Error, standard error and degrees of freedom, one row per λ."""
        import pandas as pd

        index = pd.Index(self.lams, name="lam")
        return pd.DataFrame({"error": self.error, "se": self.se, "df": self.df}, index=index)

    @property
    def says(self) -> str:
        """The two λ's, their errors and what is left of the fit at each."""
        best, large = self.at(self.lam), self.at(self.lam_1se)
        least = f"{self.error[best]:.4g}"
        least += f" ± {self.se[best]:.3g}" if np.isfinite(self.se[best]) else ""
        said = (
            f"Of rows left out in {self.splits} splits the {self.unit} is least, {least}, at "
            f"λ = {number(self.lam)} with {self.df[best]:.3g} effective degrees of freedom"
        )
        if not np.isfinite(self.se[best]):
            return f"{said}."
        if large == best:
            return f"{said}; no larger λ comes within one standard error of it."
        return (
            f"{said}; up to λ = {number(self.lam_1se)}, with {self.df[large]:.3g}, it is within "
            "one standard error of that."
        )

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        least, large = number(self.lam), number(self.lam_1se)
        return (
            f"The cross-validated {self.unit} as dots with bars of one standard error over "
            f"{len(self.lams)} values of λ on a logarithmic axis, effective degrees of freedom "
            f"above: from {self.error[0]:.4g} at the smallest λ by way of "
            f"{self.error[self.at(self.lam)]:.4g} at λ = {least} to {self.error[-1]:.4g} at "
            f"the largest. Two vertical lines mark the least and, at λ = {large}, the "
            "one-standard-error rule."
        )


@explained
def cross_validation(
    data: Any,
    *,
    lams: Any = None,
    n: int = 40,
    folds: Any = 10,
    groups: Any = None,
    seed: int = 0,
) -> ErrorCurve:
    r"""The error of rows left out along λ, as ``br.choose`` has it, with bars.

    With K folds F_k and the optimum :math:`\hat\beta^{-k}` of the rows outside of F_k,

    .. math:: \mathrm{CV}(\lambda) = \frac1K\sum_k e_k, \qquad
              e_k = \frac1{|F_k|}\sum_{i\in F_k}(y_i - \hat\beta_0^{-k} - x_i'\hat\beta^{-k})^2

    and its standard error sd(e_k)/√K. Folds share training rows, so that it is a rough guide.

    Parameters
    ----------
    data : Problem or Choice
        One penalised prior, on rows; or what ``br.choose`` gave, by "cv" among others.
    lams, n, folds, groups, seed
        As in :func:`bayesreg.choose`; not beside a choice, which has them.

    Returns
    -------
    ErrorCurve

    Raises
    ------
    BadArgument
        If the choice was not made by "cv", or other arguments stand beside it.
    NotSupported
        If there are no rows or no path.

    References
    ----------
    Stone (1974), "Cross-validatory choice and assessment of statistical predictions", JRSS B 36(2);
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., §7.10 and
    fig. 7.9 (one standard error).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    >>> found = cross_validation(problem, n=20)
    >>> bool(found.error.min() == found.error[found.at(found.lam)]), found.splits
    (True, 10)
    """
    if isinstance(data, Choice):
        if not (lams is groups is None and (n, folds, seed) == (40, 10, 0)):
            raise BadArgument("a choice has its λ's and folds; give the problem to have others")
        choice = data
    else:
        rules = ["cv", "cv-1se"]
        choice = choose(
            subject(data, "cross_validation"),
            rules,
            lams=lams,
            n=n,
            folds=folds,
            groups=groups,
            seed=seed,
        )
    found = choice.cross_validation
    if found is None:
        raise BadArgument(
            f"this choice was made by {', '.join(choice.rules)}; br.choose(problem, by=['cv']) "
            "cross-validates"
        )
    order = np.argsort(found.lams)
    return ErrorCurve(
        choice,
        found.lams[order],
        found.error[order],
        found.se[order],
        np.asarray(choice.path.df)[np.argsort(choice.path.lam)],
        found.lam,
        found.lam_1se,
        len(found.folds),
    )
