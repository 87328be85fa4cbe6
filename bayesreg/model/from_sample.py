"""A sample of rows that are read in passes, in place of all: where a search over these begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.data.design import Design
from bayesreg.data.sampled import SAMPLE
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

FAR = 30.0  # of η: a start that no sample has by rights


def sampled(problem: Problem) -> Problem | None:
    """The same of a sample in memory, weighted to count as many rows as all; None if it says less.

    As where one of two labels is so rare that no row of the sample has it.
    """
    stream = problem.stream
    assert stream is not None
    assert stream.seen is not None
    design = stream.sample(SAMPLE)  # which the first pass took on its way
    share = stream.seen.n / float(design.frequencies.sum())
    design = dataclasses.replace(design, weights=design.frequencies * share, sampled_of=0)
    small = dataclasses.replace(problem, design=design, stream=None)
    sides = problem.likelihood.recession(design.y, small.known | design.known.facts(-1))
    bounded = 0.0 in sides or len(np.unique(sides)) == 2 or not problem.intercept
    return small if bounded else None


def begin(problem: Problem, in_memory: Callable[[Problem], Array]) -> tuple[Array, Array]:
    """b and γ where a sample that stands for all rows has b; of the mean, if it has none.

    Parameters
    ----------
    problem : Problem
        With a stream in place of a design.
    in_memory : callable
        From the same problem of the sample to b (p,).

    Returns
    -------
    tuple of ndarray
        b (p,) and γ (k,).
    """
    small, stream = sampled(problem), problem.stream
    assert stream is not None
    assert stream.seen is not None
    design = stream.sample(SAMPLE)
    if small is not None:
        with np.errstate(all="ignore"):
            b = in_memory(small)
            at = small.loss.at(b)
        free = at.free + small.loss.level * (np.arange(len(at.free)) == 0) * problem.intercept
        if np.all(np.isfinite(free)) and np.max(np.abs(at.eta)) < FAR + np.ptp(_known(design)):
            return b, free
    free = np.zeros(len(problem.in_passes.places))
    if problem.intercept:
        y, weights, facts = stream.seen.as_row
        free[0] = problem.likelihood.first_guess(y, weights, problem.known | facts)
        free[0] -= float(np.average(_known(design), weights=design.frequencies))
    return np.zeros(problem.p), free


def _known(design: Design) -> Array:
    """The offset of rows (n,), or 0."""
    offset = design.known.offset
    return np.zeros(design.n) if offset is None else offset
