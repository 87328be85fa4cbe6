"""The shell: results on stdout, the rest on stderr, exit codes, and no traceback for users."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bayesreg
import bayesreg.verbs.compare  # so that the room is in sys.modules; the name is also the verb's
from bayesreg.cli import main, screen
from bayesreg.diagnostics import agreement
from bayesreg.language.errors import BayesregWarning, NotConverged
from bayesreg.verbs.fit import sample

ROOM = sys.modules["bayesreg.verbs.compare"]
# Known σ and scale: the exact engine, so that a run takes no chain and no compilation.
EXACT = ("--priors", "normal(scale=20),ridge(scale=2)", "--sigma", "54", "--seed", "1")
FAST = (*EXACT, "--draws", "300", "--no-verify")


def run(*arguments, **options):
    return CliRunner().invoke(main, [str(a) for a in arguments], **options)


def csv(tmp_path, rows=40, name="t.csv"):
    """A file with an identifier, a factor, a flag and two numbers; y depends on them."""
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=(2, rows))
    group = [("north", "south", "east")[k % 3] for k in range(rows)]
    y = 2 * x - z + np.array([len(g) for g in group]) + 0.5 * rng.normal(size=rows)
    lines = ["id,x,z,region,member,price"] + [
        f"{k},{x[k]:.6f},{z[k]:.6f},{group[k]},{k % 2 == 0},{y[k]:.6f}" for k in range(rows)
    ]
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def undrawn(monkeypatch):
    """Reports without figures, which take two seconds, for tests that look at none."""
    monkeypatch.setattr("bayesreg.report.document.draw", lambda *_, **__: None)


@pytest.fixture(scope="module")
def diabetes():
    """One run on diabetes that several tests read."""
    return run("compare", "diabetes", *FAST)


def test_answers_are_on_stdout(diabetes):
    assert diabetes.exit_code == 0
    assert "On diabetes (442 rows, 10 columns, standardised)" in diabetes.stdout
    assert "Predictive comparison" in diabetes.stdout
    assert "eti95 from" in diabetes.stdout
    # What each prior did is said as soon as it is known, and once.
    first = diabetes.stdout.index("m_eff")
    assert first < diabetes.stdout.index("On diabetes")
    assert diabetes.stdout.count("as if columns were orthogonal") == 2
    assert diabetes.stdout.count("normal(scale=20)") > 10
    assert diabetes.stderr == ""


def test_pipe_gets_plain_whole_lines(diabetes):
    """No escape sequences, no boxes, no sentence or table broken, every row named."""
    assert "\x1b" not in diabetes.stdout
    assert not set("│┃─━") & set(diabetes.stdout)
    lines = diabetes.stdout.splitlines()
    assert max(map(len, lines)) > 120
    header = next(k for k, line in enumerate(lines) if line.startswith("column "))
    rows = [line for line in lines[header + 1 :] if line]
    assert len(rows) == 20
    assert len({line[: lines[header].index("MAP") - 2].strip() for line in rows}) == 20


def test_same_seed_same_bytes(diabetes):
    assert run("compare", "diabetes", *FAST).stdout == diabetes.stdout


def test_json_is_the_only_thing_on_stdout():
    result = run("compare", "diabetes", *FAST, "--json", "--level", "0.8")

    content = json.loads(result.stdout)
    assert result.exit_code == 0
    assert content["facts"]["seed"] == "1"
    assert len(content["tables"]["coefficients"]["rows"]) == 20
    assert "eti80_lb" in content["tables"]["coefficients"]["rows"][0]


def test_stranger_file_with_report_and_export(tmp_path):
    path = csv(tmp_path)
    page, folder = tmp_path / "report.md", tmp_path / "parts"

    result = run(
        "compare", path, "--target", "price", "--drop", "id", *FAST, "--out", page,
        "--export", folder, "--title", "Prices", "--author", "A. Reader",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == [f"report: {page}", f"tables and figures: {folder}"]
    assert "note: column 'region' is text and was read as a factor of 3 levels" in result.stderr
    assert "note: column 'member' holds true and false" in result.stderr
    for name in ("region: north − east", "region[north]", "member", "z"):
        assert name in result.stdout
    text = page.read_text(encoding="utf-8")
    assert "Prices" in text
    assert "A. Reader" in text
    assert "factor of 3 levels" in text
    assert {".csv", ".tex", ".svg", ".png"} <= {p.suffix for p in folder.iterdir()}


@pytest.mark.usefixtures("undrawn")
def test_dropped_rows_are_counted_in_the_report(tmp_path):
    path = csv(tmp_path)
    lines = path.read_text().splitlines()
    lines[7] = lines[7].replace(",north,", ",,").replace(",south,", ",,").replace(",east,", ",,")
    path.write_text("\n".join(lines))
    arguments = ("compare", path, "--target", "price", "--drop", "id", *FAST)

    refused = run(*arguments)
    result = run(*arguments, "--missing", "drop", "--out", tmp_path / "r.json")

    assert refused.exit_code == 1
    assert "column 'region': 1, first on line 8" in refused.stderr
    assert result.exit_code == 0
    said = json.loads((tmp_path / "r.json").read_text())["warnings"]
    assert any("1 of 40 rows were left out for missing cells ('region': 1)" in w for w in said)
    assert "39 rows" in result.stdout


def test_formula(tmp_path):
    path = csv(tmp_path)

    result = run("compare", path, "--formula", "price ~ x*z + C(region)", *FAST)

    assert result.exit_code == 0, result.stderr
    assert "x:z" in result.stdout
    assert "C(region)[south]" in result.stdout
    assert "region: south − east" in result.stdout
    assert "term 'C(region)' is a factor" in result.stderr


def test_flat_takes_a_reference_level(tmp_path):
    path = csv(tmp_path)

    result = run(
        "compare", path, "--target", "price", "--drop", "id", "--priors", "flat,normal(1)",
        "--sigma", "0.5", "--seed", 1, "--no-verify",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert "(reference: east)" in result.stderr
    assert "region[east]" not in result.stdout


def test_raw_and_standardised_differ():
    raw = run("compare", "diabetes", *FAST, "--raw")

    assert "in original units" in raw.stdout


def test_quiet_says_nothing_beside_the_results(tmp_path):
    path = csv(tmp_path)

    result = run("compare", path, "--target", "price", "--drop", "id", *FAST, "--quiet")

    assert result.exit_code == 0
    assert result.stderr == ""
    assert "Predictive comparison" in result.stdout


USAGE = [
    # (arguments after `compare`, exit code, words on stderr)
    (("nowhere.csv", "--target", "y"), 2, "there is no file 'nowhere.csv'"),
    (("diabets",), 2, "did you mean 'diabetes'"),
    (("{csv}",), 2, "--target is missing: which column of t.csv is the response? It has 'id'"),
    (("{csv}", "--target", "prise"), 2, "did you mean 'price'"),
    (("{csv}", "--target", "price"), 1, "column 'id' looks like an identifier"),
    (("{csv}", "--target", "region"), 1, "the target 'region' holds 3 kinds of text"),
    (("{csv}", "--target", "price", "--formula", "price ~ x"), 2, "leave out --target"),
    (("{csv}", "--target", "price", "--sep", ",,"), 2, "--sep must be one character"),
    (("{csv}", "--formula", "price ~ xx"), 1, "did you mean 'x'"),
    (("{csv}", "--formula", "price ~ ("), 2, "cannot be read"),
    (("diabetes", "--priors", "lapalce"), 2, "did you mean 'laplace'"),
    (("diabetes", "--sigma", "-1"), 2, "positive"),
    (("diabetes", "--level", "95"), 2, "strictly between 0 and 1"),
    (("diabetes", "--draws", "0"), 2, "--draws"),
    (("diabetes", "--chains", "1.5"), 2, "--chains"),
    (("diabetes", "--seed", "-1"), 2, "--seed"),
    (("diabetes", "--engine", "exakt"), 2, "exact"),
    (("diabetes", "--missing", "impute"), 2, "--missing"),
    (("diabetes", "--drop", "bim"), 2, "did you mean 'bmi'"),
    (("diabetes", "--sep", ";"), 2, "--sep is for CSV files"),
    (("diabetes", "--nonsense",), 2, "No such option"),
    (("diabetes", "--out", "{dir}"), 2, "is a folder"),
    (("diabetes", "--out", "{dir}/r.pdf"), 2, "ends in .html, .md or .json"),
    (("diabetes", "--out", "{dir}/none/r.html"), 2, "does not exist"),
    (("diabetes", "--out", "{dir}/" + "x" * 300 + ".html"), 2, "255"),
    (("diabetes", "--out", "{dir}/foreign.html"), 2, "--overwrite"),
    (("diabetes", "--export", "{csv}"), 2, "is a file"),
    ((), 2, "Missing argument"),
]  # fmt: skip


@pytest.mark.parametrize(
    "arguments, code, words",
    [pytest.param(*row, id=" ".join(row[0])[:50] or "none") for row in USAGE],
)
def test_misuse_is_one_line_and_a_code(tmp_path, monkeypatch, arguments, code, words):
    """Nothing is fitted, nothing is on stdout, and there is no traceback."""
    path = csv(tmp_path)
    (tmp_path / "foreign.html").write_text("mine")
    filled = [a.format(csv=path, dir=tmp_path) for a in arguments]
    if code == 2 and "--engine" not in filled:  # engines are known to the fit alone
        monkeypatch.setattr(ROOM, "compare", forbidden)

    result = run("compare", *filled, *(("--no-verify",) if filled else ()))

    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    if "Usage:" not in result.stderr:
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1


def forbidden(*_, **__):
    raise AssertionError("fitted before the arguments were checked")


@pytest.mark.usefixtures("undrawn")
def test_reports_replace_their_own_kind_only(tmp_path):
    page = tmp_path / "r.json"
    arguments = ("compare", "diabetes", *FAST, "--out", page)

    page.write_text("not a report")
    assert run(*arguments).exit_code == 2
    assert page.read_text() == "not a report"
    assert run(*arguments, "--overwrite").exit_code == 0
    assert run(*arguments, "--title", "Again").exit_code == 0
    assert json.loads(page.read_text())["title"] == "Again"


def fails(error):
    def compare(*_, **__):
        raise error

    return compare


FAILURES = [
    # (id, exception inside the fit, exit code, words)
    ("not converged", NotConverged("no certificate"), 1, "error: no certificate"),
    ("disk", OSError(28, "No space left on device"), 1, "error: No space left on device"),
    ("memory", MemoryError(), 1, "not enough memory"),
    ("fault", ZeroDivisionError("1/0"), 1, "unexpected ZeroDivisionError: 1/0"),
    ("interrupt", KeyboardInterrupt(), 130, "interrupted: nothing was written"),
    ("control", BayesregWarning("a\x1b[31m\nb"), 1, r"a\x1b[31m b"),
]


@pytest.mark.parametrize(
    "error, code, words", [pytest.param(*row, id=name) for name, *row in FAILURES]
)
def test_failures_are_one_line(monkeypatch, error, code, words):
    monkeypatch.setattr(ROOM, "compare", fails(error))

    result = run("compare", "diabetes", *FAST)

    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_debug_keeps_the_traceback(monkeypatch):
    error = ZeroDivisionError("1/0")
    monkeypatch.setattr(ROOM, "compare", fails(error))

    assert run("compare", "diabetes", *FAST, "--debug").exception is error


class Verification:
    """In place of PyMC: another run of the exact engine, or what `plan` says of a prior."""

    def __init__(self, **plan):
        self.plan = plan
        self.called = []

    def __call__(self, result):
        (name,) = result.entries
        self.called.append(name)
        if isinstance(self.plan.get(name), BaseException):
            raise self.plan[name]
        entry = result.entries[name]
        other = sample(entry.problem, draws=300, seed=7)
        if self.plan.get(name) == "cut":
            cut = dataclasses.replace(other.draws, complete=False)
            other = dataclasses.replace(other, draws=cut)
        judged = agreement(entry.post, other)
        if self.plan.get(name) == "differ":
            judged = dataclasses.replace(judged, ok=False, why="they differ")
        new = dataclasses.replace(entry, nuts=other, agreement=judged)
        return dataclasses.replace(
            result,
            entries={name: new},
            timing={**result.timing, f"{name}, PyMC": 1.0},
            verdict=(*result.verdict, f"Against PyMC: {name}."),
        )


BOTH = ["normal(scale=20)", "ridge(scale=2)"]


FITTED = []


def once(*arguments, _compare=ROOM.compare, **options):
    """The fit of the first call, for the tests of what comes after it."""
    if not FITTED:
        FITTED.append(_compare(*arguments, **options))
    return FITTED[0]


def verified_run(monkeypatch, tmp_path, *arguments, **plan):
    stand_in = Verification(**plan)
    monkeypatch.setattr(ROOM, "compare", once)
    monkeypatch.setattr("bayesreg.verbs.verification.verified", stand_in)
    page = tmp_path / "r.json"
    fast = [a for a in FAST if a != "--no-verify"]
    result = run("compare", "diabetes", *fast, "--out", page, *arguments)
    return result, stand_in.called, json.loads(page.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_verification_is_the_default_and_comes_last(monkeypatch, tmp_path):
    result, called, report = verified_run(monkeypatch, tmp_path)

    assert result.exit_code == 0, result.stderr
    assert called == BOTH
    order = [
        result.stdout.index(words)
        for words in ("Coefficients", "Against PyMC: normal(scale=20).", "Checks", "report: ")
    ]
    assert order == sorted(order)
    assert [row["pymc"] for row in report["tables"]["checks"]["rows"]] == [True, True]
    verdict = next(one["text"] for one in report["sections"] if one["key"] == "verdict")
    assert sum("Against PyMC" in sentence for sentence in verdict) == 2
    assert {f"{name}, PyMC" for name in BOTH} <= set(report["timing"])


INTERRUPTIONS = [
    # (id, what happens at which prior, exit code, who was verified, words of the note)
    ("first", {BOTH[0]: KeyboardInterrupt()}, 130, [None, None], "interrupted; not verified"),
    ("second", {BOTH[1]: KeyboardInterrupt()}, 130, [True, None], f"with PyMC: {BOTH[1]}"),
    ("cut short", {BOTH[0]: "cut"}, 130, [None, None], f"with PyMC: {BOTH[1]}"),
    ("failed", {BOTH[1]: RuntimeError("boom")}, 1, [True, None], "failed (RuntimeError: boom)"),
]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "plan, code, pymc, words", [pytest.param(*row, id=name) for name, *row in INTERRUPTIONS]
)
def test_interrupted_verification_keeps_the_answers(monkeypatch, tmp_path, plan, code, pymc, words):
    result, _, report = verified_run(monkeypatch, tmp_path, **plan)

    assert result.exit_code == code
    assert [row["pymc"] for row in report["tables"]["checks"]["rows"]] == pymc
    assert any(words in warning for warning in report["warnings"])
    assert words in result.stderr
    assert result.stdout.splitlines()[-1] == f"report: {tmp_path / 'r.json'}"


@pytest.mark.usefixtures("undrawn")
def test_strict(monkeypatch, tmp_path):
    """A disagreement is exit code 3 under --strict, and 0 without; agreement is 0 in both."""
    differ = {BOTH[0]: "differ"}

    assert verified_run(monkeypatch, tmp_path, "--strict")[0].exit_code == 0
    assert verified_run(monkeypatch, tmp_path, **differ)[0].exit_code == 0
    assert verified_run(monkeypatch, tmp_path, "--strict", **differ)[0].exit_code == 3


def terminal(width):
    from rich.console import Console

    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_terminal_tables_fit(monkeypatch, width):
    from bayesreg.report.table import Column, Table

    console = terminal(width)
    monkeypatch.setattr(screen, "_terminal", lambda: console)
    keys = ("map", "zero", "mean", "sd", "p_positive", "kappa")
    columns = (
        Column("feature", "column", "name"),
        Column("prior", "prior", "prior"),
        *(Column(key, key, "number") for key in keys),
    )
    rows = tuple(("[bold]x[/]\x1b[31m" + "y" * 90, "n", *[1.2345] * 6) for _ in range(3))

    screen.print_table(Table("t", "A table", columns, rows, group=3, first=2))

    text = console.file.getvalue()
    plain = [line for line in text.splitlines() if "\x1b" not in line]
    assert "[bold]x" in text  # a name is no markup
    assert "\x1b[31m" not in text  # nor does it command the terminal
    assert max(map(len, plain)) <= width
    assert ("zero" in text) == (width == 200)
    assert "1 more rows" in text


def test_datasets_lists_names_and_responses():
    result = run("datasets")

    assert result.exit_code == 0
    for words in ("diabetes", "diabetes64", "progression", "Efron"):
        assert words in result.stdout


def test_version_is_the_stack():
    result = run("--version")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"bayesreg {bayesreg.__version__}"
    for package in ("python", "numpy", "scipy", "pymc", "arviz"):
        assert any(line.startswith(f"{package} ") for line in lines)


def test_help_says_the_exit_codes():
    text = run("compare", "--help").stdout

    assert "3 a check failed" in text
    assert "--missing" in text


def fresh(*arguments, **environment):
    """A fresh process: its exit code, output, and the libraries that it has loaded."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', *sys.modules, file=sys.stderr))\n"
        "from bayesreg.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(bayesreg.__file__).parents[1]), **environment},
    )
    errors, _, loaded = done.stderr.decode("utf-8", "replace").partition("LOADED")
    return done.returncode, done.stdout, errors, set(loaded.split())


