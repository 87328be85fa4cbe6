"""Figure: a drawing with its words, and how it becomes part of a page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

from bayesreg.plots import canvas

# Colours of the SVG that follow the page between light and dark.
_THEME = {canvas.INK: "ink", canvas.MUTED: "muted", canvas.RULE: "rule", canvas.BAND: "band"}
_THEME |= {canvas.PAPER: "paper"} | {c: f"p{i}" for i, c in enumerate(canvas.COLOURS)}
_LONG = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure of a report.

    Attributes
    ----------
    key : str
        Its name: of the file on export.
    title, caption, alt : str
        Heading, how to read it, and what it shows in words.
    drawn : matplotlib.figure.Figure
        The figure itself.
    """

    key: str
    title: str
    caption: str
    alt: str
    drawn: Any

    def inline(self) -> str:
        """The figure as an element of an HTML page."""
        return inline_svg(canvas.svg(self.drawn), f"figure-{self.key}", self.title, self.alt)


def inline_svg(text: str, key: str, title: str, alt: str) -> str:
    """An SVG file as an element of an HTML page.

    Parameters
    ----------
    text : str
        The SVG file.
    key : str
        Prefix of its ids, which must be unique in the page.
    title, alt : str
        Short and long description, for screen readers.

    Returns
    -------
    str
        ``<svg>…</svg>`` with escaped texts, numbers to a hundredth of a point, and colours as CSS
        variables.
    """
    root = ET.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "title", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        old = dict(element.attrib)
        element.attrib.clear()
        element.attrib.update((_local(k), _attribute(_local(k), v, key)) for k, v in old.items())
    box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"id": key, "viewBox": box, "role": "img"})
    root.attrib["aria-labelledby"] = f"{key}-title {key}-alt"
    for place, (tag, end, words) in enumerate((("title", "title", title), ("desc", "alt", alt))):
        described = ET.Element(tag, {"id": f"{key}-{end}"})
        described.text = words
        root.insert(place, described)
    return ET.tostring(root, encoding="unicode")


def _attribute(name: str, value: str, key: str) -> str:
    """An attribute for use inside a page."""
    if name == "id":
        return f"{key}-{value}"
    if name == "href" and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    value = value.replace("url(#", f"url(#{key}-")
    if name == "style":
        value = re.sub(r"font: [^;]*", _font, value)
        for colour, variable in _THEME.items():
            value = value.replace(colour, f"var(--{variable})")
    if name in ("d", "transform", "x", "y", "width", "height"):
        value = _LONG.sub(lambda found: f"{float(found.group()):.2f}", value)
    return " ".join(value.split())


def _font(found: re.Match[str]) -> str:
    """The size alone: the family is the page's."""
    points = re.search(r"[\d.]+px", found.group())
    return f"font-size: {points.group() if points else '9px'}"


def _local(tag: str) -> str:
    """A tag or attribute without its namespace."""
    return tag.rsplit("}", 1)[-1]
