"""Files whose columns have types: parquet, Feather, Stata and SPSS.

What such a file declares is kept: categories in their order, and value labels as categories.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.cells import (
    Column,
    Format,
    Table,
    coded,
    in_order,
    read_cells,
    without_sentinels,
)
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(path: Path, form: Format = Format()) -> Table:  # noqa: B008 - frozen
    """Read a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        try:
            opened = pq.ParquetFile(file)
            table, footer = opened.read(), opened.metadata.metadata or {}
        except (pa.ArrowException, OSError) as error:
            raise BadData(f"{path.name} cannot be read as parquet: {first_line(error)}") from None
    return table_of(path, table, form, footer.get(b"ARROW:schema"))


def read_feather(path: Path, form: Format = Format()) -> Table:  # noqa: B008
    """Read a Feather file, or another of Arrow's."""
    import pyarrow as pa
    from pyarrow import feather

    try:
        table = feather.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise BadData(f"{path.name} cannot be read as Feather: {first_line(error)}") from None
    return table_of(path, table, form)


def read_stata(path: Path, form: Format = Format()) -> Table:  # noqa: B008
    """Read a Stata file; where every value of a column has a label, the labels are categories."""
    import pandas as pd

    try:
        labelled = pd.read_stata(path)
        plain = pd.read_stata(path, convert_categoricals=False)
    except (ValueError, OSError, KeyError, IndexError) as error:
        raise BadData(f"{path.name} cannot be read as Stata: {first_line(error)}") from None
    partly = {
        str(name)
        for name in labelled
        if isinstance(labelled[name].dtype, pd.CategoricalDtype)
        and not all(isinstance(level, str) for level in labelled[name].cat.categories)
    }
    frame = pd.DataFrame({n: (plain if str(n) in partly else labelled)[n] for n in labelled})
    return _from_pandas(path, frame, partly, form)


def read_spss(path: Path, form: Format = Format()) -> Table:  # noqa: B008
    """Read an SPSS file; where every value of a column has a label, the labels are categories."""
    import pandas as pd

    try:
        import pyreadstat
    except ModuleNotFoundError:
        raise NotSupported(
            f"{path.name}: SPSS files need pyreadstat; install it with pip install 'bayesreg[spss]'"
        ) from None
    try:
        frame, meta = pyreadstat.read_sav(str(path))
    except (pyreadstat.ReadstatError, OSError, ValueError) as error:
        raise BadData(f"{path.name} cannot be read as SPSS: {first_line(error)}") from None
    partly = set[str]()
    for name, labels in meta.variable_value_labels.items():
        values = frame[name].dropna()
        if not values.isin(list(labels)).all():
            partly.add(str(name))
        elif len(set(labels.values())) == len(labels):
            order = sorted(labels)
            codes = frame[name].map({value: k for k, value in enumerate(order)}).fillna(-1)
            frame[name] = pd.Categorical.from_codes(
                codes.astype(int).to_numpy(),
                pd.Index([str(labels[value]) for value in order]),
                ordered=True,
            )
    return _from_pandas(path, frame, partly, form)


def _from_pandas(path: Path, frame: pd.DataFrame, partly: set[str], form: Format) -> Table:
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, ValueError) as error:
        raise BadData(f"{path.name} cannot be read: {first_line(error)}") from None
    found = table_of(path, table.replace_schema_metadata(None), form)
    columns = dict(found.columns)
    for name in partly & columns.keys():
        note = f"column {name!r} has labels for some of its values only, and was read as numbers"
        columns[name] = replace(columns[name], note=note)
    return Table(found.name, columns, found.rows)


def table_of(
    path: Path,
    table: Any,
    form: Format = Format(),  # noqa: B008
    written: bytes | None = None,
) -> Table:
    """An Arrow table as columns by their types; `written` is the schema it was written with."""
    refuse_twice(path, table.column_names)
    if table.num_rows == 0:
        raise BadData(f"{path.name} has no rows")
    declared = _categories(table.schema, written)
    columns = {
        name: _typed(name, table[name], form, declared=name in declared)
        for name in table.column_names
    }
    return Table(path.name, columns, table.num_rows)