def test_bad_file_is_refused_before_any_heavy_library_is_loaded(tmp_path):
    """Which is why it takes little longer than the start of Python and of Arrow."""
    code, out, errors, loaded = fresh("compare", csv(tmp_path), "--target", "price")

    assert code == 1
    assert out == b""
    assert errors.startswith("error: t.csv: column 'id' looks like an identifier")
    assert not loaded & {"scipy", "rich", "matplotlib", "arviz", "pymc", "numba"}
    assert "bayesreg.cli.procedure" in loaded  # the control: what is loaded is seen


def test_answers_need_no_pymc_and_survive_a_poor_terminal():
    """In a locale that knows no Greek and with NO_COLOR, the answers still come."""
    code, out, errors, loaded = fresh(
        "compare", "diabetes", *FAST, PYTHONIOENCODING="ascii", NO_COLOR="1", PYTHONHASHSEED="7"
    )

    assert code == 0, errors
    assert b"Predictive comparison" in out
    assert not loaded & {"pymc", "pytensor", "numba", "matplotlib", "sklearn"}
    assert "numpy" in loaded


@pytest.mark.slow
def test_whoever_reads_may_leave_early_and_the_report_is_written(tmp_path):
    """As `bayesreg compare … | head -1` does."""
    code = "from bayesreg.cli import main\nmain()\n"
    out, page = ["--out", "page.json", "--quiet"], tmp_path / "page.json"
    with subprocess.Popen(
        [sys.executable, "-c", code, "compare", "diabetes", *FAST, "--priors", "normal", *out],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(bayesreg.__file__).parents[1])},
    ) as running:
        running.stdout.close()
        errors = running.stderr.read().decode()

    assert running.returncode == 0, errors
    assert page.exists()


