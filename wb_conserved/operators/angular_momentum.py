r"""Local orbital angular momentum of atomic-like functions, in units of ħ.

.. math:: \langle lm|L_z|lm'\rangle = m\,\delta_{mm'},\quad
    \langle l,m\pm1|L_x\pm iL_y|lm\rangle = \sqrt{(l\mp m)(l\pm m+1)}

in the basis of real harmonics of Wannier90 (user guide, chapter 3): m = 0, then cos φ, sin φ, cos 2φ, sin 2φ, ... with
C_m = [(−1)^m Y_m + Y_{−m}]/√2 and S_m = [(−1)^m Y_m − Y_{−m}]/(i√2).  Block-diagonal: only functions of one shell of one
atom are connected, as if the Wannier functions still were the projections they started from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.projections import ORBITALS, local_axes, read_projections
from ..io.spin_order import spin_pairs
from .base import BandMatrix, Operator, RealSpaceMatrix, enter
from .matrices import matrix_operator

_SHELLS = {"s": 0, "p": 1, "d": 2, "f": 3}
_DEGREE = {name: (l, ORBITALS[l].index(name)) for l in range(4) for name in ORBITALS[l]}
_HYBRIDS = tuple(name for l in ORBITALS if l < 0 for name in ORBITALS[l])


def orbital_angular_momentum(
    projections: str | Path | Sequence, *, spin_order: str | Sequence[Sequence[int]] | None = None
) -> Operator:
    """Orbital angular momentum L of the atoms, an axial vector odd under time reversal, in units of ħ.

    Parameters
    ----------
    projections : path of a .nnkp file, or sequence of shells
        Shells in the order of the Wannier functions, one entry for each shell of each atom: "s", "p", "d", "f" for all its
        functions in Wannier90's order (pz, px, py; dz2, dxz, dyz, dx2-y2, dxy; ...), or a tuple with the names of those
        that are there, ("px", "py") say, with Cartesian axes.  A file also tells local axes and spin.
    spin_order : {"interlaced", "block"} or sequence of pairs, optional
        For shells: every function twice, up and down next to each other, all up before all down, or (up, down) pairs of
        indices in the order of the shells.  Default: functions without spin.

    Returns
    -------
    Operator
        Symmetric: the operations of the crystal take it to itself as an axial vector, as far as they take the Wannier
        functions to each other.

    Notes
    -----
    L does not commute with position between functions of different l on one atom, [L_a, r_b] = i ε_abc r_c, which the theory
    of the conserved current assumes.  Exact in that respect is ``kwargs_formula=dict(external_terms=False)``; compare the two:
    platinum, 12³ mesh, kBT 0.1 eV, σ_conv^{xyz} is 772 with and 3659 (ħ/|e|) S/cm without the position matrix.

    Raises
    ------
    InputError
        Hybrid or unknown functions, a function twice in a shell, or `spin_order` that does not fit.
    """
    if isinstance(projections, str) and projections in (*_SHELLS, *_DEGREE, *_HYBRIDS):
        raise InputError("projections", "a sequence of shells or the path of a .nnkp file", repr(projections))
    if isinstance(projections, str | Path):
        if spin_order is not None:
            raise InputError("spin_order", "none with a .nnkp file, which tells it", repr(spin_order))
        matrix = _from_file(Path(projections))
    else:
        blocks = [_block(_names(shell)) for shell in projections]
        if not blocks:
            raise InputError("projections", "one shell or more", "none")
        ends = np.cumsum([len(block) for block in blocks])
        matrix = np.zeros((ends[-1], ends[-1], 3), dtype=complex)
        for end, block in zip(ends, blocks, strict=True):
            part = slice(end - len(block), end)
            matrix[part, part] = block
        if spin_order is not None:
            pairs = spin_pairs(spin_order, 2 * len(matrix))
            doubled = np.zeros((2 * len(matrix), 2 * len(matrix), 3), dtype=complex)
            for functions in pairs.T:
                doubled[np.ix_(functions, functions)] = matrix
            matrix = doubled
    return matrix_operator(
        matrix, odd_under_time_reversal=True, symmetric=True, name="orbital angular momentum", unit="ħ"
    )


def shell_angular_momentum(l: int) -> np.ndarray:
    """Matrices of L_x, L_y, L_z between the real harmonics of degree l in Wannier90's order, (2l + 1, 2l + 1, 3)."""
    m = np.arange(-l, l + 1)
    raising = np.diag(np.sqrt((l - m[:-1]) * (l + m[:-1] + 1.0)), -1).astype(complex)  # <m+1|L+|m>
    lowering = raising.conj().T
    complex_basis = np.stack([(raising + lowering) / 2, (raising - lowering) / 2j, np.diag(m)], axis=-1)
    columns = [np.eye(2 * l + 1)[l]]  # real harmonics over Y_m, m from −l to l
    for order in range(1, l + 1):
        plus, minus = (-1) ** order * np.eye(2 * l + 1)[l + order], np.eye(2 * l + 1)[l - order]
        columns += [(plus + minus) / np.sqrt(2), (plus - minus) / (1j * np.sqrt(2))]
    real = np.stack(columns, axis=1).astype(complex)
    return np.einsum("pi,pqa,qj->ija", real.conj(), complex_basis, real)


