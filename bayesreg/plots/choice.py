"""Figure of a choice: what each rule selects, above every criterion along the same λ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.text import shortened
from bayesreg.plots.canvas import (
    COLOURS,
    INK,
    MUTED,
    PAPER,
    PLAIN,
    RULE,
    axes_column,
    beside,
    dress,
    stripes,
)
from bayesreg.plots.coefficients import MOST, per_sd
from bayesreg.plots.densities import curve_of
from bayesreg.plots.paths import log_ticks, name_lines, scale_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Argument:
    """The rules that argue alike, and how they are drawn."""

    title: str
    colour: str
    rules: dict[str, str]


ARGUMENTS = (
    Argument(
        "how probable: evidence and posterior density, each over its maximum",
        COLOURS[0],
        {"evidence": "evidence", "posterior": "posterior, 95 %"},
    ),
    Argument(
        "how well it predicts: squared error above its smallest, %",
        COLOURS[1],
        {
            "cv": "cross-validation", "cv-1se": "CV, one standard error",
            "repeated-cv": "repeated CV", "gcv": "GCV", "loo": "leave-one-out",
        },
    ),
    Argument(
        "how short: criterion above its smallest, nats",
        COLOURS[2],
        {"aic": "AIC", "bic": "BIC", "ebic": "EBIC"},
    ),
)  # fmt: skip


WIDER = 30.0  # than what the rules select: how far the λ axis goes, if the path does
COLUMNS = (42.0, 90.0, 142.0)  # points right of the axes where the numbers of a rule end
NAMED = 10  # coefficients with their names


_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))


def plot_choice(choice: Any, ax: Any = None) -> NDArray[np.object_]:
    """What each rule selects, and every criterion, over one λ axis with the prior's scale above.

    Parameters
    ----------
    choice : Choice
        Result of ``br.choose``.
    ax : array of matplotlib.axes.Axes, optional
        One for the rules, one per argument and one for the coefficients; by default those of a new
        figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        From top to bottom.
    """
    arguments = [one for one in ARGUMENTS if set(one.rules) & set(choice.rules)]
    heights = [0.75 + 0.2 * len(choice.rules), *(1.3 for _ in arguments)]
    heights.append(1.85 + 0.17 * _below(choice).count("\n"))
    panels = axes_column(ax, 8.4, heights)
    low, high = _range(choice)
    for one in panels:
        one.set_xscale("log")
        one.set_xlim(low, high)
    _rules(panels[0], choice, arguments)
    for one, argument in zip(panels[1:], arguments, strict=False):
        draw = (_probability, _prediction, _information)[ARGUMENTS.index(argument)]
        draw(one, choice, argument)
        dress(one, title=_titled(choice, argument))
        one.set_ylim(bottom=0.0)
    _coefficients(panels[-1], choice)
    for one in panels[:-1]:
        one.tick_params(labelbottom=False)
    for one in panels:
        log_ticks(one.xaxis, low, high)
        _guides(one, choice, arguments)
    return panels


def _titled(choice: Any, argument: Argument) -> str:
    """What a panel shows; cross-validation measures squared errors under Gaussian noise alone."""
    squared = choice.source.exact
    return argument.title if squared else argument.title.replace("squared error", "deviance")


def _range(choice: Any) -> tuple[float, float]:
    """The λ's shown: about what is selected and believed, within the path."""
    lam = np.asarray(choice.path.lam, dtype=float)
    about = [rule.lam for rule in choice.rules.values() if np.isfinite(rule.lam)]
    if choice.posterior is not None:
        about += [*np.quantile(choice.posterior.draws, [0.005, 0.995])]
    low, high = float(lam.min()), float(lam.max())
    if about:
        low, high = max(low, min(about) / WIDER), min(high, max(about) * WIDER)
        low, high = min(low, min(about) / 1.5), max(high, max(about) * 1.5)
    return low, high


