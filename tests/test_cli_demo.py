"""`bayesreg demo`: the page of the verb, and advice where it cannot be made."""

from __future__ import annotations

import json
import re

import pytest

import bayesreg as br
from tests.test_cli import csv, run


def data_of(path):
    """What a page's script computes from."""
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search('id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_demo_writes_the_page_of_the_verb(tmp_path):
    out = tmp_path / "demo.html"
    result = run(
        "demo", "--columns", "bmi,bp", "--prior", "normal(scale=25)", "--sigma", "54",
        "--title", "Ridge by hand", "--out", out,
    )  # fmt: skip
    data = br.load_dataset("diabetes")
    model = br.Model(br.Normal(25.0), br.Gaussian(54.0))
    made = br.demonstrate.page(
        model.condition(data.X[["bmi", "bp"]], data.y, standardize=True), title="Ridge by hand"
    )

    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert out.read_text(encoding="utf-8") == made.html
    assert result.stdout.splitlines()[-1] == f"page: {out}"
    assert made.says.split(":")[0] in " ".join(result.stdout.split())


def test_demo_alone_is_about_diabetes(tmp_path, monkeypatch):
    """In demo.html, which is written again unasked, and never over another file."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run("demo").exit_code == 0
    data = data_of(tmp_path / "demo.html")
    assert (data["names"], data["y"]) == (["bmi", "s5"], "progression")
    assert data["start"]["power"] == 1.0

    (tmp_path / "demo.html").write_text("mine")
    result = run("demo")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --out: ")
    assert "pass --overwrite" in result.stderr
    assert run("demo", "--overwrite").exit_code == 0


def test_json_is_what_the_page_computes_from(tmp_path):
    result = run("demo", "--json", "--out", tmp_path / "a.html")

    assert json.loads(result.stdout) == data_of(tmp_path / "a.html")
    assert result.stderr.startswith("page: ")


def test_other_columns_are_not_read(tmp_path):
    """A missing cell, an identifier and text in another column are nobody's concern."""
    path = csv(tmp_path)
    lines = path.read_text().splitlines()
    lines[3] = re.sub(",(north|south|east),", ",,", lines[3])
    path.write_text("\n".join(lines))
    out = tmp_path / "out.html"
    result = run("demo", path, "--target", "price", "--columns", "x,z", "--raw", "--out", out)

    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    found = data_of(out)
    assert (found["names"], found["n"], found["standardized"]) == (["x", "z"], 40, False)
    both = run("demo", path, "--target", "price", "--out", out)  # the control
    assert both.exit_code == 1
    assert "missing cells" in both.stderr


def test_names_with_commas_are_given_one_by_one(tmp_path):
    path = csv(tmp_path)
    path.write_text(path.read_text().replace("id,x,z", 'id,"x, in m",z', 1))
    out = tmp_path / "out.html"
    given = ("--target", "price", "--columns", "x, in m", "--columns", "z", "--out", out)

    assert run("demo", path, *given).exit_code == 0
    assert data_of(out)["names"] == ["x, in m", "z"]


def test_a_formula_names_columns_that_are_made(tmp_path):
    out = tmp_path / "out.html"
    result = run(
        "demo", csv(tmp_path), "--formula", "price ~ x + z + I(x**2)", "--columns", "x,I(x ** 2)",
        "--out", out,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert data_of(out)["names"] == ["x", "I(x ** 2)"]


def test_rows_read_in_passes_have_a_page(tmp_path):
    """From their moments, as all pages are."""
    data = br.load_dataset("diabetes")
    path = tmp_path / "rows.parquet"
    data.frame.to_parquet(path)
    out = tmp_path / "out.html"
    result = run(
        "demo", f"{tmp_path}/*.parquet", "--target", "progression", "--columns", "bmi,s5",
        "--out", out,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert data_of(out)["n"] == 442


PRICE = ("--target", "price")


@pytest.mark.parametrize(
    "given, code, message",
    [
        ((*PRICE, "--columns", "x,zz"), 2, "--columns: t.csv has no column 'zz'; did you mean 'z'"),
        ((*PRICE, "--columns", "x"), 2, "--columns: say two, such as 'age,income', not 'x'"),
        ((*PRICE, "--columns", "x,x"), 2, "--columns: say two"),
        ((*PRICE, "--columns", "x,z,id"), 2, "--columns: say two"),
        ((*PRICE, "--columns", "x,price"), 2, "--columns: 'price' is the target"),
        ((*PRICE, "--columns", "x,region"), 2, "no column 'region'"),
        (("--columns", "x,z"), 2, "--target is missing"),
        ((*PRICE, "--columns", "x,z", "--prior", "horseshoe"), 1, "use Normal(), Laplace() or"),
        ((*PRICE, "--columns", "x,z", "--prior", "lasoo"), 2, "--prior: "),
        ((*PRICE, "--columns", "x,z", "--likelihood", "poisson"), 1, "price"),
        ((*PRICE, "--columns", "x,z", "--likelihood", "student_t(df=4)"), 1, "from moments"),
        ((*PRICE, "--columns", "x,z", "--out", "page.md"), 2, "--out: 'page.md': the file ends in"),
        ((*PRICE, "--columns", "x,z", "--out", "no/page.html"), 2, "does not exist"),
    ],
)
def test_demo_gives_advice(tmp_path, monkeypatch, given, code, message):
    """In one line, and nothing is written."""
    csv(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = run("demo", "t.csv", *given)

    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("*.html"))


def test_help_says_what_it_does():
    text = " ".join(run("demo", "--help").stdout.split())

    assert "bayesreg demo diabetes --columns bmi,bp" in text
    assert "no row of it, and needs no network" in text
    assert "demo" in run("--help").stdout
