r"""The certificate of a penalised optimum: a duality gap and a stationarity residual.

Computed from the problem and b alone; nothing here knows which solver ran. With
g = X̃'(ỹ − X̃b) − Λ₂b, the descent direction of the smooth part of J:

* KKT residual: max_j of |g_j − λ₁ⱼ sign(b_j)| where b_j ≠ 0, and of (|g_j| − λ₁ⱼ)₊ where b_j = 0;
* gap: J(b) − J(b*) ≤ gap. Columns without λ₁ contribute ½g_N'A_NN⁻¹g_N, A = X̃'X̃ + Λ₂, which moves
  b_N to its optimum; what is left is a lasso on the augmented rows [X̃; √Λ₂], whose residual scaled
  by some s until |s g_j| ≤ λ₁ⱼ is a dual point, with gap ½(1 − s)²‖r‖² + Σ(λ₁ⱼ|b_j| − s b_j g_j).
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dposv

from bayesreg.solvers.base import EPS, Array, Index, UnitData, unit_data

if TYPE_CHECKING:
    from bayesreg.model import Problem

GAP_TOLERANCE = 1e-9  # of ½‖ỹ‖²
KKT_TOLERANCE = 1e-10  # of max|X̃'ỹ|
ROUNDING = 8.0 * EPS


@dataclass(frozen=True)
class Certificate:
    """How far from the optimum a coefficient vector can be at most.

    Attributes
    ----------
    gap : float
        Upper bound of J(b) − min J, in the unit of J (that of y²).
    gap_limit : float
        1e-9·½‖ỹ‖², or the rounding floor where that is larger: kkt floor × Σ|b|.
    kkt : float
        Largest distance of 0 from the subdifferential of J, on unit-sd columns (unit of y × N).
    kkt_limit : float
        1e-10·max|X̃'ỹ| on unit-sd columns, or the rounding floor 8ε(max|g terms|) where larger:
        with columns and y of norm one the terms of g are at most 1 + Σ|u_j| + max λ₂ⱼ|u_j|, and
        storing b rounds each of them to half an ulp, so that no b in double precision does better.
    sigma : float or None
        Noise sd, where known.
    ok : bool
        Whether both are within their limits.
    why : str
        The verdict in words.
    unique : bool or None
        Whether the minimiser is the only one; None where that was not decided.

    References
    ----------
    Boyd & Vandenberghe (2004), "Convex Optimization", §5.5; Kim, Koh, Lustig, Boyd & Gorinevsky
    (2007), "An interior-point method for large-scale ℓ₁-regularized least squares", IEEE J. Sel.
    Top. Signal Process. 1(4), §III (the scaled residual); Tibshirani, R. J. (2013), "The lasso
    problem and uniqueness", Electron. J. Stat. 7, §2.3.
    """

    gap: float
    gap_limit: float
    kkt: float
    kkt_limit: float
    sigma: float | None
    ok: bool
    why: str
    unique: bool | None = None

    @property
    def nats(self) -> float | None:
        """gap/σ²: no b has a log posterior density higher by more; None where σ is unknown."""
        return None if self.sigma is None else self.gap / self.sigma**2

    def __str__(self) -> str:
        """One line."""
        return f"certificate {'holds' if self.ok else 'FAILS'}: {self.why}"

    def _repr_html_(self) -> str:
        """One line, escaped."""
        return f"<span>{html.escape(str(self))}</span>"


def certify(problem: Problem, b: Array) -> Certificate:
    r"""Bound how far b is from the minimum of J, whichever way b was found.

    Parameters
    ----------
    problem : Problem
        With λ known.
    b : ndarray (p,)
        Coefficients of the proper columns in the coordinates of the penalty.

    Returns
    -------
    Certificate
        With ``ok=False`` and the reason where b is not finite or not optimal; b never raises.

    Raises
    ------
    NotSupported
        If λ depends on an unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesreg as br
    >>> from bayesreg.solvers.certificate import certify
    >>> model = br.Model(prior=br.Laplace(1.0), likelihood=br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0], [-1.0]], [3.0, -1.0])
    >>> certify(problem, np.array([1.5])).ok, certify(problem, np.array([1.4])).ok
    (True, False)
    """
    unit = unit_data(problem)
    l1, l2 = unit.penalty(problem.l1, problem.l2)
    # From units of the arithmetic to those reported: J by ‖y‖², X̃'ỹ on unit-sd columns by √N‖y‖.
    value, slope = unit.y_norm**2, unit.y_norm * math.sqrt(problem.n)
    silent = not np.any(unit.xy)
    largest = float(np.max(np.abs(unit.xy), initial=0.0))
    limits = 0.5 * GAP_TOLERANCE * unit.y_square * value, KKT_TOLERANCE * largest * slope
    b = np.asarray(b, dtype=float)
    fault = _fault(problem, unit, b)
    if fault:
        return Certificate(math.inf, limits[0], math.inf, limits[1], problem.sigma, False, fault)
    u = unit.reduce(b)
    g = unit.fine_gradient(u, l2)
    floor = ROUNDING * _terms(u, l2)
    kkt = float(np.max(_distance(g, l1, u), initial=0.0)) * slope
    gap = _gap(unit, l1, l2, u, g, floor) * value
    gap_limit = max(limits[0], floor * float(np.sum(np.abs(u))) * value)
    kkt_limit = max(limits[1], floor * slope if np.any(u) or not silent else 0.0)
    unique = _unique(unit, l1, l2, g)
    ok = bool(gap <= gap_limit and kkt <= kkt_limit)
    why = _words(problem.sigma, (gap, gap_limit, kkt, kkt_limit), unique)
    return Certificate(gap, gap_limit, kkt, kkt_limit, problem.sigma, ok, why, unique)


def _fault(problem: Problem, unit: UnitData, b: Array) -> str:
    """Why b cannot be judged at all, or an empty string."""
    if b.shape != (unit.size,):
        return f"b has shape {b.shape}, and there are {unit.size} penalised columns"
    bad = np.flatnonzero(~np.isfinite(b))
    if len(bad):
        return f"the coefficient of {_name(problem, bad[0])} is {b[bad[0]]}"
    held = b.copy()
    held[unit.kept] = 0.0
    bad = np.flatnonzero(held)
    if len(bad):
        return (
            f"the coefficient of {_name(problem, bad[0])} is {b[bad[0]]:.3g}, and its optimum 0, "
            "because the column is zero"
        )
    return ""


def _name(problem: Problem, j: int) -> str:
    return repr(problem.features[int(problem.proper[j])])


def _terms(u: Array, l2: Array) -> float:
    """Bound of the terms that cancel in a gradient: columns and y have norm one."""
    return 1.0 + float(np.sum(np.abs(u)) + np.max(l2 * np.abs(u), initial=0.0))


def _distance(g: Array, l1: Array, u: Array) -> Array:
    """Distance of 0 from the subdifferential of J, per coordinate."""
    moving = np.abs(g - l1 * np.sign(u))
    return np.where(u != 0.0, moving, np.maximum(np.abs(g) - l1, 0.0))


def _gap(unit: UnitData, l1: Array, l2: Array, u: Array, g: Array, floor: float) -> float:
    """Duality gap of J/‖y‖²; dual feasibility is judged up to the rounding of g."""
    smooth, kinked = np.flatnonzero(l1 == 0.0), l1 > 0.0
    decrement, rest = 0.0, g
    if len(smooth) and np.any(g[smooth]):
        step = _solve(unit, smooth, l2[smooth], g[smooth])
        decrement = 0.5 * float(g[smooth] @ step)
        if np.any(kinked):
            move = np.zeros_like(u)
            move[smooth] = step
            u = u + move
            rest = g + unit.gradient(move, l2) - unit.xy
    if not np.any(kinked):
        return abs(decrement)
    rest, v, weight = rest[kinked], u[kinked], l1[kinked]
    rr = _residual_square(unit, u, l2)
    allowed = float(np.min((weight + floor) / np.maximum(np.abs(rest), weight + floor)))
    s = min(1.0 + float(v @ rest) / rr, allowed) if rr > 0.0 else allowed
    s = max(s, -allowed)
    linear = float(np.sum(weight * np.abs(v) - s * v * rest))
    return abs(decrement) + 0.5 * (1.0 - s) ** 2 * rr + abs(linear)


def _residual_square(unit: UnitData, u: Array, l2: Array) -> float:
    """‖y − Xu‖² + Σλ₂u²: the squared residual on the augmented rows."""
    if unit.X is not None and unit.y is not None:
        r = unit.y - unit.X @ u
        fit = float(r @ r)
    else:
        fit = max(unit.y_square - 2.0 * float(unit.xy @ u) + float(u @ unit.gram @ u), 0.0)
    return fit + float(np.sum(l2 * u * u))


def _solve(unit: UnitData, index: Index, l2: Array, g: Array) -> Array:
    """(X'X + Λ₂)⁻¹g on some columns, in n-space where they outnumber the rows."""
    if unit.X is not None and len(index) > unit.X.shape[0]:
        X, l2 = unit.X[:, index], np.maximum(l2, len(index) * EPS)  # as in `_invert`
        spread = g / l2
        rows = X / np.sqrt(l2)
        kernel = _invert(rows @ rows.T + np.eye(len(X)), X @ spread)
        return spread - (X.T @ kernel) / l2
    return _invert(unit.block(index) + np.diag(l2), g)


def _invert(A: Array, right: Array) -> Array:
    """A⁻¹ right for a positive definite A, by its eigenvalues where Cholesky finds it singular.

    Eigenvalues are then taken no smaller than their rounding error: along such a direction J is
    flat to working precision, and g there is nothing but rounding.
    """
    scale = 1.0 / np.sqrt(np.diagonal(A))
    scaled = A * scale * scale[:, None]
    _, x, info = dposv(scaled, scale * right, lower=1)
    if info == 0:
        return np.asarray(scale * x)
    values, basis = eigh(scaled)
    values = np.maximum(values, len(A) * EPS * values[-1])
    return np.asarray(scale * (basis @ ((basis.T @ (scale * right)) / values)))


def _unique(unit: UnitData, l1: Array, l2: Array, g: Array) -> bool | None:
    """Whether the columns with |g_j| = λ₁ⱼ are independent, so that b is the only minimiser."""
    if not len(l1) or np.all(l2 > 0.0):
        return True
    tied = np.flatnonzero(np.abs(g) >= l1 * (1.0 - 1e-9))
    if len(tied) > 2000:
        return None
    if not len(tied):
        return True
    A = unit.block(tied) + np.diag(l2[tied])
    scale = 1.0 / np.sqrt(np.diagonal(A))
    smallest = float(np.linalg.eigvalsh(A * scale * scale[:, None])[0])
    return smallest > 8.0 * EPS * len(tied)


def _words(
    sigma: float | None, numbers: tuple[float, float, float, float], unique: bool | None
) -> str:
    """The verdict: what can be gained at most, and what is missing where it does not hold."""
    gap, gap_limit, kkt, kkt_limit = numbers
    bound = f"no b has a J lower by more than {gap:.1e}"
    if sigma is not None:
        bound = f"no b has a log posterior higher by more than {gap / sigma**2:.1e} nats"
    if not gap <= gap_limit:
        bound = f"the duality gap {gap:.1e} exceeds its limit {gap_limit:.1e}"
    relation = "is within" if kkt <= kkt_limit else "exceeds"
    parts = [bound, f"the KKT residual {kkt:.1e} {relation} its limit {kkt_limit:.1e}"]
    if unique is False:
        parts.append("the minimiser is not unique, because active columns are collinear")
    return "; ".join(parts)
