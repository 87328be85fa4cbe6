"""Execute the paired scripts and write them, with their output, as notebooks beside themselves."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

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
                data = output.get("data", {})
                if "image/png" in data:
                    small = reduced(base64.b64decode(data["image/png"]))
                    data["image/png"] = base64.b64encode(small).decode("ascii")
        jupytext.write(notebook, script.with_suffix(".ipynb"))


if __name__ == "__main__":
    main(sys.argv[1:])
