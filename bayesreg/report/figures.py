"""The figures of a report: drawn once, each with what it shows in words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg import plots
from bayesreg.plots import canvas
from bayesreg.plots.coefficients import columns_of, kind, size, standardised
from bayesreg.plots.paths import chosen_lam
from bayesreg.plots.text import shortened

if TYPE_CHECKING:
    from bayesreg.results import Comparison

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


def draw(comparison: Comparison, key: str, level: float) -> Figure | None:
    """One figure by key, or None where the comparison has nothing to draw.

    Drawing happens under our own style, so that a report looks the same whatever the user has set.
    """
    makers = {
        "priors": _priors,
        "forest": _forest,
        "densities": _densities,
        "shrinkage": _shrinkage,
        "path": _path,
        "fit": _fit,
        "agreement": _agreement,
    }
    with canvas.style():
        figure = makers[key](comparison, level)
        if figure is not None:
            canvas.settle(figure.drawn)
    return figure


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


def _figure(key: str, title: str, caption: str, alt: str, axes: Any) -> Figure:
    return Figure(key, title, caption, alt, np.ravel(axes)[0].figure)


def _priors(comparison: Comparison, level: float) -> Figure:
    del level
    return _figure(
        "priors",
        "Priors and penalties",
        "Left: the prior density of one coefficient, on the scale that the prior refers to. Right: "
        "the same as a penalty. A parabola is ridge, a corner at 0 makes exact zeros, a pole at 0 "
        "has no penalty and no MAP.",
        f"Prior density and penalty of {_listed(comparison)}, each at its fitted scale.",
        plots.plot_priors(comparison),
    )


def _forest(comparison: Comparison, level: float) -> Figure:
    frame = comparison.coefficients(level)
    interval = kind(frame)
    return _figure(
        "forest",
        "Effects under each prior",
        f"Effect of one standard deviation of each column on y. Line: {interval}; filled mark: "
        "posterior mean; hollow mark: MAP.",
        f"Forest plot with posterior mean and {interval} under {_listed(comparison)}. "
        f"Largest effects: {'; '.join(_largest(comparison, level))}.",
        plots.plot_forest(comparison, level=level),
    )


def _densities(comparison: Comparison, level: float) -> Figure:
    del level
    return _figure(
        "densities",
        "Posterior densities",
        "The posterior is a curve, the MAP a point of it. A hollow mark at 0 is an exact zero of "
        "the MAP; the posterior never has one. Peaks far above the others are cut.",
        f"Posterior density of each coefficient under {_listed(comparison)}, the MAP marked.",
        plots.plot_densities(comparison),
    )


def _shrinkage(comparison: Comparison, level: float) -> Figure | None:
    kappa = comparison.coefficients(level)["kappa"].to_numpy(float)
    if np.all(np.isnan(kappa)):
        return None
    words = "; ".join(
        f"{shortened(name)}: {np.nanmean(e.post.shrinkage.to_numpy(float)):.2f} on average"
        for name, e in comparison.entries.items()
        if np.any(np.isfinite(e.post.shrinkage.to_numpy(float)))
    )
    return _figure(
        "shrinkage",
        "Shrinkage of each coefficient",
        "Posterior mean of κ = 1/(1 + n·var(x)·v/σ²), v the prior variance of the coefficient: at "
        "0 the data decide, at 1 the prior. On standardised columns a ridge has one κ for all; a "
        "horseshoe leaves large effects alone and pulls small ones in.",
        f"Shrinkage factor of each coefficient. {words}.",
        plots.plot_shrinkage(comparison),
    )


def _path(comparison: Comparison, level: float) -> Figure | None:
    del level
    path = comparison.path
    if path is None:
        return None
    family = path.problem.blocks[0].prior.family
    names = [n for n, e in comparison.entries.items() if e.fit is not None]
    same = [n for n in names if comparison.entries[n].problem.blocks[0].prior.family == family]
    mark = canvas.marks(comparison.entries)[(same or names or list(comparison.entries))[0]]
    chosen = chosen_lam(path)
    return _figure(
        "path",
        "Regularisation path" + (f" of {shortened(same[0])}" if same else ""),
        "Optimum of J at every λ, each certified; above, the scale of the prior that the λ is. "
        "Left: hardly any penalty; right: everything is shrunk to the prior's centre.",
        f"Coefficients against λ from {np.min(path.lam):.3g} to {np.max(path.lam):.3g}"
        + (f"; the fit is at λ = {chosen:.4g}." if chosen else "."),
        plots.plot_path(path, mark=mark),
    )


def _fit(comparison: Comparison, level: float) -> Figure | None:
    del level
    if comparison.data is None:
        return None
    ranked = [str(name) for name in comparison.table.index] or list(comparison.entries)
    post = comparison.entries[ranked[0]].post
    panels = canvas.axes_grid(None, 2, 2, (3.9, 2.7))
    mark = canvas.marks(comparison.entries)[ranked[0]]
    plots.plot_ppc(post, panels[0], mark=mark)
    plots.plot_residuals(post, panels[1], mark=mark)
    name = shortened(ranked[0])
    return _figure(
        "fit",
        f"Fit to the data under {name}",
        f"Under {name}. Left: the observed response should look like one of the replicated ones. "
        "Right: residuals at the posterior mean should scatter evenly about 0; a curve or a funnel "
        "says that a straight line with constant noise is not the whole story.",
        f"Density of the observed response over 40 replicated ones, and residuals, under {name}.",
        panels,
    )


def _agreement(comparison: Comparison, level: float) -> Figure | None:
    del level
    found = [(n, e.agreement) for n, e in comparison.entries.items() if e.agreement is not None]
    if not found:
        return None
    words = "; ".join(f"{shortened(n)}: largest |z| {a.max_z:.2f}" for n, a in found)
    return _figure(
        "agreement",
        "Engines against PyMC",
        "Differences of means, sds and quantiles in units of Monte Carlo error, with the standard "
        "normal density. Dashed: the limit.",
        f"Histograms of z per prior. {words}.",
        plots.plot_agreement(comparison),
    )


def _listed(comparison: Comparison) -> str:
    """Names of the priors in a sentence."""
    names = [shortened(name) for name in comparison.entries]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _largest(comparison: Comparison, level: float) -> Iterator[str]:
    """The three largest effects in words."""
    features, sd = columns_of(comparison)
    rows = standardised(comparison.coefficients(level), features, sd)
    for j in np.argsort(-size(rows), kind="stable")[:3]:
        means = ", ".join(f"{row.mean[j]:.3g}" for row in rows.values())
        yield f"{shortened(features[j])} ({means})"
