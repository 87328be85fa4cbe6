"""Leave-one-out densities of rows that are read in passes: totals of all, and those of a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from arviz_stats.utils import ELPDDataLOO
from numpy.typing import NDArray

from bayesreg.data.stores.read import grouped
from bayesreg.diagnostics.elpd import Total
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    import pandas as pd


@dataclass(kw_only=True, repr=False)
class StreamedLOO(ELPDDataLOO):
    """ArviZ's object without pointwise values, and what a pass said of the rows.

    ``br.compare`` and ``compare_elpd`` pair the rows of the sample; ``az.compare`` wants a value
    for every row, of which there are too many, and says so.

    Attributes
    ----------
    size : float
        Σw.
    subsampling_se : float
        Standard error from taking a sample of the rows; 0 where every row was left out.
    mcse : float
        Monte Carlo error of elpd.
    method, note, measure : str
        How it was computed, in words; whether y has a density or a probability.
    row : ndarray (m,)
        The labels of the rows of the sample.
    y, weight, value, approximate, khat : ndarray (m,)
        Of them y, frequency, log p(y_i | y_-i), the approximation that all rows have (the same
        where it is exact), and Pareto k̂ (0 where exact).
    pit : ndarray (100,)
        Weights of rows by P(Y_i ≤ y_i | y_-i), from 0 to 1, of all rows.
    seen, edges : ndarray (62, 66), (61,)
        Weights of rows by fitted value (between `edges`) and error (64 bins from −8 to 8 of its
        scale), what is beyond outermost.
    groups : ndarray (8, 4000)
        Σw, Σw², Σw(y − ȳ), Σw(y − ȳ)², Σwe, Σwe², Σwr, Σwr² by random group of rows, with
        e = y_i − E(y_i | y_-i) and r = y_i − E(y_i | y).
    worst : ndarray (k, 4)
        elpd, y, E(y_i | y_-i) and error in units of its scale of the rows least expected.
    places : tuple of str
        Where these are.
    """

    size: float
    subsampling_se: float
    mcse: float
    method: str
    note: str
    measure: str
    row: NDArray[Any]
    y: Array
    weight: Array
    value: Array
    approximate: Array
    khat: Array
    pit: Array
    seen: Array
    edges: Array
    groups: Array
    worst: Array
    places: tuple[str, ...]

    @property
    def surprising(self) -> pd.DataFrame:
        """The rows that were least expected: where they are, y, what was predicted, elpd."""
        import pandas as pd

        columns = ["elpd", "y", "predicted", "error"]
        return pd.DataFrame(self.worst, pd.Index(self.places, name="row"), columns)

    @property
    def counted(self) -> str:
        """From how many rows, in words."""
        n = grouped(int(self.n_data_points))
        if not self.subsampling_se:
            return f"LOO of all {n} rows"
        return f"LOO from {grouped(len(self.row))} of {n} rows, ± {self.subsampling_se:.2g}"

    def difference(self, best: StreamedLOO) -> Total:
        """Elpd less that of the best: totals as they are, the error from pairs in the sample."""
        n, m, w = float(self.n_data_points), len(self.row), self.weight
        value = float(self.elpd - best.elpd)
        apart = self.value - best.value
        spread = n / m * float(w @ np.square(apart - value / self.size))
        gap = w * (apart - (self.approximate - best.approximate))
        sampling = n * n * (1.0 - m / n) * float(np.var(gap, ddof=1)) / m if m > 1 else 0.0
        return Total(value, math.sqrt(spread), math.sqrt(sampling))

    def _header(self) -> str:
        return f"{self.counted} ({self.method})"


def refuse_other_rows(models: dict[str, Any]) -> None:
    """Raise BadArgument where these are not leave-one-out densities of the same rows."""
    (first, one), *others = models.items()
    for name, model in others:
        if not isinstance(model, StreamedLOO) or not isinstance(one, StreamedLOO):
            raise BadArgument(
                f"{first!r} and {name!r}: rows that are read in passes are compared with each "
                "other, and not with rows in memory; condition both on the same source"
            )
        if model.measure != one.measure:
            raise BadArgument(
                f"{first!r} gives y a {one.measure} and {name!r} a {model.measure}, and no "
                "difference of the two says which predicts better"
            )
        for what in ("n_data_points", "row", "y", "weight"):
            if not np.array_equal(getattr(one, what), getattr(model, what)):
                raise BadArgument(
                    f"{first!r} and {name!r} were fitted to other rows, or to another y or other "
                    "weights: leave-one-out densities are comparable only on the same"
                )
