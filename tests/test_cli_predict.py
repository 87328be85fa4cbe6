"""The shell's predictions: those of Python on the same rows, read and coded as at the fit."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bayesreg as br
from bayesreg.cli import main

RNG = np.random.default_rng(4)
N = 48
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N).round(3),
        "region": RNG.permutation(["north", "south", "east"] * (N // 3)),
        "member": RNG.permutation([True, False] * (N // 2)),
        "zone": RNG.permutation([10, 20, 30] * (N // 3)),
        "zip": RNG.permutation(["01000", "02000"] * (N // 2)),
    }
)
FRAME["price"] = (FRAME["x"] + FRAME["zone"] / 10 + RNG.normal(size=N)).round(3)
FRAME["won"] = np.where(FRAME["price"] > FRAME["price"].median(), "yes", "no")
QUICK = ("--no-verify", "--draws", "50", "--chains", "2", "--quiet")
FACTORS = ("--factor", "zone", "--drop", "won")


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file, and comparisons of it saved by the shell."""
    there = tmp_path_factory.mktemp("shell")
    FRAME.to_csv(there / "t.csv", index=False)
    ask = ("compare", there / "t.csv", *QUICK)
    fixed = ("--priors", "ridge(scale=1),normal(scale=0.1)", "--sigma", "1")
    for name, more in {
        "target": ("--target", "price", *FACTORS, *fixed),
        "formula": ("--formula", "price ~ x*C(region) + scale(zone)", *fixed),
    }.items():
        done = run(*ask, *more, "--save", there / f"{name}.breg")
        assert done.exit_code == 0, done.output
    priors = {"two": {"x": br.Normal(1.0), ...: br.Normal(2.0)}}  # no path, which takes long
    how = {"formula": "won ~ x + C(region)", "data": FRAME, "likelihood": br.Bernoulli()}
    br.compare(priors, **how, seed=1, draws=50, chains=2).save(there / "labels.breg")
    return there


def predicted(folder, *arguments):
    """What --out has, as a frame."""
    out = folder / "p.csv"
    done = run("predict", *arguments, "--out", out, "--overwrite", "--quiet")
    assert done.exit_code == 0, done.output
    return pd.read_csv(out)


@pytest.mark.parametrize("name", ["target", "formula", "labels"])
def test_the_shell_predicts_what_python_predicts(folder, name):
    """Columns in another order, one that is no predictor, no response: row by row the same."""
    new = FRAME.sample(frac=1.0, random_state=1)[:7].drop(columns=["price", "won"])
    new = new[list(new)[::-1]].assign(note="unread")
    new.to_csv(folder / "new.csv", index=False)
    fits = br.load(folder / f"{name}.breg")
    typed = new.assign(zone=new["zone"].astype(str)) if name == "target" else new
    want = fits.predict(typed, True, level=0.9)
    found = predicted(folder, folder / f"{name}.breg", folder / "new.csv", "--level", 0.9)
    assert list(found) == ["row", "mean", "sd", "eti90_lb", "eti90_ub"]
    assert found["row"].tolist() == list(range(1, 8))
    assert np.allclose(found.drop(columns="row"), want, rtol=1e-12, atol=1e-12)
    alone = predicted(folder, folder / f"{name}.breg", folder / "new.csv", "--prior", fits.names[0])
    own = fits[fits.names[0]].post.predict(typed, True, level=0.95)
    assert np.allclose(alone.drop(columns="row"), own, rtol=1e-12, atol=1e-12)


def test_weights_are_those_that_were_asked_for(folder):
    fits = br.load(folder / "target.breg")
    one, two = fits.names
    typed = FRAME.assign(zone=FRAME["zone"].astype(str))
    for text, weights in {"equal": "equal", f"{one}=1,{two}=3": {one: 1, two: 3}}.items():
        found = predicted(folder, folder / "target.breg", folder / "t.csv", "--weights", text)
        want = fits.predict(typed, weights=weights)
        assert np.allclose(found["mean"], want, rtol=1e-12, atol=1e-12)


def test_one_row_alone_is_the_row_in_its_file(folder):
    """A factor of one level and codes that look like numbers are read as the fit read them."""
    whole = predicted(folder, folder / "target.breg", folder / "t.csv")
    for row in (0, 11):
        FRAME.iloc[[row]].to_csv(folder / "one.csv", index=False)
        found = predicted(folder, folder / "target.breg", folder / "one.csv")
        assert found["mean"][0] == pytest.approx(whole["mean"][row], rel=1e-12)


