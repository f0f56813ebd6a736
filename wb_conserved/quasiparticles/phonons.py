r"""Phonons as bosons of a Bogoliubov problem, from the dynamical matrix D(k) (mass-weighted, ħ²ω² in eV²): with any energy Ω,

.. math:: u = (b + b^\dagger)/\sqrt{2\Omega},\quad p = -i\sqrt{\Omega/2}\,(b - b^\dagger),\quad
    H = \tfrac12\sum_k\Psi_k^\dagger\begin{pmatrix}A & B\\ B & A\end{pmatrix}\Psi_k,\quad A, B = \tfrac12(D/\Omega \pm \Omega)

with energies ħω; Ω is a choice of basis, which no result depends on.  The angular momentum of the displacements about the
equilibrium positions, :math:`\boldsymbol L = \sum\boldsymbol u\times\boldsymbol p`, is b†_b (−iε_abc) b_c, ħ ē × e of a mode
(L. Zhang and Q. Niu, Phys. Rev. Lett. 112, 085503 (2014)).  It does not commute with H, and its current in a temperature
gradient (S. Park and B.-J. Yang, Nano Lett. 20, 7694 (2020)) is conventional or conserved.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
from scipy.constants import angstrom, atomic_mass, elementary_charge, hbar
from wannierberri.system.system_R import System_R

from ..errors import InputError, how_to_install
from ..interpolation import particles_of
from ..models import lattice_system
from ..operators import Operator, matrix_operator
from .bosons import Bosons, check_regulator, make_bosonic
from .dynamical_matrices import read_dynamical_matrices

logger = logging.getLogger(__name__)

_PHONOPY = hbar**2 / (atomic_mass * angstrom**2) / elementary_charge  # eV² of ħ²ω² per eV/(Å² u)
_UNSTABLE = 1e-6  # of the largest element of D
_MESH, _RANDOM = 8, 100
_LEVI_CIVITA = np.zeros((3, 3, 3))
_LEVI_CIVITA[[0, 1, 2], [1, 2, 0], [2, 0, 1]], _LEVI_CIVITA[[0, 1, 2], [2, 0, 1], [1, 2, 0]] = 1, -1


def phonon_system(
    source,
    regulator: float = 0.0,
    *,
    zero_point: bool = False,
    periodic=(True, True, True),
    reference: float | None = None,
) -> System_R:
    """Phonons as a system for every calculator.

    Parameters
    ----------
    source : System_R, Phonopy, path, or (lattice, positions, matrices)
        A system of phonons of WannierBerri, whose lattice must be in Å; an object of phonopy with force constants, or its yaml
        file; the seed name of Quantum ESPRESSO's files ``X.dyn0``, ``X.dyn1.xml``, ...; or lattice vectors (3, 3), Å, reduced
        positions (atom, 3), and a mapping of R to D_ij(R) (3 atom, 3 atom), eV².  Nonanalytic terms are not included.
    regulator : float
        Energy ħω_0, eV, by which D grows: D + (ħω_0)²; acoustic modes have none at Γ.
    zero_point : bool
        See `wb_conserved.quasiparticles.magnon_system`.
    periodic : three bool
        Two: a sheet, results per sheet.
    reference : float, optional
        Ω, eV; by default a mean of the energies.

    Returns
    -------
    System_R
        Matrix 'Ham' (eV), for three displacements of each atom and again for their b†.  Its point group is trivial.

    Raises
    ------
    InputError
        Another source, or modes of imaginary frequency, with k and the mode.
    """
    regulator = check_regulator(regulator)
    lattice, positions, matrices, name = _read(source)
    matrices = _both_orders(matrices)
    number = 3 * len(positions)
    if any(matrix.shape != (number, number) for matrix in matrices.values()):
        raise InputError("source", f"matrices ({number}, {number}) of {len(positions)} atoms", "others")
    periodic = np.asarray(periodic, dtype=bool)
    for R in matrices:
        if np.any(np.array(R)[~periodic]):
            raise InputError(
                "periodic", "true along directions with force constants", f"{periodic.tolist()} with R = {R}"
            )
    _check_stable(matrices, periodic, regulator)
    D = {R: matrix + 0 for R, matrix in matrices.items() if R >= (0, 0, 0)}
    D[0, 0, 0] = D[0, 0, 0] + regulator**2 * np.eye(number)
    omega = float(np.sqrt(np.trace(D[0, 0, 0]).real / number)) if reference is None else float(reference)
    if not omega > 0:
        raise InputError("reference", "a number > 0 (eV)", repr(reference))
    swap = np.array([[0, 1], [1, 0]])
    hoppings = {R: np.kron(np.ones((2, 2)), matrix / (2 * omega)) for R, matrix in D.items()}
    hoppings[0, 0, 0] = hoppings[0, 0, 0] + np.kron(0.5 * omega * (np.eye(2) - swap), np.eye(number))
    centres = np.tile(np.repeat(positions @ lattice, 3, axis=0), (2, 1))
    system = lattice_system(lattice, hoppings, None, centres, tuple(periodic.tolist()), name)
    texts = [
        f"harmonic phonons of {len(positions)} atoms, no decay, no nonanalytic terms",
        f"regulator {regulator:g} eV" if regulator else "no regulator",
        "zero-point motion included" if zero_point else "zero-point motion left out",
    ]
    make_bosonic(system, Bosons("phonons", number, bool(zero_point), "; ".join(texts)))
    return system


def phonon_angular_momentum(system: System_R) -> Operator:
    """Angular momentum of the displacements about their equilibrium positions, ħ, for the phonons of a system.

    Its current is polar times axial; no symmetry is used.
    """
    particles = particles_of(system)
    if particles.name != "phonons":
        raise InputError("system", "phonons, as phonon_system makes them", type(system).__name__)
    functions = particles.functions
    generators = np.moveaxis(-1j * _LEVI_CIVITA, 0, -1)  # b c a
    matrix = np.stack([np.kron(np.eye(functions // 3), generators[..., a]) for a in range(3)], axis=-1)
    return matrix_operator(matrix, odd_under_time_reversal=True, name="phonon angular momentum", unit="ħ")


def _both_orders(matrices):
    """D(R) for R and −R, real and symmetric as a whole."""
    every = {tuple(int(x) for x in R): np.asarray(matrix, dtype=complex) for R, matrix in matrices.items()}
    largest = max(np.abs(matrix).max() for matrix in every.values())
    complex_part = max(np.abs(matrix.imag).max() for matrix in every.values())
    if complex_part > 1e-5 * largest:
        expected = "real force constants (without fields that break time reversal)"
        raise InputError(
            "source", expected, f"complex ones, imaginary parts up to {complex_part / largest:.2g} of the largest"
        )
    every = {R: matrix.real for R, matrix in every.items()}
    every.setdefault((0, 0, 0), np.zeros_like(next(iter(every.values()))))
    result = {}
    for R, matrix in every.items():
        minus = tuple(-x for x in R)
        result[R] = 0.5 * (matrix + every.get(minus, matrix.T).T)
        result[minus] = result[R].T
    return result


def _check_stable(matrices, periodic, regulator):
    mesh = np.where(periodic, _MESH, 1)
    grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), axis=-1).reshape(-1, 3)
    kpoints = np.concatenate([grid, np.random.default_rng(0).random((_RANDOM, 3)) * periodic])
    phases = np.exp(2j * np.pi * kpoints @ np.array(list(matrices)).T)
    D = np.tensordot(phases, np.array(list(matrices.values())), axes=1)
    values, vectors = np.linalg.eigh(D)
    k = int(values[:, 0].argmin())
    place = "(" + ", ".join(f"{x:.4g}" for x in kpoints[k]) + ")"
    if values[k, 0] < -_UNSTABLE * np.abs(D).max():
        mode = np.linalg.norm(vectors[k, :, 0].reshape(-1, 3), axis=1)
        atoms = ", ".join(f"atom {i} {size:.2f}" for i, size in enumerate(mode) if size > 0.1)
        raise InputError(
            "source",
            "stable phonons, D(k) without negative eigenvalues",
            f"an imaginary frequency, ħω = {1e3 * np.sqrt(-values[k, 0]):.4g}i meV, at k = {place} (amplitudes: {atoms})",
        )
    if values[k, 0] < 1e-9 * np.abs(D).max() and not regulator:
        logger.warning(
            "acoustic modes have no energy at k = %s, where the number of phonons diverges: give a regulator (eV), or leave "
            "the k point out of the mesh",
            place,
        )


def _read(source):
    """Lattice (Å), reduced positions, D(R) in eV², name."""
    if isinstance(source, System_R):
        return _of_system(source)
    if hasattr(source, "force_constants") and hasattr(source, "primitive"):
        return _of_phonopy(source)
    if isinstance(source, tuple) and len(source) == 3:
        lattice, positions, matrices = source
        return np.asarray(lattice, dtype=float), np.asarray(positions, dtype=float), matrices, "phonons"
    if not isinstance(source, str | os.PathLike):
        expected = "a System_R of phonons, a Phonopy object, a path, or (lattice, positions, matrices)"
        raise InputError("source", expected, type(source).__name__)
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        try:
            import phonopy
        except ImportError as error:
            raise ImportError(f"{path.name} needs phonopy: {how_to_install('phonons')}") from error
        return _of_phonopy(phonopy.load(path, log_level=0))
    if not path.with_name(path.name + ".dyn0").is_file():
        raise InputError(path, "a .yaml file of phonopy, or the seed name of X.dyn0, X.dyn1.xml, ...", "no such file")
    return *read_dynamical_matrices(path), path.name


def _of_system(system):
    if not system.is_phonon:
        raise InputError("source", "a system of phonons (is_phonon)", "one of electrons")
    matrices = dict(zip(map(tuple, np.asarray(system.rvec.iRvec).tolist()), system.get_R_mat("Ham"), strict=True))
    return np.asarray(system.real_lattice), np.asarray(system.wannier_centers_red)[::3], matrices, system.name


def _of_phonopy(phonopy):
    """D_ij(R) = Φ_ij(R)/√(m_i m_j), each pair shared by its nearest images."""
    if phonopy.force_constants is None:
        raise InputError("source", "a Phonopy object with force constants", "none: produce_force_constants()")
    if getattr(phonopy, "nac_params", None) is not None:
        logger.warning("nonanalytic terms (LO-TO splitting) are left out")
    primitive, supercell = phonopy.primitive, phonopy.supercell
    lattice, masses = np.asarray(primitive.cell), np.asarray(primitive.masses)
    constants, number = np.asarray(phonopy.force_constants), len(masses)
    of_supercell, home = np.asarray(primitive.s2p_map), list(primitive.p2s_map)
    rows = home if len(constants) == len(supercell) else range(number)
    within = {atom: n for n, atom in enumerate(home)}
    images, counts = primitive.get_smallest_vectors()
    positions = np.asarray(primitive.scaled_positions)
    matrices: dict[tuple[int, int, int], np.ndarray] = {}
    for J in range(len(supercell)):
        j = within[of_supercell[J]]
        for i in range(number):
            nearest = _nearest(images, counts, J, i)
            block = constants[rows[i], J] * _PHONOPY / np.sqrt(masses[i] * masses[j]) / len(nearest)
            for vector in nearest:
                R = tuple(np.round(vector - positions[j] + positions[i]).astype(int).tolist())
                matrix = matrices.setdefault(R, np.zeros((3 * number, 3 * number)))
                matrix[3 * i : 3 * i + 3, 3 * j : 3 * j + 3] += block
    return lattice, positions, matrices, "phonons"


def _nearest(images, counts, J, i):
    """Shortest vectors of a pair, of either layout that phonopy has."""
    if images.ndim == 2:
        multiplicity, start = counts[J, i]
        return images[start : start + multiplicity]
    return images[J, i, : counts[J, i]]
