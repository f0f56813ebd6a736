"""Dynamical matrices of Quantum ESPRESSO in XML, ``X.dyn0``, ``X.dyn1.xml``, ..., as force constants between nearest images.

    Φ_ij(R) = 1/N Σ_q e^{−iq·R} Φ_ij(q),   D = Φ/√(m_i m_j),   Σ_jR Φ_ij(R) = 0

The last is the acoustic sum rule, imposed on Φ_ii(0).  As `System_R.from_phonons_qe` of WannierBerri, with lengths in Å.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from scipy.constants import angstrom, atomic_mass, electron_mass, elementary_charge, physical_constants
from wannierberri.fourier.rvectors import Rvectors

from ..errors import InputError

_BOHR = physical_constants["Bohr radius"][0] / angstrom
_RYDBERG = physical_constants["Rydberg constant times hc in J"][0] / elementary_charge  # eV
_MASS = atomic_mass / electron_mass / 2  # of u in Rydberg units
_SAME = 1e-5  # of q in units of the mesh


def read_dynamical_matrices(seed: Path):
    """Lattice (Å), reduced positions and D(R) (eV²) from the seed name of the files.

    Raises
    ------
    InputError
        Names the file, what was expected and what was found.
    """
    start = _lines(seed.with_name(seed.name + ".dyn0"))
    try:
        mesh = np.array(start[0].split(), dtype=int)
        number = int(start[1].split()[0])
    except (IndexError, ValueError):
        mesh, number = np.zeros(0), 0
    if mesh.shape != (3,) or number < 1 or np.any(mesh < 1):
        raise InputError(
            seed.with_name(seed.name + ".dyn0"), "three numbers of the mesh, and the number of files", "others", 1
        )
    crystal, matrices = None, {}
    for index in range(1, number + 1):
        path = seed.with_name(f"{seed.name}.dyn{index}.xml")
        root = _parsed(path)
        crystal = _crystal(path, root) if crystal is None else crystal
        lattice, alat, positions, _ = crystal
        for q, matrix in _matrices(path, root, len(positions)):
            reduced = lattice @ q / alat * mesh
            if np.abs(reduced - np.round(reduced)).max() > _SAME * mesh.max():
                raise InputError(path, f"q points of the mesh {mesh.tolist()}", f"{(lattice @ q / alat).tolist()}")
            matrices[tuple((np.round(reduced).astype(int) % mesh).tolist())] = matrix
    if len(matrices) != np.prod(mesh):
        raise InputError(seed, f"{np.prod(mesh)} q points of the mesh {mesh.tolist()} in its files", f"{len(matrices)}")
    return _in_real_space(crystal, mesh, matrices)


def _in_real_space(crystal, mesh, matrices):
    lattice, _, positions, masses = crystal
    centres = np.repeat(positions, 3, axis=0)
    vectors = Rvectors(lattice=lattice, shifts_left_red=centres)
    vectors.set_Rvec(mp_grid=mesh, ws_tolerance=1e-5)
    vectors.set_fft_q_to_R(kpt_red=np.array(list(matrices)) / mesh, fftlib="numpy")
    constants = vectors.q_to_R(np.array(list(matrices.values())))
    sums = constants.sum(axis=0).reshape(3 * len(masses), len(masses), 3).sum(axis=1)  # over R and j
    for atom in range(len(masses)):
        rows = slice(3 * atom, 3 * atom + 3)
        constants[vectors.iR0, rows, rows] -= sums[rows]
    weight = np.repeat(np.sqrt(masses * _MASS), 3)
    constants = constants * _RYDBERG**2 / (weight[:, None] * weight)
    found = dict(zip(map(tuple, np.asarray(vectors.iRvec).tolist()), constants, strict=True))
    return lattice, positions, found


def _lines(path):
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "a text file that can be read", str(error)) from None


def _parsed(path):
    try:
        return ElementTree.fromstring("\n".join(_lines(path)).lower())
    except ElementTree.ParseError as error:
        raise InputError(path, "dynamical matrices of Quantum ESPRESSO in XML", str(error), error.position[0]) from None


def _numbers(path, element, name, count):
    """Numbers of a child of an element, or of an attribute "child@name"."""
    child, _, attribute = name.partition("@")
    found = element.find(child) if element is not None else None
    text = "" if found is None else (found.get(attribute, "") if attribute else found.text or "")
    try:
        values = np.array([float(word.replace("d", "e")) for word in re.split(r"[\s,]+", text.strip()) if word])
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        raise InputError(path, f"{count} numbers in {name.upper()}", f"{len(values)}")
    return values


def _crystal(path, root):
    """Lattice (Å), alat (Å), reduced positions, masses (u)."""
    geometry = root.find("geometry_info")
    atoms, kinds = (int(_numbers(path, geometry, f"number_of_{what}", 1)[0]) for what in ("atoms", "types"))
    alat = _numbers(path, geometry, "cell_dimensions", 6)[0] * _BOHR
    lattice = _numbers(path, geometry, "at", 9).reshape(3, 3) * alat
    masses = [_numbers(path, geometry, f"mass.{kind + 1}", 1)[0] for kind in range(kinds)]
    places = np.array([_numbers(path, geometry, f"atom.{atom + 1}@tau", 3) for atom in range(atoms)]) * alat
    indices = [int(_numbers(path, geometry, f"atom.{atom + 1}@index", 1)[0]) - 1 for atom in range(atoms)]
    return lattice, alat, places @ np.linalg.inv(lattice), np.array(masses)[indices]


def _matrices(path, root, atoms):
    """Each q (2π/alat, Cartesian) and Φ(q), Hermitian, in Rydberg units."""
    number = int(_numbers(path, root.find("geometry_info"), "number_of_q", 1)[0])
    for index in range(1, number + 1):
        part = root.find(f"dynamical_mat_.{index}")
        q, matrix = _numbers(path, part, "q_point", 3), np.zeros((3 * atoms, 3 * atoms), dtype=complex)
        for i in range(atoms):
            for j in range(atoms):
                values = _numbers(path, part, f"phi.{i + 1}.{j + 1}", 18).reshape(9, 2)
                block = (values[:, 0] + 1j * values[:, 1]).reshape(3, 3, order="F")
                matrix[3 * i : 3 * i + 3, 3 * j : 3 * j + 3] = block
        yield q, 0.5 * (matrix + matrix.conj().T)
