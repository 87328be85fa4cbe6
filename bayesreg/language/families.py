"""Families and pictures by name: the one list from which face, shell and saved files take theirs.

It is text alone, so that `import bayesreg` knows every name and loads none. A new family is one
class in a file of its room, and its row here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

# Priors on coefficients, by the names that users write: the file of `priors` that has the class.
PRIORS = {
    "Normal": "normal",
    "Laplace": "laplace",
    "ElasticNet": "elastic_net",
    "StudentT": "student_t",
    "Cauchy": "student_t",
    "Bridge": "bridge",
    "DoublePareto": "double_pareto",
    "Horseshoe": "horseshoe",
    "HorseshoePlus": "horseshoe",
    "RegularizedHorseshoe": "regularized_horseshoe",
    "NormalGamma": "normal_gamma",
    "R2D2": "r2d2",
    "Flat": "flat",
}
# Distributions of a scale or of σ, likewise.
HYPERPRIORS = {
    "HalfCauchy": "hyper",
    "HalfNormal": "hyper",
    "HalfStudentT": "hyper",
    "Exponential": "hyper",
    "Uniform": "hyper",
    "InverseGammaSquared": "hyper",
    "BetaPrimeSquared": "r2d2",
    "Gamma": "shapes",
    "HalfNormalInverseRoot": "shapes",
    "Flat": "flat",
}
# Likelihoods: the file of `likelihoods`.
LIKELIHOODS = {
    "Gaussian": "gaussian",
    "Bernoulli": "bernoulli",
    "Binomial": "binomial",
    "Poisson": "counts",
    "NegativeBinomial": "counts",
    "StudentTNoise": "robust",
    "LaplaceNoise": "robust",
}
# Pictures that teach: the file and the function of `verbs/demonstrate`, in the order of the lesson.
PICTURES = (
    "norms",
    "penalties",
    "shrinkage_functions",
    "geometry",
    "corners",
    "joint",
    "conditioning",
    "bias_variance",
    "weight_decay",
    "units",
    "grouping",
    "yes_no",
    "before_data",
    "fitted_line",
    "cross_validation",
    "path_by_norm",
)
# Other words for a family, at the shell.
ALIASES = {"ridge": "Normal", "lasso": "Laplace", "student_t": "StudentTNoise"}
# What other programs call a family: pointed at, and not taken.
ELSEWHERE = {
    "Gaussian": "normal identity",
    "Bernoulli": "logistic logit binary",
    "NegativeBinomial": "nb nb2 negbin negbinomial2",
    "StudentTNoise": "t robust",
    "LaplaceNoise": "laplace lad median",
    "Normal": "gaussian l2",
    "Laplace": "l1 doubleexponential",
}


def snake(name: str) -> str:
    """The name of a class in snake case.

    Examples
    --------
    >>> snake("ElasticNet"), snake("R2D2"), snake("StudentTNoise")
    ('elastic_net', 'r2d2', 'student_t_noise')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def spoken(families: Iterable[str]) -> dict[str, str]:
    """Every name that the shell knows, and the family that it means; aliases beside their own.

    Examples
    --------
    >>> spoken(["Laplace", "StudentT"])
    {'laplace': 'Laplace', 'lasso': 'Laplace', 'student_t': 'StudentT'}
    """
    said: dict[str, str] = {}
    for name in families:
        said |= {snake(name): name} | {alias: own for alias, own in ALIASES.items() if own == name}
    return said


def known_as(word: str, said: Mapping[str, Any]) -> str | None:
    """Our name, among those that are `said` here, of what other programs call `word`.

    Examples
    --------
    >>> known_as("logit", {"bernoulli": ..., "poisson": ...})
    'bernoulli'
    """
    for family, words in ELSEWHERE.items():
        if snake(family) in said and word in words.split():
            return snake(family)
    return None


def classes(room: str, families: Mapping[str, str]) -> dict[str, Any]:
    """The classes of a room, by name; their files are imported."""
    return {name: getattr(import_module(f"{room}.{file}"), name) for name, file in families.items()}
