"""LaTeX: a table as a booktabs fragment, every character that LaTeX reads escaped."""

from __future__ import annotations

from bayesreg.language.text import shortened, visible
from bayesreg.report.table import MINUS, Table

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", "-": "{-}", MINUS: "$-$", "–": "--",
    "κ": r"$\kappa$", "λ": r"$\lambda$", "σ": r"$\sigma$", "β": r"$\beta$", "ν": r"$\nu$",
    "ρ": r"$\rho$", "ε": r"$\epsilon$",
    "Δ": r"$\Delta$", "Σ": r"$\Sigma$", "½": r"$\frac12$", "‖": r"$\Vert$", "≠": r"$\neq$",
    "₀": r"$_0$", "₁": r"$_1$", "₂": r"$_2$", "²": r"$^2$", "×": r"$\times$", "÷": r"$\div$",
    "≤": r"$\leq$", "·": r"$\cdot$", "∞": r"$\infty$", "∝": r"$\propto$", "…": r"\dots{}",
    "\u0302": r"\^{}",
}  # fmt: skip
_TABLE = str.maketrans(_ESCAPES)
_WIDEST = 60


def escape(text: str) -> str:
    r"""Text that LaTeX typesets as it stands.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        Controls spelt out and special characters escaped.

    Examples
    --------
    >>> print(escape("50% of a_b"))
    50\% of a\_b
    """
    return (
        visible(text)
        .replace("k̂", "kHAT")
        .replace("R̂", "RHAT")
        .translate(_TABLE)
        .replace("kHAT", r"$\hat k$")
        .replace("RHAT", r"$\hat R$")
    )


def fragment(table: Table) -> str:
    """A floating table, to be included by a document that loads booktabs and textcomp."""
    align = "".join("l" if column.textual else "r" for column in table.columns)
    head = " & ".join(escape(column.title) for column in table.columns)
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape(table.title)}. {escape(table.note)}}}",
        rf"\label{{tab:{table.key.replace('_', '-')}}}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        head + r" \\",
        r"\midrule",
    ]
    for i in range(len(table.rows)):
        cells = (shortened(table.text(i, k), _WIDEST) for k in range(len(table.columns)))
        lines.append(" & ".join(map(escape, cells)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])
