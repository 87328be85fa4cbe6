"""Axes to draw on, one mark per prior, and the files that a figure becomes.

A figure that users get is pyplot's, as every library's is: a notebook shows it once, `plt.show()`
opens it, and `plt.close()` is theirs. What a report draws under `style` no window knows of. The
backend stays as it is, and rcParams are restored after each file.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.errors import BadArgument
from bayesreg.language.text import labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE, BAND, PAPER = "#20242a", "#6a717c", "#d9dde3", "#f4f5f7", "#fefefe"

# Okabe & Ito (2008), "Color universal design": told apart under every common colour blindness.
# Each colour has its own marker and dash as well, so that a grey print is still readable.
COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a", "#7a4a1e",
)  # fmt: skip
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "h")
_DASHES: tuple[Any, ...] = (
    "-", (0, (6, 1.5)), (0, (3, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (1.5, 1)), (0, (9, 2)), "-.",
    (0, (4, 1, 1, 1, 1, 1)),
)  # fmt: skip

# The families of rcParams that decide what a file looks like; the rest are none of our business.
_LOOKS = (
    "agg.", "axes.", "figure.", "font.", "grid.", "hatch.", "image.", "legend.", "lines.",
    "markers.", "mathtext.", "patch.", "path.", "savefig.", "svg.", "text.", "xtick.", "ytick.",
)  # fmt: skip
_OURS = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "bayesreg",
    "text.hinting": "none",  # widths in proportion at any dpi: what is settled at one fits at all
    "text.parse_math": False,
    "axes.unicode_minus": True,
}
_LEGEND: dict[str, Any] = {
    "frameon": False, "fontsize": 8.5, "handlelength": 2.0, "columnspacing": 1.8, "labelcolor": INK
}  # fmt: skip
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # names are no mathematics
_APART: ContextVar[bool] = ContextVar("apart", default=False)  # whether figures are only ours
_LOCK = threading.RLock()  # rcParams are global: two reports in two threads must not interleave


@dataclass(frozen=True)
class Mark:
    """How one prior is drawn, in every figure: colour, marker and dash."""

    colour: str
    marker: str
    dash: Any
    rank: int


def need_columns(names: Sequence[str]) -> None:
    """Refuse to draw coefficients where there are none."""
    if not len(names):
        raise BadArgument(
            "there are no coefficients to draw: the model has an intercept and no columns; "
            "post.summary() has it in numbers, and post.plot('trace') draws it"
        )


def marks(names: Iterable[str]) -> dict[str, Mark]:
    """One mark per prior, by the order of the names.

    Parameters
    ----------
    names : iterable of str
        Names of the priors in the order of the comparison.

    Returns
    -------
    dict of str to Mark
        Colour, marker and dash; after eight priors the markers shift, so that pairs stay unique.

    Examples
    --------
    >>> marks(["ridge", "lasso"])["lasso"].colour
    '#d55e00'
    """
    size = len(COLOURS)
    return {
        name: Mark(
            COLOURS[i % size], _MARKERS[(i + i // size) % size], _DASHES[(i + i // size) % size], i
        )
        for i, name in enumerate(names)
    }


def axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The given axes, or those of a new figure of this size in inches."""
    if ax is None:
        return _figure(width, height).add_subplot()
    (given,) = _given(ax, 1, exactly=True)
    return cast("Axes", given)


def _given(ax: Any, count: int, *, exactly: bool = False) -> NDArray[np.object_]:
    """The axes that were given, `count` of them or more."""
    from matplotlib.axes import Axes

    given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    for one in given:
        if not isinstance(one, Axes):
            raise BadArgument(
                f"ax takes what plt.subplots() makes, matplotlib Axes, not {type(one).__name__}"
            )
    if len(given) < count:
        raise BadArgument(
            f"ax holds {len(given)} axes, and {count} are needed, as plt.subplots(1, {count})[1]; "
            "leave ax out for new ones"
        )
    if exactly and len(given) > count:
        raise BadArgument(f"ax holds {len(given)} axes, and one is drawn on: give one, as ax[0]")
    return given[:count]


def axes_grid(ax: Any, count: int, columns: int, panel: tuple[float, float]) -> NDArray[np.object_]:
    """At least `count` given axes, or those of a new figure with panels of this size in inches."""
    if ax is not None:
        return _given(ax, count)
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    figure = _figure(panel[0] * columns, panel[1] * rows)
    grid = np.asarray(figure.subplots(rows, columns, squeeze=False), dtype=object).ravel()
    for spare in grid[count:]:
        spare.remove()
    return grid[:count]


def axes_column(ax: Any, width: float, heights: Sequence[float]) -> NDArray[np.object_]:
    """As many given axes as `heights`, or those of a new figure, one under another, in inches."""
    if ax is not None:
        return axes_grid(ax, len(heights), 1, (width, 1.0))
    figure = _figure(width, float(sum(heights)))
    made = figure.subplots(len(heights), 1, squeeze=False, sharex=True, height_ratios=list(heights))
    return np.asarray(made, dtype=object).ravel()


