"""Make every figure that README, notebooks and gallery show: the same bytes from the same versions.

``uv run python figures/make.py`` makes the pictures of the table below and the gallery, then
executes the notebooks, which save the rest. With names it makes these pictures alone.
"""

from __future__ import annotations

import re
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesreg.plots import canvas

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "notebooks"
EXECUTE = runpy.run_path(str(NOTEBOOKS / "execute.py"))
DPI = 110

# What the calls of the table refer to; shown in the gallery as it stands here.
SETUP = """\
import bayesreg as br

data = br.load_dataset("diabetes")
problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
lasso = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)

wide = br.load_dataset("diabetes64")
of_64 = br.Model(br.Normal()).condition(wide.X, wide.y, standardize=True)
few_rows = br.Model(br.R2D2()).condition(wide.X[:40], wide.y[:40], standardize=True)

patients = br.load_dataset("endometrial")
grades = br.Model(br.Normal(2.0), "bernoulli").condition(patients.X, patients.y, standardize=True)
"""
HEAD = """\
# Gallery

Each picture is one call, on your own data as on these. `br.demonstrate.NAME(…)` takes the same
arguments and returns the numbers: `.says` is the sentence, `.alt` the picture in words, `.plot()`
the picture. `uv run python figures/make.py` makes all of them again.
"""


@dataclass(frozen=True)
class Picture:
    """One picture: its name in ``br.demonstrate``, its arguments as text, its style, its file."""

    name: str
    arguments: str = ""
    style: str = ""
    file: str = ""

    @property
    def stem(self) -> str:
        """Name of the file, without its ending."""
        return self.file or self.name

    @property
    def call(self) -> str:
        """The call that makes it."""
        inside = ", ".join(part for part in (self.arguments, self.style) if part)
        return f"br.plot_{self.name}({inside})"

    def record(self, names: dict[str, Any]) -> Any:
        """What it shows, computed."""
        return eval(f"br.demonstrate.{self.name}({self.arguments})", names)  # noqa: S307  (ours)

    def png(self, record: Any, names: dict[str, Any]) -> bytes:
        """The drawing as a file of few colours, under matplotlib's own defaults."""
        with canvas.style():
            drawn = eval(f"record.plot({self.style})", {**names, "record": record})  # noqa: S307
            figure = np.ravel(np.asarray(drawn, dtype=object))[0].figure
            canvas.settle(figure)
            return EXECUTE["reduced"](canvas.png(figure, DPI))


PICTURES = (
    Picture("norms"),
    Picture("penalties"),
    Picture("shrinkage_functions"),
    Picture("shrinkage_functions", "problem", file="shrinkage_along_directions"),
    Picture("geometry", 'problem, ["bmi", "s3"]'),
    Picture("corners"),
    Picture("joint", "lasso"),
    Picture("conditioning", "problem"),
    Picture("bias_variance", "of_64"),
    Picture("weight_decay", "problem"),
    Picture("units", "lasso"),
    Picture("grouping", "problem, 'bmi'"),
    Picture("yes_no", 'grades, ["neovascularisation", "height"]'),
    Picture("before_data", "problem"),
    Picture("before_data", "few_rows", file="before_data_wide"),
    Picture("fitted_line", 'problem, "bmi"'),
    Picture("cross_validation", "lasso"),
    Picture("path_by_norm", "lasso"),
)


def made(names: list[str]) -> None:
    """Write the pictures named, or all of them, and of all of them the gallery."""
    words: dict[str, Any] = {}
    exec(SETUP, words)  # noqa: S102  (the text above)
    sections = []
    for picture in PICTURES:
        if names and picture.stem not in names:
            continue
        record = picture.record(words)
        (HERE / f"{picture.stem}.png").write_bytes(picture.png(record, words))
        sections.append(section(picture, record))
    if not names:
        (HERE / "README.md").write_text(gallery(sections), encoding="utf-8")


def section(picture: Picture, record: Any) -> str:
    """One picture in the gallery: what it says, the picture, and the call that makes it."""
    alt = re.sub(r"([\[\]\\])", r"\\\1", record.alt)
    return (
        f"## {picture.stem.replace('_', ' ')}\n\n{record.says}\n\n![{alt}]({picture.stem}.png)\n\n"
        f"```python\n{picture.call}\n```\n"
    )


def gallery(sections: list[str]) -> str:
    """The gallery: how to make a picture, all pictures, and where the other figures come from."""
    pictures = {f"{picture.stem}.png" for picture in PICTURES}
    rest = [path.name for path in sorted(HERE.glob("*.png")) if path.name not in pictures]
    sources = {path.name: path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("[0-9]*.py")}
    origin = {
        file: next(name for name, text in sorted(sources.items()) if f"figures/{file}" in text)
        for file in rest
    }
    lines = [f"- [`{file}`]({file}): `notebooks/{origin[file]}`" for file in rest]
    return "\n".join(
        [HEAD, f"```python\n{SETUP}```\n", *sections, "## Figures of the notebooks\n", *lines, ""]
    )


if __name__ == "__main__":
    made(sys.argv[1:])
    if not sys.argv[1:]:
        EXECUTE["main"]([])