def _names(shell):
    """Names of the functions of an entry of `projections`."""
    if isinstance(shell, str) and shell in _SHELLS:
        return ORBITALS[_SHELLS[shell]]
    names = (shell,) if isinstance(shell, str) else shell
    if not isinstance(names, tuple | list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError("projections", f"shells {list(_SHELLS)} or tuples of names of functions", repr(shell))
    return tuple(names)


def _block(names, axes=None, source="projections", line=None):
    """Matrix (n, n, 3) between functions of one shell of one atom, by name; axes x, y, z as rows."""
    for name in names:
        if name in _HYBRIDS or name.startswith("sp"):
            raise InputError(
                source,
                "functions of one angular momentum: s, p, d or f",
                f"the hybrid {name!r}: it mixes several",
                line,
            )
        if name not in _DEGREE:
            raise InputError(source, f"shells {list(_SHELLS)} or functions among {sorted(_DEGREE)}", repr(name), line)
    degrees = {_DEGREE[name][0] for name in names}
    if len(degrees) > 1 or len(set(names)) < len(names):
        raise InputError(source, "different functions of one shell", repr(tuple(names)), line)
    indices = [_DEGREE[name][1] for name in names]
    matrix = shell_angular_momentum(degrees.pop())[np.ix_(indices, indices)]
    return matrix if axes is None else matrix @ axes


def _from_file(path):
    """Matrix (n, n, 3) from a .nnkp file: functions of equal centre, shell and spin are connected."""
    orbitals = read_projections(path)
    shells = [(orbital.center, orbital.shell, orbital.spin) for orbital in orbitals]
    lines = [orbital.line for orbital in orbitals]
    return _of_shells([orbital.name for orbital in orbitals], shells, path, lines)


def _of_shells(names, shells, source, lines=None):
    """Matrix (n, n, 3) between functions of equal shells, which are hashable and have those of `Orbital` second."""
    matrix = np.zeros((len(names), len(names), 3), dtype=complex)
    members: dict[tuple, list[int]] = {}
    for i, shell in enumerate(shells):
        members.setdefault(shell, []).append(i)
    for (_, shell, _), indices in members.items():
        line = None if lines is None else lines[indices[0]]
        matrix[np.ix_(indices, indices)] = _block([names[i] for i in indices], local_axes(shell), source, line)
    return matrix


@dataclass(frozen=True)
class _OfProjections(BandMatrix):
    """L of the shells that the functions of a system started from."""

    def compute(self, g):
        raise TypeError("angular momentum of shells: expected a matrix of the system")

    def of_system(self, system):
        labels = getattr(system, "function_labels", None)
        if labels is None:
            expected = "data with a .nnkp and a .win file beside, which tell the shell of each function"
            raise InputError("operator", f"{expected}, for 'orbital_angular_momentum'", "neither")
        shells = [(label.atom, label.shell, label.spin) for label in labels]
        matrix = _of_shells([label.orbital for label in labels], shells, "projections")
        return RealSpaceMatrix(np.zeros((1, 3), dtype=int), matrix[None])


ORBITAL_ANGULAR_MOMENTUM = Operator(
    "orbital angular momentum", rank=1, odd_under_time_reversal=True, matrix=_OfProjections(), scale=1.0, unit="ħ"
)
"""`orbital_angular_momentum` of the .nnkp file beside the data."""

enter("orbital_angular_momentum", ORBITAL_ANGULAR_MOMENTUM)
