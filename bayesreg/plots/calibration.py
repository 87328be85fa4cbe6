"""Rank plots of a validation: where the ECDF of the ranks leaves the diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.errors import BadArgument
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import COLOURS, MUTED, RULE, axes_grid, dress


def plot_calibration(validation: Any, ax: Any = None) -> NDArray[np.object_]:
    """ECDF of the ranks minus the diagonal, by quantity, with simultaneous bands.

    Parameters
    ----------
    validation : Validation
        Result of ``br.validate`` with its calibration.
    ax : array of matplotlib.axes.Axes, optional
        One per quantity; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Dark: the band that 95 % of uniform samples keep to along their whole length; light: that
        beyond which the quantity alone would fail the validation. Above the diagonal at first and
        below it later: draws too wide; the reverse: too narrow; on one side: shifted.

    Raises
    ------
    BadArgument
        If there are no ranks.
    """
    if not validation.ranks:
        raise BadArgument("there are no ranks: run validate with calibration among its checks")
    panels = axes_grid(ax, len(validation.ranks), 4, (2.3, 1.7))
    shares = (1.0 - validation.level / len(validation.findings), 0.95)
    bands = [validation.band(share) for share in shares]
    reach = 1.15 * max(float(np.max(np.abs(edge - z))) for z, *edges in bands for edge in edges)
    for one, (name, u) in zip(panels, validation.ranks.items(), strict=True):
        for (z, lower, upper), colour in zip(bands, ("#eceff2", RULE), strict=True):
            one.fill_between(z, lower - z, upper - z, color=colour, linewidth=0)
        one.axhline(0.0, color=MUTED, linewidth=0.7)
        x = np.concatenate([[0.0], np.sort(u), [1.0]])
        ecdf = np.concatenate([np.arange(len(u) + 1) / len(u), [1.0]])
        one.plot(x, ecdf - x, color=COLOURS[0], linewidth=1.2, drawstyle="steps-post")
        strayed = float(np.max(np.abs(ecdf - x)))
        one.set_ylim(-max(reach, 1.1 * strayed), max(reach, 1.1 * strayed))
        one.set_xlim(0.0, 1.0)
        one.set_xticks([0.0, 0.5, 1.0])
        dress(one, title=shortened(name, 24))
    return panels