def test_an_endless_table_is_cut_in_a_pipe_and_a_long_one_is_whole(capsys):
    from bayesreg.report.table import Column, Table

    columns = (Column("name", "name", "name"), Column("value", "value", "number"))
    for rows, shown in ((screen.LONG, screen.LONG), (screen.LONG + 3, screen.SCREEN)):
        cells = tuple((f"x{i}", float(i)) for i in range(rows))
        screen.print_table(Table("t", "A table", columns, cells, group=3))
        text = capsys.readouterr().out
        assert text.count("\nx") == shown
        assert ("more rows" in text) == (shown < rows)


def yes_no(tmp_path, ending="csv"):
    """Two columns, and one outcome as text, truth values and numbers."""
    rng = np.random.default_rng(3)
    x, z, e = rng.normal(size=(3, 60))
    up = x - z + e > 0
    frame = pd.DataFrame(
        {"x": x, "z": z, "passed": np.where(up, "yes", "no"), "flag": up, "code": up + 1}
    )
    path = tmp_path / f"t.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    return path


OTHERS = {
    name: [o for n in ("passed", "flag", "code") if n != name for o in ("--drop", n)]
    for name in ("passed", "flag", "code")
}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("target", list(OTHERS))
def test_a_yes_no_target_of_any_kind_gives_one_path(tmp_path, ending, target):
    """Text, truth values and numbers are the same outcome, in files of both kinds."""
    given = ["--prior", "ridge", "--n", "3", "--likelihood", "bernoulli", "--raw"]
    file = yes_no(tmp_path, ending)
    answer = run("path", file, "--target", target, *OTHERS[target], *given, "--json")
    formula = run("path", file, "--formula", f"{target} ~ x + z", *given, "--json")
    condition = run("path", file, "--formula", "{passed == 'yes'} ~ x + z", *given, "--json")
    assert answer.exit_code == formula.exit_code == condition.exit_code == 0, answer.output
    objectives = [[row["objective"] for row in rows(one, "path")] for one in (formula, condition)]
    for found in objectives:
        assert found == pytest.approx([row["objective"] for row in rows(answer, "path")], rel=1e-12)
    assert "log(1 + exp η)" in run("path", file, "--formula", f"{target} ~ x + z", *given).stdout
    assert "is read as 1 for" in answer.stderr


