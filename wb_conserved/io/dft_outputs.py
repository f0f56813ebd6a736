"""What outputs of density-functional codes say: Fermi level, number of electrons, and whether the run was self-consistent.

A level of a non-self-consistent run on a coarse mesh is not that of the crystal, and is never taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ase.units import Hartree

_LARGEST = 2 * 10**8  # bytes of a file that is looked at
_HEAD = 4000
_NUMBER = r"(-?\d+(?:\.\d*)?(?:[eEdD][+-]?\d+)?)"


@dataclass(frozen=True)
class DftOutput:
    """An output file.

    Attributes
    ----------
    path : Path
    code : str
        "Quantum ESPRESSO" or "VASP".
    self_consistent : bool or None
        None where the file does not tell.
    fermi_level : float or None
        eV.
    remark : str
        How the level follows where there is no line with it, such as the middle of a gap.
    electrons : float or None
        Valence electrons per cell.
    """

    path: Path
    code: str
    self_consistent: bool | None
    fermi_level: float | None
    remark: str
    electrons: float | None


def read_outputs(folders: Iterable[Path]) -> list[DftOutput]:
    """Outputs that are found in some folders, in the order of their names."""
    files = dict.fromkeys(path for folder in folders for path in sorted(folder.iterdir()) if path.is_file())
    found = (read_output(path) for path in files if path.suffix.lower() in _SUFFIXES or path.name.startswith("OUTCAR"))
    return [output for output in found if output is not None]


_SUFFIXES = (".out", ".xml", ".log", ".pwo")


def read_output(path: Path) -> DftOutput | None:
    """What an output says; None for a file that is none."""
    if path.stat().st_size > _LARGEST:
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    head = text[:_HEAD]
    if "Program PWSCF" in head:
        return _of_pw(path, text)
    if "<qes:espresso" in head:
        return _of_pw_xml(path, text)
    if "<modeling>" in head:
        return _of_vasp(path, text, r'name="efermi">\s*' + _NUMBER, r'name="ICHARG">\s*(\d+)', r'name="NELECT">\s*' + _NUMBER)
    if "vasp." in head:
        return _of_vasp(path, text, r"E-fermi\s*:\s*" + _NUMBER, r"ICHARG\s*=\s*(\d+)", r"NELECT\s*=\s*" + _NUMBER)
    return None


def _of_pw(path, text):
    """Output of pw.x; of several runs in a file the last one counts."""
    consistent = None
    for mark, value in (("End of self-consistent calculation", True), ("End of band structure calculation", False)):
        place = text.rfind(mark)
        if place >= 0 and (consistent is None or place > text.rfind("End of self-consistent calculation")):
            consistent = value
    level, remark = _last(text, r"the Fermi energy is\s+" + _NUMBER), ""
    if level is None:
        pair = re.findall(rf"highest occupied, lowest unoccupied level \(ev\):\s+{_NUMBER}\s+{_NUMBER}", text)
        top = _last(text, r"highest occupied level \(ev\):\s+" + _NUMBER)
        if pair:
            level, remark = 0.5 * sum(map(float, pair[-1])), f"middle of the gap from {pair[-1][0]} to {pair[-1][1]} eV"
        elif top is not None:
            level, remark = top, "highest occupied level of an insulator"
    return DftOutput(path, "Quantum ESPRESSO", consistent, level, remark, _last(text, r"number of electrons\s+=\s+" + _NUMBER))


def _of_pw_xml(path, text):
    kind = re.search(r"<calculation>\s*(\w+)\s*</calculation>", text)
    consistent = None if kind is None else kind[1] in ("scf", "relax", "vc-relax")
    level = _last(text, r"<fermi_energy>\s*" + _NUMBER)
    level, electrons = None if level is None else level * Hartree, _last(text, r"<nelec>\s*" + _NUMBER)
    return DftOutput(path, "Quantum ESPRESSO", consistent, level, "", electrons)


def _of_vasp(path, text, level, charge, electrons):
    given = _last(text, charge)
    return DftOutput(path, "VASP", None if given is None else given < 10, _last(text, level), "", _last(text, electrons))


def _last(text, pattern):
    found = re.findall(pattern, text)
    return float(found[-1].lower().replace("d", "e")) if found else None
