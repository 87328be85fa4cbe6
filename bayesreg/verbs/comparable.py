"""Comparable: which likelihoods have densities of one response, so that these rank models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesreg.language.errors import NotSupported
from bayesreg.likelihoods import Likelihood


def refuse_incomparable(likelihoods: Mapping[str, Likelihood]) -> None:
    """Raise where leave-one-out densities, or coefficients, of two likelihoods mean two things.

    Parameters
    ----------
    likelihoods : mapping of str to Likelihood
        By the name of the model.

    Raises
    ------
    NotSupported
        Naming the first two that are not of one kind, and which would be.
    """
    (name, first), *others = likelihoods.items()
    for other, one in others:
        why = _why_not(first, one)
        if why is not None:
            raise NotSupported(
                f"{name!r} ({first.noun}) and {other!r} ({one.noun}) cannot be compared: {why}"
            )


def _why_not(first: Likelihood, other: Likelihood) -> str | None:
    if first.discrete != other.discrete:
        mass, density = (first, other) if first.discrete else (other, first)
        return (
            f"{mass.noun} gives y a probability and {density.noun} a density, which is per unit "
            "of y: no difference of the two says which predicts better; compare noise with noise "
            "(Gaussian, StudentTNoise, LaplaceNoise), or counts with counts (Poisson, "
            "NegativeBinomial)"
        )
    if first.takes_trials != other.takes_trials or first.takes_labels != other.takes_labels:
        return "their responses are not of one kind: labels, successes among trials, or counts"
    if first.link != other.link:
        return (
            f"effects are changes in {first.moved} under one and in {other.moved} under the other"
        )
    return None


def read_together(
    likelihoods: Mapping[str, Likelihood], y: Any, counts: Any = None
) -> tuple[dict[str, Likelihood], Any]:
    """y as numbers, read by every likelihood, and what each learnt of it in rows that count (n,).

    Raises
    ------
    NotSupported
        If y = 1 stands for other labels under two of them.
    """
    values, learnt = y, {}
    for name, one in likelihoods.items():
        values, learnt[name] = one.read(y, counts=counts)
        first = next(iter(learnt.values()))
        if learnt[name].classes_ != first.classes_:
            raise NotSupported(
                f"y = 1 is {first.classes_[1]!r} under {next(iter(learnt))!r} and "  # type: ignore[index]
                f"{learnt[name].classes_[1]!r} under {name!r}: "  # type: ignore[index]
                "give all models the same positive="
            )
    return learnt, values
