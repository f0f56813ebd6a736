"""Text of an input file that ``init`` writes, with the reasoning in its comments."""

from __future__ import annotations

import json
from pathlib import Path

from .looking import KELVIN, Finding
from .reading import BLANK


def filled(found: Finding, path: str, file: Path) -> str:
    """Input file for what was found.

    Parameters
    ----------
    found : Finding
    path : str
        Of the Wannier90 files, relative to the folder of the input file.
    file : Path
        The input file, for the commands in its comments.
    """
    parts = (_system(found, path), _grid(found), _fermi(found), _temperature(found), _multiplets(found), _rest(found))
    head = (
        f"# {_formula(found)}: spin transport from Wannier functions.  wb-conserved keys lists every key.\n"
        f"#   wb-conserved check {file.name}          the health of the data, before anything else\n"
        f"#   wb-conserved run {file.name}\n"
        f"#   wb-conserved convergence {file.name}    a number is one when mesh, threshold and temperature do not change it\n"
    )
    return head + "".join(f"\n{part}" for part in parts)


def _formula(found):
    return found.structure.atoms.get_chemical_formula() if found.structure else found.seed.name


def _system(found, path):
    lines = ["[system]", f'path = "{path}"' + ("" if found.spin_order else "   # " + (found.spin or "no spin"))]
    if found.spin_order:
        lines.append(f'spin_order = "{found.spin_order}"   # {found.spin}; up is along +z')
    if not all(found.periodic):
        lines.append(f"periodic = {json.dumps(list(found.periodic))}   # vacuum, and no hoppings across it")
    source = f"of {found.group}, " if found.group else ""
    size = found.system.pointgroup.size
    if found.symmetry:
        lines.append(f"symmetry = {json.dumps(found.symmetry)}   # {source}{size} operations, which bands and spins have")
    else:
        lines.append(f"# symmetry = []   # {source}none that has a name and that bands and spins have")
    if found.broken:
        lines.append(f"# Not {', '.join(found.broken)}, which {found.breaker}.")
        if found.structure:
            lines.append("# Projected functions (num_iter = 0) keep it; symmetrize = true, in place of symmetry, restores it.")
    return "\n".join(lines) + "\n"


def _grid(found):
    mesh = found.mesh[0] if len(set(found.mesh)) == 1 else found.mesh
    finer = [_scaled(found.mesh, factor) for factor in (0.5, 0.75, 1.0)]
    return (
        f"[grid]\nmesh = {json.dumps(mesh)}   # a first one, by the size of the cell; vary it (wb-conserved convergence)\n\n"
        f"[convergence]\nmeshes = {json.dumps(finer)}\n"
    )


def _scaled(mesh, factor):
    numbers = [max(1, 2 * round(n * factor / 2)) if n > 1 else 1 for n in mesh]
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _fermi(found):
    counted = f"# {found.counted}: electrons = N in place of level\n" if found.counted else ""
    if found.electrons is not None:
        return f"[fermi]\nelectrons = {found.electrons:g}   # per cell, in the Wannier functions; sets the level\n"
    if found.level is None:
        return (
            f'[fermi]\nlevel = "{BLANK}"   # eV: {found.level_source.removeprefix("blank: ")}\n{counted}'
            "# window = [-1.0, 1.0]   # eV around the level: a scan\n# points = 81\n"
        )
    return (
        f"[fermi]\nlevel = {found.level:g}   # eV: {found.level_source.partition(', ')[2]}\n{counted}"
        "window = [-1.0, 1.0]   # eV around the level: a scan\npoints = 81\n"
    )


def _temperature(found):
    return f"[temperature]\nkelvin = {KELVIN:g}   # kBT = {found.kBT:.3g} eV; sums converge fast where the mesh resolves it\n"


def _multiplets(found):
    lines = [
        "[multiplets]",
        "# Bands closer than the threshold count as one level: it stands for the broadening of the levels, and is a choice of",
        f"# physics.  Here 0.4 kBT = {0.4 * found.kBT:.2g} eV, in one digit: states that close are not told apart.",
    ]
    if found.pairs is None:
        lines.append("# No product of inversion and time reversal: no Kramers pairs that it would have to exceed.")
    else:
        splitting = f"{found.pairs.largest_splitting:.2g} eV"
        lines.append(f"# Kramers pairs near the level are split by up to {splitting}{_verdict(found)}")
    lines.append(f"threshold = {found.threshold:g}")
    if found.pairs is not None:
        lines.append(f"kramers = {json.dumps(bool(found.kramers))}")
    others = [float(f"{found.threshold * factor:.2g}") for factor in (0.2, 5)]
    lines.append(f"compare = {json.dumps(others)}   # the table once more")
    return "\n".join(lines) + "\n"


def _verdict(found):
    if found.kramers:
        return ",\n# which the threshold does not safely exceed: kramers = true groups them whatever their distance."
    return ", far less: the threshold groups them."


def _rest(found):
    names = ["kubo", "conserved", "conventional"] if found.spin else ["conventional"]
    operator = "" if found.spin else 'operator = "identity"   # no spin: charge only\n'
    return (
        f'[quantities]\nnames = {json.dumps(names)}   # wb-conserved keys names: all\n{operator}\n'
        '[output]\nfolder = "results"\n# components = ["xyz"]   # flow, field, spin\n'
    )
