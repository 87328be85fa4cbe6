"""Data frames that come one after another, again and again: the rows of one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.base import Source
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    from bayesreg.data.stores.base import Batches


class Frames(Source):
    """What makes data frames of the same columns each time that it is iterated over."""

    def __init__(self, frames: Iterable[Any]) -> None:
        """Look at the first, which says what the columns are."""
        self.owner = frames
        self.label = "blocks of rows"
        again = iter(frames)
        self.repeatable = again is not frames
        first = next(again, None)
        if first is None:
            spent = "; a generator makes its frames once: make a new one" * (not self.repeatable)
            raise BadData(f"there are no blocks of rows{spent}")
        self._first = _native(first)
        self._rest: Iterator[Any] | None = None if self.repeatable else again
        self.schema = self._first.to_arrow().schema

    def batches(self, columns: Sequence[str]) -> Batches:
        """Each frame as it is made, its columns by name."""
        for k, frame in enumerate(self._frames()):
            absent = [name for name in columns if name not in frame.columns]
            if absent:
                raise BadData(f"block {k} has no column {absent[0]!r}, which the first has")
            yield from frame.select(list(columns)).to_arrow().to_batches()

    def _frames(self) -> Iterator[Any]:
        if self._rest is None:
            yield from map(_native, self.owner)
        else:
            yield self._first
            yield from map(_native, self._rest)

    def levels(self) -> Mapping[str, Sequence[Any]]:
        """Those of categories, which a frame of pandas or an Enum knows all of."""
        found: dict[str, Sequence[Any]] = {}
        for name in self._first.columns:
            kind = self._first[name].dtype
            pandas: Any = getattr(self._first[name].to_native(), "cat", None)
            if type(kind).__name__ == "Enum":
                found[name] = tuple(kind.categories)
            elif hasattr(pandas, "categories"):
                found[name] = tuple(pandas.categories.tolist())
        return found


def _native(frame: Any) -> Any:
    import narwhals.stable.v2 as nw

    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError:
        raise BadData(
            f"a formula reads blocks that are data frames, not a {type(frame).__name__}"
        ) from None
