"""shrinkage_functions: posterior mean, median and mode against the effect that was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.gaussian.normal_means import REACH, NormalMeans
from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.language.text import listed, percent
from bayesreg.model.problem import Problem
from bayesreg.priors import Flat, Normal
from bayesreg.verbs.demonstrate.placed import placed, settled
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import asked, need_quadratic

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Directions:
    """Ridge along the singular directions of X.

    Attributes
    ----------
    singular : ndarray (r,)
        Singular values d of X̃ (columns times their relative factors), the largest first.
    lam : float
        λ of ½‖y − Xb‖² + ½λ‖b‖².
    estimate, shrunk : ndarray (r,)
        Least-squares coordinate along each direction, u'y/d, and the ridge's, d u'y/(d² + λ).
    """

    singular: Array
    lam: float
    estimate: Array
    shrunk: Array

    @property
    def factor(self) -> Array:
        """d²/(d² + λ), what ridge leaves of each."""
        return np.asarray(self.singular**2 / (self.singular**2 + self.lam))


@dataclass(frozen=True, eq=False, repr=False)
class ShrinkageFunctions(Record):
    """What each prior makes of one observed effect, all in standard errors of the effect.

    Attributes
    ----------
    names : tuple of str
    observed : ndarray (G,)
        b̂ − loc, from 0.
    mean, median, mode : ndarray (K, G)
        Of b given b̂, less loc. The mode is NaN where the density of the prior has a pole.
    se : float or None
        The standard error, that of the median column; None where no data are asked about.
    directions : Directions or None
        What ridge does along the singular directions of a problem's X.
    """

    picture: ClassVar[str] = "shrinkage_functions"

    names: tuple[str, ...]
    observed: Array
    mean: Array
    median: Array
    mode: Array
    se: float | None
    directions: Directions | None

    @property
    def zero_until(self) -> Array:
        """The largest b̂ of the grid whose mode is exactly 0, by prior; NaN without such."""
        zero = (self.mode == 0.0) & (self.observed > 0.0)
        last = np.max(np.where(zero, self.observed, -1.0), axis=1)
        return np.where(last > 0.0, last, np.nan)

    def summary(self) -> pd.DataFrame:
        """Mean, median and mode at the end of the grid, and until where the mode is 0."""
        import pandas as pd

        at = f"at {self.observed[-1]:.3g} se"
        return pd.DataFrame(
            {
                f"mean {at}": self.mean[:, -1],
                f"median {at}": self.median[:, -1],
                f"mode {at}": self.mode[:, -1],
                "mode is 0 until": self.zero_until,
            },
            index=pd.Index(self.names, name="prior"),
        )

    @property
    def says(self) -> str:
        """Which modes are zero, that no mean is, and what a large effect loses."""
        until = [
            f"{name} (|b̂| ≤ {last:.3g} se)"
            for name, last in zip(self.names, self.zero_until, strict=True)
            if np.isfinite(last)
        ]
        which = (
            f"Exactly zero is the mode under {listed(until)}" if until else "No mode is zero here"
        )
        lost = self.observed[-1] - self.mean[:, -1]
        most, least = int(np.argmax(lost)), int(np.argmin(lost))
        said = (
            f"{which}, and means and medians of b̂ ≠ 0 never are; of an effect of "
            f"{self.observed[-1]:.3g} se {self.names[most]} takes {lost[most]:.3g}"
        )
        if most != least:
            said += f" and {self.names[least]} {lost[least]:.3g}"
        if self.directions is None:
            return f"{said}."
        kept = self.directions.factor
        return (
            f"{said}; ridge keeps {percent(kept[0], 1)} along the first singular direction of X "
            f"and {percent(kept[-1], 1)} along the last."
        )

    @property
    def alt(self) -> str:
        """The panels in words."""
        text = (
            "Three panels, posterior mean, median and mode against the observed effect in standard "
            f"errors, under {listed(list(self.names))}; grey is the effect itself. Under a normal "
            "prior all three are one line through 0 of slope below 1; heavy tails bend back to the "
            "grey line; only modes lie on the axis, up to a threshold."
        )
        if self.directions is None:
            return text
        return (
            f"{text} A fourth panel has the share d²/(d² + λ) that ridge keeps along each singular "
            "direction of X, a rising curve with one mark per direction."
        )


@explained
def shrinkage_functions(
    data: Any = None, *, half: float = 1.0, reach: float = REACH
) -> ShrinkageFunctions:
    r"""Posterior mean, median and mode of b against its estimate b̂ ~ N(b, se²), for each prior.

    They are of p(b | b̂) ∝ N(b̂; b, se²) p(b), by quadrature to 12 digits. A normal prior of sd s
    keeps the share s²/(s² + se²); the mode under Laplace(s) is the soft threshold
    sign(b̂)(|b̂| − se²/s)₊, 0 on an interval, while P(b = 0 | b̂) = 0 and the mean is 0 at b̂ = 0
    alone. With X = U diag(d) V' ridge keeps d²/(d² + λ) of the coordinate along each column of V.

    Parameters
    ----------
    data : Problem, result, prior, text, sequence or mapping, optional
        A problem (Gaussian), or a fit or posterior of one, speaks of its priors, its σ and its
        median column, and of ridge on its X: under its own Normal priors, else under Normal().
        Priors, or every proper family where nothing is said, speak of one effect with se = 1.
    half : float, default 1.0
        A prior without a number as scale gets the scale with P(|b − loc| ≤ half) = ½.
    reach : float, default 6.0
        The largest effect, in standard errors.

    Returns
    -------
    ShrinkageFunctions

    Raises
    ------
    BadArgument
        If something is no proper prior, has several scales, or a number is not positive.
    NotSupported
        If a problem's likelihood is not Gaussian, its columns are in groups, or its scale is
        unknown and no optimum settles it.

    References
    ----------
    Carvalho, Polson & Scott (2010), Biometrika 97(2), https://doi.org/10.1093/biomet/asq017, §2;
    Park & Casella (2008), JASA 103; Hastie, Tibshirani & Friedman (2009), *The Elements of
    Statistical Learning*, eq. 3.47 and fig. 3.10; Efron (2011), "Tweedie's formula", JASA 106.

    Examples
    --------
    >>> import bayesreg as br
    >>> found = shrinkage_functions([br.Normal(1.0), br.Laplace(0.5)], reach=4.0)
    >>> float(found.mean[0, -1].round(9)), found.mode[:, -1].tolist()  # 4/2; 4/2 and 4 − 1/0.5
    (2.0, [2.0, 2.0])
    >>> found.zero_until.tolist()
    [nan, 2.0]
    """
    half, reach = one_positive(half, "half"), one_positive(reach, "reach")
    directions, se, data = None, 1.0, asked(data)
    if isinstance(data, Problem):
        need_quadratic(data, "shrinkage_functions")
        data = settled(data)
    observed = np.linspace(0.0, reach, 121)
    priors = placed(data, half)
    if isinstance(data, Problem):
        se, directions = _standard_error(data), _directions(data)
    if any(isinstance(one.prior, Flat) for one in priors):
        raise BadArgument("Flat() shrinks nothing and has no scale; leave it out")
    means = [NormalMeans(one.prior, one.scale, one.unit, se, reach) for one in priors]
    modes = [one.mode(observed) for one in means]
    return ShrinkageFunctions(
        tuple(one.name for one in priors),
        observed,
        np.array([one.mean(observed) for one in means]),
        np.array([one.median(observed) for one in means]),
        np.array([np.full(len(observed), np.nan) if one is None else one for one in modes]),
        se if isinstance(data, Problem) else None,
        directions,
    )


def _standard_error(problem: Problem) -> float:
    """σ over the norm of the median column that is not constant."""
    norms = problem.quadratic.norms
    if not np.any(norms > 0.0):
        raise BadArgument("every column is constant, so that nothing is observed of its effect")
    assert problem.sigma is not None
    return problem.sigma / float(np.median(norms[norms > 0.0]))


def _directions(problem: Problem) -> Directions:
    """Ridge along the singular directions: of the problem's own λ's, else of Normal()."""
    if not all(block.prior.conjugate for block in problem.blocks):
        problem = settled(problem.given(prior=Normal()))
    l2 = problem.l2
    assert l2 is not None
    lam = float(np.min(l2))
    factors = np.sqrt(lam / l2)
    rows = problem.quadratic.rows
    u, d, _ = np.linalg.svd(rows.x * factors, full_matrices=False)
    along = d > 1e-12 * d[0]
    d, uy = d[along], (u.T @ rows.y)[along]
    return Directions(d, lam, uy / d, d * uy / (d * d + lam))
