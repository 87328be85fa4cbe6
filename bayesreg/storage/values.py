"""Values as JSON that come back as what they were; dates, intervals, tuples, arrays are tagged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesreg.language.errors import BadData

Plain = str | int | float | bool | None


class Unsayable(TypeError):
    """A value that has no form here; the message says what it is."""


def to_json(value: Any) -> Any:
    """A value as what JSON can hold.

    Raises
    ------
    Unsayable
        If it is none of: text, number, bool, None, date, time stamp, interval, array of numbers,
        and tuples, lists and mappings of these.

    Examples
    --------
    >>> from_json(to_json({"knots": [1.5, None], 2: (True, "é")}))
    {'knots': [1.5, None], 2: (True, 'é')}
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, np.datetime64 | np.timedelta64):
        return {"time": int(value.view(np.int64)), "dtype": value.dtype.str}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, Plain):
        return value
    if isinstance(value, list):
        return [to_json(one) for one in value]
    if isinstance(value, tuple):
        return {"tuple": [to_json(one) for one in value]}
    if isinstance(value, Mapping):
        return {"pairs": [[to_json(key), to_json(one)] for key, one in value.items()]}
    return _of_pandas(value)


def _of_pandas(value: Any) -> dict[str, Any]:
    kind = type(value).__name__
    if kind == "Timestamp":
        zone = None if value.tz is None else str(value.tz)
        return {"timestamp": value.tz_localize(None).isoformat(), "zone": zone, "unit": value.unit}
    if kind == "Interval":
        return {"interval": [to_json(value.left), to_json(value.right)], "closed": value.closed}
    if type(value) is dt.date:
        return {"date": value.isoformat()}
    raise Unsayable(kind)


def from_json(record: Any) -> Any:
    """The value that :func:`to_json` wrote; BadData if it has another form."""
    if isinstance(record, list):
        return [from_json(one) for one in record]
    if not isinstance(record, dict):
        return record
    try:
        return _tagged(record)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadData(f"a saved value is malformed: {error}") from None


def _tagged(record: dict[str, Any]) -> Any:
    match record:
        case {"array": list(values), "dtype": str(dtype)}:
            return np.array(values, dtype=_numeric(dtype, "fiub"))
        case {"time": int(ticks), "dtype": str(dtype)}:
            return np.int64(ticks).view(_numeric(dtype, "mM"))
        case {"tuple": list(values)}:
            return tuple(map(from_json, values))
        case {"pairs": list(pairs)}:
            return {from_json(key): from_json(one) for key, one in pairs}
        case {"date": str(text)}:
            return dt.date.fromisoformat(text)
        case {"timestamp": str(text), "zone": zone, "unit": str(unit)}:
            import pandas as pd

            stamp = pd.Timestamp(text).as_unit(unit)  # type: ignore[arg-type]
            return stamp if zone is None else stamp.tz_localize(zone)
        case {"interval": [left, right], "closed": str(closed)}:
            import pandas as pd

            return pd.Interval(from_json(left), from_json(right), closed=closed)  # type: ignore[arg-type]
    raise ValueError(f"{sorted(record)[:3]} is no tag")


def _numeric(text: str, kinds: str) -> np.dtype[Any]:
    dtype = np.dtype(text)
    if dtype.kind not in kinds:
        raise ValueError(f"dtype {text!r}")
    return dtype
