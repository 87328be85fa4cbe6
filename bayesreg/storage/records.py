"""Models as JSON: the name of each prior, hyperprior and likelihood, and its fields.

Floats are written by ``repr`` and come back exactly. Only classes of :mod:`bayesreg.priors` and
:mod:`bayesreg.likelihoods` can be named, and they validate their fields anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from bayesreg import likelihoods, priors
from bayesreg.data.fields import MALFORMED
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.model.model import Model
from bayesreg.priors.settled import Unsaid

REST = "..."


def model_to_json(model: Model) -> dict[str, Any]:
    """The model as what JSON can hold.

    Parameters
    ----------
    model : Model
        With priors and likelihood of bayesreg.

    Raises
    ------
    BadArgument
        If a prior is a class of the user's own, which could not be loaded.

    Examples
    --------
    >>> import bayesreg as br
    >>> record = model_to_json(br.Model(br.Laplace(25.0), br.Gaussian(54.0)))
    >>> model_from_json(record)
    Model(prior=Laplace(scale=25.0, unit='y'), likelihood=Gaussian(sigma=54.0))
    """
    if isinstance(model.prior, Mapping):
        pairs = [
            [REST if k is ... else {"name": k}, part_to_json(v)] for k, v in model.prior.items()
        ]
        prior: Any = {"mapping": pairs}
    else:
        prior = part_to_json(model.prior)
    return {"prior": prior, "likelihood": part_to_json(model.likelihood)}


def model_from_json(record: Any) -> Model:
    """The model that :func:`model_to_json` wrote.

    Parameters
    ----------
    record : dict
        Parsed JSON.

    Raises
    ------
    BadData
        "unsupported" if it names a class or field that this version does not have; "corrupt" if it
        has another form.
    """
    try:
        prior = record["prior"]
        if "mapping" in prior:
            settled: Any = {
                (... if k == REST else _key(k["name"])): part_from_json(v)
                for k, v in prior["mapping"]
            }
        else:
            settled = part_from_json(prior)
        return Model(prior=settled, likelihood=part_from_json(record["likelihood"]))
    except BadData:
        raise
    except MALFORMED as error:
        raise BadData(f"the saved model is corrupt: {error}") from error


@cache
def _classes() -> dict[str, Any]:
    """Every dataclass that a model can be made of, by name."""
    pairs = [(name, getattr(room, name)) for room in (priors, likelihoods) for name in room.__all__]
    return {name: cls for name, cls in pairs if dataclasses.is_dataclass(cls)}


def part_to_json(value: Any) -> Any:
    """A prior, hyperprior or likelihood, or the value of a field, as what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        if _classes().get(name) is not type(value):
            raise BadArgument(
                f"{name} is not a class of bayesreg, so that a saved file could not be loaded; "
                "save post.to_arviz() instead"
            )
        names = [f.name for f in dataclasses.fields(value) if f.init]
        return {"class": name, "fields": {n: part_to_json(_declared(value, n)) for n in names}}
    if isinstance(value, np.ndarray | list | tuple):
        return [
            part_to_json(v) for v in (value.tolist() if isinstance(value, np.ndarray) else value)
        ]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise BadArgument(f"{value!r} cannot be saved")


def _declared(value: Any, name: str) -> Any:
    """A field as it was given: a unit that was never declared is settled anew when loaded."""
    field = getattr(value, name)
    return None if isinstance(field, Unsaid) else field


def part_from_json(value: Any) -> Any:
    """What :func:`part_to_json` wrote; its class validates its fields."""
    if isinstance(value, dict):
        cls = _classes().get(value["class"])
        if cls is None:
            raise BadData(f"the saved model is unsupported: unknown class {value['class']!r}")
        known = {f.name for f in dataclasses.fields(cls) if f.init}
        unknown = set(value["fields"]) - known
        if unknown:
            raise BadData(
                f"the saved model is unsupported: {value['class']} has no field {min(unknown)!r}"
            )
        return cls(**{name: part_from_json(v) for name, v in value["fields"].items()})
    if isinstance(value, list):
        return [part_from_json(v) for v in value]
    return value


def _key(name: Any) -> Any:
    """A key of a mapping of priors: text, or a whole number."""
    if isinstance(name, str | int):
        return name
    raise ValueError(f"a prior is named {name!r}")
