"""What a posterior says of the rows that it was fitted to: how well it predicts them, and whether.

Of rows that are read in passes it is what one more pass sums, or what a sample of them shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from bayesreg.engines.draws import Draws, at_hand
from bayesreg.language.arguments import Array
from bayesreg.results import accuracy
from bayesreg.results.quantity import Quantity
from bayesreg.results.scores import Scores

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.diagnostics.adequacy import Adequacy


class FitToRows:
    """The half of a posterior that speaks of rows."""

    draws: Draws

    @cached_property
    def adequacy(self) -> Adequacy:
        """Whether the model describes the data: curvature, spread, shape, rows, columns, prior."""
        from bayesreg.diagnostics.adequacy import adequacy

        return adequacy(self.at_hand.draws)

    @cached_property
    def left_out(self) -> Array:
        """y_i − E(y_i | y_-i) of every row: what the posterior without it is off by."""
        return accuracy.left_out(self.draws)

    def scores(self) -> pd.DataFrame:
        """How rows left out were predicted, in the scores that people know: see `Scores`.

        Log score, squared error; Brier's score and the AUC of yes/no; the deviance of counts.
        """
        return Scores.of(self).table

    def r2(self, kind: str = "in-sample", level: float = 0.95) -> Quantity:
        r"""R²: the share of the variance of y that the model explains, with its posterior.

        ``in-sample`` is V(μ)/(V(μ) + v̄) by draw, μ_i = E(y_i | η_i) and v̄ the mean Var(y_i | η_i):
        σ², P(1 − P) for a yes/no response, μ for Poisson counts; it is ``az.bayesian_r2``, and 0
        for noise without a variance. ``loo``, 1 − V(e)/V(y) with e_i = y_i − E(y_i | y_-i), is what
        new rows would see, with the spread of a Bayesian bootstrap over rows, as ``az.loo_r2``; it
        may be below 0. A row counts w times.

        Parameters
        ----------
        kind : {"in-sample", "loo"}
        level : float, default 0.95
            Probability inside the interval that is shown.

        Raises
        ------
        BadArgument, BadData, NotSupported
            If `kind` or `level` is another; if y does not vary; if "loo" is asked of Moments.

        References
        ----------
        Gelman, Goodrich, Gabry & Vehtari (2019), "R-squared for Bayesian regression models", The
        American Statistician 73(3), https://doi.org/10.1080/00031305.2018.1549100.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
        >>> post.r2().mean, post.r2("loo").mean
        (0.50, 0.49)
        """
        return accuracy.r2(self.draws, kind, level, self._rows_left_out)

    def rmse(self, kind: str = "in-sample", level: float = 0.95) -> Quantity:
        """Root mean squared error of the posterior mean of y, in the unit of y.

        Of the rows that were seen, or with ``loo`` of E(y_i | y_-i): what a prediction of a new row
        is off by. Its spread is that of a Bayesian bootstrap over rows. For a yes/no response it is
        the root of Brier's score. Arguments and errors as for `r2`; it always needs rows.

        Examples
        --------
        >>> import bayesreg as br
        >>> data = br.load_dataset("diabetes")
        >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
        >>> post.rmse("loo", level=0.9)
        LOO-RMSE: mean 54.8, sd 1.69, median 54.8, eti90 [52, 57.7]
        """
        return accuracy.rmse(self.draws, kind, level, self._rows_left_out)

    def loo(self, method: str | None = None, *, folds: int = 10) -> Any:
        """Leave-one-out density, by `method` None, "psis" or "kfold": see ``diagnostics.loo``.

        Of rows that are read in passes every one is left out in one more pass, exactly under engine
        ``exact``. Else a normal approximation is, and importance sampling on a sample corrects its
        total. What comes back has totals, histograms, the rows least expected and the values of the
        sample, and no column: see ``diagnostics.streamed_elpd.StreamedLOO``. Such a fit has no
        "kfold".
        """
        if method is None and accuracy.in_passes(self.draws.problem):
            return self.passed
        return accuracy.loo(self.draws, method, folds)

    @cached_property
    def passed(self) -> Any:
        """What a pass over rows that are not in memory said when each was left out; as `loo()`."""
        return accuracy.loo(self.draws, None, 10)

    @cached_property
    def at_hand(self) -> Self:
        """The same with rows in memory: itself, or a sample of rows that are read in passes."""
        problem = at_hand(self.draws.problem)
        if problem is self.draws.problem:
            return self
        return replace(self, draws=replace(self.draws, problem=problem))  # type: ignore[type-var]

    def knowing(self, loo: Any) -> None:
        """Keep what a pass has said, as if it had been asked for."""
        if accuracy.in_passes(self.draws.problem):
            self.__dict__["passed"] = loo

    @property
    def has_rows(self) -> bool:
        """Whether there are rows to look at: all, or a sample of them."""
        design, stream = self.draws.problem.design, self.draws.problem.stream
        return design is not None or (stream is not None and stream.has_sample)

    @property
    def _rows_left_out(self) -> accuracy.RowsLeftOut:
        return accuracy.RowsLeftOut(lambda: self.left_out, lambda: self.passed)


def left_out_in_passes(posts: Sequence[FitToRows]) -> list[Any]:
    """Leave-one-out of several posteriors of one source: their rows are read once for all."""
    if not accuracy.in_passes(posts[0].draws.problem):
        return [post.loo() for post in posts]
    found = accuracy.loo_together([post.draws for post in posts])
    for post, one in zip(posts, found, strict=True):
        post.knowing(one)
    return found
