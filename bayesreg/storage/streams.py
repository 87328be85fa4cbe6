"""Streams as arrays and JSON: their moments, what their columns are, and what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.coding import FormulaSpec
from bayesreg.data.fields import Arrays, Meta, checked, put_together, taken_apart, whole
from bayesreg.data.moments import Moments
from bayesreg.data.sampled import Sampled, hash64
from bayesreg.data.stores.gone import Gone
from bayesreg.data.stores.read import Read
from bayesreg.data.stores.reader import Roles
from bayesreg.data.stores.stream import Stream
from bayesreg.data.streamed import Seen, Streamed
from bayesreg.language.arguments import one_positive
from bayesreg.language.errors import BadData
from bayesreg.model.in_passes import Met, Sums
from bayesreg.storage.designs import kept_formula, term_from_json
from bayesreg.storage.formulas import LostFormula, formula_from_json

KEPT = 2**21  # numbers of a sample that are saved: 16 MiB
FIELDS = ("named", "intercept")


def stream_to_payload(stream: Streamed) -> tuple[Arrays, Meta]:
    """All of a stream but its moments and its rows; of these a sample."""
    _, read = taken_apart(stream.read)
    said = {name: getattr(stream, name) for name in FIELDS}
    if isinstance(stream.spec, FormulaSpec):
        said |= kept_formula(stream.spec, stream.names)[1]
    elif isinstance(stream.spec, LostFormula):
        said["lost"] = stream.spec.why
    sample, counts = _sample_to_payload(stream.stream.sampled)
    return sample, {
        **said,
        **counts,
        "truths": list(stream.truths),
        "terms": [term._asdict() for term in stream.terms],
        "roles": stream.stream.roles.said,
        "missing": stream.stream.missing,
        "notes": list(stream.notes),
        "binary": np.flatnonzero(stream.stream.binary).tolist(),
        "read": read,
        "seen": None if stream.seen is None else _seen_to_json(stream.seen),
        "optima": [_met_to_json(key, met) for key, met in stream.optima.items()],
    }


def _sample_to_payload(sampled: Sampled | None) -> tuple[Arrays, Meta]:
    """As many rows of a sample as `KEPT` numbers are: which, and what they hold."""
    if sampled is None:
        return {}, {}
    rows = max(1, KEPT // max(1, sampled.values.shape[1]))
    some = sampled.first(rows).sorted() if len(sampled) > rows else sampled
    arrays = {"rows": some.rows, "runs": some.runs, "values": some.values}
    return arrays, {"sample": [some.most, some.seen], "sample_beside": list(some.beside)}


def _sample_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], p: int
) -> Sampled | None:
    """The sample; its hashes follow from the numbers of the rows."""
    if "sample" not in meta:
        return None
    most, seen = whole(meta["sample"], "sample")
    rows, runs = arrays["rows"], arrays["runs"]
    values = checked(arrays["values"], "Array", "sample")
    beside = checked(meta["sample_beside"], "tuple[str, ...]", "sample_beside")
    fits = values.shape == (len(rows), p + 1 + len(beside)) and rows.shape == runs.shape
    fits &= set(beside) <= {"weights", "offset", "trials"}
    if not fits or not 1 <= len(rows) <= min(most, seen) or not np.isfinite(values).all():
        raise BadData("sample: these are not rows of the source")
    if rows.dtype.kind != "i" or runs.dtype.kind != "i" or min(rows.min(), runs.min()) < 0:
        raise BadData("sample: a row has no number")
    hashes = np.array([hash64(rows[k : k + 1], int(run))[0] for k, run in enumerate(runs)])
    return Sampled(most, seen, hashes, runs.astype(np.intp), rows.astype(np.intp), values, beside)


def _seen_to_json(seen: Seen) -> Meta:
    return {"n": seen.n, "y": seen.y, "trials": seen.trials, "sides": sorted(seen.sides)}


def _seen_from_json(meta: Mapping[str, Any]) -> Seen:
    sums = [one_positive(meta[name], name) for name in ("n", "trials")]
    y, sides = float(meta["y"]), frozenset(map(float, meta["sides"]))
    if not 0.0 <= y < np.inf or not sides <= {-1.0, 0.0, 1.0}:
        raise BadData("seen: it is not what a response is like")
    return Seen(sums[0], y, sums[1], sides)


def _finite(found: Any) -> Any:
    """Numbers, or lists of them, with None for what is not finite."""
    if isinstance(found, list):
        return [_finite(one) for one in found]
    return found if np.isfinite(found) else None


def _met_to_json(key: bytes, met: Met) -> Meta:
    """Numbers of an optimum; null for what is not finite."""
    sums = {name: np.asarray(value) for name, value in vars(met.sums).items()}
    sums = {name: _finite(one.tolist()) for name, one in sums.items()}
    where = {name: getattr(met, name).tolist() for name in ("b", "free", "at")}
    return {"key": np.frombuffer(key).tolist(), **where, "sums": sums}


def _met_from_json(meta: Mapping[str, Any], p: int) -> tuple[bytes, Met]:
    key, b, free, at = (np.array(meta[name], dtype=float) for name in ("key", "b", "free", "at"))
    said = {name: np.array(value, dtype=float) for name, value in meta["sums"].items()}
    said = {name: np.where(np.isnan(one), np.inf, one) for name, one in said.items()}
    shapes = dict.fromkeys(("slope", "terms", "pull", "pulls"), (1 + p,)) | {"curve": (1 + p,) * 2}
    if at.shape != (1 + p,) or any(one.shape != shapes.get(k, ()) for k, one in said.items()):
        raise BadData("optima: they are not those of the columns")
    numbers: dict[str, Any] = {k: one if one.ndim else float(one) for k, one in said.items()}
    rows = numbers.pop("rows")
    return key.tobytes(), Met(b, free, at, Sums(rows=int(rows), **numbers))


def stream_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], moments: Moments
) -> Streamed:
    """A stream that has been read, its rows gone."""
    terms = tuple(term_from_json(term, moments.p) for term in meta["terms"])
    roles = checked(meta["roles"], "dict", "roles")
    read: Read = put_together(Read, meta["read"])
    counts = [
        read.rows,
        read.files,
        read.passes,
        read.learning,
        read.dropped,
        *read.missing.values(),
    ]
    whole(counts, "read")
    if not all(isinstance(one, str) for one in [*roles, *roles.values(), *read.missing]):
        raise BadData("roles: a column or its role is no text")
    if read.dropped > read.rows or not 0.0 <= read.seconds < np.inf:
        raise BadData("read: more rows are left out than there are, or its time is none")
    binary: NDArray[np.bool_] = np.zeros(moments.p, dtype=bool)
    binary[whole(meta["binary"], "binary")] = True
    rows = Stream(
        Gone(read.label),
        Roles(**roles),
        moments.names,
        checked(meta["missing"], "str", "missing"),
        read,
        list(checked(meta["notes"], "tuple[str, ...]", "notes")),
        binary,
        sampled=_sample_from_payload(arrays, meta, moments.p),
    )
    stream: Streamed = put_together(
        Streamed,
        {name: meta[name] for name in FIELDS if name in meta},
        stream=rows,
        terms=terms,
        truths=checked(meta["truths"], "tuple[str, ...]", "truths"),
        spec=None if "formula" not in meta else formula_from_json(meta["formula"], moments.names),
        classes=None,
        seen=None if meta.get("seen") is None else _seen_from_json(meta["seen"]),
        optima=dict(_met_from_json(one, moments.p) for one in meta.get("optima", [])),
    )
    if "lost" in meta:
        stream = replace(stream, spec=LostFormula(stream, meta["lost"]))
    return stream.having(moments)
