"""Laws of Design: every container gives the same rows; what cannot be read is refused by name."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from bayesreg.data.design import Design
from bayesreg.data.terms import Term
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning

RNG = np.random.default_rng(11)
X = RNG.standard_normal((30, 3)) * [1.0, 100.0, 0.01] + [5.0, -3.0, 0.0]
Y = X @ [1.0, 0.02, -30.0] + RNG.standard_normal(30) + 2.0
NAMES = ["age", "bmi", "s 1"]
FRAME = pd.DataFrame(X, columns=NAMES)
LABELS = [f"r{i}" for i in range(30)]


def memmap(tmp_path):
    path = tmp_path / "rows.f8"
    X.tofile(path)
    return np.memmap(path, dtype=float, mode="r", shape=X.shape)


def read_only(values):
    out = values.copy()
    out.flags.writeable = False
    return out


class Subclass(pd.DataFrame):
    pass


CONTAINERS = {
    "C order": lambda _: X.copy(),
    "Fortran order": lambda _: np.asfortranarray(X),
    "negative strides": lambda _: X[::-1].copy()[::-1],
    "a slice": lambda _: np.repeat(X, 2, axis=0)[::2],
    "read-only": lambda _: read_only(X),
    "memory map": memmap,
    "list of lists": lambda _: X.tolist(),
    "tuple of tuples": lambda _: tuple(map(tuple, X.tolist())),
    "list of arrays": lambda _: list(X),
    "generator": lambda _: (row for row in X.tolist()),
    "unmasked": lambda _: np.ma.masked_array(X, mask=False),
    "longdouble": lambda _: X.astype(np.longdouble),
    "objects": lambda _: X.astype(object),
    "pandas": lambda _: FRAME.copy(),
    "pandas, labelled": lambda _: FRAME.set_axis(LABELS, axis=0),
    "pandas, pyarrow dtype": lambda _: FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "pandas subclass": lambda _: Subclass(FRAME),
    "polars": lambda _: pl.from_pandas(FRAME),
    "pyarrow": lambda _: pa.Table.from_pandas(FRAME),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_every_container_gives_the_same_rows(make, tmp_path):
    data = make(tmp_path)
    design = Design.of(data, Y)
    assert np.array_equal(design.X, X)
    assert np.array_equal(design.y, Y)
    assert design.X.dtype == design.y.dtype == np.float64
    assert not design.X.flags.writeable
    assert not design.y.flags.writeable
    named = not isinstance(data, np.ndarray | list | tuple) and design.named
    assert design.names == (tuple(NAMES) if named else ("x1", "x2", "x3"))
    assert design.terms == tuple(Term(name, (j,)) for j, name in enumerate(design.names))
    assert design.intercept is None
    assert design.moments is design.moments
    assert np.allclose(design.moments.x_mean, X.mean(axis=0), rtol=1e-14)


RESPONSES = {
    "array": (Y, "y"),
    "list": (Y.tolist(), "y"),
    "pandas": (pd.Series(Y, name="progression"), "progression"),
    "pandas, no name": (pd.Series(Y), "y"),
    "polars": (pl.Series("progression", Y), "progression"),
    "pyarrow": (pa.chunked_array([Y[:10], Y[10:]]), "y"),
    "read-only": (read_only(Y), "y"),
}


@pytest.mark.parametrize("y, name", RESPONSES.values(), ids=RESPONSES)
def test_every_response_gives_the_same_rows(y, name):
    design = Design.of(X, y)
    assert np.array_equal(design.y, Y)
    assert design.y_name == name


COLUMNS = {
    "bool": (np.arange(30) % 2 == 0, np.arange(30) % 2 == 0),
    "int8": (np.arange(30, dtype=np.int8) * 4, np.arange(30) * 4),
    "uint8": (np.full(30, 255, np.uint8) - np.arange(30, dtype=np.uint8), 255 - np.arange(30)),
    "float16": (np.arange(30, dtype=np.float16), np.arange(30)),
    "float32": (np.full(30, 0.1, np.float32) * np.arange(30), np.float32(0.1) * np.arange(30)),
    "nullable int": (pd.array(np.arange(30), dtype="Int64"), np.arange(30)),
    "nullable bool": (pd.array(np.arange(30) > 3, dtype="boolean"), np.arange(30) > 3),
    "Decimal": ([Decimal(i) / 4 for i in range(30)], np.arange(30) / 4),
    "Fraction": ([Fraction(i, 4) for i in range(30)], np.arange(30) / 4),
    "mixed objects": ([True, 2, 3.5, np.float32(4)] * 7 + [1, 2], [1, 2, 3.5, 4] * 7 + [1, 2]),
}


@pytest.mark.parametrize("values, expected", COLUMNS.values(), ids=COLUMNS)
def test_numbers_of_every_kind_become_float64(values, expected):
    design = Design.of(pd.DataFrame({"a": values, "b": X[:, 0]}), Y)
    assert np.array_equal(design.X[:, 0], np.asarray(expected, dtype=float))


def test_mixed_frames_keep_their_columns():
    frame = pd.DataFrame({"i": range(30), "b": [True, False] * 15, "f": X[:, 2]})
    for data in [frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)]:
        design = Design.of(data, Y)
        assert design.names == ("i", "b", "f")
        assert np.array_equal(design.X, frame.to_numpy(dtype=float))


def test_the_input_is_neither_modified_nor_watched():
    data, response, weights = X.copy(), Y.copy(), np.ones(30)
    design = Design.of(data, response, weights)
    assert np.array_equal(data, X)
    assert data.flags.writeable
    data[:] = np.nan
    response[:] = np.nan
    weights[:] = np.nan
    assert np.array_equal(design.X, X)
    assert np.array_equal(design.y, Y)
    assert design.weights.sum() == 30
    frozen = read_only(X)
    assert Design.of(frozen, Y).X.base is frozen  # not copied: it cannot change


def test_row_labels_are_kept():
    assert Design.of(FRAME, Y).index is None
    labelled = FRAME.set_axis(LABELS, axis=0)
    assert list(Design.of(labelled, Y).index) == LABELS
    assert list(Design.of(X, pd.Series(Y, index=LABELS)).index) == LABELS
    weights = np.ones(30)
    weights[[0, 5]] = 0
    kept = [label for label in LABELS if label not in {"r0", "r5"}]
    assert list(Design.of(labelled, Y, weights).index) == kept
    assert list(Design.of(X, Y, weights).index) == [i for i in range(30) if i not in (0, 5)]


def test_names_become_text():
    design = Design.of(pd.DataFrame(X, columns=[0, ("a", np.int64(1)), "b"]), Y)
    assert design.names == ("0", "('a', 1)", "b")
    columns = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    assert Design.of(pd.DataFrame(X, columns=columns), Y).names[1] == "('a', 2)"
    assert Design.of(pd.DataFrame(X, columns=["", "<script>", "a" * 10_000]), Y).names[0] == ""


def test_no_column_and_one_row_are_data():
    assert Design.of(np.empty((30, 0)), Y).p == 0
    assert Design.of(pd.DataFrame(index=range(30)), Y).moments.p == 0
    assert Design.of([[1.0, 2.0]], [3.0]).n == 1


def test_a_design_passes_through():
    design = Design.of(X, Y)
    assert Design.of(design) is design
    with pytest.raises(BadArgument, match="pass it alone"):
        Design.of(design, Y)
    with pytest.raises(BadArgument, match="y is missing"):
        Design.of(X)


# What is refused -----------------------------------------------------------------------------


def spoiled(value, column="bmi", row=4):
    out = FRAME.astype(object)
    out.loc[row, column] = value
    return out


def array(value, row=4, column=1):
    out = X.copy()
    out[row, column] = value
    return out


def response(value):
    out = Y.copy()
    out[6] = value
    return out


def added(values):
    return FRAME.assign(g=values)


DATES = pd.date_range("2020-01-01", periods=30)
REFUSED = {
    "NaN": ((array(np.nan), Y), "X has missing .*'x2': 1, first in row 4"),
    "NaN in a frame": ((FRAME.where(FRAME["age"] > 5), Y), r"'age': \d+, .*'bmi': \d+, first"),
    "NaN in float32": ((array(np.nan).astype("f4"), Y), "'x2': 1, first in row 4"),
    "NaN in y": ((X, response(np.nan)), "y has missing .*first in row 6"),
    "NaN in y of a series": ((X, pd.Series(response(np.nan), name="w")), "y has missing.*row 6"),
    "inf": ((array(np.inf), Y), "X has infinite .*'x2': 1, first in row 4"),
    "-inf": ((array(-np.inf), Y), "X has infinite .*'x2'"),
    "inf and -inf": ((array([-np.inf, np.inf, 0], column=slice(None)), Y), "infinite"),
    "inf in y": ((X, response(-np.inf)), "y has infinite .*row 6"),
    "None": ((spoiled(None), Y), "missing .*'bmi': 1, first in row 4"),
    "pandas NA": ((spoiled(pd.NA), Y), "missing .*'bmi': 1, first in row 4"),
    "nullable NA": ((added(pd.array([1, None] * 15, dtype="Int64")), Y), "'g': 15, .*row 1"),
    "nullable bool NA": ((added(pd.array([None, True] * 15, dtype="boolean")), Y), "'g': 15"),
    "polars null": ((pl.from_pandas(FRAME.where(FRAME["age"] > 5)), Y), "missing .*'age'"),
    "None in a list": (([[1.0, None], [2.0, 3.0]], [1, 2]), "missing .*'x2': 1, first in row 0"),
    "Decimal sNaN": ((spoiled(Decimal("sNaN")), Y), "missing .*'bmi': 1, first in row 4"),
    "Decimal sNaN in y": ((X, [Decimal("sNaN"), *Y[1:]]), "y has missing .*row 0"),
    "Decimal too large": ((spoiled(Decimal("1e999")), Y), "'bmi' of X .*row 4.*too large"),
    "Decimal infinity": ((spoiled(Decimal("inf")), Y), "infinite .*'bmi'"),
    "int too large": ((spoiled(10**400), Y), "'bmi' of X .*row 4.*too large"),
    "Fraction too large": ((spoiled(Fraction(10**400, 3)), Y), "'bmi' of X .*too large"),
    "int too large in y": ((X, [10**400, *Y[1:]]), "y holds a number in row 0 .*too large"),
    "longdouble too large": ((X * np.longdouble("1e400"), Y), "'x1' of X .*row 0.*too large"),
    "masked": ((np.ma.masked_greater(X, 100), Y), "masked values, first in row"),
    "no rows": ((np.empty((0, 3)), np.empty(0)), "no rows"),
    "one dimension": ((X[:, 0], Y), r"reshape\(-1, 1\)"),
    "a list of numbers": (([1.0, 2.0], [1.0, 2.0]), r"reshape\(-1, 1\)"),
    "a series as X": ((FRAME["age"], Y), r"frame\[\['age'\]\]"),
    "three dimensions": ((X[None], Y), "3 dimensions"),
    "ragged": (([[1.0, 2.0], [3.0]], [1, 2]), "rectangular"),
    "a number": ((3.0, Y), "is a float"),
    "nothing": ((None, Y), "is a NoneType"),
    "y of two columns": ((X, np.column_stack([Y, Y])), r"shape \(30, 2\)"),
    "y frame of two columns": ((X, FRAME[["age", "bmi"]]), r"shape \(30, 2\)"),
    "y a number": ((X, 3.0), "is a float"),
    "lengths": ((X, Y[:20]), "30 rows and y has 20"),
    "indexes": ((FRAME, pd.Series(Y, index=range(1, 31))), "different pandas indexes"),
    "reversed index": ((FRAME, pd.Series(Y)[::-1]), "different pandas indexes"),
    "index of weights": ((FRAME, Y, pd.Series(np.ones(30), index=LABELS)), "X and weights have"),
    "duplicate names": ((FRAME.set_axis(["a", "b", "a"], axis=1), Y), "unique.*'a'"),
    "colliding names": ((FRAME.set_axis([1, "b", "1"], axis=1), Y), "two columns named '1'"),
    "pyarrow duplicates": ((pa.table([Y, Y], names=["a", "a"]), Y), "'a'|a.*rename|names"),
    "numbers as text": ((spoiled("1.5"), Y), "'bmi' of X holds numbers as text.*'1.5'"),
    "text array": ((np.array([["1.5"], ["2"]]), [1, 2]), "'x1' of X holds numbers as text"),
    "text": ((added(["a", "b"] * 15), Y), r"'g' of X holds text.*'a'.*C\(g\)"),
    "category": ((added(pd.Categorical(["u", "v"] * 15)), Y), r"'g' of X holds text.*C\(g\)"),
    "category of numbers": ((added(pd.Categorical([1, 2] * 15)), Y), "'g' of X holds numbers as"),
    "polars text": ((pl.from_pandas(added(["a", "b"] * 15)), Y), r"'g' of X holds text.*C\(g\)"),
    "polars enum": ((pl.DataFrame({"g": pl.Series(["a"] * 30, dtype=pl.Enum(["a"]))}), Y), "'g'"),
    "arrow dictionary": ((pa.table({"g": pa.array(["a"] * 30).dictionary_encode()}), Y), "'g'"),
    "text y": ((X, ["a", "b"] * 15), "y holds text"),
    "category y": ((X, pd.Series(["a", "b"] * 15, dtype="category", name="w")), "'w' of y"),
    "dates": ((added(DATES), Y), "'g' of X holds dates"),
    "durations": ((added(DATES - DATES[0]), Y), "'g' of X holds dates"),
    "date objects": ((added([dt.date(2020, 1, 1)] * 30), Y), "'g' of X holds dates"),
    "periods": ((added(DATES.to_period("M")), Y), "'g' of X holds dates"),
    "dates in an array": ((DATES.to_numpy()[:, None], Y), "'x1' of X holds dates"),
    "complex": ((X + 0j, Y), "'x1' of X is complex"),
    "complex in a frame": ((added(np.zeros(30, complex)), Y), "'g' of X is complex"),
    "complex objects": ((spoiled(1j), Y), "'bmi' of X is complex"),
    "complex y": ((X, Y + 0j), "y is complex"),
    "lists in cells": ((added([[1]] * 30), Y), "'g' of X holds a list in row 0"),
    "structured": ((np.zeros((30, 1), dtype=[("a", float)]), Y), "dtype"),
    "sparse y": ((X, sparse.csc_array(np.ones((30, 1)))), r"y.toarray\(\)"),
    "matrix": ((np.matrix(X), Y), "numpy matrix"),
    "lazy": ((pl.from_pandas(FRAME).lazy(), Y), r"\.collect\(\)"),
    "negative weight": ((X, Y, np.where(np.arange(30) == 3, -1, 1)), r"weights\[3\] is -1"),
    "NaN weight": ((X, Y, np.where(np.arange(30) == 3, np.nan, 1)), "weights.*first in row 3"),
    "infinite weight": ((X, Y, np.where(np.arange(30) == 3, np.inf, 1)), "weights.*infinite"),
    "zero weights": ((X, Y, np.zeros(30)), "all weights are zero"),
    "text weights": ((X, Y, ["1"] * 30), "weights holds numbers as text"),
    "lengths of weights": ((X, Y, np.ones(29)), "30 rows and weights has 29"),
}


@pytest.mark.parametrize("data, words", REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_bad_data_are_refused_by_name(data, words):
    with pytest.raises(BadData, match=words) as caught:
        Design.of(*data)
    assert "\n" not in str(caught.value)


def test_a_clean_copy_of_each_refused_shape_passes():
    """The control of the table above: it is the fault, not the shape, that is refused."""
    Design.of(FRAME.astype(object), Y)
    Design.of(added([1.0] * 30), Y)
    Design.of(FRAME, pd.Series(Y, index=FRAME.index), np.ones(30))


WARNED = {
    "y of one column": ((X, Y[:, None]), r"shape \(30, 1\)"),
    "y a frame of one column": ((X, pd.DataFrame({"w": Y})), r"shape \(30, 1\)"),
    "large integers": (
        (np.column_stack([np.arange(30) + 2**60, np.arange(30)]), Y),
        r"'x1'.*2\^53",
    ),
    "large integers as objects": ((spoiled(2**53 + 1), Y), r"'bmi' of X.*2\^53"),
    "large integers in a frame": ((added(np.arange(30) + 2**60), Y), r"'g' of X.*2\^53"),
    "lossy longdouble": ((X.astype(np.longdouble) / 3, Y), "'x1' of X is .*rounded"),
    "normalised weights": ((X, Y, np.full(30, 1 / 30)), "look normalised"),
    "y among the predictors": ((FRAME, pd.Series(Y, name="bmi")), "'bmi', the name of y"),
}


@pytest.mark.parametrize("data, words", WARNED.values(), ids=WARNED)
def test_what_must_be_known_is_warned_of_and_kept(data, words):
    with pytest.warns(BayesregWarning, match=words) as caught:
        design = Design.of(*data)
    assert [str(w.message) for w in caught] == list(design.notes)
    assert caught[0].filename == __file__


@pytest.mark.skipif(np.finfo(np.longdouble).eps == np.finfo(float).eps, reason="no longdouble")
def test_an_exact_longdouble_is_not_warned_of():
    assert Design.of(X.astype(np.longdouble), Y).notes == ()


def test_a_row_of_weight_zero_is_removed():
    weights = np.ones(30)
    weights[4] = 0
    design = Design.of(array(np.nan), Y, weights)
    assert design.n == 29
    assert np.array_equal(design.X, np.delete(X, 4, axis=0))
    assert design.moments.n == 29


def test_half_weights_are_not_called_normalised():
    assert Design.of(X, Y, np.full(30, 0.5)).notes == ()


# New rows --------------------------------------------------------------------------------------

FIT = Design.of(FRAME, Y)
PLAIN = Design.of(X, Y)
NEW = X[:7] + 1.0
NEW_FRAME = pd.DataFrame(NEW, columns=NAMES)


@pytest.mark.parametrize(
    "new",
    [NEW_FRAME, NEW_FRAME[NAMES[::-1]], pl.from_pandas(NEW_FRAME), pa.Table.from_pandas(NEW_FRAME)],
    ids=["same order", "reversed", "polars", "pyarrow"],
)
def test_new_frames_go_by_name(new):
    assert np.array_equal(FIT.encode(new), NEW)


def test_new_arrays_go_by_position():
    assert np.array_equal(PLAIN.encode(NEW), NEW)
    assert np.array_equal(PLAIN.encode(NEW.tolist()), NEW)
    assert np.array_equal(PLAIN.encode(pd.DataFrame(NEW[:, ::-1], columns=["x3", "x2", "x1"])), NEW)
    with pytest.warns(BayesregWarning, match="no column names.*'age', 'bmi', 's 1'"):
        assert np.array_equal(FIT.encode(NEW), NEW)
    with pytest.warns(BayesregWarning, match="the fit had no column names"):
        assert np.array_equal(PLAIN.encode(NEW_FRAME), NEW)


NOT_NEW = {
    "missing": (NEW_FRAME.drop(columns="bmi"), "lacks 'bmi'"),
    "extra": (NEW_FRAME.assign(bp=1.0), "has 'bp', unknown to the fit"),
    "renamed": (NEW_FRAME.rename(columns={"bmi": "BMI"}), "lacks 'bmi' and has 'BMI'"),
    "narrow": (NEW[:, :2], "2 columns and the fit has 3"),
    "one row without brackets": (NEW[0], r"reshape\(1, -1\)"),
    "NaN": (NEW_FRAME.where(NEW_FRAME["age"] > 6), "missing .*'age'"),
    "inf": (np.where(NEW > 6, np.inf, NEW), "infinite"),
    "text": (NEW_FRAME.astype(str), "numbers as text"),
}


@pytest.mark.parametrize("new, words", NOT_NEW.values(), ids=NOT_NEW)
def test_new_rows_that_do_not_match_are_refused(new, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        with pytest.raises(BadData, match=words):
            FIT.encode(new)


def test_no_new_rows_give_no_rows():
    assert PLAIN.encode(np.empty((0, 3))).shape == (0, 3)
    assert FIT.encode(NEW_FRAME[:0]).shape == (0, 3)


def test_one_row_is_the_same_row_in_a_batch():
    assert np.array_equal(FIT.encode(NEW_FRAME)[3:4], FIT.encode(NEW_FRAME[3:4]))


def test_arrays_need_no_data_frame_library():
    code = (
        "import sys, numpy as np; from bayesreg.data.design import Design; "
        "Design.of(np.ones((4, 2)) * np.arange(4)[:, None], np.arange(4.0)).encode([[1, 2]]); "
        "print(sorted({'pandas', 'narwhals', 'polars', 'formulaic', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
