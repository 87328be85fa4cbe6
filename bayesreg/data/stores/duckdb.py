"""A relation of DuckDB: it reads, filters and joins; the products are formed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.base import BATCH, Source
from bayesreg.data.typed_files import first_line
from bayesreg.language.errors import BadArgument, BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.stores.base import Batches

LEAST = 2  # before, another query on the connection ended a reader without a word


class DuckDB(Source):
    """A relation, read in its order, which must be kept for the same bits every time."""

    def __init__(self, relation: Any) -> None:
        """Count the rows, and ask whether their order is kept."""
        import duckdb
        import pyarrow as pa

        if int(duckdb.__version__.split(".")[0]) < LEAST:
            raise NotSupported(
                f"DuckDB {duckdb.__version__} may end a reader silently when another query runs; "
                "install a later one with pip install 'bayesreg[duckdb]'"
            )
        self.relation = relation
        self.label = "a DuckDB relation"
        try:
            kept = relation.query("rows", "SELECT current_setting('preserve_insertion_order')")
            ordered = kept.fetchall()[0][0]
            self.rows = int(relation.aggregate("count(*)").fetchall()[0][0])
            self.schema = relation.limit(0).to_arrow_table().schema
        except (duckdb.Error, pa.ArrowException) as error:
            raise BadData(f"{self.label} cannot be read: {_told(error)}") from None
        if not ordered:
            raise BadArgument(
                "the order of a DuckDB relation's rows is not kept, and sums would differ from "
                "run to run; use con.execute('SET preserve_insertion_order = true')"
            )

    def levels(self) -> Mapping[str, Sequence[Any]]:
        """Those of columns of an ENUM."""
        kinds = zip(self.relation.columns, self.relation.types, strict=True)
        return {name: tuple(kind.children[0][1]) for name, kind in kinds if kind.id == "enum"}

    def batches(self, columns: Sequence[str]) -> Batches:
        """These columns by name, whatever is in a name: expressions, never text."""
        import duckdb
        import pyarrow as pa

        chosen = [duckdb.ColumnExpression(name) for name in columns]
        try:
            with self.relation.select(*chosen).to_arrow_reader(BATCH) as reader:
                yield from reader  # while it is open, its connection answers nothing else
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            # A value that does not convert is of the rows; else a query ended the reader.
            busy = "; run other queries on a connection of their own, con.cursor()"
            values = isinstance(error, duckdb.DataError) or "CSV Error" in str(error)
            advice = "" if values else busy
            raise BadData(
                f"{self.label} cannot be read to its end: {_told(error)}{advice}"
            ) from None


def _told(error: Exception) -> str:
    """What DuckDB says before its advice: of a CSV file the line, the column and its text too."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines[:4] if line] if "CSV Error" in lines[0] else lines[:1]
    return first_line(RuntimeError("; ".join(kept)))
