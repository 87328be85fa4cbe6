"""Arrow's own: datasets, tables, readers, and whatever offers its rows as an Arrow stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.base import BATCH, Source
from bayesreg.data.typed_files import first_line
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    from bayesreg.data.stores.base import Batches

# Arrow's scanner reads ahead as fast as it can, and keeps whole files
# (https://github.com/apache/arrow/issues/39808); so little of it keeps it busy.
AHEAD = 2


class ArrowDataset(Source):
    """A dataset: files of any format that Arrow reads, with a filter perhaps."""

    label = "an Arrow dataset"

    def __init__(self, dataset: Any) -> None:
        """Count the rows."""
        self.dataset = dataset
        self.schema = dataset.schema
        self.rows = dataset.count_rows()
        self.files = len(getattr(dataset, "files", ()))

    def batches(self, columns: Sequence[str]) -> Batches:
        """Fragment after fragment, with little read ahead."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        how: dict[str, Any] = {"batch_size": BATCH, "batch_readahead": AHEAD}
        kind = getattr(getattr(self.dataset, "format", None), "default_extname", None)
        if kind == "parquet":
            how["fragment_scan_options"] = ds.ParquetFragmentScanOptions(pre_buffer=False)
        try:
            yield from self.dataset.to_batches(columns=list(columns), fragment_readahead=1, **how)
        except (pa.ArrowException, OSError) as error:
            raise BadData(f"{self.label} cannot be read to its end: {first_line(error)}") from None

    def fingerprint(self) -> Mapping[str, Any]:
        """Size and time of change of every file."""
        files = list(getattr(self.dataset, "files", ()))
        if not files:
            return {}
        found = self.dataset.filesystem.get_file_info(files)
        return {one.path: (one.size, one.mtime_ns) for one in found}


class ArrowStream(Source):
    """What offers its rows as an Arrow stream; a reader does so once."""

    def __init__(self, owner: Any) -> None:
        """Ask for the schema, which of a stream that can be had again costs one of them."""
        import pyarrow as pa

        self.owner = owner
        self.repeatable = not isinstance(owner, pa.RecordBatchReader)
        self.label = f"a {type(owner).__name__}"
        self.schema = self._reader().schema
        self.rows = owner.num_rows if isinstance(owner, pa.Table) else None

    def _reader(self) -> Any:
        import pyarrow as pa

        once = isinstance(self.owner, pa.RecordBatchReader)
        return self.owner if once else pa.RecordBatchReader.from_stream(self.owner)

    def batches(self, columns: Sequence[str]) -> Batches:
        """The stream from its beginning, these columns of it."""
        import pyarrow as pa

        try:
            for batch in self._reader():
                yield batch.select(columns)
        except (pa.ArrowException, OSError) as error:
            raise BadData(f"{self.label} cannot be read to its end: {first_line(error)}") from None
