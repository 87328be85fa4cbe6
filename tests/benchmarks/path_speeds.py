"""Times of paths as records: a table, files from which the figure can be drawn, and the figure."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from bayesreg.plots.canvas import COLOURS, INK, MUTED, dress, figure_legend, new_figure, png
from tests.benchmarks.speeds import machine

NAME = "path_speed"
LOOKS = {
    # who: colour, marker, what the legend says
    "bayesreg": (COLOURS[0], "o", "bayesreg, path"),
    "bayesreg, from rows": (COLOURS[0], "D", "bayesreg, from rows"),
    "sklearn": (COLOURS[1], "s", "scikit-learn"),
    "celer": (COLOURS[4], "^", "celer"),
    "skglm": (COLOURS[3], "v", "skglm"),
}
LINES = {
    # upright lines: dashes; a product has the plain ones
    "condition alone": (0, (3, 1, 1, 1)),
    "eigendecomposition": (0, (1, 2)),
}
LEAST = 1e-18  # gaps below are drawn here


@dataclass(frozen=True)
class PathSpeed:
    """One solver on one path.

    Attributes
    ----------
    case, who : str
        Which data, and whose path; or what is the limit.
    wall, cpu : float
        Median seconds of the clock, and the least of the processor.
    gap : float or None
        The worst duality gap over the path, relative to ½‖ỹ‖², by our certificate.
    tolerance : float or None
        The solver's own.
    said : str
        "certified", "not yet" for a tolerance that was too loose, or "given up".
    """

    case: str
    who: str
    wall: float
    cpu: float
    gap: float | None
    tolerance: float | None
    said: str


@dataclass
class PathSpeeds:
    """What was measured, in a folder: JSON, CSV and the figure."""

    folder: Path
    speeds: list[PathSpeed] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> PathSpeeds:
        """What the folder holds, if anything."""
        path = folder / f"{NAME}.json"
        if not path.exists():
            return cls(folder)
        rows = json.loads(path.read_text(encoding="utf-8"))["speeds"]
        known = {one.name for one in fields(PathSpeed)}
        return cls(folder, [PathSpeed(**{k: row[k] for k in known}) for row in rows])

    def keep(self, new: list[PathSpeed], order: list[str]) -> None:
        """Put the speeds of a case in the place of earlier ones, and write all down."""
        cases = {one.case for one in new}
        old = [one for one in self.speeds if one.case not in cases and one.case in order]
        self.speeds = sorted([*old, *new], key=lambda one: order.index(one.case))
        rows = [asdict(one) for one in self.speeds]
        text = json.dumps({"machine": machine(), "speeds": rows}, indent=1, ensure_ascii=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{NAME}.json").write_text(text + "\n", encoding="utf-8")
        with (self.folder / f"{NAME}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)

    def draw(self) -> None:
        """Write the figure."""
        if self.speeds:
            path = self.folder / f"{NAME}.png"
            path.write_bytes(png(plot_path_speeds(self.speeds), dpi=150))
            print(f"# figure: {path}")


def print_head() -> None:
    """The table's head."""
    print(
        f"{'case':16s} {'who':28s} {'wall s':>9s} {'÷ ours':>7s} {'cpu s':>9s} {'worst gap':>10s} "
        f"{'tol':>8s}"
    )


def print_row(one: PathSpeed, first: PathSpeed) -> None:
    """One line."""
    gap = "" if one.gap is None else f"{one.gap:.1e}"
    tol = "" if one.tolerance is None else f"{one.tolerance:.0e}"
    print(
        f"{one.case:16s} {one.who:28s} {one.wall:9.4f} {one.wall / first.wall:7.2f} "
        f"{one.cpu:9.4f} {gap:>10s} {tol:>8s}  {one.said}",
        flush=True,
    )


def plot_path_speeds(speeds: list[PathSpeed]) -> Any:
    """Seconds and worst gap against each other, a panel per case: down and left is better.

    A peer is a line through its tolerances; ours a mark at the one accuracy that it has. Upright
    lines: `condition`, the products, and one eigendecomposition.
    """
    cases = list(dict.fromkeys(one.case for one in speeds))
    across = min(3, len(cases))
    down = -(-len(cases) // across)
    figure = new_figure(3.3 * across, 0.8 + 2.5 * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    handles: dict[str, Any] = {}
    for ax, case in zip(axes, cases, strict=False):
        for who in dict.fromkeys(one.who for one in speeds if one.case == case):
            rows = [one for one in speeds if (one.case, one.who) == (case, who)]
            seconds = [one.wall for one in rows]
            if rows[0].gap is None:
                text = who.removeprefix("limit: ")
                style = LINES.get(text, (0, (5, 2)))
                line = ax.axvline(seconds[0], color=MUTED, linewidth=1.0, linestyle=style)
                handles[text] = line
                continue
            colour, marker, text = LOOKS.get(who, (INK, "P", who))
            gaps = [max(one.gap or 0.0, LEAST) for one in rows]
            (handles[text],) = ax.plot(
                seconds, gaps, color=colour, marker=marker, markersize=5, linewidth=1.0
            )
        ax.axhline(1e-6, color=MUTED, linewidth=0.6)
        dress(ax, x="seconds", y="worst relative duality gap", title=case, rules="both")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.minorticks_off()
    for ax in axes[len(cases) :]:
        ax.set_visible(False)
    figure_legend(figure, list(handles.values()), list(handles))
    return figure
