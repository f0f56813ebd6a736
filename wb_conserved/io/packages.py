"""Tight-binding models of other Python packages: PythTB, TBmodels (objects and HDF5 files), sisl, and ASE's Wannier functions.

The packages are not needed: objects bring theirs along, and TBmodels' files need h5py only.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from wannierberri.system import System_R

from ..errors import InputError, how_to_install
from .ab_initio_mesh import class_vectors, set_ab_initio_mesh
from .checks import check_hermitian
from .minimal_distance import nearest_copies
from .spin_axis import set_spin
from .tight_binding import RealSpace, build_system
from .wannier90 import refuse_spin

if TYPE_CHECKING:
    from .request import Request

logger = logging.getLogger("wb_conserved.io")

HEIGHT = 1.0
"""Length of the lattice vectors that a model of fewer dimensions does not have, Å; these directions are not periodic."""


def is_of(package: str, *classes: str):
    """Function that says whether an object is of a class, by name, of a package or derived from it."""

    def recognise(value: Any) -> bool:
        types = type(value).__mro__
        return any(base.__module__.partition(".")[0] == package and base.__name__ in classes for base in types)

    return recognise


def model_system(
    source: str, lattice: np.ndarray, hoppings: dict, centers: np.ndarray, periodic: np.ndarray, spinful: bool
) -> System_R:
    """System of a model.

    Parameters
    ----------
    source : str
        For errors.
    lattice : ndarray, shape (d, d)
        Rows are lattice vectors, Å.
    hoppings : dict of R to matrix
        <0m|H|Rn>, eV; for each R also −R.
    centers : ndarray, shape (n, d)
        Reduced coordinates, of each orbital.
    periodic : ndarray of bool, shape (d,)
    spinful : bool
        Functions are those of the orbitals with spin up and down along z in turn, which 'SS' says.
    """
    dimension = len(lattice)
    cell, place = HEIGHT * np.eye(3), np.zeros((len(centers), 3))
    cell[:dimension, :dimension], place[:, :dimension] = lattice, centers
    if abs(np.linalg.det(cell)) < 1e-12:
        raise InputError(source, "independent lattice vectors", f"{np.asarray(lattice).tolist()}")
    vectors = np.zeros((len(hoppings), 3), dtype=int)
    vectors[:, :dimension] = list(hoppings)
    hamiltonian = np.array(list(hoppings.values()), dtype=complex)
    check_hermitian(source, "Ham", vectors, hamiltonian)
    place = np.repeat(place, 2 if spinful else 1, axis=0)
    model = RealSpace(source, cell, vectors, hamiltonian, None, np.ones(len(vectors), dtype=int))
    system = build_system(model, place @ cell, cell)
    system.periodic = np.array([*periodic, *[False] * (3 - dimension)])
    if spinful:
        set_spin(system, np.arange(model.num_wann).reshape(-1, 2))
    return system


def _add(hoppings: dict, vector, matrix) -> None:
    """Add a matrix and its conjugate at −R."""
    vector = tuple(int(component) for component in vector)
    minus = tuple(-component for component in vector)
    for key, part in ((vector, matrix), (minus, matrix.conj().T)):
        hoppings[key] = hoppings.get(key, 0) + part


def load_pythtb(request: Request) -> System_R:
    """System of a PythTB model, of version 1 or 2."""
    model, source = request.path, "the PythTB model"
    newer = hasattr(model, "lat_vecs")
    lattice = np.asarray(model.lat_vecs if newer else model._lat, dtype=float)
    centers = np.asarray(model.orb_vecs if newer else model._orb, dtype=float)
    periodic = np.isin(np.arange(len(lattice)), list(model.periodic_dirs if newer else model._per))
    spins, count = int(model._nspin), len(centers)
    if request.spin and spins == 1:
        refuse_spin(request)
    hoppings = {(0,) * len(lattice): np.zeros((count, spins, count, spins), dtype=complex)}
    for i, energy in enumerate(model._site_energies):
        hoppings[(0,) * len(lattice)][i, :, i, :] += np.reshape(energy, (spins, spins))
    hoppings = {R: matrix.reshape(count * spins, -1) for R, matrix in hoppings.items()}
    for hopping in model.hoppings if newer else model._hoppings:
        amplitude, i, j, vector = _pythtb_hopping(hopping, len(lattice))
        matrix = np.zeros((count, spins, count, spins), dtype=complex)
        matrix[i, :, j, :] = np.reshape(amplitude, (spins, spins))
        _add(hoppings, vector, matrix.reshape(count * spins, -1))
    return model_system(source, lattice, hoppings, centers, periodic, spins == 2)


def _pythtb_hopping(hopping, dimension):
    """Amplitude, orbitals and R vector of an entry of a list of hoppings."""
    if isinstance(hopping, dict):
        vector = hopping.get("lattice_vector", (0,) * dimension)
        return hopping["amplitude"], hopping["from_orbital"], hopping["to_orbital"], vector
    amplitude, i, j, *rest = hopping
    return amplitude, i, j, rest[0] if rest else (0,) * dimension


def load_tbmodels(request: Request) -> System_R:
    """System of a TBmodels model."""
    model = request.path
    refuse_spin(request)
    matrices = {R: np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix) for R, matrix in model.hop.items()}
    return _of_halves("the TBmodels model", model.uc, model.pos, int(model.dim), int(model.size), matrices)


def _of_halves(source, lattice, centers, dimension, size, matrices) -> System_R:
    """System of H(R) that is to be added to its adjoint at −R, as TBmodels has it."""
    hoppings = {(0,) * dimension: np.zeros((size, size), dtype=complex)}
    for vector, matrix in matrices.items():
        _add(hoppings, vector, np.asarray(matrix, dtype=complex))
    if lattice is None:
        logger.warning("%s: no lattice vectors: those of a cube of 1 Å are taken", source)
        lattice = np.eye(dimension)
    periodic = np.ones(dimension, dtype=bool)
    return model_system(source, np.asarray(lattice, dtype=float), hoppings, np.asarray(centers), periodic, False)


def load_tbmodels_file(request: Request) -> System_R:
    """System of a HDF5 file of TBmodels."""
    path = Path(request.path)
    refuse_spin(request)
    try:
        import h5py
    except ImportError:
        raise InputError(path, f"h5py, for files of TBmodels: {how_to_install('hdf5')}", "no such package") from None
    try:
        with h5py.File(path, "r") as file:
            group = file["tb_model"] if "tb_model" in file else file
            if "hop" not in group:
                raise InputError(path, "a model of TBmodels, with a group 'hop'", f"{sorted(group)[:8]}")
            size, dimension = int(group["size"][()]), int(group["dim"][()])
            lattice = group["uc"][()] if "uc" in group else None
            matrices = {tuple(part["R"][()].tolist()): _tbmodels_matrix(part, size) for part in group["hop"].values()}
            return _of_halves(path, lattice, group["pos"][()], dimension, size, matrices)
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "a HDF5 file of TBmodels", f"{type(error).__name__}: {error}") from error


def _tbmodels_matrix(group, size: int) -> np.ndarray:
    """Matrix of a group, full or sparse by rows."""
    if "mat" in group:
        return group["mat"][()]
    from scipy.sparse import csr_matrix

    return csr_matrix((group["data"][()], group["indices"][()], group["indptr"][()]), shape=(size, size)).toarray()


def load_sisl(request: Request) -> System_R:
    """System of a sisl Hamiltonian with an orthogonal basis."""
    model, source = request.path, "the sisl Hamiltonian"
    if not getattr(model, "orthogonal", False):
        raise InputError(source, "a Hamiltonian with an orthogonal basis", "one with overlaps")
    kind = model.spin
    if not (kind.is_unpolarized or kind.is_polarized or kind.is_noncolinear or kind.is_spinorbit):
        raise InputError(source, "a Hamiltonian of electrons, with or without spin", f"{kind}")
    if request.spin and kind.is_unpolarized:
        refuse_spin(request)
    mesh = tuple(int(n) for n in model.nsc)  # odd: R from −(n − 1)/2 to (n − 1)/2
    kpoints = np.stack(np.unravel_index(np.arange(np.prod(mesh)), mesh), axis=1) / mesh
    matrices = np.array([_sisl_matrix(model, k) for k in kpoints])
    vectors = class_vectors(mesh)
    phases = np.exp(-2j * np.pi * vectors @ kpoints.T) / len(kpoints)
    values = np.tensordot(phases, matrices, axes=1)
    hoppings = dict(zip(map(tuple, vectors.tolist()), values, strict=True))
    geometry = model.geometry
    orbitals = geometry.fxyz[geometry.o2a(np.arange(geometry.no))]
    spinful = not kind.is_unpolarized
    return model_system(source, np.asarray(geometry.cell, float), hoppings, orbitals, np.asarray(mesh) > 1, spinful)


def _sisl_matrix(model, k) -> np.ndarray:
    """H(k) without phases of the positions in the cell, spins of an orbital next to each other."""
    if not model.spin.is_polarized:
        return _sisl_hk(model, k)
    parts = [_sisl_hk(model, k, spin=spin) for spin in (0, 1)]
    n = len(parts[0])
    result = np.zeros((n, 2, n, 2), dtype=complex)
    result[:, 0, :, 0], result[:, 1, :, 1] = parts
    return result.reshape(2 * n, 2 * n)


def _sisl_hk(model, k, **options) -> np.ndarray:
    try:
        return np.asarray(model.Hk(k=k, gauge="lattice", format="array", **options), dtype=complex)
    except ValueError:  # before 0.15
        return np.asarray(model.Hk(k=k, gauge="R", format="array", **options), dtype=complex)


def load_sisl_file(request: Request) -> System_R:
    """System of a Hamiltonian in a file that sisl reads."""
    try:
        import sisl
    except ImportError:
        raise InputError(request.path, "the package sisl: pip install sisl", "no such package") from None
    from dataclasses import replace

    try:
        model = sisl.get_sile(str(request.path)).read_hamiltonian()
    except Exception as error:  # whatever its readers raise
        raise InputError(request.path, "a Hamiltonian that sisl reads", f"{type(error).__name__}: {error}"[:200]) from error
    return load_sisl(replace(request, path=model))


def load_ase(request: Request) -> System_R:
    """System of Wannier functions of ASE (ase.dft.wannier), from GPAW, say; r is diagonal, with their centres.

    ASE gives the k points of the calculator the opposite sign, so that with functions at ``get_centers()``
    <0|H|R> = Σ_k e^{ik·R} H(k)/N_k (``get_hopping(R)`` is <0|H|−R>, and keeps what it was before `translate` and `localize`).
    """
    functions, source = request.path, "the Wannier functions of ASE"
    refuse_spin(request)
    lattice = np.asarray(functions.unitcell_cc, dtype=float)
    mesh = tuple(int(n) for n in functions.kptgrid)
    centers = np.asarray(functions.get_centers(), dtype=float)
    representatives = class_vectors(mesh)
    copies = nearest_copies(lattice, representatives, centers, mesh)
    vectors, where = np.unique(representatives[copies.which] + copies.shifts, axis=0, return_inverse=True)
    weights = np.zeros((len(vectors), len(centers), len(centers)))
    weights[where.ravel(), copies.m, copies.n] = copies.weights
    kpoints = np.asarray(functions.kpt_kc)
    matrices = np.array([functions.get_hamiltonian(k) for k in range(len(kpoints))])
    phases = np.exp(2j * np.pi * vectors @ kpoints.T) / len(kpoints)
    hamiltonian = weights * np.tensordot(phases, matrices, axes=1)
    check_hermitian(source, "Ham", vectors, hamiltonian)
    system = build_system(RealSpace(source, lattice, vectors, hamiltonian, None, np.ones(len(vectors), int)), centers, lattice)
    set_ab_initio_mesh(system, mesh)
    logger.warning("%s: no position matrices: r is diagonal, with the centres", source)
    return system
