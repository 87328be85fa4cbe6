"""Rows with the intercept and the Flat columns projected out, as residuals and leverages need them.

Solvers see only cross-products; what is said of single rows starts here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.model.coordinates import Projection


def projected(projection: Projection, X: Array, y: Array) -> tuple[Array, Array, Array]:
    """Rows (m, p) of the proper columns, responses (m,), and leverages (m,) on what is projected.

    Parameters
    ----------
    projection : Projection
        Of all rows.
    X, y : ndarray (m, P), (m,)
        Some rows in original units.

    Returns
    -------
    proper, response, leverage : ndarray (m, p), (m,), (m,)
        x̃ᵢ and ỹᵢ in the coordinates of b, and 1/N[intercept] + x_F'(X_F'X_F)⁻¹x_F.
    """
    bare = not len(projection.flat)
    proper = (X if bare else X[:, projection.proper]) - projection.x_mean[projection.proper]
    if np.any(projection.x_sd[projection.proper] != 1.0):
        proper /= projection.x_sd[projection.proper]
    response = y - projection.y_mean
    if np.any(projection.loc):
        response = response - proper @ projection.loc
    if bare:
        return proper, response, flat_leverage(projection, X)
    flat = _flat(projection, X)
    proper -= flat @ projection.flat_x
    return proper, response - flat @ projection.flat_y, flat_leverage(projection, X)


def flat_leverage(projection: Projection, X: Array) -> Array:
    """Leverages (m,) of rows X (m, P) on the intercept and the Flat columns."""
    level = 1.0 / projection.n if projection.intercept else 0.0
    if not len(projection.flat):
        return np.full(len(X), level)
    root = np.linalg.solve(projection.flat_root.T, _flat(projection, X).T)
    return np.asarray(level + np.einsum("ij,ij->j", root, root))


def _flat(projection: Projection, X: Array) -> Array:
    """The Flat columns (m, F), centred and scaled."""
    columns = projection.flat
    return np.asarray((X[:, columns] - projection.x_mean[columns]) / projection.x_sd[columns])
