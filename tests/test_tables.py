"""Files as strangers write them: what is read, what is refused, and the words that must say so."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.cli.priorspec import parse_likelihood, parse_priors
from bayesreg.data import files
from bayesreg.data.files import MISSING, read, read_csv, read_parquet, separator
from bayesreg.data.predictors import Roles, design, select
from bayesreg.data.terms import of_factor
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.likelihoods import Gaussian
from bayesreg.priors import ElasticNet, Flat, HalfCauchy, HalfNormal, Horseshoe, Laplace, Normal

GOOD = "x,g,y\n1.5,a,3\n2.5,b,4\n0.5,a,2\n3.0,b,6\n"


def table(tmp_path, text, sep=","):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path, sep)


def chosen(tmp_path, text, sep=",", **choice):
    return select(table(tmp_path, text, sep), Roles("y", **choice))


def column(cells, name="c", y=None):
    """A file with one predictor of these cells beside a random x and y."""
    y = y or [str(k * k % 7) for k in range(len(cells))]
    rows = [f'"{c}",{0.5 + (3 * k) % 5},{t}' for k, (c, t) in enumerate(zip(cells, y, strict=True))]
    return f'"{name}",x,y\n' + "\n".join(rows) + "\n"


def test_numbers_and_factors_become_a_design(tmp_path):
    made = design(chosen(tmp_path, GOOD))

    assert made.names == ("x", "g[a]", "g[b]")
    assert made.y_name == "y"
    assert made.terms[1] == of_factor("g", ("a", "b"), 1)
    assert made.terms[1][:4] == ("g", (1, 2), "indicator", None)
    np.testing.assert_array_equal(made.X, [[1.5, 1, 0], [2.5, 0, 1], [0.5, 1, 0], [3.0, 0, 1]])
    np.testing.assert_array_equal(made.y, [3, 4, 2, 6])
    assert any("'g' is text and was read as a factor of 2 levels: a, b" in n for n in made.notes)


def test_flat_gets_a_reference_level(tmp_path):
    made = design(chosen(tmp_path, GOOD), reference=True)

    assert made.names == ("x", "g[b]")
    assert made.terms[1] == of_factor("g", ("a", "b"), 1, reference="a")
    assert made.terms[1][:4] == ("g", (1,), "treatment", "a")


@pytest.mark.parametrize("reference", [False, True])
def test_new_rows_of_a_file_are_coded_as_at_the_fit(tmp_path, reference):
    made = design(chosen(tmp_path, GOOD), reference=reference)
    frame = pd.read_csv(io.StringIO(GOOD))
    problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(made)
    fit = br.fit_map(problem)
    fit.save(tmp_path / "fit.breg")
    for one in (fit, br.load(tmp_path / "fit.breg")):
        assert np.array_equal(one.problem.design.encode(frame[["g", "x"]]), made.X)
        assert np.array_equal(one.predict(frame), fit.predict(frame))
        with pytest.raises(BadData, match="'g' of new X has category 'z' in row 0"):
            one.predict(frame.assign(g="z"))
        with pytest.raises(BadData, match="holds text, and held numbers"):
            one.predict(frame.assign(x="1"))


def test_levels_of_rows_that_do_not_count_are_no_levels(tmp_path):
    text = "x,g,y,w\n1.5,a,3,1\n2.5,b,4,2\n0.5,a,2,1\n3.0,b,6,1\n9.0,zz,99,0\n"
    made = design(chosen(tmp_path, text, weights="w"))
    assert made.names == ("x", "g[a]", "g[b]")
    assert made.weights.tolist() == [1, 2, 1, 1]


def test_columns_are_those_of_the_formula(tmp_path):
    """The two ways to a factor give the same numbers."""
    plain = design(chosen(tmp_path, GOOD))
    formula = design(select(table(tmp_path, GOOD), Roles(None, "y ~ x + C(g)")))

    np.testing.assert_array_equal(plain.X, formula.X)
    assert formula.names == ("x", "C(g)[a]", "C(g)[b]")


def test_formula_reads_integers_as_levels(tmp_path):
    text = GOOD.replace("a,", "1,").replace("b,", "2,")

    made = design(select(table(tmp_path, text), Roles(None, "y ~ x + C(g)")))

    assert made.names == ("x", "C(g)[1]", "C(g)[2]")


def test_formula_ignores_what_it_does_not_name(tmp_path):
    text = "when,x,y\n2020-01-01,1,2\n,2,3\n2020-01-03,4,5\n"

    made = design(select(table(tmp_path, text), Roles(None, "y ~ x")))

    assert made.names == ("x",)
    with pytest.raises(BadData, match="'when' holds dates"):
        select(table(tmp_path, text), Roles(None, "y ~ x + when"))


SPELLINGS = [
    # (id, text, sep) of one and the same table
    ("bom", "\ufeff" + GOOD, ","),
    ("windows", GOOD.replace("\n", "\r\n"), ","),
    ("semicolon", GOOD.replace(",", ";"), ";"),
    ("tab", GOOD.replace(",", "\t"), "\t"),
    ("blanks", GOOD.replace(",", " , "), ","),
    ("quotes", GOOD.replace("a", '"a"').replace("b", '"b"'), ","),
    ("blank lines", GOOD.replace("\n", "\n\n"), ","),
    ("no last newline", GOOD.rstrip(), ","),
    ("exponents", GOOD.replace("1.5", "15e-1").replace("3.0", "+3"), ","),
]


@pytest.mark.parametrize("text, sep", [pytest.param(*row, id=name) for name, *row in SPELLINGS])
def test_spelling_does_not_matter(tmp_path, text, sep):
    expected = design(chosen(tmp_path, GOOD))

    made = design(chosen(tmp_path, text, sep))

    assert made.names == expected.names
    np.testing.assert_array_equal(made.X, expected.X)
    np.testing.assert_array_equal(made.y, expected.y)


UNREADABLE = [
    # (id, content, words of the message)
    ("empty", "", "is empty"),
    ("only a bom", "\ufeff", "no header"),
    ("blank header", "\n1,2\n", "no header"),
    ("header only", "a,b\n", "no rows below"),
    ("no header", "1,2\n3,4\n", "begins with numbers (1, 2)"),
    ("duplicates", "a,b,a\n1,2,3\n", "two columns named 'a' (columns 1 and 3)"),
    ("two unnamed", ",a,\n1,2,3\n", "two columns named ''"),
    ("ragged", "a,b\n1,2\n\n3,4,5\n", "line 4 has 3 fields and the header has 2"),
    ("short line", "a,b,c\n1,2\n", "line 2 has 2 fields and the header has 3"),
    ("decimal commas", "a,b\n1,5,2,5\n", "decimal commas need another separator"),
    ("semicolons", "a;b\n1;2\n", "--sep ';'"),
    ("tabs", "a\tb\n1\t2\n", "separated by tabs, not by ','; run again with --sep tab"),
    ("open quote", 'a,b\n1,"2\n3,4\n', "quotation mark left open"),
    ("latin1", "a,b\n1,2\n3,\xe9\n".encode("latin1"), "not UTF-8 (byte 0xe9 on line 3)"),
    ("utf-16", "a,b\n1,2\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
    ("xlsx", b"PK\x03\x04\x14\x00", "spreadsheet; save the sheet as CSV"),
    ("gzip", b"\x1f\x8b\x08\x00", "decompress it first"),
    ("parquet", b"PAR1\x15\x04", "ending .parquet"),
    ("binary", b"\x7fELF\x00\x01", "is not text"),
]


@pytest.mark.parametrize(
    "content, words", [pytest.param(*row, id=name) for name, *row in UNREADABLE]
)
def test_unreadable_file_is_advice(tmp_path, content, words):
    with pytest.raises(BadData) as raised:
        table(tmp_path, content)

    assert words in str(raised.value)
    assert "t.csv" in str(raised.value)


def test_file_that_ends_within_a_long_quote(tmp_path):
    with pytest.raises(BadData, match="quotation mark left open"):
        table(tmp_path, 'a,b\n1,"' + "x" * 200_000 + "\n3,4\n")


TEN = list(range(10))
UNUSABLE = [
    # (id, column name, cells, words of the message)
    ("text key", "name", [f"n{k}" for k in TEN], "identifier (10 different texts in 10 rows)"),
    ("many levels", "c", [f"v{k % 21}" for k in range(60)], "21 different texts, and at most 20"),
    ("counter", "id", [k + 1 for k in TEN], "identifier (a different number in every row)"),
    ("no name", "", TEN, "--drop ''"),
    ("pandas index", "Unnamed: 0", TEN, "--drop 'Unnamed: 0'"),
    ("key", "customer_id", [k * 37 % 101 for k in TEN], "identifier"),
    ("camel key", "customerId", [k * 37 % 101 for k in TEN], "identifier"),
    ("row numbers", "Row No.", [k + 5 for k in TEN], "identifier"),
    ("iso dates", "c", [f"2024-01-{k + 1:02d}" for k in TEN], "times, such as '2024-01-01'"),
    ("two dates", "c", ["2024-01-01", "2024-06-01"] * 5, "dates or times"),
    ("timestamps", "c", ["2024-01-01T10:00:00Z", "2024-01-02 11:30"] * 5, "dates or times"),
    ("european dates", "c", ["31.12.2023", "1.1.2024"] * 5, "dates or times"),
    ("american dates", "c", ["12/31/23", "1/1/24"] * 5, "dates or times"),
    ("worded dates", "c", ["Jan 5, 2024", "5 March 2024"] * 5, "dates or times"),
    ("months", "c", ["2024-01", "2024-02"] * 5, "dates or times"),
    ("times", "c", ["10:30", "23:59:59"] * 5, "dates or times"),
    ("thousands", "c", ["1,234", "2,345", "9"] * 3 + ["1"], "separators or signs, such as '1,234'"),
    ("decimal commas", "c", ["1,5", "2,25"] * 5, "decimal commas, such as '1,5' on line 2"),
    ("percent", "c", ["10%", "20 %"] * 5, "separators or signs, such as '10%'"),
    ("currency", "c", ["$10", "-$20.5"] * 5, "separators or signs"),
    ("underscores", "c", ["1_000", "2_000"] * 5, "separators or signs"),
    ("mixed", "c", [1, 2, 3, "unknown", 5, 6, 7, 8, 9, 10], "such as 'unknown' on line 5"),
    ("mostly text", "c", ["K", "K", 1, "K"] * 3, "numbers and text, such as 'K' on line 2"),
    ("infinite", "c", [1, 2, "-inf", 4] * 3, "infinite value on line 4"),
    ("overflow", "c", [1, 2, "1e999", 4] * 3, "infinite value on line 4"),
    ("all missing", "c", ["NA"] * 10, "no value in any row"),
]  # fmt: skip


@pytest.mark.parametrize(
    "name, cells, words", [pytest.param(*row, id=label) for label, *row in UNUSABLE]
)
def test_unusable_column_is_named_with_its_drop(tmp_path, name, cells, words):
    text = column(cells, name)

    with pytest.raises(BadData) as raised:
        chosen(tmp_path, text)

    assert words in str(raised.value)
    assert f"column {name!r}" in str(raised.value)
    assert design(chosen(tmp_path, text, drop=(name,))).names == ("x",)


USABLE = [
    # Controls: like the rows above, and data after all.
    ("trend", "year", [k + 1 for k in TEN]),
    ("unordered counts", "rooms", [k * 37 % 101 for k in TEN]),
    ("ends in id", "humid", [k + 1 for k in TEN]),
    ("starts with id", "idle", [k + 1 for k in TEN]),
    ("camel case", "isValid", [k % 2 for k in TEN]),
    ("index with repeats", "price_index", [100 + k % 4 for k in TEN]),
    ("index of decimals", "index", [k + 0.5 for k in TEN]),
    ("factor of 20", "c", [f"v{k % 20}" for k in range(60)]),
    ("age groups", "c", ["15-24", "25-34"] * 5),
    ("seasons", "c", ["2019/20", "2020/21"] * 5),
    ("grades", "c", ["A1", "B2"] * 5),
    ("months by name", "c", ["Jan", "may"] * 5),
    ("question mark", "c", ["?", "yes"] * 5),
    ("none in words", "c", ["none", "some"] * 5),
    ("one text", "c", ["same"] * 10),
    ("one number", "c", [3] * 10),
]


@pytest.mark.parametrize("name, cells", [pytest.param(*row, id=label) for label, *row in USABLE])
def test_what_only_looks_alike_is_used(tmp_path, name, cells):
    made = design(chosen(tmp_path, column(cells, name)))

    assert {n.split("[")[0] for n in made.names} == {name, "x"}


def test_every_unusable_column_is_said_at_once(tmp_path):
    text = "id,when,my name,x,y\n" + "".join(
        f"{k},2024-01-{k + 1:02d},n{k},{k % 3},{k % 4}\n" for k in TEN
    )

    with pytest.raises(BadData) as raised:
        chosen(tmp_path, text)

    assert str(raised.value).endswith("--drop id --drop when --drop 'my name'")
    assert design(chosen(tmp_path, text, drop=("id", "when", "my name"))).names == ("x",)


def test_flags_are_numbers_and_it_is_said(tmp_path):
    made = design(chosen(tmp_path, column(["TRUE", "False", "true", "FALSE"])))

    np.testing.assert_array_equal(made.X[:, 0], [1, 0, 1, 0])
    assert any("true and false, read as 1 and 0" in note for note in made.notes)


def test_large_integers_are_noted(tmp_path):
    large = design(chosen(tmp_path, column([2**53 + 2 * k % 7 + 2 for k in TEN])))
    exact = design(chosen(tmp_path, column([2**53 - k % 7 for k in TEN])))

    assert any("above 2^53" in note for note in large.notes)
    assert not exact.notes


MISSING_CELLS = sorted(MISSING)


@pytest.mark.parametrize("cell", MISSING_CELLS)
def test_missing_cells_are_an_error_or_counted(tmp_path, cell):
    text = f"a,b,y\n1,2,3\n{cell},5,6\n7,{cell},1\n2,1,{cell}\n5,1,4\n4,4,2\n"

    with pytest.raises(BadData) as raised:
        chosen(tmp_path, text)
    for words in ("column 'a': 1, first on line 3", "column 'b': 1", "these 3 of 6 rows"):
        assert words in str(raised.value)
    assert "--missing drop" in str(raised.value)

    made = design(chosen(tmp_path, text, drop_missing=True))

    np.testing.assert_array_equal(made.X, [[1, 2], [5, 1], [4, 4]])
    np.testing.assert_array_equal(made.y, [3, 4, 2])
    assert made.notes[0].startswith("3 of 6 rows were left out for missing cells ('a': 1, 'b': 1")


def test_missing_cells_of_a_factor(tmp_path):
    text = "g,x,y\na,1,2\n,2,3\nb,3,4\na,4,6\nb,2,1\nc,,1\n"

    made = design(chosen(tmp_path, text, drop_missing=True))

    assert made.names == ("g[a]", "g[b]", "x")  # c went with its only row
    np.testing.assert_array_equal(made.X[:, 0], [1, 0, 1, 0])


def test_missing_cells_outside_a_formula_do_not_count(tmp_path):
    text = "a,b,y\n1,,3\n2,,4\n4,,6\n"

    made = design(select(table(tmp_path, text), Roles(None, "y ~ a", drop_missing=True)))

    assert made.n == 3
    assert not made.notes


def test_a_table_without_a_complete_row(tmp_path):
    with pytest.raises(BadData, match="every row has a missing cell"):
        chosen(tmp_path, "a,b,y\n1,,3\n,2,4\n", drop_missing=True)


TARGETS = [
    ("text", ["low", "high"] * 5, "holds text, such as 'low'"),
    ("flag", ["true", "false"] * 5, "code it 0 and 1"),
    ("dates", [f"2024-01-{k + 1:02d}" for k in TEN], "dates"),
    ("mixed", [*TEN[1:], "n.a."], "such as 'n.a.' on line 11"),
    ("infinite", [*TEN[1:], "inf"], "infinite value on line 11"),
    ("nothing", [""] * 10, "no value in any row"),
]


@pytest.mark.parametrize("cells, words", [pytest.param(*row, id=name) for name, *row in TARGETS])
def test_target_must_be_numbers(tmp_path, cells, words):
    with pytest.raises(BadData) as raised:
        chosen(tmp_path, column([k % 3 for k in TEN], y=[str(c) for c in cells]))

    assert "target 'y'" in str(raised.value)
    assert words in str(raised.value)


def test_unknown_names_have_the_nearest(tmp_path):
    with pytest.raises(BadArgument, match=r"--target: t\.csv has no column 'Y2'; did you mean 'y'"):
        select(table(tmp_path, GOOD), Roles("Y2"))
    with pytest.raises(BadArgument, match=r"--drop: t\.csv has no column 'z'"):
        chosen(tmp_path, GOOD, drop=("z",))
    with pytest.raises(BadArgument, match="'y' is the target"):
        chosen(tmp_path, GOOD, drop=("y",))
    with pytest.raises(BadData, match="no column left to predict 'y' from"):
        chosen(tmp_path, GOOD, drop=("x", "g"))


def test_levels_that_collide_with_a_column(tmp_path):
    with pytest.raises(BadData, match=r"called 'g\[a\]'"):
        design(chosen(tmp_path, GOOD.replace("x,", "g[a],")))


@pytest.mark.parametrize("block", [1 << 10, 1 << 16, 1 << 24])
def test_blocks_join_without_a_seam(tmp_path, monkeypatch, block):
    """Lines, numbers, late texts and missing cells are right wherever a block of Arrow's ends."""
    monkeypatch.setattr(files, "BLOCK", block)
    rows = 3000
    cells = [str(k % 13) for k in range(rows)]
    cells[-1], cells[-2] = "", "late"
    text = "a,g,y\n" + "".join(f"{c},v{k % 3},{k}\n" for k, c in enumerate(cells))

    read = table(tmp_path, text)

    assert read.rows == rows
    assert list(read.columns["a"].missing) == [rows - 1]
    assert read.columns["a"].odd == (rows - 2, "late")
    assert read.columns["a"].kind == "mixed"
    assert read.place(rows - 2) == f"line {rows}"
    np.testing.assert_array_equal(read.columns["y"].values, np.arange(rows))
    g = read.columns["g"]
    assert [g.levels[code] for code in g.values] == [f"v{k % 3}" for k in range(rows)]


