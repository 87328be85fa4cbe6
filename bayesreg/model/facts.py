"""What a conversion may have to know of the data: N, sd(y), the noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesreg.conventions.convention import FACTS
from bayesreg.conventions.formula import Missing, evaluate, spoken
from bayesreg.language.arguments import one_positive
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.likelihoods.base import Likelihood

_GIVEN = {"scale_y": "sd_y", "phi": "sigma"}


@dataclass(frozen=True)
class Facts:
    """N, sd(y), √(Σwy²/N) and σ, as far as they are known.

    Attributes
    ----------
    n : float or None
        Σw, the number of rows where all weights are 1.
    sd_y : float or None
        sd of y with divisor n.
    rms_y : float or None
        √(Σwy²/n).
    sigma : float or None
        sd of the noise.

    Examples
    --------
    >>> facts = Facts.of(y=[1.0, 2.0, 4.0])
    >>> facts.n, round(facts.sd_y, 4)
    (3.0, 1.2472)
    """

    n: float | None = None
    sd_y: float | None = None
    rms_y: float | None = None
    sigma: float | None = None

    @classmethod
    def of(
        cls, data: Any = None, *, X: Any = None, y: Any = None, weights: Any = None, **said: Any
    ) -> Facts:
        """From numbers, from arrays, or from what has a `.y`; what is said counts first.

        Parameters
        ----------
        data : Problem, Moments, or what has .X and .y, optional
            Instead of X, y and weights.
        X : array-like (n, p), optional
            For its number of rows alone.
        y, weights : array-like (n,), optional
        **said : float, optional
            n, sd_y, rms_y, sigma.

        Raises
        ------
        BadArgument
            If a number is not positive and finite.
        BadData
            If weights and y are not of one length, or hold what is no number.
        """
        given = {key: one_positive(value, key) for key, value in said.items() if value is not None}
        if data is None:
            known = cls.in_rows(X, y, weights)
        elif any(one is not None for one in (X, y, weights)):
            raise BadArgument("data= holds X and y already: give data=, or X=, y= and weights=")
        else:
            known = cls.held_by(data)
        return replace(known, **given)

    @classmethod
    def held_by(cls, data: Any) -> Facts:
        """The facts of a Problem, of Moments, or of what has a `.y`."""
        moments = getattr(data, "moments", data)
        if hasattr(moments, "y_sd"):
            likelihood = getattr(data, "likelihood", None)
            sigma = data.sigma if getattr(likelihood, "has_sigma", False) else None
            rms = float(np.hypot(moments.y_sd, moments.y_mean))
            return cls(float(moments.n), float(moments.y_sd), rms, sigma)
        if not hasattr(data, "y"):
            raise BadArgument(
                f"data must be a Problem, Moments, or have .X and .y, not {type(data).__name__}; "
                "give y= and weights="
            )
        return cls.in_rows(None, data.y, getattr(data, "weights", None))

    @classmethod
    def in_rows(cls, X: Any, y: Any, weights: Any) -> Facts:
        """The facts of arrays."""
        rows = next((len(one) for one in (y, X, weights) if one is not None), None)
        if rows is None:
            return cls()
        w = np.ones(rows) if weights is None else _numbers(weights, "weights")
        if len(w) != rows or (X is not None and len(X) != rows):
            raise BadData(f"X, y and weights have {rows} and {len(w)} rows; one of each is needed")
        n = float(w.sum())
        if y is None or np.asarray(y).dtype.kind not in "fiu":
            return cls(n=n)  # labels have no sd, and their likelihoods ask for none
        values = _numbers(y, "y")
        mean = float(w @ values) / n
        square = float(w @ np.square(values)) / n
        return cls(n, float(np.sqrt(w @ np.square(values - mean) / n)), float(np.sqrt(square)))

    def values(self, likelihood: Likelihood, *, intercept: bool) -> dict[str, Any]:
        """The facts under the names of formulae."""
        sigma = self.sigma if likelihood.has_sigma else 1.0
        phi = None if sigma is None else float(likelihood.dispersion({"sigma": sigma}))
        scale = self.sd_y if intercept else self.rms_y
        return {"n": self.n, "sd_y": self.sd_y, "scale_y": scale, "sigma": sigma, "phi": phi}


def _numbers(values: Any, name: str) -> Any:
    array = np.asarray(values, dtype=float).ravel()
    if not np.isfinite(array).all():
        raise BadData(f"{name} has a value that is not a finite number; drop or fill it first")
    return array


def solved(formula: str, values: Mapping[str, Any], whose: str, *, intercept: bool = True) -> Any:
    """The value of a formula of a convention, or BadArgument that names the fact it lacks."""
    try:
        return evaluate(formula, values)
    except Missing as lack:
        name = _GIVEN.get(lack.name, lack.name)
        if lack.name == "scale_y" and not intercept:
            name = "rms_y"
        raise BadArgument(
            f"{whose} = {spoken(formula)} needs {name} ({FACTS[name]}): say {name}=, or give the "
            "data"
        ) from None
