"""Optima that a search from several starts meets, where J may have more than one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayesreg.language.arguments import Array

SAME = 1e-6  # optima closer than this, relative to the largest coefficient, are one


@dataclass(eq=False)
class Optima:
    """Distinct optima with their J, the lowest first."""

    found: list[tuple[float, Array]] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """How many."""
        return len(self.found)

    @property
    def best(self) -> Array:
        """The lowest."""
        return self.found[0][1]

    def add(self, value: float, b: Array) -> None:
        """Keep an optimum if it is new."""
        norm = max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
        for k, (other, known) in enumerate(self.found):
            if float(np.max(np.abs(b - known), initial=0.0)) <= SAME * norm:
                self.found[k] = min((other, known), (value, b), key=lambda pair: pair[0])
                break
        else:
            self.found.append((value, b))
        self.found.sort(key=lambda pair: pair[0])

    def perturbed(self, rng: np.random.Generator) -> Array:
        """One of them with random signs, sizes and zeros."""
        b = self.found[int(rng.integers(len(self.found)))][1]
        size = float(np.max(np.abs(b), initial=0.0)) or 1.0
        noise = size * rng.standard_normal(len(b)) * (rng.random(len(b)) < 0.5)
        return np.asarray(b * rng.choice([-1.0, 0.0, 1.0, 1.0], len(b)) + noise)