def test_lines_count_quoted_newlines(tmp_path):
    text = 'g,x,y\n"two\nlines",1,2\nb,oops,3\nb,3,3\n"two\nlines",2,1\n'

    with pytest.raises(BadData, match="'oops' on line 4"):
        chosen(tmp_path, text)


WRITTEN = ["1", "+2", "-3.5", ".5", "5.", "1e3", "1E-3", " 4 ", "007", '" 6"', "-0"]


@pytest.mark.parametrize("cell", WRITTEN)
def test_arrow_reads_the_numbers_of_python(tmp_path, cell):
    """At once where Arrow can, cell by cell beside a number that only Python reads."""
    for beside in ("2", "+2"):
        read = table(tmp_path, f"c,y\n{cell},1\n{beside},2\n").columns["c"]

        assert read.kind == "number"
        assert list(read.values) == [float(cell.strip('"')), 2.0]


@pytest.mark.parametrize("cell", ["0x1F", "1_0", "1,5", "1d5", "12:30", "one", "1 000"])
def test_what_is_no_number_stays_text(tmp_path, cell):
    read = table(tmp_path, f'c,y\n"{cell}",1\n2,2\n').columns["c"]

    assert read.kind == "mixed"
    assert read.odd == (0, cell)


def test_separators():
    from pathlib import Path

    assert separator(None, Path("a.csv")) == ","
    assert separator(None, Path("a.TSV")) == "\t"
    assert separator("tab", Path("a.csv")) == separator("\\t", Path("a.csv")) == "\t"
    for bad in ("", ",,", '"', "\n"):
        with pytest.raises(BadArgument, match="--sep must be one character"):
            separator(bad, Path("a.csv"))


