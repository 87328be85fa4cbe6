"""Margins: predictions, comparisons or slopes at rows, or averaged over them, with their draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bayesreg.diagnostics.run import summarise
from bayesreg.language.arguments import Array, check_level
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_lines, html_table, plain, visible
from bayesreg.results.quantity import Quantity

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    "predictions": "adjusted predictions of {unit}",
    "comparisons": "differences of {unit}",
    "ratios": "ratios of {unit}",
    "slopes": "slopes of {unit}",
}


@explained_throughout
@dataclass(frozen=True, eq=False)
class Margins:
    r"""What a fit says of y at rows or on average, one row of `table` for each question.

    Attributes
    ----------
    what : {"predictions", "comparisons", "ratios", "slopes"}
    labels : dict of str to tuple
        The columns that say what each row of the table is.
    values : ndarray (chain, draw, rows)
        Draws; of an optimum the one value.
    grid, by : tuple of str
        Variables that were set, and those whose values make groups.
    unit : str
        What is predicted.
    level : float
        Probability inside the intervals.
    sampled : bool
        Whether there are draws, or one optimum, which has no interval.

    References
    ----------
    Arel-Bundock, Greifer & Heiss (2024), Journal of Statistical Software 111(9).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
    >>> br.comparisons(post, {"bmi": 5}).table.columns.tolist()
    ['term', 'contrast', 'estimate', 'sd', 'eti95_lb', 'eti95_ub', 'p_positive']
    """

    what: str
    labels: Mapping[str, tuple[Any, ...]]
    values: Array
    grid: tuple[str, ...]
    by: tuple[str, ...]
    unit: str
    level: float
    sampled: bool

    @property
    def draws(self) -> Array:
        """The draws (chain, draw, rows).

        Raises
        ------
        NotSupported
            If this is of an optimum, which has none.
        """
        if not self.sampled:
            raise NotSupported("an optimum has no draws; ask a Posterior, from br.sample(problem)")
        return self.values

    @cached_property
    def table(self) -> pd.DataFrame:
        """`summary` at the level that was asked for."""
        return self.summary()

    def summary(self, level: float | None = None) -> pd.DataFrame:
        """What each row is, its posterior mean, sd and interval; the estimate alone of an optimum.

        Parameters
        ----------
        level : float, optional
            Another probability inside the equal-tailed intervals.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        import pandas as pd

        table = pd.DataFrame({name: list(column) for name, column in self.labels.items()})
        if not self.sampled:
            table["estimate"] = self.values[0, 0]
            return table
        level = self.level if level is None else check_level(level)
        columns = {str(k): self.values[..., k] for k in range(self.values.shape[-1])}
        found = summarise(columns, level).rename(columns={"mean": "estimate"})
        if self.what in ("predictions", "ratios"):
            found = found.drop(columns="p_positive")
        return table.join(found.reset_index(drop=True), how="right")

    def __getitem__(self, row: int) -> Quantity:
        """The posterior of one row of the table, by its number."""
        if not 0 <= row < self.values.shape[-1]:
            raise BadArgument(f"a row of the table is 0 … {self.values.shape[-1] - 1}, not {row!r}")
        signed = self.what not in ("predictions", "ratios")
        return Quantity(self._name(int(row)), self.draws[..., row], signed)

    def _name(self, row: int) -> str:
        parts = [f"{k} = {v[row]}" for k, v in self.labels.items() if v[row] is not None]
        return f"{self.what} at {', '.join(parts)}" if parts else self.what

    def plot(self, ax: Any = None) -> Any:
        """Draw a curve with its band over the first number that was set, else a row for each.

        Returns the Axes.
        """
        from bayesreg.plots import plot_margins

        return plot_margins(self, ax)

    @property
    def words(self) -> str:
        """What the table holds, in a line."""
        said = WORDS[self.what].format(unit=self.unit)
        over = " at each row" if "row" in self.labels else ", averaged over the rows"
        over += f" of each {', '.join(self.by)}" if self.by else ""
        what = "posterior mean and sd" if self.sampled else "at the optimum: no interval"
        return f"{said}{over}; {what}"

    def __repr__(self) -> str:
        """What it is, table."""
        table = plain(self.table).to_string(max_rows=40, float_format="{:.4g}".format)
        return f"{visible(self.words)}\n{table}"

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        return html_lines(self.words) + html_table(self.table)
