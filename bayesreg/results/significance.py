"""Significance: whether each coefficient is of a size that matters, and of which sign."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.draws import Draws
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_lines, html_table, plain
from bayesreg.model.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

OF_COLUMN = "per sd of the column"


@explained_throughout
@dataclass(frozen=True, eq=False)
class Significance:
    r"""P(|β_j| > ε) and the probability of the likelier sign, for each column.

    Under a continuous prior P(β_j = 0 | y) = 0, so the question is whether β_j is larger than
    an ε that matters to the reader.

    Attributes
    ----------
    features : tuple of str
        Names of the P columns.
    eps : ndarray (P,)
        ε of each column, in the unit of the coefficient asked about.
    standardized : bool
        Whether the coefficient is sd(x_j)·β_j rather than β_j.
    p_larger, p_positive : ndarray (P,)
        Shares of draws with |coefficient| > ε, and with coefficient > 0.
    effect : ndarray (P,)
        Posterior mean of sd(x_j)·β_j, by which figures are ordered.
    words : str
        ε in words.

    References
    ----------
    Cohen (1988), *Statistical Power Analysis for the Behavioral Sciences*, 2nd ed., §2.2 and §3.2;
    Kruschke (2018), "Rejecting or accepting parameter values in Bayesian estimation", AMPPS 1(2),
    https://doi.org/10.1177/2515245918771304; Makowski et al. (2019), "Indices of effect existence
    and significance in the Bayesian framework", Frontiers in Psychology 10,
    https://doi.org/10.3389/fpsyg.2019.02767; Chinn (2000), "A simple method for converting an odds
    ratio to effect size for use in meta-analysis", Statistics in Medicine 19(22).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
    >>> found = post.significance(0.1 * data.y.std(), standardized=True)
    >>> found["bmi"] > 0.99, found.table.loc["sex", "sign"]
    (True, '−')
    """

    features: tuple[str, ...]
    eps: Array
    standardized: bool
    p_larger: Array
    p_positive: Array
    effect: Array
    words: str

    @classmethod
    def of(cls, draws: Draws, eps: Any, *, standardized: bool = False) -> Significance:
        """The shares of draws.

        Raises
        ------
        BadArgument
            If `eps` is not one number ≥ 0, or one per column in order or by name.
        """
        problem = draws.problem
        size, words = _sizes(eps, problem)
        effects = problem.effects
        values = effects.of(draws.beta) * (effects.sd if standardized else 1.0)
        return cls(
            features=effects.names,
            eps=size,
            standardized=standardized,
            p_larger=np.mean(np.abs(values) > size, axis=(0, 1)),
            p_positive=np.mean(values > 0, axis=(0, 1)),
            effect=effects.of(draws.beta.mean(axis=(0, 1))) * effects.sd,
            words=f"{words} per {'sd' if standardized else 'unit'} of the column",
        )

    @classmethod
    def of_tenth(cls, draws: Draws) -> Significance:
        """ε of a tenth of sd(y) per sd of the column: Cohen's small effect, r = 0.1.

        For two equal groups that is d = 0.2, small again, because the sd of the column is then a
        half: between levels of a factor ε is therefore twice as large. Kruschke (2018) takes half
        of it, 0.05, for what is equivalent to nothing. Log-odds have no sd(y): there ε is a tenth
        of π/√3, the sd of the logistic noise that a yes/no outcome cuts (an odds ratio of 1.2;
        Chinn 2000), and a tenth under any other link.
        """
        size, whose = _spread(draws.problem)
        levels = draws.problem.effects.contrasts
        found = cls.of(draws, np.where(levels, 0.2, 0.1) * size, standardized=True)
        words = f"{0.1 * size:.4g}, a tenth{whose} {OF_COLUMN}"
        words += ", twice that between levels" if np.any(levels) else ""
        return cls(**{**vars(found), "words": words}) if len(found.eps) else found

    @property
    def p_direction(self) -> Array:
        """Probability (P,) of the likelier sign, between ½ and 1."""
        return np.maximum(self.p_positive, 1.0 - self.p_positive)

    @property
    def table(self) -> pd.DataFrame:
        """One row per column: eps, p_larger, p_direction, and the likelier sign."""
        import pandas as pd

        return pd.DataFrame(
            {
                "eps": self.eps,
                "p_larger": self.p_larger,
                "p_direction": self.p_direction,
                "sign": np.where(self.p_positive >= 0.5, "+", "−"),
            },
            index=list(self.features),
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw both probabilities of the largest coefficients; returns two Axes."""
        from bayesreg.plots import plot_significance

        return plot_significance({"posterior": self}, ax)

    def __getitem__(self, name: str) -> float:
        """P(|coefficient| > ε) of one column."""
        if name not in self.features:
            raise BadArgument(f"no column is called {name!r}; there are {self.features[:12]}")
        return float(self.p_larger[self.features.index(name)])

    def __repr__(self) -> str:
        """ε in words, table."""
        letter = "sd(x)·β" if self.standardized else "β"
        return (
            f"P(|{letter}| > ε), ε = {self.words}, and the probability of the likelier sign\n"
            f"{plain(self.table.round(4)).to_string(max_rows=30)}"
        )

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        return html_lines(repr(self).split("\n")[0]) + html_table(self.table)


def _spread(problem: Problem) -> tuple[float, str]:
    """What an effect of 1 in Cohen's sense is on the scale of the coefficients, and whose sd."""
    link = problem.likelihood.link
    if link == "identity":
        return problem.moments.y_sd, " of sd(y)"
    if link == "logit":
        return math.pi / math.sqrt(3.0), " of π/√3"
    if link == "log":
        return 1.0, " of 1 in log-counts"
    return 1.0, ""


def _sizes(eps: Any, problem: Problem) -> tuple[Array, str]:
    """ε per column, and in words."""
    features = problem.effects.names
    if isinstance(eps, Mapping):
        wrong = [name for name in eps if name not in features]
        missing = [name for name in features if name not in eps]
        if wrong or missing:
            what = f"{wrong[0]!r} is no column" if wrong else f"column {missing[0]!r} has no ε"
            raise BadArgument(f"eps: {what}; give one number, or one for each column")
        eps = [eps[name] for name in features]
    alone = isinstance(eps, numbers.Real) and not isinstance(eps, bool)
    try:
        if eps is None or isinstance(eps, str | bytes | bool):
            raise TypeError
        values = np.asarray(eps, dtype=float)
        size = np.broadcast_to(values, len(features)).astype(float)
    except (TypeError, ValueError) as error:
        raise BadArgument(
            f"eps must be one number or one per column ({len(features)}), not {eps!r}"
        ) from error
    if not np.all(np.isfinite(size) & (size >= 0)):
        raise BadArgument(f"eps must be finite and at least 0, not {eps!r}")
    return size, f"{float(values):.4g}" if alone or values.ndim == 0 else "as given by column,"
