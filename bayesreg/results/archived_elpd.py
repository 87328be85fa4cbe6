"""Leave-one-out densities as arrays and JSON: ArviZ's objects with the values of every row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.fields import put_together, taken_apart
from bayesreg.diagnostics.elpd import measured
from bayesreg.diagnostics.one_pass import ACROSS, BINS, DOWN, GROUPS, SUMS
from bayesreg.language.arguments import integer
from bayesreg.language.errors import BadData
from bayesreg.model.problem import Problem
from bayesreg.storage import checked, understood

Arrays = dict[str, NDArray[Any]]
KINDS = ("ELPDDataLOO", "ELPDDataLOOSubsample", "ELPDDataLOOKFold")
STREAMED = "StreamedLOO"
BY_ROW = ("y", "weight", "value", "approximate", "khat")  # of those that are read in passes
WORDS = ("exact", "psis", "integrated", "refit", "kfold", "")  # how the density of a row was had
NUMBERS = ("elpd", "se", "p", "good_k", "subsampling_se")
SIGNED = ("elpd", "p")
COUNTS = ("n_samples", "n_data_points", "n_folds", "subsample_size")


def elpd_to_payload(loo: Any) -> tuple[Arrays, dict[str, Any]]:
    """Values by row apart from totals; what all rows share is kept once."""
    from xarray import DataArray

    if type(loo).__name__ == STREAMED:
        own, about = taken_apart(loo)
        return own, {"kind": STREAMED, **about}
    arrays: Arrays = {}
    meta: dict[str, Any] = {"kind": type(loo).__name__, "attrs": dict(loo.elpd_i.attrs)}
    for field in dataclasses.fields(loo):
        value = getattr(loo, field.name)
        if isinstance(value, DataArray | np.ndarray):
            arrays[field.name] = np.asarray(value)
        elif value is not None:
            meta[field.name] = value.item() if isinstance(value, np.generic) else value
    method = [WORDS.index(word) for word in loo.elpd_i["method"].to_numpy().tolist()]
    return arrays | {"method": np.array(method, dtype=np.int64)}, meta


def elpd_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], problem: Problem
) -> Any:
    """ArviZ's object, its values labelled by the rows of the problem, all ranges checked."""
    import arviz_stats.utils as theirs

    with understood("leave-one-out densities"):
        if meta["kind"] == STREAMED:
            return _streamed(arrays, meta, problem)
        if meta["kind"] not in KINDS:
            raise BadData(f"kind: {meta['kind']!r} is none of {', '.join(KINDS)}")
        cls = getattr(theirs, meta["kind"])
        fields: dict[str, Any] = {}
        rows = _rows(arrays, problem, _attrs(meta["attrs"]) | measured(problem))
        for field in dataclasses.fields(cls):
            name = field.name
            if name in arrays:
                whole = name == "loo_subsample_observations"
                fields[name] = _places(arrays[name], problem) if whole else rows(name)
            elif name in meta:
                fields[name] = _number(name, meta[name])
        _refuse_misfitting(fields, meta["kind"])
        return cls(**({"good_k": None} | fields))


def _streamed(arrays: Mapping[str, Any], meta: Mapping[str, Any], problem: Problem) -> Any:
    """Totals over rows that were read in passes, their shapes and ranges checked."""
    from bayesreg.diagnostics.streamed_elpd import StreamedLOO

    found: StreamedLOO = put_together(
        StreamedLOO, {**meta, **arrays}, elpd_i=None, pareto_k=None, log_weights=None,
        log_jacobian=None, p_loo_i=None, influence_pareto_k=None, n_eff_i=None,
        approx_posterior=False,
    )  # fmt: skip
    for name in ("elpd", "se", "p", "good_k", "subsampling_se"):
        _number(name, getattr(found, name))
    m = len(found.row)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(BY_ROW, (m,))
    shapes |= {"pit": (BINS,), "seen": (ACROSS + 2, DOWN + 2), "edges": (ACROSS + 1,)}
    shapes |= {"groups": (len(SUMS), GROUPS), "worst": (len(found.places), 4)}
    for name, shape in shapes.items():
        values = getattr(found, name)
        if values.shape != shape or not np.isfinite(values).all():
            raise BadData(f"{name}: it is no array of the shape {shape} of finite numbers")
    whole = (
        found.n_data_points == problem.moments.rows and found.measure in measured(problem).values()
    )
    if not whole or m < 1 or not np.isclose(found.size, problem.moments.n):
        raise BadData("n_data_points: these are densities of other rows")
    for name in ("pit", "seen"):
        if not np.isclose(getattr(found, name).sum(), found.size):
            raise BadData(f"{name}: its weights are not those of the rows")
    return found


