"""Quantity: the posterior of one number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesreg.language.arguments import Array, check_level, interval_names
from bayesreg.language.misnamed import explained_throughout


@explained_throughout
@dataclass(frozen=True, eq=False)
class Quantity:
    r"""Posterior draws of one number, with what is usually asked of them.

    ``float(quantity)`` is the posterior mean.

    Attributes
    ----------
    name : str
        What it is, in symbols.
    draws : ndarray (chain, draw)
        The draws themselves.
    signed : bool
        Whether its sign is in question, so that repr says P(> 0).
    level : float
        Probability inside the interval that is shown, and that of ``interval()``.

    Examples
    --------
    >>> Quantity("λ", np.linspace(0.0, 1.0, 101)[None])
    λ: mean 0.5, sd 0.293, median 0.5, eti95 [0.025, 0.975]
    """

    name: str
    draws: Array
    signed: bool = False
    level: float = 0.95

    @property
    def known(self) -> bool:
        """Whether all draws are one number, to rounding: nothing that it depends on is unknown."""
        return self.sd <= 1e-12 * abs(self.mean)

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return float(self.draws.mean())

    @property
    def sd(self) -> float:
        """Posterior sd; 0 for what is known."""
        return float(self.draws.std(ddof=1)) if self.draws.size > 1 else 0.0

    @property
    def median(self) -> float:
        """Posterior median."""
        return float(np.median(self.draws))

    def interval(self, level: float | None = None) -> tuple[float, float]:
        """Equal-tailed interval (lower, upper).

        Parameters
        ----------
        level : float, optional
            Probability inside; `self.level`, 0.95 unless asked otherwise, if not given.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        inside = check_level(self.level if level is None else level)
        tails = [(1 - inside) / 2, (1 + inside) / 2]
        low, high = np.quantile(self.draws, tails)
        return float(low), float(high)

    @property
    def lower(self) -> float:
        """Lower end of ``interval()``."""
        return self.interval()[0]

    @property
    def upper(self) -> float:
        """Upper end of ``interval()``."""
        return self.interval()[1]

    @property
    def p_positive(self) -> float:
        """P(quantity > 0)."""
        return float(np.mean(self.draws > 0))

    def below(self, value: float) -> float:
        """P(quantity < value): where a number, such as the λ of a MAP, lies in this posterior."""
        return float(np.mean(self.draws < value))

    def summary(self, level: float | None = None) -> dict[str, float]:
        """Mean, sd, median and equal-tailed interval, the bounds named after kind and level."""
        inside = self.level if level is None else level
        bounds = dict(zip(interval_names(inside), self.interval(inside), strict=True))
        return {"mean": self.mean, "sd": self.sd, "median": self.median, **bounds}

    def __float__(self) -> float:
        """The posterior mean."""
        return self.mean

    def __repr__(self) -> str:
        """One line, with the kind and level of the interval, and P(> 0) where it is asked."""
        kind = interval_names(self.level)[0].removesuffix("_lb")
        low, high = self.interval()
        sign = f", P(> 0) = {self.p_positive:.4g}" if self.signed else ""
        return (
            f"{self.name}: mean {self.mean:.3g}, sd {self.sd:.3g}, median {self.median:.3g}, "
            f"{kind} [{low:.3g}, {high:.3g}]{sign}"
        )
