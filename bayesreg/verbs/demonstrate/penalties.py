"""penalties: each prior as a density, as a penalty, and as a force towards zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.gaussian.normal_means import scale_of_median
from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.misnamed import explained
from bayesreg.language.text import listed
from bayesreg.priors import Flat
from bayesreg.verbs.demonstrate.placed import Placed, placed
from bayesreg.verbs.demonstrate.record import Record

if TYPE_CHECKING:
    import pandas as pd

NEAR = 1e-9  # of the axis: where "next to 0" is


@dataclass(frozen=True, eq=False, repr=False)
class Penalties(Record):
    """Priors of one coefficient, as densities, penalties and forces, at b > loc; all are even.

    Attributes
    ----------
    priors : tuple of Placed
        Name, prior and scale.
    b : ndarray (G,)
        Distance from loc, above 0.
    log_density : ndarray (K, G)
        log p(b); NaN where a prior is improper.
    force : ndarray (K, G)
        −d log p/db, which pulls towards loc.
    at_zero : ndarray (K,)
        Its limit at loc from above; ∞ under a pole or cusp.
    half : float or None
        Within what distance half of each prior lies, where scales were not given.
    """

    picture: ClassVar[str] = "penalties"

    priors: tuple[Placed, ...]
    b: Array
    log_density: Array
    force: Array
    at_zero: Array
    half: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the priors."""
        return tuple(one.name for one in self.priors)

    def summary(self) -> pd.DataFrame:
        """Scale, and the force next to 0, half way along the axis and at its end."""
        import pandas as pd

        middle, end = len(self.b) // 2, len(self.b) - 1
        return pd.DataFrame(
            {
                "scale": [one.effective for one in self.priors],
                "force next to 0": self.at_zero,
                f"force at {self.b[middle]:.3g}": self.force[:, middle],
                f"force at {self.b[end]:.3g}": self.force[:, end],
            },
            index=pd.Index(self.names, name="prior"),
        )

    @property
    def says(self) -> str:
        """Where each pulls, next to 0 and far from it."""
        far = [f"{force:.3g} ({name})" for name, force in zip(self.names, self.force[:, -1])]  # noqa: B905
        kinds = {
            "is 0": self.at_zero == 0.0,
            "is finite": (self.at_zero > 0.0) & np.isfinite(self.at_zero),
            "grows without bound": np.isinf(self.at_zero),
        }
        near = [
            f"{words} under {listed([n for n, yes in zip(self.names, which) if yes])}"  # noqa: B905
            for words, which in kinds.items()
            if np.any(which)
        ]
        return (
            "A prior is the penalty −log p(b), and the slope of that is the force towards zero: "
            f"next to b = 0 it {', '.join(near)}; at b = {self.b[-1]:.3g} it is {listed(far)}."
        )

    @property
    def alt(self) -> str:
        """The three panels in words."""
        how = "" if self.half is None else f", each with half of its mass within {self.half:g}"
        return (
            f"Three panels of {len(self.priors)} priors{how}: left their densities, in the middle "
            "minus the log density, right its slope, the force towards zero. A normal prior pulls "
            "in proportion to b, a Laplace prior with one force everywhere; a heavy tail pulls "
            "less the larger b is, and a pole or cusp at 0 without bound next to 0."
        )


@explained
def penalties(data: Any = None, *, half: float = 1.0, reach: float | None = None) -> Penalties:
    r"""Every prior as its density, its penalty −log p(b), and the force −d log p/db towards zero.

    The MAP minimises ½‖y − Xb‖² − σ² Σ log p(b_j), so that σ² times the second is the penalty and
    σ² times the third what a column must overcome to move its coefficient. Normal: b²/(2s²) and
    b/s². Laplace: |b|/s and 1/s.

    Parameters
    ----------
    data : Problem, result, prior, text, sequence or mapping, optional
        The priors of a problem (or of a fit or posterior of one), at their scales, settled by the
        MAP where they are unknown; or priors, as ``br.Laplace(2.0)`` or ``"lasso"``. Unsaid, every
        proper family of the package.
    half : float, default 1.0
        A prior without a number as scale gets the scale with P(|b − loc| ≤ half) = ½.
    reach : float, optional
        Where the axis ends; by default at four times the largest median of |b − loc|.

    Returns
    -------
    Penalties

    Raises
    ------
    BadArgument
        If something is no prior, has several scales, or a number is not positive.
    NotSupported
        If a problem's columns are in groups, or its scale is unknown and no optimum settles it.

    References
    ----------
    Tibshirani (1996), JRSS B 58(1), §5; Carvalho, Polson & Scott (2010), "The horseshoe estimator
    for sparse signals", Biometrika 97(2), https://doi.org/10.1093/biomet/asq017, fig. 1.

    Examples
    --------
    >>> import bayesreg as br
    >>> found = penalties({"ridge": br.Normal(0.5), "lasso": br.Laplace(0.5)}, reach=2.0)
    >>> found.force[:, -1].round(6).tolist()  # b/s² and 1/s at b = 2
    [8.0, 2.0]
    >>> found.at_zero.tolist()
    [0.0, 2.0]
    """
    half = one_positive(half, "half")
    priors = placed(data, half)
    end = one_positive(4.0 * _widest(priors, half) if reach is None else reach, "reach")
    b: Array = end * np.arange(1.0, 401.0) / 400.0
    near = np.array([NEAR * end])
    return Penalties(
        priors,
        b,
        np.array([_log_density(one, b) for one in priors]),
        np.array([one.force(b) for one in priors]),
        np.array([_at_zero(one, near) for one in priors]),
        half if any(one.matched for one in priors) else None,
    )


def _log_density(one: Placed, b: Array) -> Array:
    return np.full(len(b), np.nan) if isinstance(one.prior, Flat) else one.log_density(b)


def _at_zero(one: Placed, near: Array) -> float:
    """The force at loc from above: ∞ under a pole."""
    if not isinstance(one.prior, Flat) and np.isinf(one.log_density(np.zeros(1))[0]):
        return float(np.inf)
    at = np.zeros(1) if hasattr(one.prior, "slope") else near
    return float(one.force(at)[0])


def _widest(priors: tuple[Placed, ...], half: float) -> float:
    """The largest median of |b − loc|."""
    given = [one for one in priors if not (one.matched or isinstance(one.prior, Flat))]
    # Of a scale family the median is in proportion; a slab only shortens it.
    widths = [one.effective * half / scale_of_median(one.prior, half) for one in given]
    return max([half, *widths] if len(given) < len(priors) else widths)
