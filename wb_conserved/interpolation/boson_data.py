"""What calculators of WannierBerri see of bosons: energies of the paraunitary problem; no matrices, which are not Hermitian."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from wannierberri.data_K.data_K_R import Data_K_R

from ..errors import InputError
from .wannier import WannierInterpolator


class Data_K_bosons(Data_K_R):  # noqa: N801  (WannierBerri's naming)
    """``Data_K`` of a system whose eigensolver is not Hermitian.

    `wb_conserved.run` finds it as ``system.data_k_class``; for ``wannierberri.run`` pass it as ``data_k_class``.
    """

    @cached_property
    def E_K(self):
        """ε̂ (k, n), eV: bands of negative norm first."""
        return WannierInterpolator(self.system).band_energies(np.asarray(self.kpoints_all))

    @property
    def UU_K(self):
        """None: states are not orthonormal."""
        raise _refusal()

    def Xbar(self, name, der=0):
        """None: those of Hermitian matrices would be wrong."""
        raise _refusal()


def _refusal():
    return InputError("calculators", "calculators of wb_conserved for bosons", "one of WannierBerri, for electrons")
