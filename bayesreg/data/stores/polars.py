"""A lazy frame of Polars: its engine streams, reads and filters; the products are formed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.base import BATCH, Source
from bayesreg.data.typed_files import first_line
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.stores.base import Batches


class Polars(Source):
    """A lazy frame, read in its order."""

    def __init__(self, frame: Any) -> None:
        """Count the rows, which a scan of files answers from their footers."""
        import polars as pl
        import pyarrow as pa

        if not hasattr(frame, "collect_batches"):
            raise NotSupported(
                f"a LazyFrame of Polars {pl.__version__} has no batches; install a later one with "
                "pip install 'bayesreg[polars]', or call .collect() and pass the result"
            )
        self.frame = frame
        self.label = "a Polars LazyFrame"
        try:
            self.rows = int(frame.select(pl.len()).collect().item())
            wide = (pl.Int128, pl.UInt128)
            for name, kind in frame.collect_schema().items():
                if kind in wide:
                    raise BadData(
                        f"column {name!r} of {self.label} is {kind}, which Arrow has no type for; "
                        "cast it to pl.Int64 or pl.Float64"
                    )
            self.schema = frame.head(0).collect().to_arrow().schema
        except (pl.exceptions.PolarsError, pa.ArrowException) as error:
            raise BadData(f"{self.label} cannot be read: {first_line(error)}") from None

    def levels(self) -> Mapping[str, Sequence[Any]]:
        """Those of columns of an Enum."""
        import polars as pl

        kinds = self.frame.collect_schema().items()
        return {name: tuple(kind.categories) for name, kind in kinds if isinstance(kind, pl.Enum)}

    def batches(self, columns: Sequence[str]) -> Batches:
        """The one place that calls what Polars marks as unstable."""
        import polars as pl

        places = [self.schema.names.index(name) for name in columns]
        chosen = self.frame.select(pl.nth(places))  # as a name, "^x.*$" would be a pattern
        try:
            for frame in chosen.collect_batches(chunk_size=BATCH, maintain_order=True):
                yield from frame.to_arrow().to_batches()
        except pl.exceptions.PolarsError as error:
            raise BadData(f"{self.label} cannot be read to its end: {first_line(error)}") from None
