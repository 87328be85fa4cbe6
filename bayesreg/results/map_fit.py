"""MapFit: a penalised optimum with its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.frames import index_of, take_beside
from bayesreg.data.known import Known, Points, refuse_named_twice
from bayesreg.data.rows import Rows
from bayesreg.language.arguments import Array, check_level
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_lines, html_table, plain
from bayesreg.model.problem import Problem
from bayesreg.results import mixture
from bayesreg.results.effects import of_optimum
from bayesreg.results.predicted_rows import Destination
from bayesreg.results.publication import published
from bayesreg.solvers.certificate import Certificate

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.results.summary import Summary
    from bayesreg.solvers.correspondence import Correspondence

KINDS = ("mean", "linear")  # of prediction


@published
@explained_throughout
@dataclass(frozen=True, eq=False)
class MapFit:
    r"""The penalised optimum, argmin J, which is the mode of β's posterior given σ and scale.

    Attributes
    ----------
    problem : Problem
        With every hyperparameter that λ needs at the value used.
    b : ndarray (p,)
        The optimum in the penalised coordinates b_j = x_sd_j·β_j − loc_j.
    sigma : float
        Noise sd: the known one, or the estimate that `hyper` names; 1 where there is no noise sd.
    solver : str
        Which solver ran.
    hyper : str
        How unknown hyperparameters were chosen, in words.
    certificate : Certificate
        Duality gap and KKT residual, recomputed by code that does not know the solver.

    References
    ----------
    Tibshirani (1996), JRSS B 58(1); Hoerl & Kennard (1970), Technometrics 12(1).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(br.Laplace(scale=25.0), br.Gaussian(sigma=54.0))
    >>> fit = br.fit_map(model.condition(data.X, data.y, standardize=True))
    >>> fit.certificate.ok, int((fit.beta == 0).sum())
    (True, 2)
    """

    problem: Problem
    b: Array
    sigma: float
    solver: str
    hyper: str
    certificate: Certificate

    @cached_property
    def beta(self) -> pd.Series:
        """Coefficients per unit of the original column, by column name; exact zeros are zero."""
        import pandas as pd

        return pd.Series(self._restored[0], index=list(self.problem.features), name="beta")

    @property
    def intercept(self) -> float:
        """β₀ at x = 0 of the original columns; 0.0 without an intercept."""
        return float(self._restored[1])

    @property
    def standardized(self) -> pd.Series:
        """sd(x_j)·β_j: the effect of one standard deviation, in the unit of y or in log-odds."""
        out = self.beta * self.problem.column_sd
        out.name = "standardized"
        return out

    @property
    def scale(self) -> Any:
        """The prior's scale in its declared unit: a number, a Series by block, or None (flat)."""
        blocks = self.problem.blocks
        if not blocks:
            return None
        if len(blocks) == 1:
            values = (blocks[0].scale or np.nan) * blocks[0].relative
            return float(values[0]) if np.ptp(values) == 0 else values
        import pandas as pd

        return pd.Series({b.label: b.scale for b in blocks}, name="scale")

    @property
    def theta(self) -> dict[str, Array]:
        """The likelihood's own unknowns at the values used, by name, each an array of one."""
        values = self.problem.known | ({"sigma": self.sigma} if "sigma" in self.problem.own else {})
        return {name: np.array([value]) for name, value in values.items()}

    @property
    def classes_(self) -> tuple[Any, ...] | None:
        """The labels of y = 0 and y = 1; None where the response has no labels."""
        return self.problem.classes_

    @property
    def penalty(self) -> Any:
        """The penalty that was minimised."""
        return self.problem.penalty

    @cached_property
    def correspondence(self) -> Correspondence:
        """Every other route to the same optimum, and how far each is from this one."""
        from bayesreg.solvers.correspondence import correspond

        return correspond(self.problem, self.b, self.solver)

    @cached_property
    def _restored(self) -> tuple[Array, Array]:
        return self.problem.restore(self.b)

    def predict(
        self,
        X: Any,
        *,
        level: float | None = None,
        kind: str = "mean",
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
        out: Any = None,
        key: str | None = None,
        overwrite: bool = False,
    ) -> Any:
        """The mean of y for new rows: η = β₀ + x'β, or under Bernoulli() the probability at η.

        Parameters
        ----------
        X : array (m, P), data frame, or source such as ``"new/*.parquet"``
            Columns by position, or by name where the fit knew names.
        level : float, optional
            Return a DataFrame of ``mean`` and the bounds of an equal-tailed interval of a new y
            *given the optimum*: the noise alone, as if β, β₀ and σ were known. One that includes
            what is not known of them is ``br.sample(problem).predict(X, level=…)``.
        kind : {"mean", "linear"}
            "linear" is η, in log-odds under Bernoulli().
        offset, exposure, trials : array (m,), optional
            As at the fit: a model with an offset needs one here, or the columns of X that it had
            it from by name. Without trials the mean is that of one trial.
        out : path, optional
            A Parquet file to which predictions of rows that are read in batches go, with the number
            of each row, and in their order; it is replaced whole or not at all.
        key : str, optional
            With `out`: the column that names a row, instead of its number.
        overwrite : bool, default False
            With `out`: whether there may be such a file already.

        Returns
        -------
        ndarray (m,), or DataFrame; PredictedRows with `out`

        Raises
        ------
        BadArgument
            If `kind` or `level` is another.
        NotSupported
            If a source is large and there is no `out`; if `level` is asked of what has no noise: of
            η, or of a probability.
        BadData
            If a column is missing, unknown or not finite.
        """
        where = Destination(out, key, overwrite)
        beside = {"offset": offset, "exposure": exposure, "trials": trials}

        def predict(rows: Any, known: Mapping[str, Any]) -> Any:
            return self._predicted(rows, level, kind, known)

        return where.of(self.problem, X, beside, predict)

    def _predicted(self, X: Any, level: float | None, kind: str, known: Mapping[str, Any]) -> Any:
        """Of rows in memory."""
        if kind not in KINDS:
            raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        points = asked(self.problem, X, **known)
        beta, intercept = self.beta.to_numpy()[None], np.array([self.intercept])
        eta, theta = points.under(beta, intercept, self.theta)
        likelihood = self.problem.likelihood
        mean = (eta if kind == "linear" else likelihood.mean(eta, theta))[:, 0]
        if level is None:
            return mean
        tail = (1.0 - check_level(level)) / 2.0
        if kind == "linear" or likelihood.takes_labels:
            raise NotSupported(
                "an optimum says nothing of how uncertain η or a probability is; "
                "br.sample(problem).predict(X, level=…) does"
            )
        bounds = np.stack([likelihood.ppf(p, eta, theta)[:, 0] for p in (tail, 1.0 - tail)])
        return mixture.table(X, level, mean, bounds)

    def summary(self) -> Summary:
        """One row per coefficient: beta, standardized, and whether it is exactly zero.

        A data frame that prints with what it is about. Under a logit or log link also e^β, what one
        unit of the column multiplies the odds or the expected count by: ``odds_ratio`` or
        ``rate_ratio``.
        """
        import pandas as pd

        from bayesreg.results.summary import of_map

        table = pd.DataFrame({"beta": self.beta, "standardized": self.standardized})
        ratio = self.problem.likelihood.ratio
        if ratio is not None:
            table[ratio.key] = np.exp(table["beta"])
        table["zero"] = table["beta"] == 0
        return of_map(self, table)

    def effects(self, reference: Any = None, standardized: bool = False) -> Summary:
        """What the columns say, levels of factors as contrasts, and whether that is zero.

        Parameters
        ----------
        reference, standardized
            As in :meth:`Posterior.effects`.

        Raises
        ------
        BadArgument
            If a factor or level is unknown.
        """
        beta = self.beta.to_numpy()
        return of_optimum(self.problem, beta, reference, standardized=standardized)

    def plot(self, ax: Any = None) -> Any:
        """Draw the standardised effects; returns the Axes."""
        from bayesreg.plots import plot_map

        return plot_map(self, ax)

    def save(self, path: Any, *, overwrite: bool = False) -> None:
        """Write fit, model and data to one checksummed file; see :func:`bayesreg.load`."""
        from bayesreg.results.archive import save_fit

        save_fit(self, path, overwrite=overwrite)

    def __repr__(self) -> str:
        """Penalty, hyperparameters, certificate, coefficients."""
        signs = {"sigma": "σ"}
        own = ", ".join(f"{signs.get(k, k)} = {float(v[0]):.6g}" for k, v in self.theta.items())
        settled = f"{own} ({self.hyper})" if own else self.hyper
        return (
            f"MAP by {self.solver}: {self.penalty!r}\n"
            f"{settled}; {_zeros(self.b)} coefficients are 0\n"
            f"certificate: {self.certificate.why}\n"
            f"{''.join(f'note: {one}\n' for one in self.problem.warnings)}"
            f"{self.problem.effects.note}"
            f"intercept {self.intercept:.6g}\n"
            f"{plain(self.beta.to_frame()).to_string(max_rows=30, header=False)}"
        )

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        return html_lines(*repr(self).split("\nintercept")[0].split("\n")) + html_table(
            self.summary()
        )


