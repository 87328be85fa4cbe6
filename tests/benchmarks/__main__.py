"""Print benchmark tables: ``uv run python -m tests.benchmarks [map] [direct] [moments]``.

``uv run python -m tests.benchmarks posteriors [--quick]`` and ``... paths [CASE ...]`` have options
and a figure of their own; ``... glm [CASE ...]`` is paths of logistic and Poisson regressions,
``... glm posteriors [CASE ...] [--peers]`` posteriors under every likelihood;
``... scale [sources] [sparse] [cells]`` is rows that stay where they are and columns too wide to be
written out; ``... cold`` is the first command of a newcomer, ``... overview`` README's table.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module

from tests.benchmarks.harness import report

SCALE = {
    "sources": "sources",
    "sparse": "sparse_paths",
    "cells": "cells",
}  # what is too large in its own way, one file per kind
GLM = ("glm_paths",)  # one file per part
SUITES = {"map": "optima", "direct": "draws", "moments": "passes"}


def main(words: list[str]) -> None:
    """Run the suites named, or all but those with a command of their own."""
    warnings.simplefilter("ignore")
    if words[:1] in (["posteriors"], ["paths"], ["cold"], ["overview"]):
        import_module(f"tests.benchmarks.{words[0]}").main(words[1:])
        return
    if words[:2] == ["glm", "posteriors"]:
        import_module("tests.benchmarks.glm_posteriors").main(words[2:])
        return
    if words[:1] == ["scale"]:
        for name in words[1:] or SCALE:
            import_module(f"tests.benchmarks.{SCALE[name]}").main([])
        return
    if words[:1] == ["glm"]:
        for name in GLM:
            import_module(f"tests.benchmarks.{name}").main(words[1:])
        return
    for name in words or SUITES:
        report(import_module(f"tests.benchmarks.{SUITES[name]}").rows())


if __name__ == "__main__":
    main(sys.argv[1:])
