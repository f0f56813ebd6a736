"""What _tb.dat and _hr.dat do not hold themselves: centres and nearest copies, from the files beside them."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from .centres import check_centres_file, check_copies, warn_of_far_hoppings, warn_of_far_projections
from .minimal_distance import DISTANCE_TOLERANCE, far_copies, moved, nearest_copies, possible_meshes
from .seed_files import SeedFile
from .text import locate
from .tight_binding import RealSpace, read_centres, read_wsvec, stated_in_wsvec

logger = logging.getLogger("wb_conserved.io")

SAME_BANDS = 1e-6
"""Nothing is said of nearest copies that change bands by less, eV."""


def stated(beside: list[SeedFile], name: str):
    """Value of a .win file and the file, or (None, None)."""
    return next(((file.values[name], file) for file in beside if name in file.values), (None, None))


def check_centres_beside(path: Path, seed: str, model: RealSpace, lattice: np.ndarray, beside: list[SeedFile]):
    """Check r(R = 0) of a _tb.dat file against a _centres.xyz file beside it, if there is one."""
    centres_path = locate(f"{seed}_centres.xyz")
    if centres_path is not None:
        others = read_centres(centres_path, model.num_wann)
        known = any(file.neighbours is None for file in beside)  # a .win file
        translated = bool(stated(beside, "translate_home_cell")[0]) if known else None
        check_centres_file(path, model.centers, centres_path, others, lattice, translated)


def refuse_translated_centres(beside: list[SeedFile], centres_path: Path):
    """Raise InputError where a .win file says that Wannier90 moved the centres of a _centres.xyz file."""
    translated, file = stated(beside, "translate_home_cell")
    if translated:
        raise InputError(
            file.path,
            f"translate_home_cell = false for {centres_path.name}: H(R) is not translated with the centres; give "
            "wannier_centers from the .wout file, or load the .chk or _tb.dat",
            "true",
            file.lines["translate_home_cell"],
        )


def at_nearest_copies(
    model: RealSpace,
    seed: str,
    lattice: np.ndarray,
    centers: np.ndarray,
    beside: list[SeedFile],
    ws_distance: bool | str,
    mp_grid: tuple[int, int, int] | None,
) -> RealSpace:
    """Move elements to their nearest copies: those of the _wsvec.dat file, or rebuilt from mesh and centres.

    Parameters
    ----------
    model : RealSpace
    seed : str
        Seedname with its folder.
    lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.
    centers : ndarray, shape (num_wann, 3)
        Å, Cartesian.
    beside : list of SeedFile
        .win and .nnkp files.
    ws_distance : {"auto", True, False}
        As in `wb_conserved.io.load_system`.
    mp_grid : tuple of int, optional
        The k mesh, as in `wb_conserved.io.load_system`.

    Returns
    -------
    RealSpace
        With the mesh, where it is known.

    Raises
    ------
    InputError
        A mesh that the R vectors are not of, a _wsvec.dat file of other centres or contrary to the .win file, or none for
        ``ws_distance=True`` where copies cannot be rebuilt.
    """
    for file in beside:
        if file.projections is not None:
            warn_of_far_projections(model.path, lattice, centers, file.path, file.projections)
    wsvec = locate(f"{seed}_wsvec.dat")
    meshes = possible_meshes(model.vectors, model.degeneracies)
    mesh, origin = _mesh(model, meshes, beside, mp_grid)
    model = replace(model, mesh=mesh or stated(beside, "mp_grid")[0])
    if ws_distance is False:
        return model
    used, source = _used(wsvec, beside, ws_distance)
    if used is False and ws_distance == "auto":
        logger.warning("%s: use_ws_distance = false, so that elements of %s stay where they are", source, model.path.name)
        return model
    if wsvec is not None and used is not False:
        copies = read_wsvec(wsvec, model)
        if mesh is not None:
            excess = far_copies(lattice, model.vectors, centers, mesh, copies)
            excess -= _tolerance(beside)
            check_copies(model.path, wsvec, excess, copies.which, copies.m, copies.n, model.vectors)
        result = moved(model, copies)
    else:
        name = f"{Path(seed).name}_wsvec.dat"
        words = f"no {name}" if wsvec is None else f"nothing is moved in {name}"
        result = _rebuilt(model, lattice, centers, beside, ws_distance, meshes, (mesh, origin), (name, words))
    if mesh is not None:
        warn_of_far_hoppings(model.path, lattice, result.vectors, result.hamiltonian, centers)
    return result


def _mesh(model, meshes, beside, mp_grid):
    """Mesh and where it is from; (None, "") where it is not known."""
    mesh, file = stated(beside, "mp_grid")
    if mp_grid is not None:
        chosen, source, line, origin = tuple(mp_grid), "mp_grid", None, "mp_grid"
        if mesh is not None and tuple(mesh.tolist()) != chosen:
            raise InputError("mp_grid", f"{mesh.tolist()}, as in {file.path.name}", f"{list(chosen)}")
    elif mesh is not None:
        chosen, source, line = tuple(mesh.tolist()), file.path, file.lines["mp_grid"]
        origin = file.path.name
    else:
        return (meshes[0], "the R vectors") if len(meshes) == 1 else (None, "")
    if meshes and chosen not in meshes:
        raise InputError(
            source,
            f"a k mesh that the R vectors of {model.path.name} are of: {' or '.join(str(list(mesh)) for mesh in meshes)}",
            f"{list(chosen)}",
            line,
        )
    return (chosen, origin) if meshes or mp_grid is not None else (None, "")


def _tolerance(beside) -> float:
    """Distances of copies that Wannier90 took as equal, Å."""
    return stated(beside, "ws_distance_tol")[0] or DISTANCE_TOLERANCE


def _used(wsvec, beside, ws_distance):
    """use_ws_distance of the files, None where they do not say, and the file that says it.

    Wannier90 writes a _wsvec.dat file, in which nothing is moved, also without use_ws_distance, and says so at its head.
    """
    used, file = stated(beside, "use_ws_distance")
    written = None if wsvec is None else stated_in_wsvec(wsvec)
    if ws_distance == "auto" and None not in (used, written) and used != written:
        words = {True: "true", False: "false"}
        raise InputError(
            wsvec,
            f"use_ws_distance = {words[used]}, as in {file.path.name}, or ws_distance=True or False",
            f"{words[written]} (the file of another run?)",
            1,
        )
    if written is not None:
        return written, wsvec
    return (None, None) if file is None else (used, file.path)


def _rebuilt(model, lattice, centers, beside, ws_distance, meshes, known, lacking):
    """Elements at their nearest copies without a _wsvec.dat file, where the mesh is known, with what was done."""
    (mesh, origin), (name, words) = known, lacking
    if mesh is not None:
        result = moved(model, nearest_copies(lattice, model.vectors, centers, mesh, _tolerance(beside)))
        change = change_of_bands(model, result)
        if change > SAME_BANDS:
            logger.warning(
                "%s: %s: nearest copies rebuilt from the centres and the %s mesh of %s; bands change by up to "
                "%.3g eV; ws_distance=False leaves elements where they are",
                model.path,
                words,
                " x ".join(map(str, mesh)),
                origin,
                change,
            )
        return result
    if ws_distance is True:
        raise InputError(
            name,
            "this file, or it with .xz or .gz, or mp_grid, for ws_distance=True",
            "no such file" if words.startswith("no ") else words,
        )
    if meshes:
        trials = (moved(model, nearest_copies(lattice, model.vectors, centers, trial)) for trial in meshes)
        change = max(change_of_bands(model, trial) for trial in trials)
        logger.warning(
            "%s: %s, so that elements are not at their nearest copies: bands may be wrong by up to %.3g eV; give "
            "mp_grid, the k mesh (%s), from which copies are rebuilt",
            model.path,
            words,
            change,
            " or ".join(str(list(trial)) for trial in meshes),
        )
    return model


def change_of_bands(first: RealSpace, second: RealSpace) -> float:
    """Largest difference of a band between two sets of elements, eV, on 3 x 3 x 3 k points in general position.

    Parameters
    ----------
    first, second : RealSpace
        Or what else has `vectors` and `hamiltonian`.
    """
    kpoints = np.array(list(itertools.product((0.11, 0.47, 0.83), (0.07, 0.41, 0.79), (0.13, 0.37, 0.71))))
    energies = []
    for model in (first, second):
        phases = np.exp(2j * np.pi * kpoints @ model.vectors.T)
        matrices = np.tensordot(phases, model.hamiltonian, axes=1)
        energies.append(np.linalg.eigvalsh(0.5 * (matrices + matrices.conj().swapaxes(1, 2))))
    return float(np.abs(energies[0] - energies[1]).max())
