"""Results in other units and axes: ``dataset.transport.to_units(...)``, ``.hall_angle(...)``, ``.rotate(...)``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray

from ..errors import InputError
from ..units import FlowUnit, flow_factor, read_flow_unit
from .groups import cartesian_axes
from .noise import ATTRIBUTES

_OBSERVABLES = {"ħ": 1.0, "ħ/2": 2.0}
"""Units of an angular momentum, and the factor from ħ."""
_ORTHOGONAL = 1e-8
_THICKNESS = {"S/cm": "S", "S/m": "S", "A/(cm K)": "A/K", "A/(m K)": "A/K"}
"""Units of a bulk, and that of a sheet of a thickness."""


@xarray.register_dataset_accessor("transport")
class Transport:
    """Conversions of a data set of `wb_conserved.results.dataset.RunResult.to_dataset`, each of which returns a new one.

    Parameters
    ----------
    dataset : xarray.Dataset
    """

    def __init__(self, dataset: xarray.Dataset):
        self._dataset = dataset

    def to_units(
        self, flow: str | None = None, *, observable: str | None = None, thickness: float | None = None
    ) -> xarray.Dataset:
        """Conductivities and Nernst conductivities in other units; other quantities as they are.

        Parameters
        ----------
        flow : str, optional
            "S/cm" or "S/m" ("A/(cm K)", "A/(m K)" follow); of a sheet "S" or "e²/h".
        observable : {"ħ", "ħ/2"}, optional
            Unit of an angular momentum: a spin current in units of ħ/2|e| is twice that in units of ħ/|e|.
        thickness : float, optional
            Å.  Bulk to sheet: times this, as for a slab that was computed as a three-dimensional crystal with vacuum.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        InputError
            A unit that no variable can have.
        """
        if observable is not None and observable not in _OBSERVABLES:
            raise InputError("observable", " or ".join(map(repr, _OBSERVABLES)), repr(observable))
        if thickness is not None and not thickness > 0:
            raise InputError("thickness", "a number > 0 (Å)", repr(thickness))
        changed = {}
        for name in self._dataset.data_vars:
            variable = self._dataset[name]
            unit = read_flow_unit(variable.attrs.get("units", ""))
            found = unit and _converted(unit, flow, observable, thickness)
            if found:
                factor, new = found
                changed[name] = _scaled(variable, factor, str(new))
        if not changed:
            units = sorted({variable.attrs.get("units", "") for variable in self._dataset.data_vars.values()})
            wanted = ", ".join(str(part) for part in (flow, observable, thickness) if part is not None)
            raise InputError("flow", f"a unit that one of {', '.join(units)} can be converted to", wanted or "none")
        return self._dataset.assign(changed)

    def hall_angle(self, sigma_xx: float, unit: str = "S/cm") -> xarray.Dataset:
        r"""Hall angles of the conductivities for a given conductivity of charge.

        .. math:: \theta^{ils} = \frac{2|e|}{\hbar}\,\frac{\sigma^{ils}}{\sigma_{xx}}

        for an angular momentum in units of ħ, without the 2 and with 1 in place of ħ for a number.

        Parameters
        ----------
        sigma_xx : float
            Conductivity of charge, such as a measured one.
        unit : str
            Its unit: "S/cm", "S/m"; of a sheet "S", "e²/h".

        Returns
        -------
        xarray.Dataset
            A variable NAME_hall_angle for each conductivity NAME.

        Raises
        ------
        InputError
            Not a conductivity > 0, or no variable that it can be compared with.
        """
        if not sigma_xx > 0:
            raise InputError("sigma_xx", f"a number > 0 ({unit})", repr(sigma_xx))
        found = {}
        for name in self._dataset.data_vars:
            variable = self._dataset[name]
            own = read_flow_unit(variable.attrs.get("units", ""))
            factor = flow_factor(own.flow, unit) if own and not own.rest else None
            if factor is None:
                continue
            to_charge = 2.0 / _OBSERVABLES.get(own.observable, 1.0) if own.angular else 1.0
            angle = _scaled(variable, to_charge * factor / sigma_xx, "1")
            angle.attrs |= {
                "long_name": f"Hall angle of the {variable.attrs['long_name']}",
                "symbol": f"θ({variable.attrs['symbol']})",
                "sigma_xx": float(sigma_xx),
                "sigma_xx_unit": unit,
            }
            if "error_of" in variable.attrs:
                angle.attrs["error_of"] = f"{variable.attrs['error_of']}_hall_angle"
            found[f"{name}_hall_angle"] = angle
        if not found:
            units = sorted({variable.attrs.get("units", "") for variable in self._dataset.data_vars.values()})
            raise InputError("sigma_xx", f"the unit of a conductivity, of {', '.join(units)}", unit)
        return xarray.Dataset(found, attrs=self._dataset.attrs)

    def rotate(self, axes) -> xarray.Dataset:
        r"""All tensors in other Cartesian axes, :math:`X'_{abc} = \sum_{ils} R_{ai}R_{bl}R_{cs}X_{ils}`.

        Error bars become those of independent errors of the components.

        Parameters
        ----------
        axes : array (3, 3)
            Rows: the new axes x', y', z' in the old ones, right-handed, of any length.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        InputError
            Axes that are not orthogonal and right-handed.
        """
        rotation = _rotation(axes)
        changed = {}
        for name in self._dataset.data_vars:
            variable = self._dataset[name]
            letters = [axis for axis in cartesian_axes(variable) if axis in variable.dims]
            if letters:
                independent = "error_of" in variable.attrs or str(name).endswith("_error")
                changed[name] = _rotated(variable, letters, rotation, independent)
        result = self._dataset.assign(changed)
        result.attrs = {**self._dataset.attrs, "axes_rotated_to": rotation.ravel()}
        return result


def _converted(unit: FlowUnit, flow, observable, thickness) -> tuple[float, FlowUnit] | None:
    """Factor and unit of a conversion; None where there is none for this unit."""
    factor, new = 1.0, unit
    if thickness is not None:
        if unit.flow not in _THICKNESS:
            return None
        factor *= 1e-8 * thickness * (1.0 if "cm" in unit.flow else 1e-2)
        new = replace(new, flow=_THICKNESS[unit.flow])
    if flow is not None:
        wanted = {"S/m": "A/(m K)", "S/cm": "A/(cm K)"}.get(flow, flow) if new.flow.startswith("A") else flow
        scale = flow_factor(new.flow, wanted)
        if scale is None:
            return None
        factor, new = factor * scale, replace(new, flow=wanted)
    if observable is not None:
        if not unit.angular:
            return None
        factor *= _OBSERVABLES[observable] / _OBSERVABLES[unit.observable]
        new = replace(new, observable=observable)
    return (factor, new) if new != unit else None


def _scaled(variable: xarray.DataArray, factor: float, unit: str) -> xarray.DataArray:
    attributes = {key: value for key, value in variable.attrs.items() if key not in ATTRIBUTES}
    result = variable.copy(data=factor * variable.values)
    result.attrs = attributes | {"units": unit}
    return result


def _rotation(axes) -> np.ndarray:
    rows = np.asarray(axes, dtype=float)
    if rows.shape != (3, 3) or not np.isfinite(rows).all() or not np.all(np.linalg.norm(rows, axis=1) > 0):
        raise InputError("axes", "three vectors that are not zero, as the rows of a matrix", repr(axes))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    if np.abs(rows @ rows.T - np.eye(3)).max() > _ORTHOGONAL or np.linalg.det(rows) < 0:
        raise InputError("axes", "orthogonal and right-handed vectors", repr(np.asarray(axes).tolist()))
    return rows


def _rotated(variable, letters, rotation, independent) -> xarray.DataArray:
    values, matrix = variable.values, rotation**2 if independent else rotation
    values = values**2 if independent else values
    for letter in letters:
        place = variable.dims.index(letter)
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, place)), 0, place)
    result = variable.copy(data=np.sqrt(values) if independent else values)
    result.attrs = {key: value for key, value in variable.attrs.items() if key not in ATTRIBUTES}
    return result
