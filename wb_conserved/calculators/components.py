"""Some components of a tensor only: less memory, and less to add up, in long scans.

Operations of the point group turn components into others: with those that are asked for go all that are linked to them, so that
what symmetry makes of the mesh stays right.  The others are zero in between and NaN in the end.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np

from ..errors import InputError
from .contract import Accumulating

_LINKED = 1e-9
_SPECTRA, _SCATTER = "spectra", "scatter"


def components_of(components: Sequence[str] | None, axes: Sequence[str], name: str) -> tuple[str, ...] | None:
    """Components that were asked for, checked.

    Raises
    ------
    InputError
        None, one twice, or one that a tensor with these axes has not.
    """
    if components is None:
        return None
    found = (components,) if isinstance(components, str) else tuple(components)
    fitting = [isinstance(text, str) and len(text) == len(axes) and not set(text) - set("xyz") for text in found]
    if not axes:
        raise InputError("compute_components", f"none, as {name} has no components", repr(components))
    if not found or not all(fitting) or len(set(found)) < len(found):
        expected = f"different components, x, y or z for each of the axes {''.join(axes)}"
        raise InputError("compute_components", expected, repr(components))
    return found


def linked_components(components: Sequence[str], images: np.ndarray) -> np.ndarray:
    """Numbers of some components and of all that operations turn into them, ascending, the last letter running fastest.

    Parameters
    ----------
    components : sequence of str
    images : float array (operation, c, c)
        Images of the unit tensors.
    """
    letters = ["".join(text) for text in product("xyz", repeat=len(components[0]))]
    links = np.any(np.abs(images) > _LINKED, axis=0)
    links = links | links.T
    found = np.isin(letters, list(components))
    while True:
        more = found | links[found].any(axis=0)
        if np.array_equal(more, found):
            return np.flatnonzero(found)
        found = more


class SelectedComponents(Accumulating):
    """What a calculator of a sum does otherwise when only some components are asked for; before it among the bases."""

    _selected: np.ndarray | None = None

    def terms(self, band_geometry):
        found = []
        for term in super().terms(band_geometry):
            values = term.values
            inner = values.shape[: values.ndim - len(self._summed_shape)]
            found.append(replace(term, values=values.reshape(*inner, -1)[..., self._selected]))
        return found

    def accumulate(self, states, weight=1.0, out=None):
        known = copy.copy(self)  # nothing lives between calls
        known._selected = self.selected(states.system)
        return super(SelectedComponents, known).accumulate(states, weight, out)

    @property
    def _summed_shape(self):
        """Shape of the tensor in terms and spectra, where a scalar has an axis too."""
        return self.tensor_shape if self.operator.rank else (*self.tensor_shape, 1)

    def selected(self, system) -> np.ndarray:
        """Numbers of the components that are computed."""
        return self._of_group(system.pointgroup)

    def _of_group(self, pointgroup):
        """Those that a point group links; operators that operations exchange are never symmetrised."""
        return linked_components(self.compute_components, self.images(pointgroup if self.operator.symmetric else None))

    def scatter(self, values, system, pointgroup, number):
        return super().scatter(self._spread(values, system), system, pointgroup, number)

    def finalize(self, values, system):
        return super().finalize(self._spread(values, system), system)

    def _spread(self, values, system):
        """Arrays of all components, with zeros for those that were not computed."""
        selected, shape = self.selected(system), self._summed_shape
        size, spectra = int(np.prod(shape)), values[_SPECTRA]
        whole = np.zeros((*spectra.shape[:-1], size))
        whole[..., selected] = spectra
        found = {**values, _SPECTRA: whole.reshape(*spectra.shape[:-1], *shape)}
        if _SCATTER in values:
            moments = np.zeros((size, size + 1))
            moments[np.ix_(selected, selected)] = values[_SCATTER][:, :-1]
            moments[0, size] = values[_SCATTER][0, -1]
            found[_SCATTER] = moments
        return found

    def arrange(self, result, grid):
        """NaN in the place of what was not computed."""
        missing = np.ones(int(np.prod(self.tensor_shape)), dtype=bool)
        missing[self._of_group(grid.pointgroup)] = False
        result.data[..., missing.reshape(self.tensor_shape)] = np.nan
        return result

    def __call__(self, data_K):
        raise InputError("compute_components", "wb_conserved.run, which puts NaN for the others", "a run of WannierBerri")

    def parameters(self):
        return super().parameters() | {"compute_components": " ".join(self.compute_components)}


@cache
def with_selected(kind: type) -> type:
    """The class of a calculator that computes some components only."""
    return kind if issubclass(kind, SelectedComponents) else type(kind.__name__, (SelectedComponents, kind), {})
