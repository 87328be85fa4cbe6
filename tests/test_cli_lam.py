"""`bayesreg path` and `bayesreg choose`: the numbers of the verbs, files by their endings."""

from __future__ import annotations

import csv as csv_module
import dataclasses
import io
import json
import re
import sys

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Ridge
from sklearn.preprocessing import StandardScaler

import bayesreg as br
from bayesreg.cli import commands
from bayesreg.cli.options import Options
from bayesreg.verbs import fit
from bayesreg.verbs.choose import choose
from tests.test_cli import csv, run

LAMS = "2000,200,20"


@pytest.fixture(scope="module")
def diabetes():
    """The data, and the lasso on them with σ known."""
    data = br.load_dataset("diabetes")
    model = br.Model(br.Laplace(), br.Gaussian(54.0))
    return data, model.condition(data.X, data.y, standardize=True)


def rows_of(path):
    """A CSV file as dictionaries."""
    return list(csv_module.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_path_prints_every_lam_with_its_objective_and_alpha(diabetes):
    result = run("path", "diabetes", "--sigma", "54", "--lams", LAMS, "--json")
    content = json.loads(result.stdout)
    rows = content["tables"]["path"]["rows"]
    expected = br.path(diabetes[1], [2000.0, 200.0, 20.0])

    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert [row["lam"] for row in rows] == [2000.0, 200.0, 20.0]
    np.testing.assert_allclose([row["sklearn"] for row in rows], expected.lam / 442)
    np.testing.assert_allclose([row["scale"] for row in rows], 54.0 / expected.lam)
    np.testing.assert_allclose([row["objective"] for row in rows], expected.objective)
    assert all(row["certified"] for row in rows)


def test_path_says_who_enters_when():
    """In the order of the lasso path of Efron et al. (2004): bmi, s5, bp, s3, sex, s6, s1, …"""
    result = run("path", "diabetes", "--n", "300")
    lines = result.stdout.split("In which order the columns enter")[1].splitlines()
    names = [line.split()[0] for line in lines[2:9]]

    assert names == ["bmi", "s5", "bp", "s3", "sex", "s6", "s1"]
    assert "½‖y − β₀ − Zb‖² + λ‖b‖₁" in result.stdout
    assert "300 certified" in result.stdout
    assert "\x1b" not in result.stdout


def test_path_files_are_what_their_endings_say(tmp_path, diabetes):
    """And the CSV holds the coefficients of the verb."""
    heads = {".html": b"<!DOCTYPE html>", ".md": b"<!-- gen", ".json": b"{", ".svg": b"<?xml",
             ".png": b"\x89PNG", ".csv": b"lam,"}  # fmt: skip
    for ending, head in heads.items():
        out = tmp_path / f"path{ending}"
        result = run("path", "diabetes", "--sigma", "54", "--lams", LAMS, "--out", out)
        assert result.exit_code == 0, result.stderr
        assert out.read_bytes().startswith(head)
        assert result.stdout.splitlines()[-1].endswith(f": {out}")

    found = rows_of(tmp_path / "path.csv")
    expected = br.path(diabetes[1], [2000.0, 200.0, 20.0]).beta
    for name in diabetes[0].X.columns:
        np.testing.assert_array_equal(
            [float(row[f"beta[{name}]"]) for row in found], expected[name]
        )


def test_path_along_the_classical_ray_is_scikit_learns(tmp_path):
    """--l1-ratio 0.5: ElasticNet(alpha=λ/N, l1_ratio=0.5) has the same coefficients."""
    data = br.load_dataset("diabetes")
    out = tmp_path / "p.csv"
    result = run(
        "path", "diabetes", "--prior", "elastic_net", "--l1-ratio", "0.5", "--lams", "300",
        "--out", out,
    )  # fmt: skip
    (row,) = rows_of(out)
    scaler = StandardScaler().fit(data.X)
    peer = ElasticNet(alpha=300 / 442, l1_ratio=0.5, tol=1e-14, max_iter=100_000)
    peer.fit(scaler.transform(data.X), data.y)

    assert result.exit_code == 0, result.stderr
    assert "λ₁‖b‖₁ + ½λ₂‖b‖² with λ₁ = 0.5λ, λ₂ = 0.5λ, b = sd(x)·β." in result.stdout
    assert float(row["sklearn"]) == pytest.approx(300 / 442)
    mine = [float(row[f"beta[{name}]"]) for name in data.X.columns]
    np.testing.assert_allclose(mine, peer.coef_ / scaler.scale_, rtol=1e-6, atol=1e-9)


def test_path_of_ridge_has_ridges_alpha(tmp_path):
    out = tmp_path / "p.csv"
    run("path", "diabetes", "--prior", "ridge", "--lams", "30", "--out", out)
    (row,) = rows_of(out)
    data = br.load_dataset("diabetes")
    scaler = StandardScaler().fit(data.X)
    peer = Ridge(alpha=float(row["sklearn"])).fit(scaler.transform(data.X), data.y)

    assert float(row["sklearn"]) == 30.0
    mine = [float(row[f"beta[{name}]"]) for name in data.X.columns]
    np.testing.assert_allclose(mine, peer.coef_ / scaler.scale_, rtol=1e-9)


def test_column_names_cannot_be_formulas_of_a_spreadsheet(tmp_path):
    """Fault 94, in the header too."""
    path = csv(tmp_path)
    path.write_text(path.read_text().replace("id,x,", "id,=HYPERLINK(1),"))
    out = tmp_path / "p.csv"
    result = run("path", path, "--target", "price", "--drop", "id", "--n", "3", "--out", out)

    assert result.exit_code == 0, result.stderr
    head = next(csv_module.reader(io.StringIO(out.read_text())))
    assert "beta[=HYPERLINK(1)]" in head
    assert not any(re.match("[=+@-]", name) for name in head)


MISUSE = [
    # (arguments, exit code, words on stderr)
    (("path", "diabetes", "--prior", "lapalce"), 2, "did you mean 'laplace'"),
    (("path", "diabetes", "--prior", "lasso,ridge"), 2, "compare takes several"),
    (("path", "diabetes", "--prior", "horseshoe"), 1, "no MAP"),
    (("path", "diabetes", "--lams", "1,two"), 2, "no list of numbers"),
    (("path", "diabetes", "--lams", "1,-2"), 2, "positive"),
    (("path", "diabetes", "--lams", "1,,2"), 2, "--lams: '1,,2' has nothing between"),
    (("path", "diabetes", "--l1-ratio", "1.5"), 2, "l1_ratio"),
    (("path", "diabetes", "--n", "0"), 2, "--n"),
    (("path", "diabetes", "--out", "{dir}/p.pdf"), 2, ".html, .md, .json, .svg, .png or .csv"),
    (("path", "diabetes", "--out", "{dir}/mine.png"), 2, "--overwrite"),
    (("path", "{csv}"), 2, "--target is missing"),
    (("choose", "diabetes", "--by", "cv,bicc"), 2, "bic"),
    (("choose", "diabetes", "--by", "loo"), 1, "loo"),
    (("choose", "diabetes", "--folds", "1"), 2, "--folds"),
    (("choose", "diabetes", "--groups", "bim"), 2, "--groups: diabetes has no column 'bim'"),
    (("choose", "diabetes", "--groups", "progression"), 2, "--groups: 'progression' is the target"),
    (("choose", "diabetes", "--out", "{dir}/mine.csv"), 2, "--overwrite"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, code, words", MISUSE, ids=lambda row: str(row)[:60])
def test_misuse_is_one_line_and_a_code(tmp_path, arguments, code, words):
    path = csv(tmp_path)
    for name in ("mine.png", "mine.csv"):
        (tmp_path / name).write_text("mine")

    result = run(*(a.format(csv=path, dir=tmp_path) for a in arguments))

    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert (tmp_path / "mine.png").read_text() == "mine"


def test_files_are_replaced_when_told_to(tmp_path):
    out = tmp_path / "p.svg"
    out.write_text("mine")
    result = run("path", "diabetes", "--n", "3", "--out", out, "--overwrite")

    assert result.exit_code == 0, result.stderr
    assert "<svg" in out.read_text()


def test_an_uncertified_point_is_exit_code_3(monkeypatch):
    """The path is still printed, and the point is marked."""

    def failing(problem, *given, _path=fit.path, **options):
        found = _path(problem, *given, **options)
        first = dataclasses.replace(found.certificates[0], ok=False)
        return dataclasses.replace(found, certificates=(first, *found.certificates[1:]))

    monkeypatch.setattr(fit, "path", failing)
    result = run("path", "diabetes", "--n", "3")

    assert result.exit_code == 3
    assert "FAILED" in result.stdout


QUICK = ("--by", "cv,cv-1se,aic,bic", "--n", "30", "--sigma", "54")


def test_choose_prints_what_each_rule_selects(diabetes):
    result = run("choose", "diabetes", *QUICK, "--json")
    content = json.loads(result.stdout)
    rows = {row["rule"]: row for row in content["tables"]["choice"]["rows"]}
    expected = br.choose(diabetes[1], by=["cv", "cv-1se", "aic", "bic"], n=30)

    assert result.exit_code == 0, result.stderr
    assert set(rows) == {"cv", "cv-1se", "aic", "bic"}
    for rule, row in rows.items():
        assert row["lam"] == pytest.approx(expected.table.loc[rule, "lam"])
    assert rows["cv-1se"]["lam"] > rows["cv"]["lam"]
    why = [text for s in content["sections"] if s["key"] in ("choice", "why") for text in s["text"]]
    assert why == list(expected.why)


def test_choose_writes_the_panel(tmp_path):
    for ending in ("html", "csv"):
        out = tmp_path / f"choice.{ending}"
        result = run("choose", "diabetes", *QUICK, "--out", out)
        assert result.exit_code == 0, result.stderr
        assert out.stat().st_size > 100
    text = (tmp_path / "choice.html").read_text(encoding="utf-8")
    assert text.index('id="plot-choice"') < text.index('id="plot-path"')
    assert {row["rule"] for row in rows_of(out)} == {"cv", "cv-1se", "aic", "bic"}


def test_groups_stay_in_one_fold_and_are_no_predictor(tmp_path, monkeypatch):
    """The labels reach the verb row by row, without the rows that were left out."""
    path = csv(tmp_path)
    lines = path.read_text().splitlines()
    lines[5] = lines[5].replace(",north,", ",,").replace(",south,", ",,").replace(",east,", ",,")
    path.write_text("\n".join(lines))
    seen = []

    def watching(problem, *given, _choose=choose, **options):
        seen.append((problem, options["groups"]))
        return _choose(problem, *given, **options)

    monkeypatch.setattr(sys.modules["bayesreg.verbs.choose"], "choose", watching)
    result = run(
        "choose", path, "--target", "price", "--drop", "id", "--groups", "region", "--by", "cv",
        "--folds", "3", "--missing", "drop",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    ((problem, groups),) = seen
    assert problem.features == ("x", "z", "member")
    written = [line.split(",")[3] for line in lines[1:]]
    assert groups.tolist() == [name for name in written if name]


def test_options_reach_the_record():
    """Every option of the commands is a field of the record, and the other way round."""
    told = {p.name for command in commands.main.commands.values() for p in command.params}
    own = {"command"}  # the line itself
    # Facts of a conversion and the estimator that is read are arguments of theirs alone.
    told -= {"source", "arguments", "to", "n", "sd_y", "rms_y", "standardize", "estimator"}
    assert told - {"debug"} == {field.name for field in dataclasses.fields(Options)} - own