def _rules(ax: Axes, choice: Any, arguments: list[Argument]) -> None:
    """One row per rule: its λ, in words and as a mark; above, the scale of the prior."""
    rows = [(name, one) for one in arguments for name in one.rules if name in choice.rules]
    where = np.arange(len(rows))[::-1].astype(float)
    low, high = ax.get_xlim()
    stripes(ax, where)
    table = choice.table
    for y, (name, argument) in zip(where, rows, strict=True):
        lam = choice.rules[name].lam
        span = _span(choice, name)
        if span is not None:
            ax.hlines([y], *span, color=argument.colour, linewidth=1.6, alpha=0.45, zorder=3)
        mark, at = ("o", lam) if np.isfinite(lam) else (">", high)
        ax.plot([at], [y], mark, color=argument.colour, ms=5.5, mec=PAPER, zorder=5, clip_on=False)
        row = table.loc[name]
        kept = f"{row['nonzero']:d}" if _selects(choice) else f"{row['df']:.1f}"
        scale = _digits(float(row["scale"]))
        for x, text in zip(COLUMNS, (_digits(lam), scale, kept), strict=True):
            beside(ax, x, y, text, ha="right", size=7.5)
    heads = ("λ", "scale", f"kept of {choice.source.p}" if _selects(choice) else "df")
    for x, text in zip(COLUMNS, heads, strict=True):
        beside(ax, x, len(rows) - 0.35, text, colour=MUTED, ha="right", size=7.5)
    names = [argument.rules[name] for name, argument in rows]
    ax.set_yticks(where, labels=names, **PLAIN)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    dress(ax)
    for tick, (_, argument) in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_color(argument.colour)
    grid = np.geomspace(low, high, 60)
    scale_axis(ax, grid, np.array([choice.scale(float(one)) for one in grid]), _above(choice))


def _selects(choice: Any) -> bool:
    """Whether the penalty makes coefficients exactly zero."""
    return bool(np.any(np.asarray(choice.path.b) == 0.0)) and choice.source.p > 1


def _span(choice: Any, name: str) -> tuple[float, float] | None:
    """What a rule leaves open: the posterior's interval; two Monte Carlo errors of the evidence."""
    if name == "posterior" and choice.posterior is not None:
        low, high = choice.posterior.interval()
        return low, high
    rule = choice.rules[name]
    if name == "evidence" and rule.log_error > 0:
        wide = float(np.exp(2.0 * rule.log_error))
        return rule.lam / wide, rule.lam * wide
    return None


def _above(choice: Any) -> str:
    """What the upper axis is."""
    (block,) = choice.source.blocks
    text = f"scale of the {type(block.prior).__name__} prior"
    if choice.l1_ratio is not None:
        text = f"scale of the elastic-net prior that has l1_ratio = {choice.l1_ratio:g}"
    text += " in units of σ" if block.prior.unit == "sigma" else ""
    if choice.needs_sigma:
        text += f", at σ = {_digits(choice.sigma)} ({choice.sigma_source})"
    return text


def _probability(ax: Axes, choice: Any, argument: Argument) -> None:
    """The posterior density of log λ as a band, the evidence as a curve."""
    handles: list[Any] = []
    names = []
    if choice.posterior is not None:
        x, density = curve_of(np.log(choice.posterior.draws))
        if len(x):
            band = ax.fill_between(
                np.exp(x), density / density.max(), color=argument.colour, alpha=0.18, linewidth=0
            )
            handles.append(band)
            names.append("posterior of log λ")
    curve = choice.curves.get("evidence")
    if curve is not None:
        height = np.exp(-curve.excess)
        handles += ax.plot(curve.lams, height, color=argument.colour, linewidth=1.5)
        names.append("p(y | λ)")
    ax.set_ylim(0.0, 1.12)
    ax.set_yticks([0, 0.5, 1], ["0", "½", "1"])
    _key(ax, handles, names)


def _prediction(ax: Axes, choice: Any, argument: Argument) -> None:
    """Errors in per cent above their smallest, and one standard error."""
    handles, names, tops = [], [], [1e-3]
    read = [one for one in choice.curves.values() if set(one.rules) & set(argument.rules)]
    for curve, dash in zip(read, _DASHES, strict=False):
        best = float(np.nanmin(curve.value))
        percent = 100.0 * curve.excess / best
        handles += ax.plot(
            curve.lams, percent, color=argument.colour, linewidth=1.4, linestyle=dash
        )
        names.append(curve.name)
        tops += [
            100.0 * (curve.at(r.lam) / best - 1.0) for r in choice.rules.values() if r.lam < np.inf
        ]
        if curve.error is not None and "cv" in curve.rules:
            error = 100.0 * float(curve.error[np.nanargmin(curve.value)]) / best
            if np.isfinite(error):
                ax.axhline(error, color=argument.colour, linewidth=0.9, linestyle=(0, (2, 2)))
                beside(ax, 5.0, error, "+1 se", colour=argument.colour, size=7.5)
                tops.append(1.7 * error)
    ax.set_ylim(0.0, 1.12 * min(float(np.nanmax(tops)), 60.0))
    _key(ax, handles, names)