def _attrs(record: Any) -> dict[str, Any]:
    """What was said of all rows: note, method, and Monte Carlo error."""
    found = {
        "note": checked(record["note"], "str", "note"),
        "method": checked(record["method"], "str", "method"),
    }
    if "max_khat" in record:
        found["max_khat"] = checked(record["max_khat"], "float", "max_khat")
    return found | {"mcse": checked(record["mcse"], "float", "mcse")}


def _rows(arrays: Mapping[str, NDArray[Any]], problem: Problem, attrs: dict[str, Any]) -> Any:
    """Makes values by row into arrays that share labels, y, frequency and method."""
    from xarray import DataArray

    design = problem.design
    if design is None:
        raise BadData("loo: there are no rows that could be left out")
    codes = arrays["method"]
    within = codes.dtype.kind == "i" and np.all((codes >= 0) & (codes < len(WORDS)))
    if codes.shape != (design.n,) or not within:
        raise BadData("method: there is not one for each row")
    words = [WORDS[code] for code in codes.tolist()]
    coords = {
        "obs_id": design.obs_id,
        "y": ("obs_id", design.y),
        "weight": ("obs_id", design.frequencies),
        "method": ("obs_id", np.array(words)),
    }
    blank = DataArray(design.frequencies, coords, dims=("obs_id",), attrs=attrs)

    def labelled(name: str) -> Any:
        values = checked(arrays[name], "Array", name)
        if values.shape != (design.n,):
            raise BadData(f"{name}: it has the shape {values.shape} for {design.n} rows")
        return blank.copy(deep=False, data=values)

    return labelled


def _places(values: NDArray[Any], problem: Problem) -> NDArray[np.intp]:
    """Which rows were left out, each once."""
    n = int(problem.moments.rows)
    fits = values.ndim == 1 and values.dtype.kind in "iu" and len(values) > 1
    if not fits or values.min() < 0 or values.max() >= n or len(np.unique(values)) < len(values):
        raise BadData("loo_subsample_observations: these are not rows, each once")
    return values.astype(np.intp)


def _number(name: str, value: Any) -> Any:
    """A total, of the type and in the range that it has."""
    if name in COUNTS:
        return integer(value, name, int(name != "n_samples"))  # 0 where exact
    if name in NUMBERS:
        number = checked(value, "float", name)
        most = 1.0 if name == "good_k" else np.inf  # a shape, at most 0.7 with any number of draws
        if not np.isfinite(number) or number > most or (name not in SIGNED and number < 0):
            raise BadData(f"{name}: it is {number:g}")
        return number
    if name == "scale":
        if value != "log":
            raise BadData(f"scale: {value!r} is not 'log'")
        return value
    return checked(value, "bool", name)


def _refuse_misfitting(fields: Mapping[str, Any], kind: str) -> None:
    """Raise where values by row are not finite, or do not add up to their total."""
    left_out = fields.get("loo_subsample_observations")
    values = fields["elpd_i"].to_numpy()
    if fields["n_data_points"] != len(values):
        raise BadData(f"n_data_points: it is {fields['n_data_points']} for {len(values)} rows")
    if left_out is not None:
        if fields["subsample_size"] != len(left_out):
            raise BadData("subsample_size: it is not the number of rows that were left out")
        values = values[left_out]
    needed = ["elpd_i", "p_kfold_i"] if kind == KINDS[2] else ["elpd_i", "pareto_k", "p_loo_i"]
    for name in needed:
        own = fields[name].to_numpy()
        if np.isnan(own if left_out is None else own[left_out]).any():
            raise BadData(f"{name}: a value is not a number")
    if not np.isfinite(values).all():
        raise BadData("elpd_i: a value is not finite")
    total = float(values.sum())
    if left_out is None and not np.isclose(total, fields["elpd"], rtol=1e-6, atol=1e-6):
        raise BadData(f"elpd: it is {fields['elpd']:g}, and the rows add up to {total:g}")
