"""Laws of the gallery: every picture has its file, its words and its call, and loads quickly."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import bayesreg as br
from bayesreg.language.families import PICTURES

FIGURES = Path(__file__).parents[1] / "figures"
MADE = runpy.run_path(str(FIGURES / "make.py"))
GALLERY = (FIGURES / "README.md").read_text(encoding="utf-8")


def test_every_picture_is_in_the_gallery():
    assert {picture.name for picture in MADE["PICTURES"]} == set(PICTURES)
    for picture in MADE["PICTURES"]:
        assert picture.call in GALLERY
        alt = re.search(rf"!\[(.+)\]\({picture.stem}\.png\)", GALLERY)
        assert alt is not None, picture.stem
        assert len(alt.group(1)) > 60


def test_every_file_has_its_place_and_all_are_small():
    files = {path.name: path.stat().st_size for path in FIGURES.glob("*.png")}

    assert all(f"({name})" in GALLERY for name in files)
    assert set(re.findall(r"\((\w+\.png)\)", GALLERY)) == set(files)
    assert sum(files[f"{picture.stem}.png"] for picture in MADE["PICTURES"]) < 1_500_000


def test_the_same_call_makes_the_same_file():
    picture = next(one for one in MADE["PICTURES"] if one.name == "norms")
    names = {"br": br}
    files = [picture.png(picture.record(names), names) for _ in range(2)]
    other = picture.png(br.demonstrate.norms(3.0), names)

    assert files[0] == files[1] != other


@pytest.mark.parametrize("name", PICTURES)
def test_a_door_is_documented_and_draws_its_own_records_alone(name):
    door, compute = getattr(br, f"plot_{name}"), getattr(br.demonstrate, name)

    assert {"Raises", "References", "Examples"} <= set(
        re.findall(r"^ *(\w+)$", compute.__doc__, re.MULTILINE)
    )
    assert f"demonstrate.{name}" in door.__doc__


def test_a_door_refuses_another_picture_s_record():
    class Other(br.demonstrate.Record):
        picture = "other"
        says = alt = ""

    with pytest.raises(br.BadArgument, match=r"draws what demonstrate\.norms\(\) returns.*Other"):
        br.plot_norms(Other())
