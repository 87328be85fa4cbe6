"""Columns coded without a formula: numbers as they are, each factor by level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesreg.data.frames import read_variables, refuse_unseen
from bayesreg.data.terms import Term
from bayesreg.data.variables import Variable
from bayesreg.language.arguments import Array


@dataclass(frozen=True)
class CodedColumns:
    """What codes new rows of a file's columns as at the fit.

    Attributes
    ----------
    variables : tuple of Variable
        The columns, one for each term.
    terms : tuple of Term
        Each of one column of numbers, or of one factor.

    Examples
    --------
    >>> from bayesreg.data.terms import of_factor
    >>> coded = CodedColumns((Variable("g", "text"),), (of_factor("g", ("a", "b"), 0),))
    >>> coded.encode({"g": ["b", "a"]}, [])
    array([[0., 1.],
           [1., 0.]])
    """

    variables: tuple[Variable, ...]
    terms: tuple[Term, ...]

    def encode(self, new: object, notes: list[str]) -> Array:
        """New rows (n_new, p), by name; BadData for unknown levels and other types."""
        data, _ = read_variables(new, [one.name for one in self.variables], "new X", notes)
        factors = {term.name: term.factors[0].levels for term in self.terms if term.factors}
        out = np.empty((len(data), sum(len(term.columns) for term in self.terms)))
        recoded = {v.name: v.recoded(data[v.name].array, "new X") for v in self.variables}
        refuse_unseen(data.assign(**recoded), factors, "new X")
        for term, variable in zip(self.terms, self.variables, strict=True):
            values = np.asarray(recoded[variable.name])
            for j, levels in zip(term.columns, term.levels or ((),), strict=True):
                out[:, j] = values == levels[0] if levels else values
        return out
