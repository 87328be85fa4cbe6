"""geometry: loss contours of two columns, and where each constraint region touches them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.optimize import brentq

from bayesreg.language.arguments import Array, did_you_mean, one_positive
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.language.text import listed, shown
from bayesreg.verbs.demonstrate.pair import Pair, minimisers, pair_of
from bayesreg.verbs.demonstrate.record import Record

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("lasso", "ridge", "elastic_net", "group")
RISES = (0.25, 0.55, 1.0, 1.6)  # of the contours, as shares of the one that is touched


@dataclass(frozen=True, eq=False)
class Touch:
    """Where one constraint region touches the contour of the loss.

    Attributes
    ----------
    kind : {"lasso", "ridge", "elastic_net", "group"}
    lam : float
        The multiplier: λ₁ of the lasso and the elastic net, λ₂ of ridge, λ of λ‖b‖₂.
    size : float
        Of the region P(b) ≤ size, P as in `geometry`.
    region : ndarray (K, 2)
        Its boundary, once around.
    point : ndarray (2,)
        The solution.
    pull : ndarray (2,)
        −∇ of the loss there.
    cone : ndarray (2, 2)
        The outermost normals of the region there, by row; the same twice where it is smooth.
    """

    kind: str
    lam: float
    size: float
    region: Array
    point: Array
    pull: Array
    cone: Array

    @property
    def width(self) -> float:
        """The angle of the normal cone, in degrees; 0 where there is one normal."""
        if np.array_equal(*self.cone):
            return 0.0
        one, other = self.cone / np.linalg.norm(self.cone, axis=1, keepdims=True)
        return math.degrees(math.acos(min(1.0, float(one @ other))))

    @property
    def zeros(self) -> tuple[bool, bool]:
        """Which coefficients are exactly 0."""
        return bool(self.point[0] == 0.0), bool(self.point[1] == 0.0)


@dataclass(frozen=True, eq=False, repr=False)
class Geometry(Record):
    """The contours of the loss of two columns, and one touching region for each penalty.

    Attributes
    ----------
    pair : Pair
        Names and loss of the two columns.
    contours : tuple of ndarray (K, 2)
        Ellipses about the least-squares solution, the smallest first.
    touched : int
        Which of them all regions touch.
    panels : tuple of Touch
        One for each penalty, at one and the same loss.
    """

    picture: ClassVar[str] = "geometry"

    pair: Pair
    contours: tuple[Array, ...]
    touched: int
    panels: tuple[Touch, ...]

    def summary(self) -> pd.DataFrame:
        """λ, solution and −∇ of the loss, one row per penalty."""
        import pandas as pd

        rows = [[one.lam, *one.point, *one.pull, one.width] for one in self.panels]
        names = [shown(name) for name in self.pair.names]
        columns = ["λ", *(f"b {n}" for n in names), *(f"−∇ {n}" for n in names), "cone, degrees"]
        index = pd.Index([one.kind for one in self.panels], name="penalty")
        return pd.DataFrame(rows, columns=columns, index=index)

    @property
    def says(self) -> str:
        """Why the corner catches the solution, with the numbers of it."""
        caught = [one for one in self.panels if one.width > 0.0]
        smooth = [one.kind.replace("_", " ") for one in self.panels if one.width == 0.0]
        said = [_caught(one, self.pair) for one in caught[:1]]
        if len(caught) > 1:
            also = listed([one.kind.replace("_", " ") for one in caught[1:]])
            said.append(f"so does that of the {also}")
        if smooth:
            said.append(
                f"where the region is smooth ({listed(smooth)}) it has one normal, and a "
                "coefficient is 0 only if −∇L points exactly along the other axis"
            )
        return f"{'; '.join(said)}."

    @property
    def alt(self) -> str:
        """The panels in words."""
        first, second = (shown(name) for name in self.pair.names)
        at = "; ".join(
            f"{one.kind.replace('_', ' ')} at ({one.point[0]:.3g}, {one.point[1]:.3g})"
            for one in self.panels
        )
        return (
            f"Ellipses of equal loss in the coefficients of {first} and {second} about the "
            f"least-squares solution, and the constraint region of each penalty touching the same "
            f"ellipse: {at}. An arrow is the direction −∇L; it lies in the shaded normal cone, a "
            "wedge at a corner and one ray elsewhere."
        )


@explained
def geometry(
    problem: Any,
    columns: Sequence[str] | None = None,
    *,
    lam: float | None = None,
    penalties: Sequence[str] = KINDS,
) -> Geometry:
    r"""Where the constraint region P(b) ≤ t of each penalty touches the loss of two columns.

    min ½‖y − Xb‖² + λP(b) and min ½‖y − Xb‖² under P(b) ≤ t have the same solutions: there −∇ of
    the loss, X'(y − Xb), lies in λ∂P(b), the cone of normals of the region. P is ‖b‖₁ (lasso),
    ½‖b‖² (ridge), ‖b‖₁ + ‖b‖²/(2s) with s = ‖b_lasso‖₁ (elastic net), ‖b‖₂ (the two columns as one
    group: round, so that both are zero, at λ ≥ ‖X'y‖₂, or none). A corner has a cone with an
    inside: b_j = 0 for all data with |x_j'(y − Xb)| < λ, and not for some lucky ones.

    Parameters
    ----------
    problem : Problem, MapFit or Posterior
        Gaussian, with at least two columns that have a proper prior; its coordinates are those of
        the picture, best standardised. The prior itself is not used, nor are the other columns.
    columns : sequence of two str, optional
        By default the two that say most of y, each alone.
    lam : float, optional
        λ of the lasso, below max|X'y|; by default half way between where the first and the second
        coefficient become non-zero. The other penalties have the λ that gives the same loss.
    penalties : sequence of {"lasso", "ridge", "elastic_net", "group"}
        The panels, in order.

    Returns
    -------
    Geometry

    Raises
    ------
    BadArgument
        If there are not two such columns, a name is unknown, or λ is not between 0 and max|X'y|.
    NotSupported
        If the likelihood is not Gaussian.

    References
    ----------
    Tibshirani (1996), JRSS B 58(1), fig. 2; Hastie, Tibshirani & Friedman (2009), *The Elements of
    Statistical Learning*, fig. 3.11; Zou & Hastie (2005), JRSS B 67(2); Yuan & Lin (2006), "Model
    selection and estimation in regression with grouped variables", JRSS B 68(1),
    https://doi.org/10.1111/j.1467-9868.2005.00532.x, fig. 1; Rockafellar (1970), *Convex Analysis*,
    §23 and thm. 27.4.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model().condition(data.X, data.y, standardize=True)
    >>> found = geometry(problem, ["bmi", "s3"])
    >>> [one.zeros for one in found.panels]
    [(False, True), (False, False), (False, False), (False, False)]
    """
    pair = pair_of(problem, columns, "geometry")
    kinds = _kinds(penalties)
    lam = _lam(pair, lam)
    lasso = minimisers(pair.gram, pair.xy, lam, 0.0)
    rise, size = float(pair.rise(lasso)), float(np.sum(np.abs(lasso)))
    contours = tuple(pair.contour(share * rise) for share in RISES)
    panels = tuple(_touch(kind, pair, lam, lasso, rise, size) for kind in kinds)
    return Geometry(pair, contours, RISES.index(1.0), panels)


def _kinds(penalties: Any) -> tuple[str, ...]:
    given = (penalties,) if isinstance(penalties, str) else tuple(penalties)
    for one in given:
        if one not in KINDS:
            raise BadArgument(f"penalties: {one!r} is none of {KINDS}{did_you_mean(one, KINDS)}")
    if not given:
        raise BadArgument(f"penalties is empty; give some of {KINDS}")
    return given


def _lam(pair: Pair, lam: float | None) -> float:
    """The given λ below λ_max; or half way between λ_max and where the second column enters.

    With the first alone, b = (|c₁| − λ)/g₁₁, and c₂ − g₁₂b reaches ±λ (Efron et al. 2004, §3.1).
    """
    largest = float(np.max(np.abs(pair.xy)))
    if largest == 0.0:
        raise BadArgument("neither column is correlated with y, so the solution is 0 at any λ")
    if lam is not None:
        if not one_positive(lam, "lam") < largest:
            raise BadArgument(f"lam must be below max|X'y| = {largest:.6g}, where all b are 0")
        return float(lam)
    j = int(np.argmax(np.abs(pair.xy)))
    k, sign = 1 - j, float(np.sign(pair.xy[j]))
    slope = sign * pair.gram[j, k] / pair.gram[j, j]
    rest = pair.xy[k] - pair.gram[j, k] * pair.xy[j] / pair.gram[j, j]
    second = abs(rest) / (1.0 - math.copysign(1.0, rest) * slope)
    return 0.5 * (largest + second) if second < largest else 0.5 * largest


def _touch(kind: str, pair: Pair, lam: float, lasso: Array, rise: float, size: float) -> Touch:
    """The solution of one penalty at the given loss, with its region and normals."""
    if kind == "lasso":
        point, found = lasso, lam
    else:
        found, point = _at_loss(pair, rise, _solver(kind, pair, size))
    pull, normals = pair.pull(point), _normals(kind, point, size)
    if kind == "group":  # λ‖b‖₂ pulls as ½λ₂‖b‖² does at λ = λ₂‖b‖₂
        found *= float(np.linalg.norm(point))
    bound = float(_penalty(kind, point, size))
    return Touch(kind, found, bound, _region(kind, bound, size), point, pull, normals)


def _solver(kind: str, pair: Pair, size: float) -> Callable[[float], Array]:
    """The minimiser at each λ: of λ(‖b‖₁ + ‖b‖²/(2·size)), else of ½λ‖b‖²."""
    if kind == "elastic_net":
        return lambda lam: minimisers(pair.gram, pair.xy, lam, lam / size)
    return lambda lam: minimisers(pair.gram, pair.xy, 0.0, lam)


def _at_loss(pair: Pair, rise: float, solve: Callable[[float], Array]) -> tuple[float, Array]:
    """The λ whose solution has this loss above the least, which grows with λ; and the solution."""
    middle = math.log(float(np.max(np.abs(pair.gram))))

    def excess(log_lam: float) -> float:
        return float(pair.rise(solve(math.exp(log_lam)))) - rise

    top = math.log(float(np.max(np.abs(pair.xy)))) + 60.0
    found = math.exp(brentq(excess, middle - 60.0, max(top, middle + 60.0), xtol=1e-14, rtol=1e-15))
    return found, solve(found)


def _penalty(kind: str, b: Array, size: float) -> Array:
    """P(b), b (…, 2)."""
    b1, b2 = np.sum(np.abs(b), axis=-1), np.linalg.norm(b, axis=-1)
    if kind == "elastic_net":
        return np.asarray(b1 + b2 * b2 / (2.0 * size))
    return np.asarray({"lasso": b1, "ridge": 0.5 * b2 * b2, "group": b2}[kind])


def _normals(kind: str, b: Array, size: float) -> Array:
    """The two outermost elements of ∂P(b), as rows."""
    if kind in ("ridge", "group"):
        return np.stack([b, b])
    sides = np.array([[-1.0, -1.0], [1.0, 1.0]])
    out = np.where(b == 0.0, sides, np.sign(b))
    return out + b / size if kind == "elastic_net" else out


def _region(kind: str, bound: float, size: float) -> Array:
    """The boundary P(b) = bound, once around; corners are among its points."""
    turn = np.linspace(0.0, 2.0 * math.pi, 241)
    way = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    way[np.abs(way) < 1e-12] = 0.0
    length = np.sum(np.abs(way), axis=1)
    radius = {
        "lasso": bound / length,
        "ridge": np.full(len(turn), math.sqrt(2.0 * bound)),
        "elastic_net": size * (np.sqrt(length**2 + 2.0 * bound / size) - length),
        "group": np.full(len(turn), bound),
    }[kind]
    return np.asarray(way * radius[:, None])


def _caught(one: Touch, pair: Pair) -> str:
    """Why a corner holds a coefficient at 0, in words."""
    j = one.zeros.index(True)
    name, kind = shown(pair.names[j]), one.kind.replace("_", " ")
    return (
        f"The {kind}'s region touches the ellipse at a corner, whose normals fill a wedge of "
        f"{one.width:.3g}°, so the coefficient of {name} is exactly 0 as long as |−∇L| along it, "
        f"here {abs(one.pull[j]):.6g}, stays below λ = {one.lam:.6g}"
    )
