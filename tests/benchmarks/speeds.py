"""Speeds as records: a table, files from which the figure can be drawn again, and the figure."""

from __future__ import annotations

import csv
import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bayesreg.plots.canvas import COLOURS, INK, MUTED, PAPER, dress, figure_legend, new_figure, png
from tests.benchmarks.limits import Scaling
from tests.benchmarks.problems import CHAINS, DATA

NAME = "posterior_speed"
LOOKS = {
    # who: colour, marker, what the legend says
    "tilted": (COLOURS[0], "o", "tilted (ours)"),
    "gibbs": (COLOURS[5], "D", "gibbs (ours)"),
    "nuts": (COLOURS[6], "X", "nuts (ours)"),
    "pymc": (COLOURS[1], "s", "PyMC"),
    "nutpie": (COLOURS[4], "^", "nutpie"),
    "numpyro": (COLOURS[3], "v", "NumPyro"),
}


@dataclass(frozen=True)
class Speed:
    """One sampler on one posterior.

    Attributes
    ----------
    data, prior, who : str
        What was sampled, and by which engine or peer.
    draws : int
        Kept per chain.
    ess, worst : float, str
        The smallest effective size, and whose.
    wall, setup, compile : float
        Seconds in all; of them, conditioning or model building, and compilation.
    first : float or None
        Seconds that a first call in a fresh process takes besides.
    verified : bool or None
        Whether it agrees with another sampler; None without a verdict.
    said : str
        How that was found, or why there is nothing.
    bound : float or None
        Draws per second that a run which was cut off did not reach.
    limit : float
        Independent draws per second that the hardware allows.
    """

    data: str
    prior: str
    who: str
    draws: int
    ours: bool = True
    ess: float | None = None
    worst: str = ""
    wall: float | None = None
    setup: float = 0.0
    compile: float = 0.0
    first: float | None = None
    repeats: int = 1
    verified: bool | None = None
    said: str = ""
    bound: float | None = None
    limit: float | None = None

    @property
    def rate(self) -> float | None:
        """Effective draws per second of wall time; 0 for a sampler that is wrong."""
        return self._per(self.wall)

    @property
    def sampling_rate(self) -> float | None:
        """The same without set-up and compilation."""
        return None if self.wall is None else self._per(self.wall - self.setup - self.compile)

    @property
    def first_rate(self) -> float | None:
        """The same of a first call in a fresh process."""
        return None if None in (self.wall, self.first) else self._per(self.wall + self.first)

    @property
    def engine(self) -> str:
        """Who, without the remark that it is the default."""
        return self.who.split(" ")[0]

    def _per(self, seconds: float | None) -> float | None:
        if seconds is None or self.ess is None:
            return None
        return 0.0 if self.verified is False else self.ess / seconds


@dataclass
class Speeds:
    """What was measured, in a folder: JSON, CSV and the figure."""

    folder: Path
    speeds: list[Speed] = field(default_factory=list)
    scaling: list[Scaling] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Speeds:
        """What the folder holds, if anything."""
        path = folder / f"{NAME}.json"
        if not path.exists():
            return cls(folder)
        read = json.loads(path.read_text(encoding="utf-8"))
        known = {one.name for one in fields(Speed)}
        speeds = [Speed(**{k: v for k, v in row.items() if k in known}) for row in read["speeds"]]
        return cls(folder, speeds, [Scaling(**row) for row in read["scaling"]])

    def keep(self, new: list[Speed]) -> None:
        """Put speeds in the place of earlier ones of the same sampler, and write all down."""
        keys = {(one.data, one.prior, one.engine) for one in new}
        old = [one for one in self.speeds if (one.data, one.prior, one.engine) not in keys]
        order = [(data.name, prior) for data in DATA.values() for prior in data.priors]
        self.speeds = sorted([*old, *new], key=lambda one: order.index((one.data, one.prior)))
        self._write()

    def keep_scaling(self, new: list[Scaling]) -> None:
        """The same for the times of a draw by rows."""
        priors = {one.prior for one in new}
        self.scaling = [one for one in self.scaling if one.prior not in priors] + new
        self._write()

    def draw(self) -> None:
        """Write the figure."""
        if self.speeds:
            path = self.folder / f"{NAME}.png"
            path.write_bytes(png(plot_speeds(self.speeds), dpi=150))
            print(f"# figure: {path}")

    def _write(self) -> None:
        rows = [
            asdict(one)
            | {name: getattr(one, name) for name in ("rate", "sampling_rate", "first_rate")}
            for one in self.speeds
        ]
        text = {"machine": machine(), "speeds": rows, "scaling": [asdict(s) for s in self.scaling]}
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{NAME}.json"
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(path)
        with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(rows[0]) if rows else [])
            table.writeheader()
            table.writerows(rows)


