"""Path: penalised optima along λ, each with its certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotConverged, NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.model.conversion import lam_of_sklearn, spoken_lam
from bayesreg.results.map_fit import MapFit
from bayesreg.solvers.certificate import Certificate
from bayesreg.solvers.groups import group_sums
from bayesreg.solvers.path import Ray, certified_at, check_lams, degrees, solve_at

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.solvers.homotopy import Knots


@explained_throughout
@dataclass(frozen=True, eq=False)
class Path:
    r"""The regularisation path: the optimum of J at each λ, every point certified.

    Attributes
    ----------
    ray : Ray
        How λ sets λ₁ and λ₂; its problem's σ is used, and its scale is ignored.
    lam : ndarray (L,)
        The λ's in the order given: λ₂ for Normal, λ₁ for Laplace and ElasticNet; on a ray,
        λ₁ = l1_ratio·λ and λ₂ = (1 − l1_ratio)·λ.
    b : ndarray (L, p)
        Optima in penalised coordinates.
    scale : ndarray (L,)
        The prior scale that each λ means for this σ; NaN where that needs an unknown σ. On a ray,
        that of an elastic-net prior whose mix moves with λ.
    counted : ndarray (L,)
        `df` where solving gave it, and NaN elsewhere.
    certificates : tuple of Certificate
        One per λ. `unique` may be None: whether an optimum is the only one is not looked into here.
    own : str
        In words, at which values the likelihood's own unknowns are held; empty if it has none.

    References
    ----------
    Friedman, Hastie & Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", JSS 33(1), https://doi.org/10.18637/jss.v033.i01.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(br.Laplace(1.0), br.Gaussian(sigma=54.0))
    >>> path = br.path(model.condition(data.X, data.y, standardize=True), n=20)
    >>> path.beta.shape, all(c.ok for c in path.certificates)
    ((20, 10), True)
    >>> round(float(path.at(100.0).beta["bmi"]), 3)
    5.669
    """

    ray: Ray
    lam: Array
    b: Array
    scale: Array
    counted: Array
    certificates: tuple[Certificate, ...]
    own: str = ""

    @property
    def problem(self) -> Problem:
        """What the path is of."""
        return self.ray.problem

    @cached_property
    def df(self) -> Array:
        """Effective degrees of freedom (L,), without intercept and Flat columns.

        For ridge with many columns under yes/no outcomes and counts that is a factorisation for
        each λ, and is done when it is first asked for.
        """
        return degrees(self.ray, self.lam, self.b, self.counted)

    @cached_property
    def beta(self) -> pd.DataFrame:
        """Coefficients per unit of the original columns: one row per λ, in the order given."""
        import pandas as pd

        index = pd.Index(self.lam, name="lam")
        return pd.DataFrame(self._restored[0], index=index, columns=list(self.problem.features))

    @cached_property
    def intercept(self) -> pd.Series:
        """β₀ at each λ."""
        import pandas as pd

        return pd.Series(self._restored[1], index=pd.Index(self.lam, name="lam"), name="intercept")

    @property
    def standardized(self) -> pd.DataFrame:
        """sd(x_j)·β_j at each λ."""
        return self.beta * self.problem.column_sd

    @cached_property
    def objective(self) -> Array:
        """J (L,) at each λ: loss + Σλ₁ⱼ|bⱼ| + ½Σλ₂ⱼbⱼ², in the unit of y² or in nats."""
        l1, l2 = self.ray.penalties(self.lam)
        penalty = group_sums(self.problem, l1 * self.b) + 0.5 * np.sum(l2 * self.b**2, axis=1)
        if self.problem.stream is not None and not self.problem.exact:
            met = [self.problem.in_passes.nearest(b) for b in self.b]
            return np.array([one.sums.value for one in met]) + penalty
        if not self.problem.exact:
            return np.array([self.problem.loss.at(b).value for b in self.b]) + penalty
        return np.asarray(0.5 * self.problem.quadratic.residual_square(self.b) + penalty)

    @cached_property
    def knots(self) -> Knots:
        """Every λ between the ends of this path at which a column enters or leaves.

        Raises
        ------
        NotSupported
            Where b is not linear in λ between such points: ridge, and the elastic net, whose λ₂
            moves with λ.
        """
        from bayesreg.solvers.homotopy import knots

        _, l2 = self.ray.penalties(self.lam)
        if self.ray.smooth or np.any(l2):
            raise NotSupported(
                "only the lasso's path is linear between knots; λ₂ is not zero here. Ask for "
                "lams as close as you need, or use a Laplace prior"
            )
        return knots(self.problem, lowest=float(self.lam.min()))

    def at(self, lam: float) -> MapFit:
        """The optimum at any λ, solved anew from the nearest point of the path, and certified.

        Parameters
        ----------
        lam : float
            As in `Path.lam`; it need not lie between its ends.

        Returns
        -------
        MapFit
            Under the prior that this λ is at the path's σ.

        Raises
        ------
        BadArgument
            If λ is not one positive finite number.
        NotConverged
            If the optimum could not be certified; ``.result`` holds it.
        """
        value = float(check_lams([lam])[0])
        nearest = self.b[int(np.argmin(np.abs(np.log(self.lam / value))))]
        problem, b, solver = solve_at(self.ray, value, nearest)
        how = f"λ = {value:.6g} on a path" + f", {self.own}" * bool(self.own)
        fit = MapFit(problem, b, self.ray.sigma, solver, how, certified_at(problem, b))
        if not fit.certificate.ok:
            raise NotConverged(
                f"the optimum at λ = {value:.6g} is not certified: {fit.certificate.why}. The "
                "result so far is in .result",
                fit,
            )
        return fit

    def summary(self) -> pd.DataFrame:
        """One row per λ: what it means and what it gives.

        Returns
        -------
        pandas.DataFrame
            Indexed by `lam`, with columns `scale`, `sklearn` (the alpha with which scikit-learn's
            Ridge, Lasso, ElasticNet or PoissonRegressor minimises the same J, or the C of its
            LogisticRegression; NaN where none does), `df`, `nonzero`, `objective`, `gap`, `kkt`,
            `certified`, `intercept` and one ``beta[name]`` per column.
        """
        import pandas as pd

        head = {
            "scale": self.scale,
            "sklearn": self._sklearn,
            "df": self.df,
            "nonzero": np.count_nonzero(self.b, axis=1),
            "objective": self.objective,
            "gap": [one.gap for one in self.certificates],
            "kkt": [one.kkt for one in self.certificates],
            "certified": [one.ok for one in self.certificates],
            "intercept": self.intercept.to_numpy(),
        }
        frame = pd.DataFrame(head, index=self.beta.index)
        return pd.concat([frame, self.beta.add_prefix("beta[").add_suffix("]")], axis=1)

    def to_frame(self) -> pd.DataFrame:
        """`summary`, under the name that pandas has for it."""
        return self.summary()

    def plot(self, ax: Any = None) -> Any:
        """Draw the coefficients against λ, prior scale above; returns the Axes."""
        from bayesreg.plots import plot_path

        return plot_path(self, ax)

    @cached_property
    def _restored(self) -> tuple[Array, Array]:
        return self.problem.restore(self.b)

    @property
    def sklearn_lam(self) -> str | None:
        """What scikit-learn calls its λ here: "alpha", "C", or None where it has no such fit."""
        if self.problem.penalty.shifted:
            return None
        return spoken_lam(self.problem.likelihood, ridge=self.ray.smooth)

    @cached_property
    def _sklearn(self) -> Array:
        """As `lam_of_sklearn` has it; NaN where columns have penalties of their own."""
        l1, l2 = self.ray.penalties(self.lam)
        problem = self.problem
        total = lam_of_sklearn(problem.likelihood, l1, l2, problem.n)
        if not total.shape[1]:
            return np.full(len(self.lam), np.nan)
        other = problem.penalty.in_groups or problem.penalty.shifted
        if len(problem.flat) or other or np.any(problem.coordinates.loc):
            return np.full(len(self.lam), np.nan)
        same = np.ptp(l1, axis=1) + np.ptp(l2, axis=1) == 0.0
        return np.where(same, total[:, 0], np.nan)

    def __repr__(self) -> str:
        """Range of λ and the worst certificate."""
        worst = max(c.gap or 0.0 for c in self.certificates)
        ok = sum(c.ok for c in self.certificates)
        local = sum(c.ok and c.gap is None for c in self.certificates)
        held = f"; {self.own}" * bool(self.own)
        if local:
            return (
                f"path of {len(self.lam)} λ's from {self.lam.max():.4g} to {self.lam.min():.4g}: "
                f"{ok - local} certified, {local} stationary (one local optimum followed from λ to "
                f"λ; others were not sought, and nothing bounds how much lower one may be){held}"
            )
        return (
            f"path of {len(self.lam)} λ's from {self.lam.max():.4g} to {self.lam.min():.4g}: "
            f"{ok} certified, worst gap {worst:.2g}{held}"
        )
