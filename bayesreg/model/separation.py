r"""Separation: directions along which a likelihood of yes/no or counts never falls.

Along d ≠ 0 with s_i·x_i'd ≥ 0 for every row (s_i the way in which row i's loss stays bounded, 0 for
"in neither") the loss is bounded, so that flat coefficients have no optimum and no posterior there.
Albert & Anderson (1984), "On the existence of maximum likelihood estimates in logistic regression
models", Biometrika 71(1); found by a linear programme: Konis (2007), DPhil thesis, Oxford, §4.

Beside k flat unknowns a proper prior leaves a proper posterior on separated data only if E‖b‖^k is
finite: integrating the flat ones out along a separating cone leaves a factor ‖b‖^k.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, Separated

MEANT = 1e-7  # of a direction of length one: below it a coefficient is the programme's rounding


def refuse_separated(problem: Any) -> None:
    """Raise BadData where the rows leave β₀, Flat columns or a heavy-tailed prior unbounded.

    Raises
    ------
    BadData
        With the direction, and the cure.
    """
    loss, likelihood = problem.loss, type(problem.likelihood).__name__
    side = problem.likelihood.recession(loss.y, loss.theta)
    k = loss.free.shape[1]
    if not k:
        return
    found = direction(loss.free, side)
    if found is not None:
        raise BadData(_why_flat(problem, found))
    heavy = [(b, tail) for b in problem.blocks if (tail := _moments(b)) <= k]
    if not heavy:
        return
    if direction(np.hstack([loss.free, loss.proper]), side) is None:
        return
    block, tail = heavy[0]
    raise Separated(
        f"the columns separate the classes of y, and beside {k} flat unknown"
        f"{'s' if k > 1 else ''} {likelihood}() then has no posterior under "
        f"{type(block.prior).__name__} with {_hyper(block)}: its tail is too heavy (moments below "
        f"{tail:g} only). {_cure(block, k)}"
    )


def direction(columns: Array, side: Array) -> Array | None:
    """d of length one in sup norm with s_i·x_i'd ≥ 0, > 0 in some row; None where there is none.

    Parameters
    ----------
    columns : ndarray (n, k)
    side : ndarray (n,)
        s: ±1, or 0 where x_i'd must be 0.
    """
    if not columns.shape[1]:
        return None
    # Equal rows say the same once; and a column's unit must not decide what is zero.
    size = np.max(np.abs(columns), axis=0)
    size = np.where(size > 0.0, size, 1.0)
    rows = np.unique(np.column_stack([columns / size, side]), axis=0)
    x, s = rows[:, :-1], rows[:, -1]
    from scipy.optimize import linprog

    pull = x[s != 0.0] * s[s != 0.0, None]
    held = x[s == 0.0]
    answer = linprog(
        -pull.sum(axis=0) / max(len(pull), 1),
        A_ub=-pull if len(pull) else None,
        b_ub=np.zeros(len(pull)) if len(pull) else None,
        A_eq=held if len(held) else None,
        b_eq=np.zeros(len(held)) if len(held) else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )
    if answer.x is None:
        return None
    d = np.where(np.abs(answer.x) < MEANT, 0.0, answer.x)
    reach = pull @ d
    apart = np.any(reach > MEANT) and np.all(reach >= -MEANT)
    return d / size if apart else None


def _why_flat(problem: Any, d: Array) -> str:
    """What is unbounded, and what to do."""
    names = (["the intercept"] if problem.intercept else []) + [
        repr(problem.features[j]) for j in problem.flat
    ]
    moving = [name for name, one in zip(names, d, strict=True) if one != 0.0]
    if moving == ["the intercept"]:
        labels = problem.classes_
        only = "" if labels is None else f" (all {labels[int(problem.loss.y[0] > 0.5)]!r})"
        return (
            f"y has one class{only}, so the intercept is unbounded and there is no posterior; add "
            "rows of the other class, or use intercept=False"
        )
    listed = ", ".join(name for name in moving if name != "the intercept")
    return (
        f"under Flat() {listed} separate{'' if ', ' in listed else 's'} the classes of y "
        "perfectly, so the coefficients are unbounded and there is no posterior; give these "
        "columns a proper prior such as Normal(2.5)"
    )


def _moments(block: Any) -> float:
    """Up to which order a block's coefficients have moments, its scale integrated out."""
    return float(block.prior.moments(np.inf if block.hyper is None else block.hyper.moments))


def _cure(block: Any, k: int) -> str:
    """What bounds the tail: another scale, where the family's own would do, or another family."""
    if block.prior.moments(np.inf) > k:
        return "Give it HalfStudentT(3) or HalfNormal as scale"
    return "Use Normal, Laplace or RegularizedHorseshoe"


def _hyper(block: Any) -> str:
    return f"scale {block.scale:g}" if block.hyper is None else repr(block.hyper)