def new_figure(width: float, height: float) -> Figure:
    """A figure with an Agg canvas that no window and no pyplot knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def _figure(width: float, height: float) -> Figure:
    """Pyplot's new figure; under `style`, one that is only ours."""
    if _APART.get():
        return new_figure(width, height)
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained", facecolor=PAPER)


def dress(ax: Axes, *, x: str = "", y: str = "", title: str = "", rules: str = "") -> None:
    """Quiet axes: two spines at most, small labels as plain text, rules behind along one axis."""
    ax.set_facecolor("none")
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom")
        spine.set(color=RULE, linewidth=0.8)
    ax.tick_params(length=0, labelsize=8, labelcolor=MUTED, pad=5)
    ax.set_axisbelow(True)
    if rules:
        ax.grid(True, axis=rules, color=RULE, linewidth=0.6)  # type: ignore[arg-type]
    ax.set_xlabel(x, fontsize=8.5, color=MUTED, labelpad=7, **PLAIN)
    ax.set_ylabel(y, fontsize=8.5, color=MUTED, labelpad=7, **PLAIN)
    if title:
        ax.set_title(title, fontsize=9, color=INK, loc="left", pad=8, **PLAIN)


def stripes(ax: Axes, where: NDArray[Any]) -> None:
    """Every other row shaded, so that marks find their name."""
    for y in where[1::2]:
        ax.axhspan(y - 0.5, y + 0.5, color=BAND, linewidth=0, zorder=0)


def beside(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    *,
    colour: str = INK,
    ha: str = "left",
    size: float = 8.0,
    end: float = 1.0,
) -> None:
    """Text `x` points from an end of the axes (0 or 1), at a height in data."""
    ax.annotate(
        text, (end, y), xytext=(x, 0.0), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha=ha, va="center", fontsize=size, color=colour,
        annotation_clip=False, **PLAIN,
    )  # fmt: skip


def legend(ax: Axes, handles: Sequence[Any], texts: Sequence[str], **place: Any) -> None:
    """A frameless legend above the axes whose texts are never read as mathematics."""
    chosen = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.01), "borderaxespad": 0.0}
    _plain(ax.legend(handles, texts, **{**_LEGEND, **chosen, **_width(texts), **place}))


def inside(ax: Axes, handles: Sequence[Any], names: Sequence[str], loc: str) -> None:
    """A small legend inside axes that were given, beside others that nobody may move."""
    said = labels(names, 16)
    legend(ax, handles, said, loc=loc, bbox_to_anchor=None, ncols=1, borderaxespad=0.3, fontsize=7)


def figure_legend(figure: Any, handles: Sequence[Any], texts: Sequence[str]) -> None:
    """The same above all panels of a figure."""
    _plain(figure.legend(handles, texts, loc="outside upper left", **_LEGEND, **_width(texts)))


def _width(texts: Sequence[str]) -> dict[str, int]:
    """As many columns as a page of 7 inches holds."""
    return {"ncols": max(1, min(len(texts), 90 // (max(map(len, texts), default=1) + 8)))}


def _plain(made: Any) -> None:
    """Texts of a legend as text."""
    for text in made.get_texts():
        text.set(**PLAIN)


def footer(panels: NDArray[np.object_], text: str) -> None:
    """One line under all panels."""
    if len(panels):
        panels[0].figure.supxlabel(text, fontsize=8.5, color=MUTED, **PLAIN)


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's own defaults and ours, whatever the user has set; restored on leaving.

    Figures made meanwhile are unknown to pyplot.
    """
    import matplotlib as mpl

    looks: Any = {k: v for k, v in mpl.rcParamsDefault.items() if k.startswith(_LOOKS)} | _OURS
    with _LOCK, warnings.catch_warnings(), mpl.rc_context(looks):
        # A glyph that DejaVu lacks becomes a box in a PNG and is right in an SVG: no news.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        token = _APART.set(True)
        try:
            yield
        finally:
            _APART.reset(token)


def settle(figure: Any) -> None:
    """Fix the places of all parts, which constrained layout would move a little at each drawing."""
    with style():
        for _ in range(2):
            figure.draw_without_rendering()
    figure.set_layout_engine("none")


def png(figure: Any, dpi: int = 200) -> bytes:
    """The figure as a PNG file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    dpi : int, default 200
        Dots per inch.

    Returns
    -------
    bytes
        The file: the same for the same figure.
    """
    return _file(figure, "png", dpi=dpi, metadata={"Software": None})


def svg(figure: Any) -> str:
    """The figure as an SVG file, its texts as text.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.

    Returns
    -------
    str
        The file: the same for the same figure, without a date.
    """
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    return _file(figure, "svg", metadata=nothing).decode("utf-8")


def _file(figure: Any, kind: str, **options: Any) -> bytes:
    """One file of the figure, under our style."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()
