"""LaTeX: a table as a booktabs fragment, every character that LaTeX reads escaped."""

from __future__ import annotations

import re
import unicodedata

from bayesreg.language.text import shortened, visible
from bayesreg.report.table import MINUS, Table

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", "-": "{-}", MINUS: "$-$", "–": "--",
    "κ": r"$\kappa$", "λ": r"$\lambda$", "σ": r"$\sigma$", "β": r"$\beta$", "ν": r"$\nu$",
    "ρ": r"$\rho$", "ε": r"$\epsilon$",
    "η": r"$\eta$", "π": r"$\pi$", "φ": r"$\phi$", "τ": r"$\tau$", "θ": r"$\theta$",
    "α": r"$\alpha$", "γ": r"$\gamma$", "δ": r"$\delta$", "μ": r"$\mu$", "ω": r"$\omega$",
    "χ": r"$\chi$", "ℓ": r"$\ell$", "Φ": r"$\Phi$", "Γ": r"$\Gamma$", "Λ": r"$\Lambda$",
    "Π": r"$\Pi$", "Θ": r"$\Theta$", "Ψ": r"$\Psi$", "ψ": r"$\psi$", "ζ": r"$\zeta$", "ξ": r"$\xi$",
    "Ω": r"$\Omega$", "∇": r"$\nabla$", "←": r"$\leftarrow$",
    "Δ": r"$\Delta$", "Σ": r"$\Sigma$", "½": r"$\frac12$", "‖": r"$\Vert$", "≠": r"$\neq$",
    "ᵢ": r"$_i$", "ⱼ": r"$_j$",
    "₀": r"$_0$", "₁": r"$_1$", "₂": r"$_2$", "²": r"$^2$", "×": r"$\times$", "÷": r"$\div$",
    "≤": r"$\leq$", "·": r"$\cdot$", "∞": r"$\infty$", "∝": r"$\propto$", "…": r"\dots{}",
    "√": r"$\surd$", "≥": r"$\geq$", "→": r"$\rightarrow$", "±": r"$\pm$", "≈": r"$\approx$",
    "¼": r"$\frac14$", "¾": r"$\frac34$", "³": r"$^3$", "¹": r"$^1$", "⁶": r"$^6$", "⁺": r"$^+$",
    "⁻": r"$^-$", "µ": r"$\mu$", "⧚": r"$\{$", "⧛": r"$\}$", "␣": r"\textvisiblespace{}",
    "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "‹": r"\guilsinglleft{}",
    "›": r"\guilsinglright{}", "€": r"\texteuro{}", "£": r"\pounds{}", "¥": r"\textyen{}",
    "°": r"\textdegree{}", "§": r"\S{}", "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,",
    "✓": r"$\surd$", "✗": r"$\times$", "ß": r"\ss{}", "æ": r"\ae{}",
    "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}",
    "Ł": r"\L{}", "ı": r"\i{}",
}  # fmt: skip
_TABLE = str.maketrans(_ESCAPES)
# Accents that stand behind their letter in Unicode, and before it in LaTeX.
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
    "\u0328": "k", "\u0323": "d", "\u0331": "b",
}  # fmt: skip
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
        In ASCII, so that pdfLaTeX typesets it: controls spelt out, special characters escaped,
        accents and symbols as commands. What has none, such as a letter of another script, is for
        engines that read Unicode, and its code point for others.

    Examples
    --------
    >>> print(escape("50% of a_b"))
    50\% of a\_b
    """
    return _UNIT.sub(_typeset, visible(text))


# A letter with the accents behind it, or one character.
_UNIT = re.compile("[^\u0300-\u036f][\u0300-\u036f]*|[\u0300-\u036f]")


def _typeset(found: re.Match[str]) -> str:
    """One character, with its accents, as LaTeX has it."""
    unit = found.group()
    if unit in ("k̂", "R̂"):
        return rf"$\hat {unit[0]}$"
    if unit.isascii() or unit in _ESCAPES:
        return unit.translate(_TABLE)
    letter, *accents = list(unicodedata.normalize("NFD", unit))
    if letter.isascii() and letter.isalpha() and all(one in _ACCENTS for one in accents):
        for one in accents:
            letter = rf"\{_ACCENTS[one]}{{{letter}}}"
        return letter
    codes = " ".join(f"U+{ord(one):04X}" for one in unit)
    return rf"\ifdefined\Umathcode {unit}\else {codes}\fi{{}}"


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
