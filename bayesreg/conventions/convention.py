"""What a library's λ is: one declarative record, in the library's own words.

Everything goes through one objective, in sums over rows and with a free intercept,

    J(β₀, β) = φ·Σ w_i (−log p(y_i | η_i)) + λ₁‖β‖₁ + ½λ₂‖β‖².

A record says what the library minimises, what λ₁ and λ₂ are in its arguments, and what its
arguments are in λ₁ and λ₂. The last two are inverses of each other. In formulae

    n        Σw = N, the number of rows where all weights are 1
    rows     the number of rows, whatever their weights
    sd_y     sd of y with divisor N
    scale_y  likewise, but √(Σwy²/N) in a fit without an intercept
    sigma    sd of the noise; phi = φ is σ² under Gaussian noise and 1 for yes/no and for counts
    lam1, lam2, lam, share    λ₁, λ₂, their sum, and λ₁ as a share of it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bayesreg.conventions.formula import names_in

FACTS = {
    "n": "the number of rows, or the sum of weights",
    "rows": "the number of rows, whatever their weights",
    "sd_y": "sd of y with divisor N, not N − 1",
    "rms_y": "√(Σwy²/Σw), since the fit has no intercept",
    "scale_y": "sd of y with divisor N, not N − 1",
    "sigma": "sd of the noise, in the unit of y",
    "phi": "sd of the noise, in the unit of y",
}
# Columns as the penalty sees them, as multiples of (x − mean)/sd(x) with divisor n in the sd.
COLUMNS = {
    "sd": ("1", "sd 1 (divisor N)"),
    "sd1": ("sqrt(n / (n - 1))", "sd 1 (divisor N − 1)"),
    "norm": ("sqrt(n)", "norm 1 after centring"),
}
CHECKED = {
    "run": "the library was run: our optimality conditions hold at its answer",
    "source": "read in the library's source: what it minimises is a multiple of ours",
    "documentation": "as documented: what is said there is a multiple of ours; not run",
    "unverified": "NOT VERIFIED: no source or run confirms this row; try it on small data first",
}
GAUSSIAN: Mapping[str, Mapping[str, Any]] = {"Gaussian": {}}
# What else of a call may change the objective; known to be asked for, and to be refused.
UNBOUNDED = {"positive": ((False,), "coefficients held at 0 and above are another objective")}
UNWEIGHTED = {"class_weight": ((None,), "it weighs the rows by class: give weights= to the fit")}
NO_INTERCEPT: Mapping[str, Any] = {"fit_intercept": False}


@dataclass(frozen=True)
class Convention:
    """The objective of one function of a library, and its arguments to and from λ₁ and λ₂.

    Attributes
    ----------
    name : str
        Library and function, as users write them.
    objective : str
        What it minimises, in its own arguments; N = Σw.
    lam1, lam2 : str
        λ₁ and λ₂ of J in its arguments; "0" where it has no such penalty.
    gives : mapping of str to str
        Its arguments in λ₁ and λ₂; empty where λ cannot be set.
    defaults : mapping
        Its defaults, for arguments that are not said.
    likelihoods : mapping of str to mapping
        The likelihoods whose loss it has, and the arguments that choose each; the first is its
        default.
    when : mapping
        Arguments that choose this record among those of the same name; the first is the default.
    sets : mapping
        Arguments that go along, so that the objective is this one.
    switches : mapping of str to pair
        Likewise: the value where λ₁ is not 0, and where it is.
    only : mapping of str to (tuple, str)
        Arguments with values under which the objective is another, and what it would be.
    of_intercept : tuple of str
        Those of `only` that matter in a fit with β₀ alone.
    by_column : tuple of str
        Arguments that may be one number per column.
    explicit : tuple of str
        Arguments that must be said, since the library's default is another objective.
    listed : tuple of str
        Arguments that are lists of λ's.
    intercept : {"free", "penalised", "none"}
        What the penalty does to β₀.
    spare : str
        How to keep a penalised intercept out of the penalty; empty where that is not possible.
    without : mapping or None
        Arguments of a fit without β₀; None where there is always one.
    columns : {"raw", "sd", "sd1", "norm"}
        The columns that the penalty sees.
    raw : mapping or None
        Arguments that leave the columns as they are; None where there are none.
    limits : str
        Under what condition the conversion is exact, where there is one.
    never_ridge : str
        Why there is no λ₂ without a λ₁, where so.
    one_way : str
        Why nothing can be converted to it, where so.
    call : str
        How it is written.
    booleans : pair of str
        How its language writes false and true.
    checked : {"run", "source", "documentation", "unverified"}
        How we know.
    source : str
        Where it says so.
    """

    name: str
    objective: str
    lam1: str = "0"
    lam2: str = "0"
    gives: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    likelihoods: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: GAUSSIAN)
    when: Mapping[str, Any] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    only: Mapping[str, tuple[tuple[Any, ...], str]] = field(default_factory=dict)
    of_intercept: tuple[str, ...] = ()
    by_column: tuple[str, ...] = ()
    explicit: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    intercept: Literal["free", "penalised", "none"] = "free"
    spare: str = ""
    without: Mapping[str, Any] | None = field(default_factory=lambda: NO_INTERCEPT)
    columns: Literal["raw", "sd", "sd1", "norm"] = "raw"
    raw: Mapping[str, Any] | None = None
    limits: str = ""
    never_ridge: str = ""
    one_way: str = ""
    call: str = "{name}({arguments})"
    booleans: tuple[str, str] = ("False", "True")
    checked: Literal["run", "source", "documentation", "unverified"] = "run"
    source: str = ""

    @property
    def strengths(self) -> tuple[str, ...]:
        """The arguments that λ₁ and λ₂ are made of."""
        found = names_in(self.lam1) + names_in(self.lam2)
        return tuple(name for name in dict.fromkeys(found) if name not in FACTS)

    @property
    def takes(self) -> tuple[str, ...]:
        """Every argument that bears on the objective, in the order of a call."""
        families = [name for chosen in self.likelihoods.values() for name in chosen]
        every = (*self.strengths, *self.gives, *self.when, *families, *self.sets, *self.switches)
        scaling = tuple(self.raw or ())
        return tuple(dict.fromkeys((*every, *self.only, *scaling, *(self.without or ()))))

    def minimised(self, scaled: bool) -> str:
        """The objective, with what is done to the columns first."""
        if not scaled or self.columns == "raw" or "sd(xⱼ)" in self.objective:
            return self.objective
        return f"{self.objective}, columns at {COLUMNS[self.columns][1]}"

    def lacks(self, lam1: bool, lam2: bool) -> tuple[str, ...]:
        """Which of the penalties that are wanted it does not have."""
        wanted = (("λ₁", lam1, self.lam1), ("λ₂", lam2, self.lam2))
        return tuple(symbol for symbol, asked, has in wanted if asked and has == "0")
