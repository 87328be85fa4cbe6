"""What the verbs return: fields, `summary()`, repr, plots; the rest is computed below on demand."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# A closed-form fit must import neither ArviZ nor PyMC, so each result is loaded at first use.
_HOME = {
    "MapFit": "map_fit",
    "Margins": "margins",
    "Path": "path",
    "ClosedForm": "closed_form",
    "Posterior": "posterior",
    "Shrinkage": "shrinkage",
    "Significance": "significance",
    "LamPosterior": "lam",
    "Quantity": "quantity",
    "Profile": "profile",
    "BayesianPath": "bayesian_path",
    "Choice": "choice",
    "Comparison": "comparison",
    "Entry": "entry",
    "EqualFooting": "equal_footing",
    "Explanation": "explanation",
    "SameLam": "same_lam",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Load a result class from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'bayesreg.results' has no attribute {name!r}")
    return getattr(import_module(f"bayesreg.results.{_HOME[name]}"), name)
