"""How many chains advance together, in how many strands, and in which form of a kernel.

All is settled by a count of operations, from the problem and from what is asked for, never by what
this machine has compiled or how fast it is: a seed means the same draws everywhere.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from bayesreg.engines.chains import Plan
from bayesreg.engines.kernel import Markov, SideBySide

_STRAND = 64  # iterations of a strand, at the least: many beside a chain's correlation
_LONG = 1.2e-3  # seconds of an iteration beyond which longer arrays only leave the cache
_NEARLY_FREE = 0.1  # seconds of a chain that thinning may fill
_BLOCK_SECONDS = 0.05  # of a block: how soon an interruption is heard


def form_of(
    kernel: Any, setup: Any, plan: Plan, chains: int, compiled: bool | None = None
) -> tuple[Markov | SideBySide, Plan, float]:
    """The form of a kernel that is over first, its plan, and its rough time; `compiled` decides."""
    if isinstance(kernel, SideBySide):
        plan = side_by_side(kernel, setup, plan, chains)
        return kernel, plan, _duration(kernel, setup, plan, chains)
    each, twin = kernel.seconds(setup), kernel.twin(setup)
    if twin is not None and each == math.inf:
        return form_of(twin, setup, plan, chains)
    one = _blocks(_thinned(plan, each), each, kernel.least)
    work = each * one.iterations * chains
    if twin is None or compiled:
        return kernel, one, work
    many = side_by_side(twin, setup, one, chains)
    longer = _duration(twin, setup, many, chains)
    if compiled is None and longer > kernel.compiling + work:
        return kernel, one, work
    return twin, many, longer


def side_by_side(kernel: SideBySide, setup: Any, plan: Plan, chains: int) -> Plan:
    """Strands such that their warm-up and the iterations that are kept cost the least.

    With N iterations to keep in each of C chains, C·L rows cost (tune + N/L)(a + bCL), least where
    L² = aN/(bC·tune).
    """
    overhead, each = kernel.seconds(setup)
    plan = _thinned(plan, each + overhead / _STRAND)
    kept = plan.draws * plan.thin
    best = math.sqrt(overhead * kept / (each * chains * max(plan.tune, 1)))
    most = min(best, kept / _STRAND, _LONG / (each * chains))
    strands = 2 ** round(math.log2(most)) if most > 1.0 else 1
    # Threads gain nothing but where each row is long work.
    together = chains if each < overhead else 1
    plan = replace(plan, strands=strands, together=together)
    return _blocks(plan, overhead + each * strands * together)


def _duration(kernel: SideBySide, setup: Any, plan: Plan, chains: int) -> float:
    """Seconds of the whole run."""
    overhead, each = kernel.seconds(setup)
    calls = -(-chains // plan.together)
    return plan.iterations * (calls * overhead + each * chains * plan.strands)


def _thinned(plan: Plan, each: float) -> Plan:
    """Keep every iteration, or as few as are nearly free, where nothing was said."""
    if plan.thin:
        return plan
    return replace(plan, thin=int(min(max(_NEARLY_FREE / (each * plan.draws), 1), 5)))


def _blocks(plan: Plan, each: float, least: int = 1) -> Plan:
    """Blocks of whole thinned draws, short enough to hear an interruption between two."""
    block = int(min(max(_BLOCK_SECONDS / each, least), plan.iterations))
    return replace(plan, block=max(block // plan.thin, 1) * plan.thin)
