"""Spin of some Wannier functions only: of some atoms, or of some shells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from ..io.projections import functions_of
from .base import SPIN, Operator
from .matrices import r_space_operator


def projected_spin(
    system,
    *,
    atoms: Sequence | None = None,
    orbitals: Sequence[str] | None = None,
    functions: Sequence[int] | None = None,
    symmetric: bool = False,
) -> Operator:
    r"""Spin on some Wannier functions, P s P with the projector P onto them, in units of ħ.

    .. math:: s^P_{ij}(R) = \tfrac12\sigma_{ij}(R)\ \text{for i and j among them},\ 0\ \text{otherwise}

    The parts of a crystal do not add to the whole by matrix elements of the spin between them, which small ones are.

    Parameters
    ----------
    system : wannierberri.system.System_R
        With spin matrices.
    atoms : sequence of int or str, optional
        Numbers of atoms, counted from 0, or their labels in the .win file; all by default.
    orbitals : sequence of str, optional
        Such as "dxy" or "d"; all by default.
    functions : sequence of int, optional
        In place of both: indices of Wannier functions, counted from 0.
    symmetric : bool
        Declare that every operation of the point group maps the functions onto each other, see `matrix_operator`.

    Returns
    -------
    Operator

    Raises
    ------
    InputError
        No spin matrices, nothing selected, or what is not there.

    Examples
    --------
    >>> from wb_conserved.models import random_model
    >>> from wb_conserved.operators import projected_spin
    >>> projected_spin(random_model(2, kramers=True), functions=[0, 1]).unit
    'ħ'
    """
    if not system.has_R_mat(SPIN.matrix):
        raise InputError("system", "spin matrices (a .spn file, or spin_order)", "none")
    if functions is not None:
        if atoms is not None or orbitals is not None:
            raise InputError("functions", "either functions, or atoms and orbitals", "both")
        chosen = np.asarray(functions)
        proper = chosen.ndim == 1 and chosen.size > 0 and chosen.dtype.kind in "iu"
        if not proper or chosen.min() < 0 or chosen.max() >= system.num_wann or len(set(chosen.tolist())) < len(chosen):
            expected = f"different functions of the {system.num_wann} that there are, counted from 0"
            raise InputError("functions", expected, repr(functions))
        name = f"functions {', '.join(map(str, chosen.tolist()))}"
    else:
        if atoms is None and orbitals is None:
            raise InputError("atoms", "atoms, orbitals or functions", "none of them")
        labels = getattr(system, "function_labels", None)
        if labels is None:
            expected = "functions, as no .nnkp and .win files beside the data say which atom each is on"
            raise InputError("atoms", expected, "atoms or orbitals")
        chosen = np.array(functions_of(labels, atoms, orbitals))
        name = " of ".join(", ".join(map(str, part)) for part in (orbitals, atoms) if part is not None)
    projected = np.zeros(system.num_wann)
    projected[chosen] = 1.0
    matrix = SPIN.scale * np.asarray(system.get_R_mat(SPIN.matrix)) * (projected[:, None] * projected[None])[None, :, :, None]
    return r_space_operator(
        (np.asarray(system.rvec.iRvec), matrix),
        odd_under_time_reversal=True,
        symmetric=symmetric,
        name=f"spin on {name}",
        unit=SPIN.unit,
    )
