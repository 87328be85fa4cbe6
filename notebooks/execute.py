"""Execute the paired scripts and write them, with their output, as notebooks beside themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
from nbclient import NotebookClient

HERE = Path(__file__).parent


def main(names: list[str]) -> None:
    """Execute the notebooks named, or all of them, from the folder that they are in."""
    for script in sorted(HERE.glob("[0-9]*.py")):
        if names and script.stem not in names:
            continue
        notebook = jupytext.read(script)
        NotebookClient(notebook, timeout=900, record_timing=False).execute(cwd=str(HERE))
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"  # the same bytes from the same outputs
        jupytext.write(notebook, script.with_suffix(".ipynb"))


if __name__ == "__main__":
    main(sys.argv[1:])
