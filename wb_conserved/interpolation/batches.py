"""What a calculator sees of some k points: their Bloch states in batches, each of the kind that suits them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.data_K.data_K_soc import Data_K_soc

from .. import compiled
from ..errors import InputError
from ..operators import Operator
from .bloch import BlochBatch, InterpolatedBatch, ProvidedBatch, batch_slices
from .wannier import WannierInterpolator

_OWN = "bloch_states"


class BlochStates:
    """Bloch states of some k points, shared by all calculators that see them.

    Parameters
    ----------
    system : wannierberri.system.System
    kpoints : float array (k, 3)
        Reduced coordinates.
    make_data_K : callable
        WannierBerri's ``Data_K`` of these k points, made when a calculator of WannierBerri asks for it.
    interpolator : WannierInterpolator, optional
        Of a system of R-space matrices; without one the ``Data_K`` provides the matrices.
    cell : float array (3,), optional
        Extent of the cell of each k point in a regular grid, reduced coordinates.
    batches : sequence of slice, optional
        Parts to treat one after the other; by default one.
    """

    def __init__(
        self, system, kpoints, make_data_K: Callable, *, interpolator=None, cell=None, batches: list[slice] | None = None
    ):
        self.system, self.kpoints = system, kpoints
        self._make_data_K, self._interpolator, self._cell = make_data_K, interpolator, cell
        self._slices = batches or [slice(None)]
        self._kept: BlochBatch | None = None

    @cached_property
    def data_K(self):
        """WannierBerri's ``Data_K`` of these k points, which leads calculators of this package inside of others back here."""
        data_K = self._make_data_K()
        data_K.__dict__[_OWN] = self
        return data_K

    def of_system(self, operator: Operator) -> Operator:
        """An observable with what it takes from the system."""
        return operator.of_system(self.system) if self._interpolator is None else self._interpolator.of_system(operator)

    @property
    def batches(self) -> Iterable[BlochBatch]:
        """The batches in order.  A single one is kept, so that all calculators share its matrices; of several, none
        outlives its turn."""
        if len(self._slices) > 1:
            return (self._batch(part) for part in self._slices)
        if self._kept is None:
            self._kept = self._batch(self._slices[0])
        return [self._kept]

    def _batch(self, part):
        if self._interpolator is None:
            return ProvidedBatch(self.data_K)
        return interpolated_batch(self._interpolator, self.kpoints[part], self._cell)

    def forget(self) -> None:
        """Let go of the matrices, whose geometry refers to them and they to it, at once."""
        if self._kept is not None:
            self._kept.forget()
        self._kept = None
        self.__dict__.pop("data_K", None)


def is_interpolated(data_k_class: type) -> bool:
    """Whether a ``Data_K`` class stands for R-space matrices, which are interpolated here."""
    return issubclass(data_k_class, Data_K_R) and not issubclass(data_k_class, Data_K_soc)


def check_data_K(data_K) -> None:
    """Refuse a ``Data_K`` that selects bands by energy (``Emin``, ``Emax``), or randomises the gauge.

    Raises
    ------
    InputError
    """
    if np.isfinite(data_K.Emin) or np.isfinite(data_K.Emax) or data_K.random_gauge:
        raise InputError(
            "parameters_K",
            "no Emin, Emax or random_gauge with the calculators of wb_conserved",
            f"Emin={data_K.Emin}, Emax={data_K.Emax}, random_gauge={data_K.random_gauge}",
        )


def states_of(data_K) -> BlochStates:
    """Bloch states of a ``Data_K`` of ``wannierberri.run``, which has no other place to keep them: all calculators that it
    calls with this ``Data_K`` share them.

    Raises
    ------
    InputError
        See `check_data_K`.
    """
    kept = data_K.__dict__
    if _OWN not in kept:
        check_data_K(data_K)
        interpolator = slices = None
        if is_interpolated(type(data_K)):
            interpolator = WannierInterpolator(data_K.system)
            if data_K.k_list is None:
                slices = batch_slices(data_K.NKFFT, data_K.num_wann)
        kept[_OWN] = BlochStates(
            data_K.system,
            np.asarray(data_K.kpoints_all),
            weakref.ref(data_K),  # which keeps the states
            interpolator=interpolator,
            cell=getattr(data_K.Kpoint, "dK_fullBZ", None),
            batches=slices,
        )
    return kept[_OWN]


def interpolated_batch(interpolator: WannierInterpolator, kpoints: np.ndarray, cell=None) -> InterpolatedBatch:
    """Batch of reduced k points (k, 3), for the compiled kernels where these are faster."""
    if interpolator.metric is not None or not compiled.useful(interpolator.num_wann):
        return InterpolatedBatch(interpolator, kpoints, cell)
    from .compiled_batch import CompiledBatch  # imports numba

    return CompiledBatch(interpolator, kpoints, cell)
