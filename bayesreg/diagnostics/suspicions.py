"""What ArviZ's diagnostics let pass: non-finite draws, constants, stuck and copied chains."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics.run import Run

# A chain that repeats its whole state for this share of its length is stuck: a sampler that accepts
# 10 % of proposals does so in 1000 draws with probability below 1e-6.
STUCK_SHARE = 0.2
STUCK_LEAST = 10


def suspicions(run: Run) -> tuple[bool, list[str]]:
    """Whether the numbers are unusable, and a sentence for everything suspicious."""
    broken = _not_finite(run)
    if broken:
        return True, broken
    constant = [name for name, v in run.values.items() if np.all(v == v.flat[0])]
    if constant and run.shape[0] * run.shape[1] > 1:
        return True, [
            f"{_some(constant)} never changed in any draw: the sampler did not move; sample again"
        ]
    return False, [*_stuck(run), *_copies(run)]


def _not_finite(run: Run) -> list[str]:
    """NaN and ±inf, with the first place."""
    found = {name: v for name, v in run.values.items() if not np.all(np.isfinite(v))}
    if not found:
        return []
    name, values = next(iter(found.items()))
    chain, draw = np.argwhere(~np.isfinite(values))[0]
    count = sum(int(np.sum(~np.isfinite(v))) for v in found.values())
    text = (
        f"{count} draws are not finite, in {_some(list(found))} (first: {name}, chain {chain}, "
        f"draw {draw}): numerical failure; rescale the data or use another engine"
    )
    return [text]


def _stuck(run: Run) -> list[str]:
    """Chains that repeat their state for long, or in which one unknown never moved."""
    values = np.stack(list(run.values.values()))
    chains, length = run.shape
    said = []
    for c in range(chains):
        chain = values[:, c]
        if length < STUCK_LEAST:
            continue
        still = [n for n, v in zip(run.values, chain, strict=True) if np.all(v == v[0])]
        if still:
            said.append(f"chain {c} is stuck: {_some(still)} never moved in it; sample again")
            continue
        run_length = _longest_true(np.all(chain[:, 1:] == chain[:, :-1], axis=0))
        if run_length >= max(STUCK_LEAST, STUCK_SHARE * length):
            said.append(
                f"chain {c} was stuck for {run_length} of its {length} draws; use more tune= or "
                "another engine"
            )
    return said


def _copies(run: Run) -> list[str]:
    """Pairs of chains that are equal draw by draw."""
    values = np.stack(list(run.values.values()))
    chains, length = run.shape
    if length < 2:
        return []
    equal = [
        (a, b)
        for a, b in itertools.combinations(range(chains), 2)
        if np.array_equal(values[:, a], values[:, b])
    ]
    if not equal:
        return []
    pairs = ", ".join(f"{a} and {b}" for a, b in equal[:5])
    return [f"chains {pairs} are identical: they shared one random stream; sample again"]


def _longest_true(flags: NDArray[np.bool_]) -> int:
    """Length of the longest run of True."""
    padded = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def _some(names: list[str]) -> str:
    """The first few names."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
