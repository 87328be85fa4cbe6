"""Records taken apart into arrays and what JSON can hold, and put together again, types checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.errors import BadData

Arrays = dict[str, NDArray[Any]]
Meta = dict[str, Any]
# What building a record of altered fields can raise; nothing of it is executed.
MALFORMED = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Any error of reading altered fields as BadData that says what was read, and which field."""
    try:
        yield
    except BadData:
        raise
    except MALFORMED as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else error
        raise BadData(f"the saved {what} is corrupt: {said}") from error


def under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """Arrays under names that begin with a prefix."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """The arrays that :func:`under` put there, by their own names."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def whole(values: Any, name: str) -> list[int]:
    """Whole numbers of at least 0; else TypeError."""
    found = list(values)
    if not all(type(one) is int and 0 <= one < 2**62 for one in found):
        raise TypeError(f"{name}: these are not whole numbers")
    return found


def taken_apart(record: Any, *without: str) -> tuple[Arrays, Meta]:
    """The fields of a record, arrays apart from what JSON can hold; what is None is in neither."""
    names = [field.name for field in dataclasses.fields(record) if field.name not in without]
    values = {n: getattr(record, n) for n in names if getattr(record, n) is not None}
    arrays = {name: v for name, v in values.items() if isinstance(v, np.ndarray)}
    rest = {name: v for name, v in values.items() if name not in arrays}
    return arrays, {n: v.item() if isinstance(v, np.generic) else v for n, v in rest.items()}


def put_together(cls: Any, parts: Mapping[str, Any], **rebuilt: Any) -> Any:
    """A record of its saved fields and of those rebuilt; one that may be None need not be saved."""
    for field in dataclasses.fields(cls):
        if field.name in rebuilt:
            continue
        if field.name in parts:
            rebuilt[field.name] = checked(parts[field.name], str(field.type), field.name)
        elif field.default is field.default_factory is dataclasses.MISSING:
            if "None" not in str(field.type):
                raise KeyError(field.name)
            rebuilt[field.name] = None
    return cls(**rebuilt)


def checked(value: Any, annotation: str, name: str) -> Any:
    """A value of the type that a record's field declares, lists read as tuples; else TypeError."""
    kinds = annotation.split(" | ")
    if value is None and "None" in kinds:
        return None
    found = [_as(value, kind) for kind in kinds if kind in _KINDS]
    if found and all(one is None for one in found):
        raise TypeError(f"{name} is not {annotation}")
    return next((one for one in found if one is not None), value)


_KINDS = (
    "Array", "NDArray[Any]", "str", "int", "float", "bool", "list", "dict", "tuple[str, ...]",
    "dict[str, str]",
)  # fmt: skip


def _as(value: Any, kind: str) -> Any:
    """The value as one kind, or None where it is none of that kind."""
    match kind:
        case "Array" | "NDArray[Any]":
            fits = isinstance(value, np.ndarray) and (kind != "Array" or value.dtype == float)
            return value if fits else None
        case "tuple[str, ...]":
            texts = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
            return tuple(value) if texts else None
        case "dict[str, str]":
            texts = isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
            return value if texts else None
        case "float":
            return float(value) if type(value) in (int, float) else None
        case _:
            return value if type(value).__name__ == kind else None
