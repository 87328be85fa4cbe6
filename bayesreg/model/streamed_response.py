"""The response of a stream as a likelihood reads it: labels coded, counts checked, sums known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesreg.data.stores.parts import Part
from bayesreg.data.stores.read import Read
from bayesreg.data.stores.stream import Stream
from bayesreg.data.streamed import Look, Seen, Streamed
from bayesreg.language.errors import BadCell, BadData, NotSupported
from bayesreg.likelihoods import ConstantCurvature, Likelihood


def read_streamed(streamed: Streamed, likelihood: Likelihood) -> tuple[Streamed, Likelihood]:
    """The rows with y as the likelihood reads it, and the likelihood with what it learnt.

    y is looked at by itself, before all columns are read: which labels it has, or whether it is a
    response of this kind.

    Raises
    ------
    BadData
        If a y is none, with its file and row; or if it says nothing of β₀.
    NotSupported
        If the rows of this likelihood cannot be read in passes.
    """
    if streamed.gone:
        return streamed, likelihood  # as it was read before it was saved
    if isinstance(likelihood, ConstantCurvature):
        streamed.stream.refuse_labels()
        return streamed.of_numbers, likelihood
    _refuse_unserved(streamed, likelihood)
    if likelihood.takes_labels:
        found = streamed.read_as(likelihood, _Labels(likelihood))
        return found, likelihood.read(list(found.classes or (0, 1)))[1]
    streamed.stream.refuse_labels()
    return streamed.read_as(type(likelihood), _Numbers(likelihood)), likelihood


def _refuse_unserved(streamed: Streamed, likelihood: Likelihood) -> None:
    name, label = f"{type(likelihood).__name__}()", streamed.read.label
    if not likelihood.self_concordant:
        raise NotSupported(
            f"{name} needs all rows in memory, and {label} has more than are read into it; in "
            "passes there are Gaussian(), Bernoulli(), Binomial(), Poisson() and "
            "NegativeBinomial(); or condition on a sample of the rows"
        )
    if likelihood.takes_trials and not streamed.stream.roles.trials:
        raise NotSupported(
            f"{name} of rows in passes needs trials=, the column with the number of trials; a "
            "column of 0 and 1 is br.Bernoulli()"
        )
    if not streamed.stream.source.repeatable:
        raise NotSupported(
            f"{label} can be read once, and {name} takes several passes; pass what can be read "
            "again: the files themselves, a dataset, or a list of blocks"
        )


@dataclass(frozen=True)
class _Labels:
    """Looks for the two labels of y."""

    likelihood: Likelihood

    def __call__(self, stream: Stream) -> Look:
        """Over y and the weights alone."""
        counts: dict[Any, float] = _counted(stream)
        if not counts:
            raise BadData(f"y: column {stream.roles.y!r} of {stream.source.label} has no value")
        coded, learnt = self.likelihood.read(list(counts))
        y, weights = np.asarray(coded, dtype=float), np.array(list(counts.values()))
        n, ones = float(weights.sum()), float(weights @ y)
        seen = Seen(n, ones, n, frozenset(learnt.recession(y, {}).tolist()))
        classes = learnt.classes_
        assert classes is not None
        if classes == (0, 1) and (stream.coder is None or stream.coder.labels in (None, (0, 1))):
            return seen, None, None
        if stream.coder is not None and stream.coder.labels is None:
            raise NotSupported(
                f"the response {stream.roles.y!r} has the values {classes[0]!r} and "
                f"{classes[1]!r}, and that of a formula on rows in passes must be 0 and 1: code it "
                "in the formula"
            )
        return seen, (classes[0], classes[1]), classes


def _counted(stream: Stream) -> dict[Any, float]:
    """Σw by label of y."""
    if stream.coder is None:
        return stream.label_counts()
    found, labels = stream.total(_kinds).by_value, stream.coder.labels
    return found if labels is None else {labels[int(code)]: w for code, w in found.items()}


@dataclass(frozen=True)
class _Kinds:
    """Σw by value of y."""

    by_value: dict[float, float]

    def __add__(self, other: _Kinds) -> _Kinds:
        both = dict(self.by_value)
        for value, count in other.by_value.items():
            both[value] = both.get(value, 0.0) + count
        return _Kinds(both)


def _kinds(part: Part) -> _Kinds:
    """Of a response that a formula makes: three of its values say as much as all."""
    values, places = np.unique(part.y, return_inverse=True)
    sums = np.bincount(places, part.weights, len(values))
    found = dict(zip(values.tolist(), sums.tolist(), strict=True))
    return _Kinds(dict(list(found.items())[:1000]))


@dataclass(frozen=True)
class _Numbers:
    """Looks whether every y is a response of a likelihood."""

    likelihood: Likelihood

    def __call__(self, stream: Stream) -> Look:
        """Over what has a role; over all columns where a missing predictor leaves a row out."""
        if stream.missing == "refuse" and stream.coder is None:
            stream = replace(
                stream, names=(), read=Read(stream.read.label), binary=np.ones(0, bool)
            )
        return stream.total(_Checked(self.likelihood)), None, None


@dataclass(frozen=True)
class _Checked:
    """A map: rows to what is known of their y."""

    likelihood: Likelihood

    def __call__(self, part: Part) -> Seen:
        """Raise for the first y that the likelihood cannot have."""
        facts = part.known.facts(-1)
        try:
            self.likelihood.check(part.y, facts)
        except BadCell as error:
            raise error.found(part.place(int(part.rows[error.row]))) from None
        weights = np.ones(len(part)) if part.weights is None else part.weights
        trials = float(weights @ facts["trials"]) if facts else float(weights.sum())
        sides = frozenset(np.unique(self.likelihood.recession(part.y, facts)).tolist())
        return Seen(float(weights.sum()), float(weights @ part.y), trials, sides)


def refuse_unbounded(streamed: Streamed, likelihood: Likelihood) -> None:
    """Raise BadData where y is such that a flat intercept has no end, whatever the columns are."""
    seen = streamed.seen
    if seen is None or 0.0 in seen.sides or len(seen.sides) != 1:
        return
    (side,) = seen.sides
    raise BadData(
        f"every row has {likelihood.bounded(side)}, so that the intercept, which has a flat prior, "
        f"is {'∞' if side > 0.0 else '−∞'} and no posterior exists; look at the response "
        f"{streamed.y_name!r}, or pass intercept=False"
    )