def frame():
    return pd.DataFrame(
        {
            "x": np.array([1.5, 2.5, np.nan, 4.0]),
            "n": np.array([1, 2, 3, 5], dtype="int8"),
            "g": pd.Categorical(["a", "b", "a", "b"]),
            "t": ["u", "u", "w", None],
            "f": [True, False, True, True],
            "y": [1.0, 2.0, 3.0, 5.0],
        }
    )


def test_parquet_is_read_by_type(tmp_path):
    frame().to_parquet(tmp_path / "t.parquet")

    read = read_parquet(tmp_path / "t.parquet")
    made = design(select(read, Roles("y", drop=("t",), drop_missing=True)))

    assert {n: c.kind for n, c in read.columns.items()} == {
        "x": "number", "n": "number", "g": "text", "t": "text", "f": "flag", "y": "number",
    }  # fmt: skip
    assert made.names == ("x", "n", "g[a]", "g[b]", "f")
    np.testing.assert_array_equal(made.X[0], [1.5, 1, 1, 0, 1])
    np.testing.assert_array_equal(made.y, [1, 2, 5])


PARQUET = [
    ("dates", [dt.datetime(2024, 1, k + 1) for k in range(4)], "holds dates or times"),  # noqa: DTZ001
    ("durations", pd.to_timedelta([1, 2, 3, 4], unit="D"), "holds dates or times"),
    ("lists", [[1], [2], [3], [4]], "neither numbers nor text"),
    ("numbers as text", ["1", "2", "1", "2"], "numbers as text, such as '1' on row 0 (from 0)"),
    ("nothing", [None] * 4, "no value in any row"),
    ("missing", [1.0, None, 3.0, 4.0], "column 'c': 1, first on row 1 (from 0)"),
]


