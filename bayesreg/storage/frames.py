"""The variables that a formula read, as arrays and JSON: texts and categories as codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.fields import Arrays
from bayesreg.data.variables import BOOL, CATEGORY, NUMBER, TEXT, Variable
from bayesreg.language.errors import BadData
from bayesreg.storage.formulas import variable_from_json, variable_to_json

if TYPE_CHECKING:
    import pandas as pd


def frame_to_payload(frame: pd.DataFrame) -> tuple[Arrays, list[Any]]:
    """One array for each variable, and the variables with their levels."""
    arrays: Arrays = {}
    variables = []
    for k, name in enumerate(frame):
        values = frame[name].array
        variable = Variable.of(str(name), values)
        if variable.kind in (NUMBER, BOOL):
            arrays[f"frame.{k}"] = np.asarray(values)
        else:
            found = frame[name].astype("category").array
            arrays[f"frame.{k}"] = np.asarray(found.codes, dtype=np.int64)
            variable = Variable(variable.name, variable.kind, tuple(found.categories.tolist()))
        variables.append([*variable_to_json(variable), bool(getattr(values, "ordered", False))])
    return arrays, variables


def frame_from_payload(
    arrays: Mapping[str, NDArray[Any]], record: list[Any], rows: int
) -> pd.DataFrame:
    """The variables as they were; BadData if an array is none of a variable."""
    import pandas as pd

    columns = {}
    for k, (*said, ordered) in enumerate(record):
        variable = variable_from_json(said)
        values = arrays[f"frame.{k}"]
        coded = variable.kind in (TEXT, CATEGORY)
        within = not coded or (
            values.dtype.kind == "i"
            and bool(np.all((values >= 0) & (values < len(variable.levels))))
        )
        if values.shape != (rows,) or not within or not np.isfinite(values).all():
            raise BadData(f"the saved values of {variable.name!r} are corrupt")
        if coded:
            levels = pd.Index(variable.levels)
            found = pd.Categorical.from_codes(values.tolist(), levels, ordered=bool(ordered))
            columns[variable.name] = (
                found if variable.kind == CATEGORY else np.asarray(found, object)
            )
        else:
            columns[variable.name] = values
    return pd.DataFrame(columns, index=range(rows))