def _categories(schema: Any, written: bytes | None) -> frozenset[str]:
    """Columns that were categories when they were written, which parquet's own types forget."""
    import pyarrow as pa
    import pyarrow.types as of

    pandas = (schema.pandas_metadata or {}).get("columns", [])
    found = {one.get("name") for one in pandas if one.get("pandas_type") == "categorical"}
    if written is not None:
        with suppress(pa.ArrowException, ValueError):  # a foreign footer declares nothing
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(written)))
    found |= {one.name for one in schema if of.is_dictionary(one.type)}
    return frozenset(name for name in found if name is not None)


def _typed(name: str, cells: Any, form: Format, *, declared: bool = False) -> Column:
    """One Arrow column by its type; unlike in CSV, a text of digits was meant as text."""
    import pyarrow as pa
    import pyarrow.types as of

    kind = cells.type
    if cells.null_count == len(cells):
        return Column(name, "empty", np.full(len(cells), np.nan))
    if (declared or of.is_dictionary(kind) or name in form.factors) and name not in form.numbers:
        return _categorical(name, cells, "asked" if name in form.factors else "declared")
    if of.is_dictionary(kind):
        cells = cells.cast(kind.value_type)
        kind = cells.type
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        # An empty text is no value, and "NA" is a text like any other where missing has a sign.
        plain = replace(form, missing=form.missing or ())
        return read_cells(name, cells.cast(pa.string()), plain, parse=False)
    if of.is_temporal(kind):
        return Column(name, "date", *coded(cells))
    origin = "asked" if name in form.numbers else ""
    if of.is_boolean(kind):
        return _floats(name, "flag", cells, form, origin)
    if of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind):
        return _floats(name, "number", cells, form, origin)
    return Column(name, "other", np.full(len(cells), -1), (str(kind),))


def _categorical(name: str, cells: Any, origin: str) -> Column:
    """Categories in the order that a dictionary has; in order of size or alphabet without one."""
    import pyarrow.types as of

    ordered = of.is_dictionary(cells.type) and bool(cells.type.ordered)
    if of.is_dictionary(cells.type):
        whole = cells.unify_dictionaries().combine_chunks()
        whole = whole.chunk(0) if hasattr(whole, "num_chunks") else whole
        codes = whole.indices.cast("int64").fill_null(-1).to_numpy().astype(np.intp)
        levels = tuple(map(str, whole.dictionary.to_pylist()))
    else:
        codes, found = coded(cells)
        levels = tuple(in_order(found))
        place = np.array([*(levels.index(level) for level in found), -1], dtype=np.intp)
        codes = place[codes]
    empty = int(np.sum(codes < 0))
    absent = {"": empty} if empty else {}
    return Column(name, "text", codes, levels, origin, absent=absent, ordered=ordered)


def _floats(name: str, kind: str, cells: Any, form: Format, origin: str) -> Column:
    """Arrow's numbers or truth values as a column; NaN is missing as null is."""
    import pyarrow as pa

    # pyarrow refuses to round a large integer unless told; here the reader is told of it.
    values = cells.cast(pa.float64(), safe=False).to_numpy()
    empty = int(np.isnan(values).sum())
    absent: Mapping[str, int] = {"": empty} if empty else {}
    if kind == "number":
        values, absent = without_sentinels(values, absent, form)
    kind = "empty" if np.isnan(values).all() else kind
    return Column(name, kind, values, origin=origin, absent=absent)


def refuse_twice(path: Path, names: list[str]) -> None:
    """Raise if two columns have one name."""
    first: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if first.setdefault(name, position) != position:
            raise BadData(
                f"{path.name} has two columns named {name!r} (columns {first[name]} and "
                f"{position}); rename one"
            )


def first_line(error: Exception) -> str:
    """What a reader says, in a line."""
    return str(error).split("\n", 1)[0] or type(error).__name__