def machine() -> dict[str, Any]:
    """Cores and versions."""
    versions = {}
    for name in ("bayesreg", "numpy", "numba", "pymc", "arviz", "nutpie", "numpyro"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"cores": os.cpu_count(), "python": platform.python_version(), "versions": versions}


# --- the table --------------------------------------------------------------------------------


def print_head() -> None:
    """The table's head."""
    print(
        f"{'problem':24s} {'prior':10s} {'who':18s} {'eff./s':>9s} {'÷':>9s} {'sampling':>9s} "
        f"{'first call':>10s} {'wall s':>8s} {'set-up s':>9s} {'compile s':>9s} {'first s':>8s} "
        f"{'draws':>8s} {'min ESS':>8s}  worst; limit; verified"
    )


def print_row(one: Speed, first: Speed) -> None:
    """One line: rates, the times behind them, and whether they are of the right posterior."""
    start = f"{DATA[one.data].label:24s} {one.prior:10s} {one.who:18s} "
    if one.ess is None:
        least = "" if one.bound is None else f": fewer than {one.bound:.3g} draws per second"
        print(f"{start}{one.said}{least}", flush=True)
        return
    ratio = first.rate / one.rate if first.rate and one.rate else float("nan")
    unknown = one.first is None
    call, more = ("–", "–") if unknown else (f"{one.first_rate:.3g}", f"{one.first:.1f}")
    limit = "" if one.limit is None else f"; at most {one.limit:.2g} independent draws/s"
    print(
        f"{start}{one.rate:9.3g} {ratio:9.3g} {one.sampling_rate:9.3g} {call:>10s} "
        f"{one.wall:8.2f} {one.setup:9.4f} {one.compile:9.2f} {more:>8s} "
        f"{CHAINS * one.draws:8d} {one.ess:8.0f}  {one.worst}{limit}; {one.said}",
        flush=True,
    )


# --- the figure -------------------------------------------------------------------------------


def plot_speeds(speeds: list[Speed], ax: Any = None) -> Any:
    """Effective draws per second, log scale: one line per posterior, one mark per sampler.

    Filled: verified; open: no verdict; open with an arrow to the left: cut off, at the draws per
    second that it did not reach; ×: wrong. A bar stands at the rate of independent draws.
    """
    lines = list(dict.fromkeys((one.data, one.prior) for one in speeds))
    figure = new_figure(8.0, 1.2 + 0.42 * len(lines)) if ax is None else ax.figure
    ax = figure.add_subplot() if ax is None else ax
    rates = [rate for one in speeds if (rate := one.rate or one.bound)]
    floor = 0.5 * min(rates, default=1.0)
    handles: dict[str, Any] = {}
    for one in speeds:
        line = -lines.index((one.data, one.prior))
        colour, marker, text = LOOKS.get(one.engine, (INK, "P", one.engine))
        y = line + (0.1 * (2 - list(LOOKS).index(one.engine)) if one.engine in LOOKS else 0.0)
        style = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 7}
        open_ = {"markerfacecolor": PAPER, "markeredgewidth": 1.3}
        if one.limit:
            (bar,) = ax.plot(
                one.limit, line, marker="|", color=MUTED, markersize=13, linestyle="none"
            )
        if one.rate:
            ax.plot(one.rate, y, **style, **({} if one.verified else open_))
        elif one.verified is False:
            ax.plot(floor, y, **style | {"marker": "x"})
        elif one.bound:
            ax.plot(one.bound, y, **style, **open_)
            ax.annotate("", (0.55 * one.bound, y), (0.93 * one.bound, y), annotation_clip=False,
                        arrowprops={"arrowstyle": "->", "color": colour})  # fmt: skip
        if one.rate or one.bound:
            handles[text] = ax.plot([], [], **style)[0]
    note = "open: not verified by another sampler; arrow: cut off before its end"
    dress(ax, x=f"effective draws per second of the worst unknown\n{note}", rules="both")
    ax.set_xscale("log")
    ax.set_xlim(left=0.5 * floor)
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}" if x < 1 else f"{x:,.0f}".replace(",", " "))
    names = [f"{DATA[data].label}, {prior}" for data, prior in lines]
    ax.set_yticks([-k for k in range(len(lines))], names)
    ax.set_ylim(0.6 - len(lines), 0.6)
    if any(one.limit for one in speeds):
        handles["independent draws"] = bar
    figure_legend(figure, list(handles.values()), list(handles))
    return figure
