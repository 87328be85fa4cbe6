"""What a conversion may have to know of the data: N, sd(y), the noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesreg.conventions.convention import FACTS
from bayesreg.conventions.formula import Missing, evaluate, spoken
from bayesreg.data.rows import check_total, check_weights
from bayesreg.language.arguments import did_you_mean, one_positive
from bayesreg.language.errors import BadArgument, BadData, UnknownArgument
from bayesreg.likelihoods.base import Likelihood

_GIVEN = {"scale_y": "sd_y", "phi": "sigma", "rows": "n"}
_NAMES = ("n", "sd_y", "rms_y", "sigma", "rows")
_CONSTANT = 1e-12  # sd of y, relative to its size, that rounding leaves of a constant


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
    rows : float or None
        The number of rows, whatever their weights; unsaid it is n.

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
    rows: float | None = None

    @classmethod
    def of(
        cls, data: Any = None, *, X: Any = None, y: Any = None, weights: Any = None, **said: Any
    ) -> Facts:
        """From numbers, from arrays, or from what has a `.y`; the two must not contradict.

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
            If a number is not positive and finite, or contradicts the data.
        BadData
            If weights and y are not of one length, or hold what is no number.
        """
        if data is None:
            known = cls.in_rows(X, y, weights)
        elif any(one is not None for one in (X, y, weights)):
            raise BadArgument("data= holds X and y already: give data=, or X=, y= and weights=")
        else:
            known = cls.held_by(data)
        return known.and_said(**said)

    def and_said(self, **said: Any) -> Facts:
        """With facts that were said; what is known already must be the same.

        Raises
        ------
        UnknownArgument
            If there is no such fact.
        BadArgument
            If a number is not positive and finite, or contradicts what the data say.

        Examples
        --------
        >>> Facts.of(y=[1.0, 2.0, 4.0]).and_said(sigma=0.5).sigma
        0.5
        """
        given = {}
        for key, value in said.items():
            if key not in _NAMES:
                raise UnknownArgument(
                    f"there is no fact {key!r} of data{did_you_mean(key, _NAMES) or '.'} Known: "
                    f"{', '.join(_NAMES)}"
                )
            if value is None:
                continue
            given[key] = one_positive(value, key)
            known = getattr(self, key)
            if known is not None and not np.isclose(given[key], known, rtol=1e-6, atol=0.0):
                raise BadArgument(
                    f"{key}={given[key]:.6g} contradicts the data, where it is {known:.6g} "
                    f"({FACTS[key]}): leave one of the two out"
                )
        return replace(self, **given)

    @classmethod
    def held_by(cls, data: Any) -> Facts:
        """The facts of a Problem, of Moments, or of what has a `.y`."""
        moments = getattr(data, "moments", data)
        if hasattr(moments, "y_sd"):
            likelihood = getattr(data, "likelihood", None)
            sigma = data.sigma if getattr(likelihood, "has_sigma", False) else None
            rms = float(np.hypot(moments.y_sd, moments.y_mean))
            sd = float(moments.y_sd) if moments.y_sd > _CONSTANT * rms else 0.0
            return cls(float(moments.n), sd, rms, sigma, float(moments.rows))
        if not hasattr(data, "y"):
            raise BadArgument(
                f"data must be a Problem, Moments, or have .X and .y, not {type(data).__name__}; "
                "give y= and weights="
            )
        return cls.in_rows(None, data.y, getattr(data, "weights", None))

    @classmethod
    def in_rows(cls, X: Any, y: Any, weights: Any) -> Facts:
        """The facts of arrays."""
        held = {"y": _column(y, "y"), "X": X, "weights": _column(weights, "weights")}
        counts = {key: _rows(one, key) for key, one in held.items() if one is not None}
        if not counts:
            return cls()
        if len(set(counts.values())) > 1 or 0 in counts.values():
            told = " and ".join(f"{key} has {count} rows" for key, count in counts.items())
            raise BadData(f"{told}; the same number of each is needed, and at least one")
        rows = next(iter(counts.values()))
        w = np.ones(rows) if weights is None else _numbers(held["weights"], "weights")
        check_weights(w)
        check_total(float(w.sum()), rows, [])
        n = float(w.sum())
        # Labels have no sd, and their likelihoods ask for none.
        if y is None or held["y"].dtype.kind not in "fiub":
            return cls(n=n, rows=float(rows))
        values = _numbers(held["y"], "y")
        mean = float(w @ values) / n
        rms = float(np.sqrt(w @ np.square(values) / n))
        sd = float(np.sqrt(w @ np.square(values - mean) / n))
        return cls(n, sd if sd > _CONSTANT * rms else 0.0, rms, rows=float(rows))

    def values(self, likelihood: Likelihood, *, intercept: bool) -> dict[str, Any]:
        """The facts under the names of formulae."""
        sigma = self.sigma if likelihood.has_sigma else 1.0
        phi = None if sigma is None else float(likelihood.dispersion({"sigma": sigma}))
        scale = self.sd_y if intercept else self.rms_y
        rows = self.n if self.rows is None else self.rows
        known = {"n": self.n, "rows": rows, "sd_y": self.sd_y, "scale_y": scale}
        return known | {"sigma": sigma, "phi": phi}


def _column(values: Any, name: str) -> Any:
    """One value per row as an array, of numbers where they are some."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise BadData(f"{name} has shape {array.shape}, and one value per row is needed, (n,)")
    if array.dtype.kind == "O":
        try:
            return array.astype(float)
        except (TypeError, ValueError):
            return array
    return array


def _rows(values: Any, name: str) -> int:
    shape = np.shape(values) if not hasattr(values, "shape") else values.shape
    if not shape:
        raise BadData(f"{name} must have rows, (n, p) for X and (n,) for y, not {values!r}")
    return int(shape[0])


def _numbers(array: Any, name: str) -> Any:
    if array.dtype.kind not in "fiub":
        raise BadData(f"{name} must be numbers, not such as {array[0]!r}")
    if not np.isfinite(array).all():
        raise BadData(f"{name} has a value that is not a finite number; drop or fill it first")
    return array.astype(float)


def solved(formula: str, values: Mapping[str, Any], whose: str, *, intercept: bool = True) -> Any:
    """The value of a formula of a convention, or BadArgument that names the fact it lacks."""
    none = {key: None for key in ("sd_y", "scale_y") if values.get(key) == 0.0}
    try:
        return evaluate(formula, {**values, **none})
    except Missing as lack:
        if lack.name in none:
            raise BadArgument(
                f"{whose} = {spoken(formula)} needs an sd(y) above 0, and y is constant"
            ) from None
        name = _GIVEN.get(lack.name, lack.name)
        if lack.name == "scale_y" and not intercept:
            name = "rms_y"
        raise BadArgument(
            f"{whose} = {spoken(formula)} needs {name} ({FACTS[name]}): say {name}=, or give the "
            "data"
        ) from None
