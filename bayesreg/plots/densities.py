"""Figures of densities: posteriors with the MAP marked, priors and the penalties that they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.text import labels, shortened
from bayesreg.plots.canvas import (
    MUTED,
    PAPER,
    Mark,
    axes_grid,
    dress,
    figure_legend,
    footer,
    legend,
    marks,
    need_columns,
)
from bayesreg.plots.coefficients import moved, problem_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesreg.priors import Prior

PANELS = 12


def plot_densities(comparison: Any, ax: Any = None) -> NDArray[np.object_]:
    """Posterior density of each coefficient under each prior, the MAP marked.

    Parameters
    ----------
    comparison : Comparison
        Result of ``br.compare``.
    ax : array of matplotlib.axes.Axes, optional
        One per panel; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One panel per coefficient, at most 12: those with the largest |mean|·sd(x).
    """
    entries = comparison.entries
    problem = problem_of(comparison)
    effects = problem.effects
    need_columns(effects.names)
    means = [effects.of(np.mean(e.post.draws.beta, axis=(0, 1))) for e in entries.values()]
    size = np.max(np.abs(means), axis=0) * effects.sd
    order = np.argsort(-size, kind="stable")[:PANELS]
    panels = axes_grid(ax, len(order), 4, (2.0, 1.62))
    styles = marks(entries)
    titles = labels([effects.names[j] for j in order], 20 if effects.plain else 26)
    handles: list[Any] = []
    for one, j, title in zip(panels, order, titles, strict=True):
        handles = _panel(one, entries, int(j), styles)
        one.set_yticks([])
        one.locator_params(axis="x", nbins=4)
        dress(one, title=title)
        one.tick_params(labelsize=7.5)
    if ax is None and handles:
        figure_legend(panels[0].figure, handles, labels(entries))
    left = len(effects.names) - len(order)
    note = f"; the {len(order)} largest effects, {left} smaller left out" if left else ""
    levels = "" if effects.plain else ", or between levels"
    unit = f"change in {moved(problem)} per unit of the column{levels}"
    footer(panels, f"{unit}; mark on the axis: MAP{note}")
    return panels


def plot_priors(comparison: Any, ax: Any = None) -> NDArray[np.object_]:
    """Each prior as a density and as a penalty, side by side, at the fitted scale.

    Parameters
    ----------
    comparison : Comparison
        Result of ``br.compare``.
    ax : array of matplotlib.axes.Axes, optional
        Two axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Left p(b), right −log p(b) less its value next to 0, in nats; rugs: posterior means.
    """
    panels = axes_grid(ax, 2, 2, (3.9, 3.0))
    curves = list(_fitted(comparison))
    reach = _reach(comparison)
    b = (np.arange(400) + 0.5) / 400 * reach  # never 0: a horseshoe has a pole there
    handles, names, tops = [], [], []
    for curve in curves:
        both = np.concatenate([-b[::-1], b])
        log_density = curve.log_density(both)
        penalty = -log_density + log_density[len(b)]
        handles.append(draw_prior(panels, both, log_density, penalty, curve.mark))
        names.append(curve.name)
        tops.append((float(np.exp(log_density[len(b) + 12])), float(penalty[-1])))
    if tops:
        panels[0].set_ylim(0.0, 1.15 * max(top for top, _ in tops))
        panels[1].set_ylim(0.0, 1.1 * float(np.max([top for _, top in tops])))
        legend(panels[0], handles, labels(names), ncols=3)
    for one in panels:
        one.set_xlim(-reach, reach)
    dress(panels[0], x="coefficient b", y="prior density p(b)", rules="y")
    dress(panels[1], x="coefficient b", y="penalty −log p(b), nats above b = 0", rules="y")
    return panels


def draw_prior(
    panels: NDArray[np.object_], b: Array, log_density: Array, penalty: Array, mark: Mark
) -> Any:
    """A prior as a density, and beside it as a penalty; returns the handle for a legend."""
    line: dict[str, Any] = {"color": mark.colour, "linestyle": mark.dash, "linewidth": 1.6}
    (handle,) = panels[0].plot(b, np.exp(log_density), **line)
    panels[1].plot(b, penalty, **line)
    return handle


def curve_of(draws: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A kernel density estimate on 200 points: binned, Gaussian kernel, Silverman's bandwidth.

    The bandwidth is 0.9·min(sd, IQR/1.349)·n^(−1/5) (Silverman 1986, *Density Estimation*,
    eq. 3.31); binning to 600 cells first costs one pass over the draws.
    """
    x = np.asarray(draws, dtype=float).ravel()
    x = x[np.isfinite(x)]
    if not len(x):
        return np.zeros(0), np.zeros(0)
    from scipy.ndimage import gaussian_filter1d

    low, lower, upper, high = np.quantile(x, [0.001, 0.25, 0.75, 0.999])
    spread = min(float(np.std(x)), float(upper - lower) / 1.349) or float(np.std(x))
    if not spread > 1e-9 * float(np.max(np.abs(x))):  # constant, to rounding: there is no curve
        return np.zeros(0), np.zeros(0)
    width = 0.9 * spread * len(x) ** -0.2
    counts, edges = np.histogram(x, bins=600, range=(low - 4 * width, high + 4 * width))
    cell = edges[1] - edges[0]
    density = gaussian_filter1d(counts / (len(x) * cell), width / cell, mode="constant", truncate=8)
    centres = 0.5 * (edges[:-1] + edges[1:])
    return centres[::3], density[::3]


