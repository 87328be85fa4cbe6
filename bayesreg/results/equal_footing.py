"""EqualFooting: priors that agree on one quantity before the data, and what still differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.prior_quantities import Expected
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_table, number, percent, plain, visible
from bayesreg.model.model import Model
from bayesreg.priors.base import in_brief

if TYPE_CHECKING:
    import pandas as pd


@explained_throughout
@dataclass(frozen=True, eq=False, repr=False)
class EqualFooting(Mapping[str, Model]):
    """Models by name whose priors agree on one quantity; usable as the priors of `br.compare`.

    Attributes
    ----------
    models : dict of str to Model
        At their new scales.
    agreed : str
        On what they agree, as a sentence.
    target : float
        Its value.
    reached : dict of str to float
        What each prior makes of it, by draws from the prior.
    expected : dict of str to Expected
        Those draws.
    delta : float
        Beyond how many sds of the noise an effect is counted.
    quantity : {"r2", "expected_nonzero", "sd"}
        Which quantity that is.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> even = br.calibrate(["ridge", "horseshoe"], data.X, r2=0.5, standardize=True)
    >>> even.table["R2"].round(2).tolist()
    [0.5, 0.5]
    >>> even["ridge"].prior.unit, len(even)
    ('sigma', 2)
    """

    models: dict[str, Model]
    agreed: str
    target: float
    reached: dict[str, float]
    expected: dict[str, Expected]
    delta: float
    quantity: str

    def __getitem__(self, name: str) -> Model:
        """The model of one prior."""
        if name not in self.models:
            raise BadArgument(
                f"no prior named {name!r} here; there are {', '.join(map(str, self.models))}"
            )
        return self.models[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the priors."""
        return iter(self.models)

    def __len__(self) -> int:
        """How many priors."""
        return len(self.models)

    @property
    def table(self) -> pd.DataFrame:
        """One row per prior: what they agree on, and what remains different.

        ``R2`` and its 5 % and 95 % points; ``eta_sd``, the median sd of η; ``effects``, how many
        are expected beyond δ; ``near_zero``, the share of effects within δ/10; ``largest`` and
        ``largest_95``, median and 95 % point of the largest effect; ``tail``, how many times its
        median |effect| one effect in a hundred is. Effects are in sds of the noise.
        """
        import pandas as pd

        rows = {name: self._row(one) for name, one in self.expected.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("prior")

    def _row(self, one: Expected) -> dict[str, float]:
        low, high = np.quantile(one.r2, [0.05, 0.95])
        middle, far = np.quantile(one.effects, [0.5, 0.99])
        largest = one.largest
        return {
            "R2": float(one.r2.mean()),
            "R2_05": float(low),
            "R2_95": float(high),
            "eta_sd": float(np.median(one.eta_sd)),
            "effects": float(one.above(self.delta).mean()),
            "near_zero": float(np.mean(one.effects <= 0.1 * self.delta * one.noise)),
            "largest": float(np.median(largest)),
            "largest_95": float(np.quantile(largest, 0.95)),
            "tail": float(far / middle),
        }

    @property
    def sentence(self) -> str:
        """On what they agree, and what remains different, for a verdict."""
        table = self.table
        near, far = table["near_zero"], table["largest_95"]
        return (
            f"{self.agreed[0].upper()}{self.agreed[1:]}; they still differ near zero "
            f"({percent(near.min())} to {percent(near.max())} of effects within "
            f"{0.1 * self.delta:g} sd of the noise) and in their tails (95 % point of the largest "
            f"effect {number(far.min())} to {number(far.max())} sd)."
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw what each prior expects: R², number of effects, largest effect."""
        from bayesreg.plots import plot_expected

        return plot_expected(self.expected, self.delta, ax)

    def _lines(self) -> list[str]:
        said = [f"  {name}: {in_brief(one.prior)}" for name, one in self.models.items()]
        return [self.agreed, *said]

    def __repr__(self) -> str:
        """On what they agree, the priors, and the table."""
        shown = plain(self.table.round(3)).to_string()
        return "\n".join([*map(visible, self._lines()), "", shown])

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        from html import escape

        return "".join(f"<p>{escape(visible(one))}</p>" for one in self._lines()) + html_table(
            self.table
        )
