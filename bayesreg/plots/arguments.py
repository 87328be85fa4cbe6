"""Arguments for a λ: which rules argue alike, what they are called in a figure, their colour."""

from __future__ import annotations

from dataclasses import dataclass

from bayesreg.plots.canvas import COLOURS


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