def test_an_optimum_predicts_means_and_its_noise_where_asked(folder):
    fit = br.fit_map(br.Model(br.Normal(1.0)).condition(FRAME[["x", "zone"]], FRAME["price"]))
    fit.save(folder / "fit.breg", overwrite=True)
    found = predicted(folder, folder / "fit.breg", folder / "t.csv")
    assert list(found) == ["row", "mean"]
    assert np.allclose(found["mean"], fit.predict(FRAME[["x", "zone"]]), rtol=1e-12)
    found = predicted(folder, folder / "fit.breg", folder / "t.csv", "--level", "0.5")
    want = fit.predict(FRAME[["x", "zone"]], level=0.5)
    assert np.allclose(found.drop(columns="row"), want, rtol=1e-12)
    moments = br.Moments.of(FRAME[["x", "zone"]], FRAME["price"])
    fit = br.fit_map(br.Model(br.Normal(1.0)).condition(moments))
    fit.save(folder / "fit.breg", overwrite=True)
    found = predicted(folder, folder / "fit.breg", folder / "t.csv")
    assert np.allclose(found["mean"], fit.predict(FRAME[["x", "zone"]]), rtol=1e-12)


def test_rows_with_missing_cells_are_refused_or_left_out(folder):
    lines = FRAME.drop(columns="price").assign(x=FRAME["x"].where(FRAME.index != 2))[:5]
    lines.assign(won=np.nan).to_csv(folder / "gaps.csv", index=False)  # the response may be missing
    done = run("predict", folder / "target.breg", folder / "gaps.csv")
    assert done.exit_code == 1
    assert "column 'x': 1, first on line 4" in done.stderr
    assert "--missing drop" in done.stderr
    args = (folder / "target.breg", folder / "gaps.csv", "--missing", "drop")
    assert predicted(folder, *args)["row"].tolist() == [1, 2, 4, 5]


ADVICE = {
    "a column is missing": (lambda f: f.rename(columns={"zone": "zones"}), (),
                            "no column 'zone'; did you mean 'zones'?"),
    "an unseen level": (lambda f: f.assign(region="west"), (), "category 'west' in row 0"),
    "text for numbers": (lambda f: f.assign(x="tall"), (), "'tall' on line 2"),
    "an unknown prior": (lambda f: f, ("--prior", "lasso"), "--prior: no prior named 'lasso'"),
    "unknown weights": (lambda f: f, ("--weights", "most"), "weights must be 'stacking'"),
    "weights of no prior": (lambda f: f, ("--weights", "lasso=1"), "no prior named 'lasso'"),
    "weights of no number": (lambda f: f, ("--weights", "a=b"), "'a=b' is not NAME=NUMBER"),
    "both": (lambda f: f, ("--weights", "equal", "--prior", "ridge"), "give one of them"),
    "a level": (lambda f: f, ("--level", "95"), "between 0 and 1"),
    "not CSV": (lambda f: f, ("--out", "p.html"), "the file ends in .csv or .parquet, not"),
}  # fmt: skip


@pytest.mark.parametrize("change, more, said", ADVICE.values(), ids=ADVICE)
def test_what_cannot_be_predicted_is_said(folder, change, more, said):
    change(FRAME.copy())[:4].to_csv(folder / "odd.csv", index=False)
    done = run("predict", folder / "target.breg", folder / "odd.csv", *more)
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
    assert not done.stdout


def test_what_holds_no_fit_is_said(folder):
    done = run("predict", folder / "t.csv", folder / "t.csv")
    assert (done.exit_code, "not a file written by bayesreg" in done.stderr) == (1, True)
    done = run("predict", folder / "none.breg", folder / "t.csv")
    assert (done.exit_code, "there is no file" in done.stderr) == (2, True)
    br.Moments.of(FRAME[["x"]], FRAME["price"]).save(folder / "sums.breg")
    done = run("predict", folder / "sums.breg", folder / "t.csv")
    assert (done.exit_code, "sums of rows and predict nothing" in done.stderr) == (2, True)


def test_a_saved_comparison_is_not_replaced_unasked(folder):
    before = (folder / "target.breg").read_bytes()
    ask = ("compare", folder / "t.csv", "--target", "price", *FACTORS, *QUICK)
    done = run(*ask, "--save", folder / "target.breg")
    assert done.exit_code == 2
    assert "--overwrite" in done.stderr
    assert (folder / "target.breg").read_bytes() == before


def test_json_is_what_is_printed(folder):
    done = run("predict", folder / "labels.breg", folder / "t.csv", "--json")
    found = json.loads(done.stdout)
    assert found["response"] == "P(won = yes)"
    assert len(found["rows"]) == N
    assert all(0.0 < one["eti95_lb"] < one["mean"] < one["eti95_ub"] < 1 for one in found["rows"])


@pytest.mark.slow
def test_whoever_reads_may_leave_early(folder):
    """As head does: no traceback, and the file is written."""
    code = (
        "import subprocess, sys; from bayesreg.cli import main; "
        f"main(['predict', {str(folder / 'target.breg')!r}, {str(folder / 't.csv')!r}, "
        f"'--out', {str(folder / 'piped.csv')!r}])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
        process.stderr.close()
    assert "Traceback" not in said
    assert len(pd.read_csv(folder / "piped.csv")) == N