def _zeros(b: Array) -> str:
    return f"{int(np.sum(b == 0.0))} of {len(b)}"


def asked(
    problem: Problem, X: Any, offset: Any = None, exposure: Any = None, trials: Any = None
) -> Points:
    """Rows for prediction, checked against the columns of the fit, and what is known beside them.

    Raises
    ------
    BadArgument
        If the fit had an offset and none is given here, or the other way round.
    """
    likelihood, layout, notes = problem.likelihood, problem.layout, list[str]()
    likelihood.refuse_known(exposure=exposure, trials=trials)
    beside = {"offset": offset, "exposure": exposure, "trials": trials}
    refuse_named_twice(beside)
    left, beside = take_beside(X, beside, {} if layout is None else layout.beside)
    # Of a frame that a formula reads nothing is taken out.
    rows = encode(problem, X if layout is not None and layout.by_formula else left)
    known = Known.read(Rows(len(rows), index_of(X), "new X"), **beside, notes=notes)
    made = None if layout is None else layout.offset_of(X)
    if made is not None and known.offset is not None:
        raise BadArgument(
            "the formula says the offset of new rows; leave offset= and exposure= out"
        )
    shifted = layout is not None and layout.shifted
    if shifted and made is None and known.offset is None:
        what = "exposure=" if likelihood.takes_exposure else "offset="
        named = " and ".join(map(repr, layout.beside.values())) if layout is not None else ""
        raise BadArgument(
            f"the model was fitted with an offset, so new rows need theirs: pass {what} "
            f"({'ones' if likelihood.takes_exposure else 'zeros'} for none)"
            f"{f', or a frame with {named}, as the fit had' if named else ''}"
        )
    return Points(rows, known if made is None else replace(known, offset=made))


def encode(problem: Problem, X: Any) -> Array:
    """Rows for prediction, checked against the columns of the fit."""
    if problem.layout is not None:
        return problem.layout.encode(X)
    rows = np.asarray(X, dtype=float)
    if rows.ndim != 2 or rows.shape[1] != len(problem.features) or not np.isfinite(rows).all():
        raise BadArgument(
            f"X must be a finite array of shape (rows, {len(problem.features)}), not {np.shape(X)}"
        )
    return rows
