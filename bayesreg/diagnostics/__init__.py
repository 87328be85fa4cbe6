"""Diagnostics on draws: checks, leave-one-out prediction, agreement of engines, the DataTree."""

from bayesreg.diagnostics.checks import Checks, check
from bayesreg.diagnostics.leave_one_out import loo
from bayesreg.diagnostics.pointwise import log_likelihood_blocks
from bayesreg.diagnostics.ranking import compare_elpd
from bayesreg.diagnostics.tree import to_tree
from bayesreg.diagnostics.two_runs import Agreement, agreement

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
