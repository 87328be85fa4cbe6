"""bayesreg: one regression model, three answers, checked against each other.

A Gaussian prior on the coefficients is ridge, a Laplace prior is the lasso. One model gives the
penalised optimum with its certificate, the closed form where there is one, and the full posterior.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayesreg.language import families

__version__ = "0.1.0"

# Each name is loaded from its room when it is first used, so that `import bayesreg` is light.
_HOME = {
    "verbs.fit": "fit_map sample path closed_form",
    "verbs.load": "load",
    "verbs.compare": "compare",
    "verbs.choose": "choose",
    "verbs.bayesian_path": "bayesian_path",
    "verbs.calibrate": "calibrate",
    "verbs.explain": "explain",
    "verbs.translate": "translate",
    "verbs.validate": "validate",
    "verbs.margins": "comparisons predictions slopes",
    "verbs.demonstrate": " ".join(["demonstrate", *(f"plot_{one}" for one in families.PICTURES)]),
    "validation.findings": "Validation",
    "results": "BayesianPath Choice ClosedForm Comparison MapFit Margins Path Posterior",
    "results.equal_footing": "EqualFooting",
    "results.explanation": "Explanation",
    "diagnostics": "agreement",
    "model.model": "Model",
    "model.problem": "Problem",
    "model.penalty": "Penalty",
    "likelihoods": " ".join(families.LIKELIHOODS),
    "priors": " ".join(families.PRIORS | families.HYPERPRIORS),
    "data.design": "Design",
    "data.moments": "Moments",
    "data.stores.elsewhere": "Elsewhere",
    "data.datasets": "dataset_names load_dataset simulate",
    "language.errors": "BadArgument BadData BayesregWarning NotConverged NotSupported",
}
_WHERE = {name: room for room, names in _HOME.items() for name in names.split()}
__all__ = sorted(_WHERE)  # noqa: PLE0605  (a list of str, built from the table above)

if TYPE_CHECKING:  # what mypy must know of the package's own verbs
    from bayesreg.verbs import demonstrate as demonstrate
    from bayesreg.verbs.bayesian_path import bayesian_path as bayesian_path
    from bayesreg.verbs.calibrate import calibrate as calibrate
    from bayesreg.verbs.choose import choose as choose
    from bayesreg.verbs.compare import compare as compare
    from bayesreg.verbs.explain import explain as explain
    from bayesreg.verbs.fit import closed_form as closed_form
    from bayesreg.verbs.fit import fit_map as fit_map
    from bayesreg.verbs.fit import path as path
    from bayesreg.verbs.fit import sample as sample
    from bayesreg.verbs.load import load as load
    from bayesreg.verbs.margins import comparisons as comparisons
    from bayesreg.verbs.margins import predictions as predictions
    from bayesreg.verbs.margins import slopes as slopes
    from bayesreg.verbs.translate import translate as translate
    from bayesreg.verbs.validate import validate as validate


def __getattr__(name: str) -> Any:
    """Import a public name from its room at first use."""
    if name not in _WHERE:
        raise AttributeError(f"module 'bayesreg' has no attribute {name!r}")
    room = import_module(f"bayesreg.{_WHERE[name]}")
    value = room if name == "demonstrate" else getattr(room, name)  # a room of many names, as such
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not, and nothing else."""
    return list(__all__)