def test_positive_turns_the_signs(tmp_path):
    given = ["--prior", "lasso", "--n", "3", "--likelihood", "bernoulli", "--target"]
    file = yes_no(tmp_path)
    for target, label in (("passed", "no"), ("flag", "false"), ("code", "1")):
        answer = run("path", file, *given, target, *OTHERS[target], "--positive", label, "--json")
        plain = run("path", file, *given, target, *OTHERS[target], "--json")
        assert answer.exit_code == plain.exit_code == 0, answer.output
        assert "is read as 1 for" in answer.stderr
        turned = {row["column"]: row["sign"] for row in rows(answer, "entries")}
        signs = {row["column"]: row["sign"] for row in rows(plain, "entries")}
        assert signs == {"x": "+", "z": "−"}
        assert turned == {"x": "−", "z": "+"}


def rows(answer, table):
    """The rows of a table of the JSON on stdout."""
    return json.loads(answer.stdout)["tables"][table]["rows"]


@pytest.mark.slow
def test_compare_and_choose_under_bernoulli(tmp_path, undrawn):
    """All doors: pages of each kind are written, and the same seed gives the same JSON."""
    given = ["--target", "passed", *OTHERS["passed"], "--likelihood", "bernoulli"]
    file = yes_no(tmp_path)
    fast = ["--priors", "normal(scale=1)", "--draws", "100", "--chains", "2", "--no-verify"]
    for ending in ("html", "md", "json"):
        out = tmp_path / f"o.{ending}"
        answer = run("compare", file, *given, *fast, "--seed", "1", "--out", out)
        assert answer.exit_code == 0, answer.output
        assert "passed" in out.read_text(encoding="utf-8")
    chosen = run("choose", file, *given, "--by", "cv,cv-1se", "--n", "10", "--folds", "3")
    assert chosen.exit_code == 0, chosen.output
    assert "cv-1se" in chosen.stdout


