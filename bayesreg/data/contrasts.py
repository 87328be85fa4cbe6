"""Contrasts by patsy's names, meaning what they mean there; loaded with formulaic."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from formulaic.transforms.contrasts import UNSET, TreatmentContrasts


class Treatment(TreatmentContrasts):  # type: ignore[misc]
    """``Treatment``, ``Treatment("b")`` or ``Treatment(reference="b")``: every level against one.

    As in patsy the reference is a level, or else a position; unsaid, the first level.
    Source: patsy, https://patsy.readthedocs.io/en/latest/API-reference.html (Treatment).
    """

    def __init__(self, reference: Any = UNSET) -> None:
        super().__init__(base=reference)

    @TreatmentContrasts.override  # type: ignore[untyped-decorator]
    def _find_base_index(self, levels: Sequence[Hashable]) -> int:
        whole = isinstance(self.base, int) and not isinstance(self.base, bool)
        if whole and self.base not in levels and -len(levels) <= self.base < len(levels):
            return range(len(levels))[self.base]
        if self.base is not UNSET and self.base not in levels:
            shown = ", ".join(map(repr, levels[:10]))
            raise ValueError(f"the reference {self.base!r} is no level; the levels are {shown}")
        return 0 if self.base is UNSET else list(levels).index(self.base)

    @TreatmentContrasts.override  # type: ignore[untyped-decorator]
    def get_drop_field(self, levels: Sequence[Hashable], reduced_rank: bool = True) -> Any:
        """The level that full-rank coding would leave out, as formulaic asks for it."""
        return None if reduced_rank else levels[self._find_base_index(levels)]


CONTEXT = {"Treatment": Treatment}