@pytest.mark.parametrize("cells, words", [pytest.param(*row, id=name) for name, *row in PARQUET])
def test_parquet_column_is_refused(tmp_path, cells, words):
    pd.DataFrame({"c": cells, "x": [1, 2, 2, 5], "y": [1, 2, 4, 3]}).to_parquet(tmp_path / "t.pq")

    with pytest.raises(BadData) as raised:
        select(read_parquet(tmp_path / "t.pq"), Roles("y"))

    assert words in str(raised.value)


def test_parquet_that_is_none(tmp_path):
    (tmp_path / "t.parquet").write_text("x,y\n1,2\n")

    with pytest.raises(BadData, match=r"t\.parquet cannot be read as parquet"):
        read_parquet(tmp_path / "t.parquet")


def test_sources(tmp_path):
    shipped, data = read("diabetes")
    assert data is not None
    assert (shipped.rows, len(shipped.columns), data.y.name) == (442, 11, "progression")
    for data, sep, words in [
        ("diabets", None, "did you mean 'diabetes'"),
        ("nowhere.csv", None, "there is no file 'nowhere.csv'"),
        (str(tmp_path), None, "is a folder"),
        ("diabetes", ";", "--sep is for CSV files"),
    ]:
        with pytest.raises(BadArgument) as raised:
            read(data, sep)
        assert words in str(raised.value)


