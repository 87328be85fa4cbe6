"""Disfigured copies of one table: each is read as the table, or refused with what makes it so."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bayesreg.cli import main
from bayesreg.data.cells import Format
from bayesreg.data.design import Design
from bayesreg.data.files import read
from bayesreg.data.formula import design_from_formula
from bayesreg.data.predictors import Roles, design, groups_of, select
from bayesreg.language.errors import BadArgument, BadData

RNG = np.random.default_rng(5)
N = 24
TABLE = pd.DataFrame(
    {
        "x": (1000 * RNG.standard_normal(N)).round(2),
        "z": RNG.integers(0, 9, N) * 1250,
        "g": np.array(["north", "süd", "east"])[np.arange(N) % 3],
        "y": RNG.standard_normal(N).round(3),
    }
)
TEXT = TABLE.to_csv(index=False)


def made(path, *, sep=None, expected=(), roles=None, **form):
    """The design of a file, and what is said of it."""
    table, _ = read(str(path), sep, frozenset(expected), Format(**form))
    found = design(select(table, roles or Roles("y")))
    return found, found.notes


def written(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(text, *names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names or ("t.csv",):
            archive.writestr(name, text)
    return out.getvalue()


def grouped(sign):
    return TABLE.assign(z=[f"{v:,}".replace(",", sign) for v in TABLE["z"]]).to_csv(index=False)


def commented(text):
    return "# made by hand\n" + text.replace("\n", "\n  # a remark, with ; and |\n", 3)


SAME = {
    # name: (content, options, words of a note or "")
    "semicolons": (TABLE.to_csv(index=False, sep=";"), {}, "separated by ';'"),
    "tabs": (TABLE.to_csv(index=False, sep="\t"), {}, "separated by tabs"),
    "bars": (TABLE.to_csv(index=False, sep="|"), {}, r"separated by '\|'"),
    "blanks": (TABLE.to_csv(index=False, sep=" "), {}, "separated by blanks"),
    "aligned": (TABLE.to_string(index=False), {}, "separated by blanks"),
    "row names of R": (TABLE.to_csv(sep=" ", index_label=False), {}, "read as row names"),
    "row names and commas": (TABLE.to_csv(index_label=False), {}, "read as row names"),
    "decimal commas": (
        TABLE.to_csv(index=False, sep=";", decimal=","), {"decimal": ","}, "separated by ';'"
    ),
    "quoted decimal commas": (TABLE.to_csv(index=False, decimal=","), {"decimal": ","}, ""),
    "thousands": (grouped(","), {"thousands": ","}, ""),
    "thousands of points": (
        TABLE.assign(z=[f"{v:,}".replace(",", ".") for v in TABLE["z"]]).to_csv(
            index=False, sep=";", decimal=","
        ),
        {"thousands": ".", "decimal": ","},
        "separated by ';'",
    ),
    "thousands of narrow blanks": (grouped("\u202f"), {"thousands": "blank"}, ""),
    "thousands of apostrophes": (grouped("\u2019"), {"thousands": "'"}, ""),
    "latin-1": (TEXT.encode("latin-1"), {"encoding": "latin-1"}, ""),
    "cp1252": (TEXT.encode("cp1252"), {"encoding": "cp1252"}, ""),
    "utf-16": (TEXT.encode("utf-16"), {"encoding": "utf-16"}, ""),
    "utf-16 without a mark": (TEXT.encode("utf-16-le"), {"encoding": "utf-16-le"}, ""),
    "gzip": (gzip.compress(TEXT.encode()), {}, ""),
    "bz2": (bz2.compress(TEXT.encode()), {}, ""),
    "xz": (lzma.compress(TEXT.encode()), {}, ""),
    "zip": (zipped(TEXT), {}, ""),
    "gzip of latin-1": (gzip.compress(TEXT.encode("latin-1")), {"encoding": "latin-1"}, ""),
    "returns": (TEXT.replace("\n", "\r"), {}, ""),
    "some returns": (TEXT.replace("\n", "\r", 7), {}, ""),
    "returns of every kind": (TEXT.replace("\n", "\r", 7).replace("\n", "\r\n", 5), {}, ""),
    "comments": (commented(TEXT), {"comment": "#"}, ""),
    "lines above": ('A title; of "1 words\nand a source\n' + TEXT, {"skip": 2}, ""),
    "a blank line above": ("\n" + TEXT, {}, ""),
    "a mark for bytes": (b"\xef\xbb\xbf" + TEXT.encode(), {}, ""),
}  # fmt: skip


@pytest.mark.parametrize("content, options, words", SAME.values(), ids=SAME)
def test_every_copy_is_the_same_table(tmp_path, content, options, words):
    expected, plain = made(written(tmp_path, TEXT, "plain.csv"))
    found, notes = made(written(tmp_path, content), **options)

    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.y, expected.y)
    assert found.names == expected.names
    assert set(plain) <= set(notes)
    if words:
        _said(notes, words)
    else:
        assert notes == plain


def _said(notes, words):
    assert any(re.search(words, note) for note in notes), notes


ADVISED = {
    # name: (content, options, words)
    "decimal commas": (
        TABLE.to_csv(index=False, sep=";", decimal=","), {}, "run again with --decimal ','"
    ),
    "thousands": (grouped(","), {}, "run again with --thousands ','"),
    "thousands of blanks": (grouped("\u00a0"), {}, "run again with --thousands blank"),
    "points under decimal commas": (TEXT, {"decimal": ","}, "target 'y' holds"),
    "latin-1": (TEXT.encode("latin-1"), {}, "--encoding latin-1"),
    "utf-16": (TEXT.encode("utf-16"), {}, "--encoding utf-16"),
    "utf-16 as latin-1": (TEXT.encode("utf-16-le"), {}, "--encoding, such as utf-16-le"),
    "utf-8 as ascii": (TEXT, {"encoding": "ascii"}, "not encoded in ascii"),
    "percent": (TEXT.replace(".5", ".5%").replace(",y", ",y"), {}, "%"),
    "dollars": (
        TABLE.assign(z=[f"${v}" for v in TABLE["z"]]).to_csv(index=False), {},
        "digits and a decimal point only",
    ),
    "a few question marks": (
        TABLE.astype(object).assign(z=["?", *TABLE["z"][1:]]).to_csv(index=False), {},
        r"in 1 of 24 rows, .*correct them, or run again with --na '\?' --missing drop$",
    ),
    "a few question marks among decimal commas": (
        TABLE.assign(z=["?", *map("{},5".format, TABLE["z"][1:])]).to_csv(
            index=False, sep=";", decimal=","
        ),
        {"decimal": ","},
        r"such as '\?' on line 2 .*--na '\?' --missing drop$",
    ),
    "two cures and a column": (
        TABLE.assign(id=range(N), y=range(N), z=[f"{v:,}" for v in TABLE["z"]]).to_csv(
            index=False, sep=";", decimal=","
        ),
        {},
        "correct them, or run again with --decimal ',' --thousands ',' --drop id$",
    ),
    "trailing commas": (TEXT.replace("\n", ",\n").replace("y,\n", "y\n", 1), {}, "end with ','"),
    "two files": (zipped(TEXT, "a.csv", "b.csv"), {}, "archive of 2 files"),
    "a spreadsheet": (zipped("", "[Content_Types].xml"), {}, "save the sheet as CSV"),
    "a broken archive": (gzip.compress(TEXT.encode())[:-9], {}, "cannot be read"),
    "comments unsaid": (commented(TEXT), {}, "t.csv"),
}  # fmt: skip


@pytest.mark.parametrize("content, options, words", ADVISED.values(), ids=ADVISED)
def test_what_is_not_read_says_what_to_do(tmp_path, content, options, words):
    with pytest.raises(BadData, match=words):
        made(written(tmp_path, content), **options)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"decimal": ",,"}, "--decimal must be one character"),
        ({"thousands": "5"}, "--thousands must be one character"),
        ({"thousands": "."}, "must differ"),
        ({"comment": ""}, "--comment must not be empty"),
        ({"factors": frozenset("x"), "numbers": frozenset("x")}, "both name 'x'"),
        ({"encoding": "utf-99"}, "no encoding 'utf-99'"),
        ({"factors": frozenset({"Z"})}, "--factor: t.csv has no column 'Z'; did you mean 'z'"),
    ],
)
def test_bad_formats_are_refused(tmp_path, options, words):
    with pytest.raises(BadArgument, match=words):
        made(written(tmp_path, TEXT), **options)


def test_a_format_is_for_text(tmp_path):
    TABLE.to_parquet(tmp_path / "t.parquet")
    for options in ({"decimal": ","}, {"skip": 1}, {"encoding": "latin-1"}):
        for data in (tmp_path / "t.parquet", "diabetes"):
            with pytest.raises(BadArgument, match="is for CSV files"):
                made(data, **options)


# Codes ----------------------------------------------------------------------------------------


def with_column(cells, name="c"):
    return TABLE[["x"]].assign(**{name: np.resize(cells, N), "y": TABLE["y"]}).to_csv(index=False)


CODES = {
    # name: (cells, levels)
    "of one width": (["01000", "01001", "20000"], ("01000", "01001", "20000")),
    "zeros": (["00", "01"], ("00", "01")),
    "two that are one number": (["01", "1", "2", "12"], ("01", "1", "2", "12")),
    "quoted": (['"007"', '"7"'], ("007", "7")),
}


@pytest.mark.parametrize("cells, levels", CODES.values(), ids=CODES)
def test_codes_stay_text_by_every_way(tmp_path, cells, levels):
    path = written(tmp_path, with_column(cells).replace('""', ""))
    found, notes = made(path)
    formula, said = made(path, roles=Roles(None, "y ~ x + C(c)"))

    assert found.names == ("x", *(f"c[{level}]" for level in levels))
    np.testing.assert_array_equal(formula.X, found.X)
    for told in (notes, said):
        _said(told, "holds codes such as")
    number, told = made(path, numbers=frozenset("c"))
    assert number.names == ("x", "c")
    assert not any("codes" in note for note in told)


NUMBERS = {
    # name: (cells, what is said or None)
    "plain": (["0", "1.50", "-2", "0.5"], None),
    "of one width": (["10", "20", "30"], None),
    "scientific": (["1.5e-05", "2E+10", "3"], None),
    "written out": ([repr(0.1 + 0.2), repr(1 / 3)], None),
    "a padded one": (["007", "12"], "'007' was read as the number 7"),
    "padded decimals": (["01.5", "12.5"], "'01.5' was read as the number 1.5"),
    "signs": (["+1", "-1", "2"], r"'\+1' was read as the number 1"),
    "exponents of labels": (["1e5", "2", "3"], "'1e5' was read as the number 100000"),
    "many digits": (["0.12345678901234567890", "2"], "was read as the number 0.1234567890123"),
    "long integers": (["12345678901234567", "12345678901234569"], r"above 2\^53"),
}


@pytest.mark.parametrize("cells, words", NUMBERS.values(), ids=NUMBERS)
def test_what_a_number_would_not_give_back_is_said(tmp_path, cells, words):
    path = written(tmp_path, with_column(cells))
    for roles in (Roles("y"), Roles(None, "y ~ x + c")):
        found, notes = made(path, roles=roles)
        np.testing.assert_array_equal(found.X[:, 1], np.resize(np.array(cells, float), N))
        if words is None:
            assert not any("'c'" in note for note in notes), notes
        else:
            _said(notes, words)


def test_levels_that_look_alike_are_one_or_refused_and_it_is_said(tmp_path):
    found, notes = made(written(tmp_path, with_column(["a", "a ", "b"])))
    assert found.names == ("x", "c[a]", "c[b]")
    _said(notes, "'a' and 'a ' were read as one level")
    with pytest.raises(BadData, match="two levels that look alike"):
        made(written(tmp_path, with_column(["é", "e\u0301", "b"])))


def test_levels_have_an_order_that_is_said(tmp_path):
    for cells, order, words in [
        (["April", "Aug", "Dec", "Jan"], ["April", "Aug", "Dec", "Jan"], "alphabetical order"),
        (["10", "9", "100"], ["9", "10", "100"], "order of size"),
    ]:
        found, notes = made(written(tmp_path, with_column(cells)), factors=frozenset("c"))
        assert found.names == ("x", *(f"c[{level}]" for level in order))
        _said(notes, words)


# Missing cells --------------------------------------------------------------------------------

AIRBAGS = ["None", "Driver only", "None", "NA", "Driver only", ""]


def test_what_is_read_as_missing_is_said(tmp_path):
    path = written(tmp_path, with_column(AIRBAGS))
    with pytest.raises(BadData, match=r"'empty': 4, 'None': 8, 'NA': 4; .*--na ''") as caught:
        made(path)
    assert "leave out these 16 of 24 rows with --missing drop" in str(caught.value)
    _, notes = made(path, roles=Roles("y", drop_missing=True))
    _said(notes, r"16 of 24 rows were left out .*read as missing were .*'None': 8")
    found, notes = made(path, missing=(), roles=Roles("y", drop_missing=True))
    assert found.names == ("x", "c[Driver only]", "c[NA]", "c[None]")
    _said(notes, "4 of 24 rows were left out")


@pytest.mark.parametrize(
    "cells, missing",
    [
        (["1", "?", "3"], ("?",)),
        (["1", ".", "3", "*"], (".", "*")),
        (["1", "-999", "3", "-999.0"], ("-999",)),
        (["a", "unknown", "b"], ("unknown",)),
        (["1.5", "NA", "3"], ("NA",)),
    ],
)
def test_missing_has_the_sign_that_is_said(tmp_path, cells, missing):
    path = written(tmp_path, with_column(cells))
    spoiled = sum(cell.removesuffix(".0") in missing for cell in np.resize(cells, N))
    with pytest.raises(BadData, match=f"'c': {spoiled}, first on line 3"):
        made(path, missing=missing)
    found, _ = made(path, missing=missing, roles=Roles("y", drop_missing=True))
    assert found.n == N - spoiled


def test_missing_has_the_sign_that_is_said_in_typed_files(tmp_path):
    frame = TABLE.assign(z=TABLE["z"].where(TABLE.index != 3, -999))
    for name, write in WRITERS.items():
        write(frame, tmp_path / name)
        with pytest.raises(BadData, match=r"'z': 1, first on row 3 .*'-999': 1"):
            made(tmp_path / name, missing=("-999",))
        made(tmp_path / name)


def test_lines_are_those_of_the_file(tmp_path):
    """Left-out lines count, as they do in an editor."""
    broken = TEXT.split("\n")
    broken[6] = broken[6].rsplit(",", 1)[0] + ","  # the response in row 5
    text = commented("\n".join(broken))
    with pytest.raises(BadData, match="'y': 1, first on line 11"):
        made(written(tmp_path, text), comment="#")
    with pytest.raises(BadData, match="'y': 1, first on line 13"):
        made(written(tmp_path, 'a "\nb\n' + text), comment="#", skip=2)


# Rows that are numbered -----------------------------------------------------------------------

ROW_NUMBERS = ("X", "X1", "...1", "Unnamed: 0.1", "RowNumber", "rowid", "SNo", "level_0", "S.No.")


@pytest.mark.parametrize("name", ROW_NUMBERS)
@pytest.mark.parametrize("start", [0, 1])
def test_running_row_numbers_are_recognised(tmp_path, name, start):
    running = with_column(np.arange(N) + start, name)
    with pytest.raises(BadData, match=rf"it runs {start}, {start + 1}, \.\.\., {N - 1 + start}"):
        made(written(tmp_path, running))
    made(written(tmp_path, running), numbers=frozenset({name}))
    # Controls: the same name over quantities, and another name over the same values.
    made(written(tmp_path, with_column(TABLE["z"], name)))
    _, notes = made(written(tmp_path, with_column(np.arange(N) + start, "trend")))
    _said(
        notes, rf"'trend' runs {start}, {start + 1}, \.\.\., {N - 1 + start}: if it is the number"
    )


def test_a_whole_number_for_every_row_is_said(tmp_path):
    _, notes = made(written(tmp_path, with_column(RNG.permutation(N) * 7 + 75119, "district")))
    _said(notes, "'district' has a different whole number in each of 24 rows")
    _, notes = made(written(tmp_path, with_column(TABLE["z"], "district")))
    assert not any("district" in note for note in notes)


def test_a_header_of_numbers_is_one_where_the_user_names_it(tmp_path):
    path = written(tmp_path, TEXT.replace("x,z,g,y", "1990,1991,1992,1993"))
    with pytest.raises(BadData, match="begins with numbers"):
        made(path, roles=Roles("1993"))
    for arguments in (
        ["--target", "1993"],
        ["--formula", "`1993` ~ `1990`"],
    ):
        result = CliRunner().invoke(
            main, ["path", str(path), *arguments, "--prior", "ridge", "--lams", "1", "--json"]
        )
        assert "begins with numbers" not in result.stderr


# Files that declare what they hold ------------------------------------------------------------


def categories(levels, ordered=False):
    values = np.resize(levels, N)
    return pd.Categorical(values, categories=levels, ordered=ordered)


DECLARED = {
    "numbers": (categories([10, 20, 30]), ("10", "20", "30")),
    "digits": (categories(["3", "1", "2"]), ("3", "1", "2")),
    "ordered": (categories(["lo", "mid", "hi"], ordered=True), ("lo", "mid", "hi")),
    "more than a text may have": (
        categories([f"v{k % 21}" for k in range(21)]), tuple(f"v{k}" for k in range(21)),
    ),
}  # fmt: skip
WRITERS = {
    "t.parquet": pd.DataFrame.to_parquet,
    "t.feather": pd.DataFrame.to_feather,
    "plain.parquet": lambda frame, path: pq.write_table(
        pa.Table.from_pandas(frame).replace_schema_metadata(None), path
    ),
}


@pytest.mark.parametrize("name, write", WRITERS.items(), ids=WRITERS)
@pytest.mark.parametrize("values, levels", DECLARED.values(), ids=DECLARED)
def test_categories_stay_categories(tmp_path, name, write, values, levels):
    frame = TABLE[["x", "y"]].assign(c=values)
    if len(levels) > 20:
        frame = pd.concat([frame, frame], ignore_index=True)
    write(frame, tmp_path / name)
    found, notes = made(tmp_path / name)
    formula, _ = made(tmp_path / name, roles=Roles(None, "y ~ x + c"))

    assert found.names == ("x", *(f"c[{level}]" for level in levels))
    np.testing.assert_array_equal(found.X, formula.X)
    _said(notes, "'c' holds categories and was read as a factor")
    if levels[0] == "10":
        assert made(tmp_path / name, numbers=frozenset("c"))[0].names == ("x", "c")


def test_categories_of_an_arrow_table_stay_categories(tmp_path):
    """What pandas declared is known to every door that takes the table, not to the shell alone."""
    frame = TABLE[["x", "y"]].assign(c=categories([10, 20, 30]))
    frame.to_parquet(tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    assert not pa.types.is_dictionary(table.schema.field("c").type)
    with pytest.raises(BadData, match="'c' of X holds"):
        Design.of(table.drop_columns("y"), frame["y"].to_numpy())
    one, two = (design_from_formula("y ~ x + c", data) for data in (table, frame))
    assert one.names == two.names
    np.testing.assert_array_equal(one.X, two.X)
    plain = table.replace_schema_metadata(None)  # the control: numbers if nobody says otherwise
    assert design_from_formula("y ~ x + c", plain).names == ("x", "c")


def test_text_of_digits_in_a_typed_file(tmp_path):
    frame = TABLE[["x", "y"]]
    path = tmp_path / "t.parquet"
    frame.assign(c=np.resize(["01", "02"], N)).to_parquet(path)
    assert made(path)[0].names == ("x", "c[01]", "c[02]")
    frame.assign(c=np.resize(["1", "2"], N)).to_parquet(path)
    with pytest.raises(BadData, match="store them as numbers, or run again with --number c"):
        made(path)
    assert made(path, numbers=frozenset("c"))[0].names == ("x", "c")
    assert made(path, factors=frozenset("c"))[0].names == ("x", "c[1]", "c[2]")


LABELLED = TABLE[["x", "y"]].assign(
    sex=np.arange(N) % 2 + 1.0, age=np.where(np.arange(N) == 3, 99.0, 20.0 + np.arange(N) % 7)
)
VALUES = {"sex": {2.0: "female", 1.0: "male"}, "age": {99.0: "old"}}


def check_labels(path):
    found, notes = made(path)
    assert found.names == ("x", "sex[male]", "sex[female]", "age")
    np.testing.assert_array_equal(found.X[:, 3], LABELLED["age"])
    _said(notes, "'age' has labels for some of its values only, and was read as numbers")
    with pytest.raises(BadData, match="cannot be read as"):
        made(written(path.parent, "x,y\n1,2\n", f"bad{path.suffix}"))


def test_stata_labels_are_categories(tmp_path):
    values = {name: {int(k): v for k, v in one.items()} for name, one in VALUES.items()}
    frame = LABELLED.astype({"sex": "int8", "age": "int8"})
    frame.to_stata(tmp_path / "t.dta", write_index=False, value_labels=values)
    check_labels(tmp_path / "t.dta")


def test_spss_labels_are_categories(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    pyreadstat.write_sav(LABELLED, str(tmp_path / "t.sav"), variable_value_labels=VALUES)
    check_labels(tmp_path / "t.sav")


def test_a_missing_reader_is_named_with_its_installation(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    result = CliRunner().invoke(
        main, ["path", str(written(tmp_path, "$FL2", "t.sav")), "--target", "y"]
    )
    assert result.exit_code == 1
    assert "pip install 'bayesreg[spss]'" in result.stderr


# The shell ------------------------------------------------------------------------------------


def shell(*arguments):
    return CliRunner().invoke(
        main, ["path", *map(str, arguments), "--prior", "ridge", "--lams", "5"]
    )


def test_weights_are_a_column(tmp_path):
    """Rows counted by a column are rows written out, and one of weight 0 is none."""
    times = np.arange(N) % 3
    counted = written(tmp_path, TABLE.assign(w=times).to_csv(index=False))
    repeated = written(
        tmp_path, TABLE.loc[TABLE.index.repeat(times)].to_csv(index=False), "repeated.csv"
    )
    for way in (["--target", "y"], ["--formula", "y ~ x + C(g)"]):
        one, two = shell(counted, *way, "--weights", "w"), shell(repeated, *way)
        assert one.exit_code == two.exit_code == 0, one.stderr
        numbers = [run.stdout.splitlines()[-1].split()[:6] for run in (one, two)]
        assert numbers[0] == numbers[1]
    assert "no column 'v'" in shell(counted, "--target", "y", "--weights", "v").stderr
    assert "is the target" in shell(counted, "--target", "y", "--weights", "y").stderr
    assert "no numbers" in shell(counted, "--target", "y", "--weights", "g").stderr
    table, _ = read(str(counted))
    kept = groups_of(select(table, Roles("y", groups="g", weights="w")))
    assert list(kept) == list(TABLE["g"][times > 0])


def test_options_reach_the_reader(tmp_path):
    text = "made by hand\n" + TABLE.assign(z=["?", *TABLE["z"][1:].map("{:,}".format)]).to_csv(
        index=False, sep=";"
    )
    path = written(tmp_path, (text + "% the end\n").encode("latin-1"))
    result = shell(
        path, "--target", "y", "--skip", 1, "--comment", "%", "--encoding", "latin-1", "--na", "?",
        "--na", "a,b", "--thousands", ",", "--missing", "drop", "--factor", "g",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "separated by ';'" in result.stderr
    assert "read as missing were '?': 1" in result.stderr
    assert "(23 rows, 5 columns" in result.stdout
