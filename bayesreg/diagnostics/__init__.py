"""Diagnostics on draws: checks, leave-one-out prediction, agreement of engines, the DataTree."""

from bayesreg.diagnostics.agreement import Agreement, agreement
from bayesreg.diagnostics.checks import Checks, check
from bayesreg.diagnostics.loo import log_likelihood_blocks, loo
from bayesreg.diagnostics.ranking import compare_elpd
from bayesreg.diagnostics.tree import to_tree

__all__ = [
    "Agreement",
    "Checks",
    "agreement",
    "check",
    "compare_elpd",
    "log_likelihood_blocks",
    "loo",
    "to_tree",
]