PRIORS = [
    ("normal", Normal()),
    ("ridge", Normal()),
    ("lasso", Laplace()),
    ("Horseshoe", Horseshoe()),
    ("ElasticNet", ElasticNet()),
    ("elastic-net(mix=0.25)", ElasticNet(mix=0.25)),
    ("flat", Flat()),
    ("laplace(25)", Laplace(25.0)),
    ("laplace(scale=25, unit='sigma')", Laplace(25.0, unit="sigma")),
    ("laplace(scale=25, unit=sigma)", Laplace(25.0, unit="sigma")),
    ("laplace(scale=half_cauchy(0.5))", Laplace(HalfCauchy(0.5))),
    ("laplace(scale=half-normal(1e-2))", Laplace(HalfNormal(0.01))),
    ("normal(scale=[1, 2.5])", Normal([1.0, 2.5])),
    ("normal(scale=1, loc=-2)", Normal(1.0, -2.0)),
    ("horseshoe(expected_nonzero=3)", Horseshoe(expected_nonzero=3)),
]


@pytest.mark.parametrize("text, prior", [pytest.param(*row, id=row[0]) for row in PRIORS])
def test_priors_are_parsed(text, prior):
    assert parse_priors(text) == {text: prior}


def test_priors_are_split_outside_brackets():
    text = "ridge, elastic_net(scale=2, mix=0.3),normal(scale=[1, 2])"

    assert list(parse_priors(text)) == [
        "ridge",
        "elastic_net(scale=2, mix=0.3)",
        "normal(scale=[1, 2])",
    ]


