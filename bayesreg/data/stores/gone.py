"""A source that was read before a result was saved: its rows are no part of the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayesreg.data.stores.base import Source
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.data.stores.base import Batches


class Gone(Source):
    """What is known of rows that are elsewhere."""

    def __init__(self, label: str) -> None:
        """Of this name."""
        self.label = label

    def batches(self, columns: Sequence[str]) -> Batches:
        """None.

        Raises
        ------
        NotSupported
            Always.
        """
        yield from ()
        raise NotSupported(
            f"this takes the rows of {self.label}, of which a saved result holds the moments "
            "and a sample; condition on the source again"
        )