BERNOULLI, GAUSSIAN = ("--likelihood", "bernoulli"), ("--likelihood", "gaussian")
YES_NO_FAULTS = [
    (("--target", "passed", *GAUSSIAN), 1, "for a yes/no outcome run again with --likelihood bern"),
    (("--target", "flag", *GAUSSIAN), 1, "--likelihood bernoulli"),
    (("--formula", "passed ~ x", *GAUSSIAN), 1, "need a Bernoulli likelihood"),
    (("--target", "x", *BERNOULLI), 1, "measurements are --likelihood gaussian"),
    (("--target", "passed", *BERNOULLI, "--sigma", "3"), 2, "has no noise sd; leave --sigma out"),
    (("--target", "code", "--positive", "1"), 2, "add --likelihood bernoulli"),
    (("--target", "passed", *BERNOULLI, "--positive", "yse"), 2, "did you mean 'yes'"),
    (("--target", "passed", *BERNOULLI, "--positive", ""), 2, "is no label of the response"),
    (("--target", "passed", "--likelihood", "poisson"), 1, "target 'passed' holds text"),
    (("--target", "passed", "--likelihood", "bernouli"), 2, "did you mean 'bernoulli'"),
]


@pytest.mark.parametrize("arguments, code, message", YES_NO_FAULTS)
def test_faults_of_a_yes_no_target_are_advice(tmp_path, arguments, code, message):
    answer = run("path", yes_no(tmp_path), *arguments)
    assert answer.exit_code == code
    assert message in answer.stderr
    assert "Traceback" not in answer.output


def test_two_values_under_the_default_likelihood_are_pointed_at(tmp_path):
    """A note unless the likelihood was said."""
    file, given = yes_no(tmp_path), ("--target", "code", *OTHERS["code"], "--n", "3")
    hint = "run again with --likelihood bernoulli"
    assert hint in run("path", file, *given).stderr
    assert hint not in run("path", file, *given, "--likelihood", "gaussian").stderr
    assert hint not in run("path", "diabetes", "--n", "3").stderr
