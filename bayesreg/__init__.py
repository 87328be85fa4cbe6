"""bayesreg: one regression model, three answers, checked against each other.

A Gaussian prior on the coefficients is ridge, a Laplace prior is the lasso. One model gives the
penalised optimum with its certificate, the closed form where there is one, and the full posterior.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "compare": "compare",
    "choose": "choose",
    "bayesian_path": "bayesian_path",
    "validation": "Validation validate",
    "fit": "fit_map sample path closed_form load",
    "results": "BayesianPath Choice ClosedForm Comparison MapFit Path Posterior",
    "diagnostics": "agreement",
    "model.model": "Model",
    "model.problem": "Problem",
    "model.penalty": "Penalty",
    "likelihoods": "Gaussian",
    "priors": (
        "BetaPrimeSquared Bridge Cauchy ElasticNet Exponential Flat HalfCauchy HalfNormal "
        "HalfStudentT Horseshoe HorseshoePlus InverseGammaSquared Laplace Normal NormalGamma R2D2 "
        "RegularizedHorseshoe StudentT Uniform"
    ),
    "data.design": "Design",
    "data.moments": "Moments",
    "data.datasets": "dataset_names load_dataset simulate",
    "language.errors": "BadArgument BadData BayesregWarning NotConverged NotSupported",
}
_WHERE = {name: room for room, names in _HOME.items() for name in names.split()}
__all__ = sorted(_WHERE)  # noqa: PLE0605  (a list of str, built from the table above)

if TYPE_CHECKING:
    from bayesreg.bayesian_path import bayesian_path as bayesian_path
    from bayesreg.choose import choose as choose
    from bayesreg.compare import compare as compare
    from bayesreg.fit import closed_form as closed_form
    from bayesreg.fit import fit_map as fit_map
    from bayesreg.fit import path as path
    from bayesreg.fit import sample as sample
    from bayesreg.validation import validate as validate


def __getattr__(name: str) -> Any:
    """Import a public name from its room at first use."""
    if name not in _WHERE:
        raise AttributeError(f"module 'bayesreg' has no attribute {name!r}")
    value = getattr(import_module(f"bayesreg.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Every public name, loaded or not."""
    return sorted({*globals(), *__all__})


class _Face(ModuleType):
    """The package, in which a room never hides the verb of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep the verb when the import system would put its module in its place."""
        if not (name in _WHERE and isinstance(value, ModuleType)):
            ModuleType.__setattr__(self, name, value)


sys.modules[__name__].__class__ = _Face
