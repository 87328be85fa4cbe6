"""Rule and Curve: what one argument for a λ selects, and the criterion that it reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesreg.language.arguments import Array


@dataclass(frozen=True)
class Rule:
    """What one rule selects.

    Attributes
    ----------
    name : str
        As given to ``br.choose(by=)``.
    lam : float
        λ; ∞ where the rule prefers no effects at all.
    optimises : str
        What is best at this λ, in words.
    log_error : float
        Monte Carlo standard error of log λ; 0 where λ is exact, or exact to the spacing of the
        path; NaN where it was not estimated.
    """

    name: str
    lam: float
    optimises: str
    log_error: float = 0.0


@dataclass(frozen=True, eq=False)
class Curve:
    """One criterion along λ, to be minimised.

    Attributes
    ----------
    name : str
        As in figures.
    rules : tuple of str
        Which rules read it.
    lams, value : ndarray (L,)
        The criterion, in `unit`, at increasing λ.
    unit : str
        What `value` is measured in.
    error : ndarray (L,), optional
        Its standard error: over folds, or of Monte Carlo for the difference from the minimum.
    """

    name: str
    rules: tuple[str, ...]
    lams: Array
    value: Array
    unit: str
    error: Array | None = None

    @property
    def excess(self) -> Array:
        """`value` less its minimum."""
        return np.asarray(self.value - np.nanmin(self.value))

    def at(self, lam: float) -> float:
        """The criterion at another λ, between neighbours in log λ; NaN outside."""
        t = np.log(self.lams)
        return float(np.interp(np.log(lam), t, self.value, left=np.nan, right=np.nan))
