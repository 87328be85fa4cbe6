"""The figures of a report: drawn once, each with what it shows in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesreg import plots
from bayesreg.data.stores.read import grouped
from bayesreg.language.text import shortened
from bayesreg.plots import canvas
from bayesreg.plots.coefficients import effects_of, kind, moved, problem_of, size, standardised
from bayesreg.report.figure import Figure
from bayesreg.report.regularisation import drawn_choice, drawn_path
from bayesreg.report.tables import coding

# How the figure of the fit is read, and what it is in an alternative text.
FIT = (
    "Left: the observed response should look like one of the replicated ones. Right: residuals at "
    "the posterior mean should scatter evenly about 0; a curve or a funnel says that a straight "
    "line with constant noise is not the whole story."
)
DRAWN = "Density of the observed response over 40 replicated ones, and residuals, under"
SHARES = (
    "Left: of rows with like predicted probabilities, each predicted from the others, the observed "
    "share should lie on the diagonal within its 95 % interval; bars count rows of no (below) and "
    "of yes (above)."
)
BINNED = (
    "Right: the mean "
    "residual of such rows should lie within the band, two standard errors about 0; a curve says "
    "that log-odds linear in the columns are not the whole story."
)
ROOTS = (
    "Left: a rootogram. Observed numbers of rows by count (bars) hang from expected ones (line), "
    "as roots: a foot below the interval about 0 is a count of which there are too many, one "
    "above it of which there are too few."
)
QUANTILES = (
    "Right: residuals as normal quantiles of where each count falls in what is predicted of it, "
    "placed at random on its step: they should scatter evenly about 0, nineteen of twenty within "
    "±2, at every fitted value."
)
DRAWN_ROOTS = "Rootogram of observed and expected counts, and quantile residuals, under"
DRAWN_SUCCESSES = "Observed share against predicted probability, and quantile residuals, under"
OF_COLUMNS = ("forest", "densities", "significance")  # which a model may be without
DRAWN_SHARES = "Observed share against predicted probability in bins, and binned residuals, under"


def draw(comparison: Any, key: str, level: float) -> Figure | None:
    """One figure by key, or None where the comparison has nothing to draw.

    Drawing happens under our own style, so that a report looks the same whatever the user has set.
    """
    if key in OF_COLUMNS and not problem_of(comparison).features:
        return None
    makers = {
        "priors": _priors,
        "forest": _forest,
        "densities": _densities,
        "effective": _effective,
        "shrinkage": _shrinkage,
        "profile": _profile,
        "scale": _scale,
        "significance": _significance,
        "path": _path,
        "choice": _choice,
        "fit": _fit,
        "adequacy": _adequacy,
        "passed": _passed,
        "agreement": _agreement,
    }
    with canvas.style():
        figure = makers[key](comparison, level)
        if figure is not None:
            canvas.settle(figure.drawn)
    return figure


def _figure(key: str, title: str, caption: str, alt: str, axes: Any) -> Figure:
    return Figure(key, title, caption, alt, np.ravel(axes)[0].figure)


def _priors(comparison: Any, _: float) -> Figure:
    return _figure(
        "priors",
        "Priors and penalties",
        "Left: the prior density of one coefficient, on the scale that the prior refers to. Right: "
        "the same as a penalty. A parabola is ridge, a corner at 0 makes exact zeros, a pole at 0 "
        "has no penalty and no MAP.",
        f"Prior density and penalty of {_listed(comparison)}, each at its fitted scale.",
        plots.plot_priors(comparison),
    )


def _forest(comparison: Any, level: float) -> Figure:
    frame = comparison.coefficients(level)
    interval = kind(frame)
    return _figure(
        "forest",
        "Effects under each prior",
        f"Effect of one standard deviation of each column on {_response(comparison)}. Line: "
        f"{interval}; filled mark: posterior mean; hollow mark: MAP. {coding(comparison)}".rstrip(),
        f"Forest plot with posterior mean and {interval} under {_listed(comparison)}. "
        f"Largest effects: {'; '.join(_largest(comparison, level))}.",
        plots.plot_forest(comparison, level=level),
    )


def _densities(comparison: Any, _: float) -> Figure:
    return _figure(
        "densities",
        "Posterior densities",
        "The posterior is a curve, the MAP a point of it. A hollow mark at 0 is an exact zero of "
        f"the MAP; the posterior never has one. Peaks far above the others are cut. "
        f"{coding(comparison)}".rstrip(),
        f"Posterior density of each coefficient under {_listed(comparison)}, the MAP marked.",
        plots.plot_densities(comparison),
    )


def _effective(comparison: Any, level: float) -> Figure | None:
    found = _shrunk(comparison)
    if found is None:
        return None
    words = "; ".join(
        f"{shortened(name)}: {float(one.effective):.1f} of {one.directions}"
        for name, one in found.items()
        if one.known and len(one.proper)
    )
    return _figure(
        "effective",
        "Effective number of non-zero coefficients",
        "Posterior of m_eff under each prior, on the right its mean and interval. The same data "
        "leave more coefficients alive under one prior than under another.",
        f"Density of the effective number of non-zero coefficients. {words}.",
        plots.plot_effective(found, level=level),
    )


def _shrinkage(comparison: Any, level: float) -> Figure | None:
    found = _shrunk(comparison)
    if found is None:
        return None
    words = "; ".join(
        f"{shortened(name)}: {np.nanmean(one.mean.to_numpy(float)):.2f} on average"
        for name, one in found.items()
        if one.known and len(one.proper)
    )
    alike = "one" if problem_of(comparison).exact else "nearly one"
    return _figure(
        "shrinkage",
        "Shrinkage of each coefficient",
        "Posterior mean and interval of κ: at 0 the data decide, at 1 the prior. On standardised "
        f"columns a ridge has {alike} κ for all; a horseshoe leaves large effects alone and pulls "
        "small ones in, and is uncertain of those between.",
        f"Shrinkage factor of each coefficient. {words}.",
        plots.plot_shrinkage(found, level=level),
    )


def _profile(comparison: Any, _: float) -> Figure | None:
    found = {name: entry.profiles for name, entry in comparison.entries.items()}
    if not any(found.values()):
        return None
    first = next(p for every in found.values() for p in every)
    at = int(np.argmin(np.abs(first.estimate - 3.0)))
    given = "at the fitted σ and scale"
    if not problem_of(comparison).exact:
        given = "at the fitted scale and the curvature of the loss at the posterior mean"
    words = "; ".join(
        f"{shortened(name)}: {one.estimate[at] - one.mean[at]:.2f}"
        for name, every in found.items()
        for one in every[:1]
    )
    return _figure(
        "profile",
        "What each prior takes from an estimate",
        f"In an orthogonal design, {given}: how far the posterior mean (left) and "
        f"the MAP (right) lie below a {first.estimator} estimate, in standard errors. A ridge "
        "takes a share, a lasso an amount, a horseshoe much of what is small and little of what is "
        "large.",
        f"Taken by the posterior mean from an estimate of 3 standard errors: {words}.",
        plots.plot_profile(found),
    )


def _scale(comparison: Any, level: float) -> Figure | None:
    found = {name: entry.lam for name, entry in comparison.entries.items()}
    if all(q.known for one in found.values() for q in one.quantities):
        return None
    words = "; ".join(
        f"{q.name} of {shortened(name)}: median {q.median:.3g}, {100 * level:.6g} % in "
        f"{q.interval(level)[0]:.3g} to {q.interval(level)[1]:.3g}"
        for name, one in found.items()
        for q in one.quantities
    )
    return _figure(
        "scale",
        "The posterior of λ",
        "The scale of each prior as the λ that it is, where it is a penalty; dashed: the λ of the "
        "MAP. A point of a wide density is a choice that the data leave open.",
        f"Posterior density of λ or scale. {words}.",
        plots.plot_scale(found),
    )


def _significance(comparison: Any, _: float) -> Figure:
    found = {name: entry.significance for name, entry in comparison.entries.items()}
    words = "; ".join(
        f"{shortened(name)}: {int(np.sum(one.p_larger > 0.95))} of {len(one.features)}"
        for name, one in found.items()
    )
    first = next(iter(found.values()))
    size, what = first.words.removesuffix(" per sd of the column").split(", ", 1)
    return _figure(
        "significance",
        "Which effects matter, and of which sign",
        f"Left: probability of the likelier sign. Right: probability that the effect of one sd of "
        f"the column is larger than ε = {size}, {what}.",
        f"Effects larger than ε with probability above 0.95: {words}.",
        plots.plot_significance(found),
    )


def _shrunk(comparison: Any) -> dict[str, Any] | None:
    """κ by prior, or None where no prior has any."""
    found = {name: entry.post.shrinkage for name, entry in comparison.entries.items()}
    return found if any(one.known and len(one.proper) for one in found.values()) else None


def _path(comparison: Any, _: float) -> Figure | None:
    path = comparison.path
    if path is None:
        return None
    family = path.problem.blocks[0].prior.family
    names = [n for n, e in comparison.entries.items() if e.fit is not None]
    same = [n for n in names if comparison.entries[n].problem.blocks[0].prior.family == family]
    mark = canvas.marks(comparison.entries)[(same or names or list(comparison.entries))[0]]
    return drawn_path(path, mark=mark, of=same[0] if same else "")


def _choice(comparison: Any, _: float) -> Figure | None:
    return None if comparison.choice is None else drawn_choice(comparison.choice)


def _fit(comparison: Any, _: float) -> Figure | None:
    best = _best(comparison)
    post = comparison.entries[best].post
    if not post.has_rows:
        return None
    post = post.at_hand
    panels = canvas.axes_grid(None, 2, 2, (3.9, 2.7))
    mark = canvas.marks(comparison.entries)[best]
    likelihood = post.problem.likelihood
    rooted = likelihood.counts and not likelihood.takes_trials
    first = plots.plot_rootogram if rooted else plots.plot_ppc
    first(post, panels[0], mark=mark)
    plots.plot_residuals(post, panels[1], mark=mark)
    name = shortened(best)
    caption, alt = FIT, DRAWN
    if likelihood.takes_labels:
        caption, alt = f"{SHARES} {BINNED}", DRAWN_SHARES
    elif likelihood.takes_trials:
        caption, alt = f"{SHARES} {QUANTILES}", DRAWN_SUCCESSES
    elif likelihood.counts:
        caption, alt = f"{ROOTS} {QUANTILES}", DRAWN_ROOTS
    said = f"Under {name}{_sampled(post)}. {caption}"
    return _figure("fit", f"Fit to the data under {name}", said, f"{alt} {name}.", panels)


def _sampled(post: Any) -> str:
    """From how many rows, where these are a sample."""
    design = post.at_hand.problem.design
    if not design.sampled_of:
        return ""
    return f", from {grouped(design.n)} of {grouped(design.sampled_of)} rows"


def _passed(comparison: Any, _: float) -> Figure | None:
    name = _best(comparison)
    found = comparison.entries[name].loo
    if not hasattr(found, "pit"):
        return None
    rows = grouped(int(found.n_data_points))
    return _figure(
        "passed",
        "All rows, left out",
        f"Under {shortened(name)}, of all {rows} rows, each predicted from the others. Left: where "
        "y falls in what is predicted of it, which should be even. Right: how many rows there are "
        "by predicted value and error, in units of its scale; the line, the mean error, should be "
        "0 everywhere.",
        f"Histogram of the LOO-PIT, and of errors by predicted value, of {rows} rows.",
        plots.plot_left_out(found, mark=canvas.marks(comparison.entries)[name]),
    )


def _adequacy(comparison: Any, _: float) -> Figure | None:
    found = comparison.adequacy
    if found is None or found.residuals is None or found.residuals.labels:
        return None
    name = _best(comparison)
    mark = canvas.marks(comparison.entries)[name]
    columns = min(4, len(found.residuals.strong))
    return _figure(
        "adequacy",
        "What the residuals say",
        "Above: predictions of rows left out should lie about the line; √|residual| should not "
        "rise or fall; residuals should follow the line, the quantiles of their own law; the "
        "LOO-PIT, where each row falls "
        "in what the others predict of it, should be even, within the band. Below: residuals "
        f"against the {columns} columns that move the response most should have a mean (line) of 0 "
        f"everywhere. Under {shortened(name)}{_sampled(comparison.entries[name].post)}.",
        f"Residual plots under {shortened(name)}. {found.why[:1].upper()}{found.why[1:]}.",
        plots.plot_adequacy(found, mark=mark),
    )


def _best(comparison: Any) -> str:
    """The prior that predicts best, or the first."""
    ranked = [str(name) for name in comparison.table.index] or list(comparison.entries)
    return ranked[0]


def _agreement(comparison: Any, _: float) -> Figure | None:
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


def _response(comparison: Any) -> str:
    """What effects are on: y, or the log-odds of a class."""
    problem = problem_of(comparison)
    if problem.classes_ is None:
        return moved(problem)
    return f"the {moved(problem)} of “{shortened(str(problem.classes_[1]), 40)}”"


def _listed(comparison: Any) -> str:
    """Names of the priors in a sentence."""
    names = [shortened(name) for name in comparison.entries]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _largest(comparison: Any, level: float) -> Iterator[str]:
    """The three largest effects in words."""
    features, sd = effects_of(comparison)
    rows = standardised(comparison.coefficients(level), features, sd)
    for j in np.argsort(-size(rows), kind="stable")[:3]:
        means = ", ".join(f"{row.mean[j]:.3g}" for row in rows.values())
        yield f"{shortened(features[j])} ({means})"
