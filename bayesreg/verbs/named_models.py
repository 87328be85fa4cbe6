"""Models by name, as users give them: mappings, lists of families, texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesreg.language.errors import BadArgument
from bayesreg.likelihoods import Likelihood
from bayesreg.model.model import Model
from bayesreg.priors.written import prior_of, read_priors


def models_by_name(priors: Any, likelihood: Likelihood) -> dict[str, Model]:
    """The models that a mapping, a list, or a text with commas names.

    Parameters
    ----------
    priors : mapping, list or str
        As :func:`compare` takes them.
    likelihood : Likelihood
        For the values that are priors.

    Raises
    ------
    BadArgument
        If there are none, or two have the same name.

    Examples
    --------
    >>> from bayesreg.likelihoods import Gaussian
    >>> list(models_by_name("ridge, laplace(scale=2)", Gaussian()))
    ['ridge', 'laplace(scale=2)']
    """
    pairs = _named(priors, likelihood)
    if not pairs:
        raise BadArgument(
            "priors must map names to priors, as {'ridge': br.Normal(), 'lasso': br.Laplace()}, or "
            "list them, as ['ridge', 'lasso']"
        )
    out = {}
    for name, value in pairs:
        out[name] = value if isinstance(value, Model) else Model(value, likelihood)
    if len(out) != len(pairs):
        raise BadArgument(
            "two priors have the same name as text; rename one, or give a list of priors their "
            "names by a mapping, as {'tight': br.Normal(1.0), 'wide': br.Normal(10.0)}"
        )
    return out


def _named(priors: Any, likelihood: Likelihood) -> list[tuple[str, Any]]:
    """Names and priors of a mapping, a list, or a text with commas."""
    if isinstance(priors, Mapping):
        return [(str(name), value) for name, value in priors.items()]
    if isinstance(priors, str):
        return list(read_priors(priors).items())
    listed = priors if isinstance(priors, list | tuple) else [priors]
    whose = [one.likelihood if isinstance(one, Model) else likelihood for one in listed]
    several = len({one.noun for one in whose}) > 1
    return [
        (_name(one) + f", {law.noun}" * several, one)
        for one, law in zip(listed, whose, strict=True)
    ]


def _name(value: Any) -> str:
    """What a prior without a name is called: its text, or its family."""
    prior = value.prior if isinstance(value, Model) else value
    if isinstance(prior, Mapping):
        raise BadArgument(
            "a mapping of columns to priors has no name of its own; write {'mine': {...}}"
        )
    return prior.strip() if isinstance(prior, str) else prior_of(prior, "priors: each").family