def _information(ax: Axes, choice: Any, argument: Argument) -> None:
    """Half of each criterion above its smallest."""
    handles, names, tops = [], [], [6.0]
    read = [one for one in choice.curves.values() if set(one.rules) & set(argument.rules)]
    for curve, dash in zip(read, _DASHES, strict=False):
        handles += ax.plot(
            curve.lams, curve.excess, color=argument.colour, linewidth=1.4, linestyle=dash
        )
        names.append(curve.name)
        tops += [value - float(np.nanmin(curve.value)) for value in _at_rules(curve, choice)]
    ax.set_ylim(0.0, 1.12 * min(float(np.nanmax(tops)), 30.0))
    _key(ax, handles, names)


def _at_rules(curve: Any, choice: Any) -> list[float]:
    """A criterion at what each rule selects."""
    return [curve.at(rule.lam) for rule in choice.rules.values() if np.isfinite(rule.lam)]


def _coefficients(ax: Axes, choice: Any) -> None:
    """The path itself, the largest coefficients named."""
    path = choice.path
    lam = np.asarray(path.lam, dtype=float)
    order = np.argsort(lam)
    inside = lam[order] >= ax.get_xlim()[0] * (1 - 1e-9)
    effects = path.standardized.to_numpy(float)[order]
    features = list(path.standardized.columns)
    rank = np.argsort(-np.max(np.abs(effects[inside]), axis=0), kind="stable")[:MOST]
    for j in rank[::-1]:
        ax.plot(lam[order], effects[:, j], color=MUTED, linewidth=0.9, alpha=0.9)
    ax.axhline(0.0, color=RULE, linewidth=0.8, zorder=1)
    seen = effects[inside][:, rank]
    reach = float(np.max(np.abs(seen), initial=0.0)) or 1.0
    ax.set_ylim(
        min(1.1 * float(seen.min()), -0.05 * reach), max(1.1 * float(seen.max()), 0.05 * reach)
    )
    dress(ax, title=f"what is left: {per_sd(path.problem)}", x=_below(choice))
    ax.yaxis.tick_right()
    ax.tick_params(axis="y", length=0)
    named = rank[:NAMED]
    name_lines(ax, effects[inside][0], [features[j] for j in named], named, 0.09)


def _guides(ax: Axes, choice: Any, arguments: list[Argument]) -> None:
    """A vertical line at what each rule selects."""
    for argument in arguments:
        for name in argument.rules:
            rule = choice.rules.get(name)
            if rule is not None and np.isfinite(rule.lam):
                ax.axvline(rule.lam, color=argument.colour, linewidth=0.8, alpha=0.45, zorder=1)


def _below(choice: Any) -> str:
    """The λ axis, and what does not apply, in words."""
    said: dict[str, list[str]] = {}
    for name, reason in choice.left_out.items():
        said.setdefault(reason, []).append(name)
    lines = [f"not here: {', '.join(names)} – {reason}" for reason, names in said.items()]
    formulae = choice.source.blocks[0].prior.formulae
    terms = {"λ₁": "λ‖b‖₁", "λ₂": "½λ‖b‖²"}
    likelihood = choice.source.likelihood
    loss = "½RSS" if choice.source.exact else likelihood.words("η")
    if choice.l1_ratio is not None:
        objective = f"{loss} + λ({choice.l1_ratio:g}‖b‖₁ + ½·{1 - choice.l1_ratio:g}‖b‖²)"
    elif len(formulae) == 1:
        objective = f"{loss} + {terms[next(iter(formulae))]}"
    else:
        objective = f"{loss} + λ‖b‖₁ + ½λ₂‖b‖², λ₂ following from the prior's scale"
    text = f"λ of {objective} (logarithmic)"
    return "\n".join([text, *(shortened(line, 118) for line in lines)])


def _key(ax: Axes, handles: list[Any], names: list[str]) -> None:
    """Names of the curves where there is room."""
    if handles:
        made = ax.legend(
            handles, names, loc="best", frameon=False, fontsize=7.5, labelcolor=INK,
            handlelength=2.2, borderaxespad=0.2, labelspacing=0.25,
        )  # fmt: skip
        for text in made.get_texts():
            text.set(**PLAIN)


def _digits(value: float) -> str:
    """Three digits."""
    if not np.isfinite(value):
        return "∞"
    return f"{value:#.3g}".rstrip(".") if 1e-4 <= abs(value) < 1000 else f"{value:.4g}"
