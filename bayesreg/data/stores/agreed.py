"""Agreed: one schema of many files, by which a column is the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bayesreg.language.errors import BadData
from bayesreg.language.text import shown

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Agreed:
    """The columns of the first file, each of a type that holds those of all files.

    Attributes
    ----------
    schema : pyarrow.Schema
    quarrels : mapping of str to str
        Columns of which that cannot be said, and why: no type holds both, or a file has none.
    plain : frozenset of str
        Those that are codes and levels in some files alone, and are read as their values.
    further : mapping of str to str
        Columns that the first file has not, and the first file that has them.
    """

    schema: pa.Schema
    quarrels: Mapping[str, str] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()
    further: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, schemas: Sequence[pa.Schema], called: Sequence[str]) -> Agreed:
        """Of the schemas of files, and what these are called."""
        first = schemas[0]
        others = [k for k, one in enumerate(schemas) if not one.equals(first)]
        if not others:
            return cls(first)
        types = {k: dict(zip(schemas[k].names, schemas[k].types, strict=True)) for k in others}
        agreed, plain = first, set()
        quarrels: dict[str, str] = {}
        further: dict[str, str] = {}
        known = set(first.names)
        for k in others:
            for name in schemas[k].names:
                if name not in known:
                    further.setdefault(name, called[k])
        for j, name in enumerate(first.names):
            without = next((k for k in others if name not in types[k]), None)
            if without is not None:
                quarrels[name] = f"is in {called[0]} and not in {called[without]}"
                continue
            kinds = {first.field(name).type: called[0]}
            for k in others:
                kinds.setdefault(types[k][name], called[k])
            kind = _common(list(kinds))
            if kind is None and (kind := _common([_values(one) for one in kinds])) is not None:
                plain.add(name)
            if kind is None:
                quarrels[name] = (
                    f"is {' and '.join(f'{a} in {b}' for a, b in list(kinds.items())[:2])}"
                )
            else:
                agreed = agreed.set(j, first.field(name).with_type(kind))
        return cls(agreed, quarrels, frozenset(plain), further)

    def refuse(self, columns: Sequence[str], label: str) -> None:
        """Raise BadData for a column that is not one and the same in all files."""
        for name in columns:
            if name in self.quarrels:
                raise BadData(
                    f"{shown(label)}: the files differ: column {name!r} {self.quarrels[name]}; "
                    "write them with the same columns and types, or bring these to one type in a "
                    "DuckDB relation or a Polars lazy frame"
                )


def _common(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    """A type that holds all of these; None where there is none."""
    import pyarrow as pa

    try:
        schemas = [pa.schema([("one", kind)]) for kind in kinds]
        return pa.unify_schemas(schemas, promote_options="permissive").field("one").type
    except pa.ArrowException:
        return None


def _values(kind: pa.DataType) -> pa.DataType:
    """What codes of a dictionary stand for; text in one of its layouts."""
    import pyarrow as pa
    import pyarrow.types as of

    kind = kind.value_type if of.is_dictionary(kind) else kind
    return pa.large_string() if of.is_string_view(kind) else kind
