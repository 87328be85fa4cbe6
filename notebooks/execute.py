"""Execute the paired scripts and write them, with their output, as notebooks beside themselves."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent
COLOURS = 128


def reduced(png: bytes) -> bytes:
    """A picture in few colours, which is a third of its bytes."""
    full, file = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    full.quantize(COLOURS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def finished(output: Any, cell: Any) -> None:
    """Make the picture of a cell small, and put its words where screen readers find them.

    A record of ``br.demonstrate`` brings its own; of other pictures the cell has them, as in
    ``# %% alt="…"``.
    """
    small = reduced(base64.b64decode(output["data"]["image/png"]))
    output["data"]["image/png"] = base64.b64encode(small).decode("ascii")
    own = output.setdefault("metadata", {}).setdefault("image/png", {})
    if not own.setdefault("alt", cell.metadata.get("alt", "")):
        raise ValueError(f"a picture has no words; give its cell alt=: {cell.source}")


def main(names: list[str]) -> None:
    """Execute the notebooks named, or all of them, from the folder that they are in."""
    for script in sorted(HERE.glob("[0-9]*.py")):
        if names and script.stem not in names:
            continue
        notebook = jupytext.read(script)
        NotebookClient(notebook, timeout=900, record_timing=False).execute(cwd=str(HERE))
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"  # the same bytes from the same outputs
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    finished(output, cell)
        jupytext.write(notebook, script.with_suffix(".ipynb"))


if __name__ == "__main__":
    main(sys.argv[1:])
