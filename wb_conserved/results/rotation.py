"""Tensors of a data set in other Cartesian axes, such as those of a film."""

from __future__ import annotations

import numpy as np
import xarray

from ..errors import InputError
from .groups import cartesian_axes

_ORTHONORMAL = 1e-6


def frame_of(axes) -> np.ndarray:
    """Rotation matrix R from new axes, unit vectors as rows.

    Parameters
    ----------
    axes : array (3, 3)
        New axes x, y, z as rows, of any lengths, in the old ones.

    Raises
    ------
    InputError
        Not three directions at right angles, right-handed.
    """
    try:
        rows = np.asarray(axes, dtype=float)
    except (TypeError, ValueError):
        rows = np.zeros(0)
    expected = "three directions [x, y, z] at right angles, right-handed: the new axes"
    if rows.shape != (3, 3) or not np.all(np.isfinite(rows)) or not np.all(np.linalg.norm(rows, axis=1) > 0):
        raise InputError("rotate", expected, repr(axes))
    R = rows / np.linalg.norm(rows, axis=1)[:, None]
    if not np.allclose(R @ R.T, np.eye(3), rtol=0, atol=_ORTHONORMAL) or np.linalg.det(R) < 0:
        raise InputError("rotate", expected, f"{rows.tolist()}, of products {np.round(R @ R.T, 4).tolist()}")
    return R


def rotate(dataset: xarray.Dataset, axes) -> xarray.Dataset:
    r"""All tensors of a data set in other axes, T'_{abc} = R_ai R_bl R_cs T_ils.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `RunResult.to_dataset`.
    axes : array (3, 3)
        New axes x, y, z as rows, of any lengths, in Cartesian coordinates.

    Returns
    -------
    xarray.Dataset
        With the attribute ``new_axes``; errors of a refined mesh as if components varied together, at most.  Components that
        take part in what was not computed are NaN.

    Raises
    ------
    InputError
        Not three directions at right angles, right-handed.
    """
    R, turned = frame_of(axes), dataset.copy()
    for name, variable in dataset.data_vars.items():
        own = list(cartesian_axes(variable))
        if not own:
            continue
        weights = np.abs(R) if "error_of" in variable.attrs else R
        values, missing = np.nan_to_num(variable.values), np.isnan(variable.values).astype(float)
        for axis in own:
            place = variable.dims.index(axis)
            values = _turned(values, weights, place)
            missing = _turned(missing, (np.abs(R) > _ORTHONORMAL).astype(float), place)
        turned[name] = variable.copy(data=np.where(missing > 0, np.nan, values))
        for key in [key for key in variable.attrs if key.startswith(("scatter_", "effective_k", "k_points"))]:
            del turned[name].attrs[key]  # of components in the old axes
    turned.attrs = dataset.attrs | {"new_axes": R.ravel()}
    return turned


def _turned(values, matrix, axis):
    return np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
