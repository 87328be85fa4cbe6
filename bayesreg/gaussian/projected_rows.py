"""Rows with the intercept and the Flat columns projected out, as residuals and leverages need them.

Solvers see only cross-products; what is said of single rows starts here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.model.coordinates import Coordinates


def projected(coordinates: Coordinates, X: Array, y: Array) -> tuple[Array, Array, Array]:
    """Rows (m, p) of the proper columns, responses (m,), and leverages (m,) on what is projected.

    Parameters
    ----------
    coordinates : Coordinates
        Of all rows.
    X, y : ndarray (m, P), (m,)
        Some rows in original units.

    Returns
    -------
    proper, response, leverage : ndarray (m, p), (m,), (m,)
        x̃ᵢ and ỹᵢ in the coordinates of b, and 1/N[intercept] + x_F'(X_F'X_F)⁻¹x_F.
    """
    bare = not len(coordinates.flat)
    proper = (X if bare else X[:, coordinates.proper]) - coordinates.x_mean[coordinates.proper]
    if np.any(coordinates.x_sd[coordinates.proper] != 1.0):
        proper /= coordinates.x_sd[coordinates.proper]
    response = y - coordinates.y_mean
    if np.any(coordinates.loc):
        response = response - proper @ coordinates.loc
    if bare:
        return proper, response, flat_leverage(coordinates, X)
    flat = _flat(coordinates, X)
    proper -= flat @ coordinates.flat_x
    return proper, response - flat @ coordinates.flat_y, flat_leverage(coordinates, X)


def flat_leverage(coordinates: Coordinates, X: Array) -> Array:
    """Leverages (m,) of rows X (m, P) on the intercept and the Flat columns."""
    level = 1.0 / coordinates.n if coordinates.intercept else 0.0
    if not len(coordinates.flat):
        return np.full(len(X), level)
    root = np.linalg.solve(coordinates.flat_root.T, _flat(coordinates, X).T)
    return np.asarray(level + np.einsum("ij,ij->j", root, root))


def _flat(coordinates: Coordinates, X: Array) -> Array:
    """The Flat columns (m, F), centred and scaled."""
    columns = coordinates.flat
    return np.asarray((X[:, columns] - coordinates.x_mean[columns]) / coordinates.x_sd[columns])
