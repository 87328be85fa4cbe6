"""Posteriors of a comparison sampled once more by PyMC, where that can be."""

from __future__ import annotations

import dataclasses
import time

from bayesreg.diagnostics import agreement
from bayesreg.model.problem import Problem
from bayesreg.results.comparison import Comparison
from bayesreg.verbs.fit import sample
from bayesreg.verbs.verdict import against_nuts


def unverifiable(problem: Problem) -> str:
    """Why PyMC's NUTS cannot sample this posterior, where its rows are in no memory; else ""."""
    if problem.exact or problem.design is not None or problem.stream is None:
        return ""
    return (
        f"Not checked against PyMC's NUTS, which needs all rows, and {problem.stream.apart}; a "
        "comparison of problem.stream.sample() can be."
    )


def verified(result: Comparison) -> Comparison:
    """The comparison with every posterior sampled by PyMC too; its verdict ends with that.

    Parameters
    ----------
    result : Comparison
        As returned by :func:`compare`, or with some of its entries.

    Returns
    -------
    Comparison
    """
    entries, timing, why = {}, dict(result.timing), ""
    for name, entry in result.entries.items():
        entries[name], why = entry, unverifiable(entry.problem)
        if why:
            continue
        started = time.perf_counter()
        nuts = sample(entry.problem, engine="nuts", seed=entry.post.draws.seed)
        entries[name] = dataclasses.replace(entry, nuts=nuts, agreement=agreement(entry.post, nuts))
        timing[f"{name}, PyMC"] = time.perf_counter() - started
    verdict = (*result.verdict, why or against_nuts(entries))
    return dataclasses.replace(result, entries=entries, timing=timing, verdict=verdict)