def _panel(ax: Axes, entries: Mapping[str, Any], j: int, styles: dict[str, Mark]) -> list[Any]:
    """The posteriors of one effect and their MAPs; returns one handle per prior."""
    handles, peaks, ends = [], [], []
    for name, entry in entries.items():
        mark = styles[name]
        effects = entry.problem.effects
        x, density = curve_of(effects.one(j, entry.post.draws.beta))
        (handle,) = ax.plot(
            x, density, color=mark.colour, linestyle=mark.dash, linewidth=1.3, zorder=3
        )
        ax.fill_between(x, density, color=mark.colour, alpha=0.08, linewidth=0, zorder=2)
        handles.append(handle)
        if len(x):
            tall = x[density > 0.01 * density.max()]
            peaks.append(float(density.max()))
            ends += [float(tall[0]), float(tall[-1])]
        if entry.fit is not None:
            beta = entry.fit.beta.to_numpy(float)
            optimum = 0.0 if effects.zero(beta)[j] else float(effects.one(j, beta))
            ends.append(_mark_map(ax, optimum, mark))
    if peaks:
        # One spike at 0 would flatten all other curves: it is cut at four times the lowest peak.
        ax.set_ylim(0.0, 1.06 * min(max(peaks), 4.0 * min(peaks)))
    if ends and max(ends) > min(ends):
        margin = 0.06 * (max(ends) - min(ends))
        low, high = min(ends) - margin, max(ends) + margin
        ax.set_xlim(low, high)
        if low < 0 < high:
            ax.axvline(0.0, color=MUTED, linewidth=0.7, zorder=0)
    return handles


def _mark_map(ax: Axes, optimum: float, mark: Mark) -> float:
    """The MAP as a mark on the axis, hollow if it is exactly zero; returns where it is."""
    face = PAPER if optimum == 0 else mark.colour
    style: dict[str, Any] = {"marker": mark.marker, "color": mark.colour, "mfc": face}
    ax.plot([optimum], [0.0], ms=5, clip_on=False, zorder=5, **style)
    return optimum


@dataclass(frozen=True, eq=False)
class _Curve:
    """One block of one prior at its fitted effective scale."""

    name: str
    prior: Prior
    scale: float
    unit: float
    mark: Mark

    def log_density(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log prior density of a coefficient, evaluated in the unit that the prior is stated in."""
        loc = self.prior.loc
        density = self.prior.log_density(loc + (b - loc) / self.unit, self.scale)
        return np.asarray(density - np.log(self.unit), dtype=float)


def _fitted(comparison: Any) -> Iterator[_Curve]:
    """The blocks of all entries, each at the scale of the MAP, or else the posterior median."""
    for name, mark in marks(comparison.entries).items():
        entry = comparison.entries[name]
        several = len(entry.problem.blocks) > 1
        settled = zip(entry.problem.blocks, entry.scales, strict=True)
        for block, (scale, unit) in settled:
            label = f"{shortened(name, 20)}: {shortened(block.label, 20)}" if several else name
            yield _Curve(label, block.prior, scale, unit, mark)


def _reach(comparison: Any) -> float:
    """How far the axis goes: 1.3 times the largest posterior mean on the scale of b."""
    largest = 0.0
    for entry in comparison.entries.values():
        mean = np.mean(entry.post.draws.beta, axis=(0, 1)) * np.asarray(entry.problem.x_sd)
        largest = max(largest, float(np.max(np.abs(mean), initial=0.0)))
    return 1.3 * largest or 1.0
