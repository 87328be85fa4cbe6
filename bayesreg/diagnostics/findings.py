"""Findings: questions put to a posterior about its model, each with what was seen and what to do.

A test alone would call any departure of a large data set: a finding needs one that is also large
enough to change an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics.dispersion import Dispersion, chance
from bayesreg.diagnostics.residuals import Residuals
from bayesreg.diagnostics.sensitivity import SENSITIVE, sensitivity
from bayesreg.language.text import listed, percent, shortened

if TYPE_CHECKING:
    from bayesreg.engines.draws import Draws

LEAST_ROWS = 20  # of which a shape can be judged
ALPHA = 1e-3  # of each finding, divided among its tests
CURVED = 0.02  # of the residual variance, that one added term would explain
WIDER = 1.75  # ratio of residual sds, upper third of fitted values to lower, either way
SKEWED, PEAKED = 0.75, 1.5  # skewness and excess kurtosis of residuals
MISCALIBRATED = 0.08  # distance of the PITs' distribution from uniform
OFF = 0.1  # difference of a share of ones from the probability predicted
INFLUENTIAL = 1.0  # of Cook's distances
SAME_ORDER = 0.999  # rank correlation of a column and y, where a curve links them
EXPLAINED = 1.0 - 1e-6  # R² at which the columns give y away together
IMPOSSIBLE = 0.05  # of the predictive mass, below what y can be
NAMED = 5  # rows or columns that a sentence lists
UNEVEN = 1.3  # ratio of the variance of counts to that of replicates, either way
MORE_ZEROS = 1.25  # ratio of the share of zeros to that of replicates, either way


@dataclass(frozen=True)
class Finding:
    """One question put to a model.

    Attributes
    ----------
    key : str
        ``"curvature"``, ``"spread"``, ``"shape"``, ``"calibration"``, ``"rows"``, ``"give-away"``,
        ``"response"``, ``"dispersion"``, ``"zeros"``, ``"shares"`` or ``"prior"``.
    question : str
        In words.
    ok : bool or None
        False where the model should be changed or the rows looked at; None where these data cannot
        say.
    seen : str
        What was seen, with its number.
    advice : str
        What to do; empty where nothing.
    """

    key: str
    question: str
    ok: bool | None
    seen: str
    advice: str = ""


def curvature(found: Residuals) -> Finding:
    """Whether the mean is straight in every column."""
    question = "Is the mean straight in every column?"
    scores = found.curvature()
    if not scores:
        why = "too few rows beside the columns, or no column of more than a few values"
        return Finding("curvature", question, None, why)
    worst = min(scores, key=lambda one: one.p)
    bent = [s for s in scores if s.p * len(scores) < ALPHA and s.share > CURVED]
    if not bent:
        seen = f"of {len(scores)} terms the most missed is {shortened(worst.term)}"
        return Finding(
            "curvature", question, True, f"{seen} ({percent(worst.share, 1)} of the residuals)"
        )
    bent.sort(key=lambda one: -one.share)
    names = listed([f"{shortened(s.term)} ({percent(s.share)})" for s in bent[:NAMED]])
    seen = f"residuals are curved: a share of their variance follows {names}"
    column = next((s.term[:-1] for s in bent if s.term[:-1] in found.design.names), None)
    advice = "add a curve to the formula, such as poly(x, 2) or bs(x, df=4), or transform y"
    if column is not None:
        advice = advice.replace("x,", f"{shortened(column)},")
    return Finding("curvature", question, False, seen, advice)


def spread(found: Residuals) -> Finding:
    """Whether noise is as wide where fitted values are high as where low."""
    question = "Is the noise as wide everywhere?"
    if found.design.n < LEAST_ROWS or not np.ptp(found.fitted) > 0.0:
        return Finding("spread", question, None, "too few rows, or the fit is constant")
    ratio, p = found.spread()
    if p >= ALPHA or 1.0 / WIDER < ratio < WIDER:
        seen = f"residuals are {ratio:.2f} times as wide where fitted values are high as where low"
        return Finding("spread", question, True, seen)
    wide = ratio if ratio > 1.0 else 1.0 / ratio
    where = "high" if ratio > 1.0 else "low"
    advice = "intervals are too wide on one side and too narrow on the other"
    if found.design.y.min() > 0.0 and ratio > 1.0:
        advice += "; as y is positive, model log(y), or counts by br.Poisson()"
    seen = f"residuals are {wide:.1f} times as wide where fitted values are {where}"
    return Finding("spread", question, False, seen, advice)


def shape(found: Residuals) -> Finding:
    """Whether residuals have the tails and the symmetry of the law of the noise."""
    normal = found.normal
    question = "Is the noise normal?" if normal else f"Is it {found.likelihood.noun}?"
    if found.design.n < LEAST_ROWS:
        return Finding("shape", question, None, f"fewer than {LEAST_ROWS} rows")
    skew, p_skew, kurtosis, p_kurtosis = found.tails()
    of = "" if normal else ", as normal quantiles"
    said = f"skewness {skew:.1f}, excess kurtosis {kurtosis:.1f}{of}"
    lopsided = abs(skew) > SKEWED and p_skew < ALPHA / 2
    heavy = kurtosis > PEAKED and p_kurtosis < ALPHA / 2
    if not lopsided and not heavy:
        return Finding("shape", question, True, said)
    # A gamma's excess kurtosis is 1.5 times the square of its skewness: what is beyond is in both
    # tails, and a far row on one side makes some skewness by itself.
    if heavy and kurtosis > 1.5 * skew**2 + PEAKED:
        lopsided = False
    which = "skewed" if lopsided else f"heavier in the tails than {_law(found)}"
    advice = "effects are still means, but single predictions are not as likely as stated"
    if lopsided and skew > 0.0 and found.design.y.min() > 0.0:
        advice = "y is positive with a long upper tail: model log(y)"
    elif heavy:
        advice = "a few rows weigh too much: look at them, and fit once without them"
        if found.likelihood.wider:
            advice = f"a few rows weigh too much: look at them, and use {found.likelihood.wider}"
    return Finding("shape", question, False, f"residuals are {which} ({said})", advice)


def _law(found: Residuals) -> str:
    return "a normal" if found.normal else found.likelihood.noun


def dispersion(found: Residuals, seen: Dispersion) -> Finding:
    """Whether counts vary as much as the likelihood says."""
    question = "Do the counts vary as much as the model says?"
    if found.design.n < LEAST_ROWS:
        return Finding("dispersion", question, None, f"fewer than {LEAST_ROWS} rows")
    ratio, p = seen.ratio, chance(seen.spread, seen.spreads)
    if p >= ALPHA or 1.0 / UNEVEN < ratio < UNEVEN:
        said = f"their variance is {ratio:.2f} times that of replicates"
        return Finding("dispersion", question, True, said)
    noun, wider = found.likelihood.noun, found.likelihood.wider
    said = f"overdispersed: their variance is {ratio:.1f} times what the {noun} model says"
    advice = f"intervals are too narrow by about {np.sqrt(ratio):.1f}: "
    if ratio < 1.0:
        said = f"underdispersed: their variance is {ratio:.2f} of what the {noun} model says"
        advice = "intervals are too wide; are the counts bounded (br.Binomial() with trials=), or "
        advice += "sums over rows that were put together?"
    elif wider:
        advice += f"use {wider}"
    else:
        advice += "a column is missing, or what a row counts is not independent"
    return Finding("dispersion", question, False, said, advice)


def zeros(found: Residuals, seen: Dispersion) -> Finding:
    """Whether there are as many zeros as replicates have."""
    question = "Are zeros as frequent as predicted?"
    if found.design.n < LEAST_ROWS:
        return Finding("zeros", question, None, f"fewer than {LEAST_ROWS} rows")
    told = float(np.mean(seen.many))
    said = f"{percent(seen.zeros)} of rows are 0, and {percent(told)} of replicated ones"
    far = max(seen.zeros, 1e-12) / max(told, 1e-12)
    if chance(seen.zeros, seen.many) >= ALPHA or 1.0 / MORE_ZEROS < far < MORE_ZEROS:
        return Finding("zeros", question, True, said)
    wider = found.likelihood.wider
    advice = "zeros may come about in another way than counts do: model whether y > 0 by itself "
    advice += "(br.Bernoulli()), and the counts above 0"
    if far > 1.0 and wider:
        advice = f"use {wider}; if zeros remain too many, model whether y > 0 by itself"
    elif far < 1.0:
        advice = "are rows without a count left out of the data? What is predicted counts them"
    return Finding("zeros", question, False, said, advice)


def calibration(found: Residuals) -> Finding:
    """Whether rows left out fall where the others predict them."""
    question = "Do new rows fall where they are predicted?"
    if found.design.n < LEAST_ROWS:
        return Finding("calibration", question, None, f"fewer than {LEAST_ROWS} rows")
    distance, p, width = found.calibration()
    seen = f"left-out probabilities (LOO-PIT) are within {distance:.2f} of uniform"
    if p >= ALPHA or distance < MISCALIBRATED:
        return Finding("calibration", question, True, seen)
    how = "off-centre"
    if abs(width - 1.0) > 0.15:
        how = "too narrow" if width > 1.0 else "too wide"
    seen = f"predictions are {how} (LOO-PIT {distance:.2f} from uniform)"
    return Finding("calibration", question, False, seen, "see the residuals for the reason")


def shares(found: Residuals) -> Finding:
    """Whether yeses are as frequent as their probabilities."""
    question = "Are yeses as frequent as predicted?"
    key = "calibration" if found.labels else "shares"
    if found.design.n < 5 * LEAST_ROWS:
        return Finding(key, question, None, f"fewer than {5 * LEAST_ROWS} rows")
    gap, p = found.lemeshow()
    if p >= ALPHA or gap < OFF:
        seen = f"within {gap:.2f} of the probability in every tenth of the rows, left out"
        return Finding(key, question, True, seen)
    seen = f"shares differ from their probabilities by up to {gap:.2f}, rows left out"
    advice = "a curve or an interaction is missing, or rows are not independent"
    return Finding(key, question, False, seen, advice)


def rows(found: Residuals) -> Finding:
    """Whether some rows are far out, or decide by themselves."""
    question = "Does no single row decide?"
    if found.design.n < LEAST_ROWS:
        return Finding("rows", question, None, f"fewer than {LEAST_ROWS} rows")
    z = np.abs(found.design.y - found.left_out) / np.sqrt(found.width)
    tail = 2.0 * np.minimum(found.pit, 1.0 - found.pit)
    far = np.flatnonzero((tail * found.design.n < ALPHA) & (not found.labels))
    influence = found.influence()
    held = np.flatnonzero(influence > INFLUENTIAL)
    if not len(far) and not len(held):
        seen = (
            f"largest Cook's distance {influence.max():.2f}, and none beyond what chance explains"
        )
        return Finding("rows", question, True, seen)
    parts = []
    if len(far):
        said = _named(
            found, far, z, "{} ({:.1f} σ)" if found.likelihood.has_sigma else "{} ({:.1f} sd)"
        )
        parts.append(f"{said[0]} far from what the others predict: {said[1]}")
    if len(held):
        said = _named(found, held, influence, "{} (Cook's distance {:.1f})")
        parts.append(f"{said[0]} influential: {said[1]}")
    advice = "look whether they are in error; fit without them and compare the coefficients"
    return Finding("rows", question, False, "; ".join(parts), advice)


def _named(found: Residuals, some: Any, size: Any, form: str) -> tuple[str, str]:
    """How many rows of the data, and the labels and sizes of the largest."""
    largest = some[np.argsort(-size[some], kind="stable")]
    first = np.sort(np.unique(found.rows[largest], return_index=True)[1])
    largest = largest[first]  # a row that counts w times is one row here
    named = [form.format(_label(found, i), size[i]) for i in largest[:NAMED]]
    return ("1 row is" if len(largest) == 1 else f"{len(largest)} rows are"), listed(named)


def _label(found: Residuals, i: Any) -> str:
    """A row by its label, or its number from 0."""
    index = found.design.index
    return f"row {found.rows[i]}" if index is None else f"row {shortened(str(index[i]), 24)}"


def give_away(found: Residuals, curved: Finding) -> Finding:
    """Whether the columns give the response away."""
    question = "Does no column give the response away?"
    if found.design.n < LEAST_ROWS or not found.design.p:
        return Finding("give-away", question, None, "too few rows, or no columns")
    name, order = found.give_away()
    seen = f"largest rank correlation {order:.3f}" + (f", {shortened(name)}" if name else "")
    if order >= SAME_ORDER and curved.ok is False:
        seen = f"{shortened(name)} has the order of the response (rank correlation {order:.3f})"
        advice = (
            "it looks like another form of the response; if it is, or is known only after it, "
            "leave the column out"
        )
        return Finding("give-away", question, False, seen, advice)
    y = found.design.y
    explained = 1.0 - float(np.mean(np.square(y - found.left_out)) / max(np.var(y), 1e-300))
    if explained >= EXPLAINED:
        seen = f"the columns give the response exactly (LOO-R² {explained:.8f})"
        advice = "is it computed from them, as a total is from its parts? Leave those out if so"
        return Finding("give-away", question, False, seen, advice)
    return Finding("give-away", question, True, seen)


def response(found: Residuals) -> Finding:
    """Whether the response is a measurement at all."""
    question = "Is the response a measurement?"
    if found.design.n < LEAST_ROWS:
        return Finding("response", question, None, f"fewer than {LEAST_ROWS} rows")
    y = found.design.y
    values = np.unique(y)
    if len(values) == 2:
        seen = f"it has two values only, {values[0]:g} and {values[1]:g}"
        advice = "for yes and no use likelihood=br.Bernoulli() (--likelihood bernoulli)"
        return Finding("response", question, False, seen, advice)
    below = found.below_zero() if y.min() >= 0.0 else 0.0
    if below < IMPOSSIBLE:
        return Finding("response", question, True, f"{len(values)} different values")
    seen = f"{percent(below)} of what is predicted lies below 0, where no response does"
    whole = bool(np.all(values == np.round(values))) and y.min() <= 0.02 * y.max()
    advice = "a response that cannot be negative is better modelled as log(y), or log(y + 1)"
    if whole:
        seen = f"it holds counts (whole numbers from {y.min():g} to {y.max():g}); {seen}"
        advice = "counts vary more the larger they are: use likelihood=br.Poisson(), or "
        advice += "br.NegativeBinomial() where they vary more still (--likelihood poisson)"
    return Finding("response", question, False, seen, advice)


def prior(draws: Draws) -> Finding:
    """Whether the prior decides what is reported."""
    question = "Do the data outweigh the prior?"
    found = sensitivity(draws) if draws.sigma.size >= 10 * LEAST_ROWS else None
    if found is None:
        return Finding("prior", question, None, "no prior to scale, or too few draws")
    moved = found.index[found["prior"] >= SENSITIVE]
    largest = shortened(str(found["prior"].idxmax()))
    worst = f"largest sensitivity {found['prior'].max():.2f}, {largest}"
    if not len(moved):
        return Finding("prior", question, True, f"{worst}, below {SENSITIVE}")
    order = found["prior"].loc[moved].sort_values(ascending=False)
    named = listed([f"{shortened(str(k))} ({v:.2f})" for k, v in order.iloc[:NAMED].items()])
    more = f" and {len(order) - NAMED} more" if len(order) > NAMED else ""
    seen = f"power-scaling the prior moves {named}{more} (above {SENSITIVE})"
    advice = "say where the prior's scale comes from, and show the results under another"
    return Finding("prior", question, None, seen, advice)
