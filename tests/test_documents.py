"""What the reader is shown runs: README, notebooks and their pairing."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import jupytext
import nbformat
import pytest

from tests.test_structure import FLOORS

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.py"))


def code(notebook) -> list[str]:
    """Sources of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_paired(script):
    """The .ipynb holds the cells of the .py."""
    paired = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    assert code(paired) == code(jupytext.read(script))


def wordless(notebook) -> list[str]:
    """Sources of the cells that show a picture without alternative text."""
    return [
        cell.source
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
        and len(output.metadata.get("image/png", {}).get("alt", "")) < 60
    ]


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda p: p.stem)
def test_pictures_in_notebooks_have_words(script):
    """Where nbconvert and screen readers find them: in the metadata of the output."""
    notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    assert not wordless(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.metadata = nbformat.NotebookNode()
    assert wordless(notebook)  # without them it would fail: each notebook has a picture


@pytest.mark.slow
@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_run(script, tmp_path):
    """From the top, in a fresh kernel; the first one without PyMC and with quick cells."""
    from nbclient import NotebookClient

    (tmp_path / "notebooks").mkdir()
    (tmp_path / "figures").mkdir()
    notebook = jupytext.read(script)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the notebook machinery, not of ours
        client = NotebookClient(notebook, timeout=900, record_timing=True)
        client.execute(cwd=str(tmp_path / "notebooks"))
    said = re.findall(r"\.\./figures/(\w+\.png)", "\n".join(code(notebook)))
    assert {path.name for path in (tmp_path / "figures").glob("*")} == set(said)
    if script.stem.startswith("01"):
        assert "pymc" not in " ".join(code(notebook))
        import datetime as dt

        for cell in notebook.cells[1:]:
            timing = cell.metadata.get("execution", {})
            if len(timing) >= 4:
                start, end = (
                    dt.datetime.fromisoformat(timing[key])
                    for key in ("iopub.execute_input", "shell.execute_reply")
                )
                # A second a cell is the aim; the imports of a cold machine may take longer.
                assert (end - start).total_seconds() < 20


@pytest.mark.slow
def test_readme_example_runs_as_written(tmp_path, monkeypatch):
    """The Python blocks, word for word and in turn, in an empty folder; their comments hold."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    shown = repr(names["br"].translate("sklearn.Lasso", "glmnet", alpha=0.1, n=100)).splitlines()
    for line in re.findall(r"^# (.+)$", blocks[0], re.MULTILINE):
        assert any(one.startswith(line.rstrip("… +")) for one in shown), line
    assert (tmp_path / "report.html").stat().st_size < 3e6
    br, post, nuts = names["br"], names["post"], names["nuts"]
    verdict = br.agreement(post, nuts)
    assert verdict.ok, verdict.why
    assert names["fit"].certificate.ok
    published = "lasso: ½‖y − β₀ − Zb‖² + λ‖b‖₁ with λ = σ²/scale = 116.64, b = sd(x)·β"
    assert repr(names["problem"].penalty) == published
    models = blocks[-3:]  # after those that speak of other libraries
    for block, name in zip(models, ("problem", "high", "waves"), strict=True):
        assert f"# {names[name].penalty!r}\n" in block


def test_readme_shows_the_commands_and_files_that_exist():
    """Every relative link and picture is there."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert "uv run bayesreg compare diabetes --out report.html" in text
    assert "uv run pytest" in text
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_contributing_draws_the_floors_and_names_files_that_exist():
    """The picture is that of the law, and every file and folder named is there."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    floors: dict[int, set[str]] = {}
    level = 0
    for number, room in re.findall(r"^(\d| )  (\w+) {2,}\S", text, re.MULTILINE):
        level = int(number) if number.strip() else level
        floors.setdefault(level, set()).add(room)
    assert floors == dict(enumerate(FLOORS, start=1))
    for name in re.findall(r"`([\w./]+(?:\.py|/))`", text):
        assert (ROOT / name).exists() or (ROOT / "bayesreg" / name).exists(), name