NO_PRIORS = [
    ("lapalce", "did you mean 'laplace'"),
    ("xyz", "there are normal, ridge, laplace"),
    ("laplace(scal=1)", "no argument 'scal'; did you mean 'scale'"),
    ("laplace(scale=half_cauch(1))", "no hyperprior is called 'half_cauch'; did you mean"),
    ("flat(2)", "too many positional"),
    ("laplace(scale=uniform(2))", "missing a required argument"),
    ("normal(-1)", "must be positive and finite"),
    ("normal(0)", "must be positive and finite"),
    ("normal(scale='wide')", "must be a positive number"),
    ("normal(scale=True)", "must be a positive number"),
    ("normal(unit=metres)", "no hyperprior is called 'metres'"),
    ("normal(1", "brackets"),
    ("normal,,laplace", "nothing between two commas"),
    ("", "is empty"),
    ("normal,normal", "given twice"),
    ("normal laplace", "cannot be read"),
    ("normal(**{})", "means nothing"),
    ("normal(scale=lambda: 1)", "is no value"),
    ("normal(scale={1: 2})", "is no value"),
    ("__import__('os').system('true')", "is no prior"),
    ("laplace(scale=__import__('os').getpid())", "is no hyperprior"),
    ("laplace(scale=open('x'))", "no hyperprior is called 'open'"),
    ("normal(1 + 1)", "is no value"),
    ("(" * 300 + ")" * 300, "cannot be read"),
    ("normal(" + "9" * 2000 + ")", "characters"),
    ("normal(1_0)\0", "cannot be read"),
]


@pytest.mark.parametrize("text, words", [pytest.param(*row, id=row[0][:40]) for row in NO_PRIORS])
def test_priors_are_never_evaluated(text, words):
    with pytest.raises(BadArgument) as raised:
        parse_priors(text)

    assert words in str(raised.value)


def test_sigma_is_parsed():
    def read(text):
        return parse_likelihood("gaussian", text, None)

    assert read(None) == Gaussian()
    assert read("54") == Gaussian(54.0)
    assert read("half_normal(50)") == Gaussian(HalfNormal(50.0))
    assert read("flat") == Gaussian(Flat())
    for bad in ("-1", "0", "half_norml(5)", "[1, 2]", "1 +", "'5'", "laplace"):
        with pytest.raises(BadArgument):
            read(bad)
