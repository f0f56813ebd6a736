"""Spin models from files: TB2J's ``exchange.xml`` and ``exchange.out``, and plain tables.

TB2J (X. He et al., Comput. Phys. Commun. 264, 107938 (2021)) writes E = −Σ_{i≠j} [J S_i·S_j + S_i·J_ani·S_j + D·(S_i × S_j)]
− Σ_i S_i·A_i·S_i with unit vectors, each pair in both orders; lengths S are those of its moments, |m| = gμ_B S, unless
given.  Its pickle is not read: unpickling a file runs what is in it.  One calculation with all moments along n does not
determine J_ani·n and D·n, which TB2J writes all the same, with a note.  J_ani is then left out, as the part across n alone
would be an easy plane, and so is D·n; that is said.

A plain table has a row for each bond, ``i j R1 R2 R3`` and J, or J D_x D_y D_z, or the nine elements of J; before them,
settings in TOML: every argument of `SpinModel` but the bonds, ``unit`` ("eV", "meV" or "K", of bonds and anisotropy) and
``first_site`` (0 or 1, from which sites are counted; 0 by default).  Arguments in Python take the place of settings.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.constants import physical_constants

from ..errors import InputError
from ..units import BOLTZMANN_EV
from .conventions import Convention, get_convention

logger = logging.getLogger(__name__)

_BOHR = physical_constants["Bohr radius"][0] * 1e10  # Å
_SMALL = 1e-3  # μ_B: sites with less are not magnetic
_UNITS = {"eV": 1.0, "meV": 1e-3, "K": BOLTZMANN_EV}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOND = re.compile(rf"\s*([A-Za-z]+\d+)\s+([A-Za-z]+\d+)\s+\(\s*(-?\d+),\s*(-?\d+),\s*(-?\d+)\)\s*({_NUMBER})\s*\(")
_NOTE = re.compile(r"should\s+be\s+disregarded")
PARTS = ("full", "determined", "isotropic")
_SETTINGS = ("cell", "positions", "spins", "directions", "anisotropy", "field", "g", "periodic", "name")


def read_model(make: Callable[..., Any], path: str | os.PathLike, **arguments: Any):
    """Spin model from a file or a folder.

    Parameters
    ----------
    make : callable
        `SpinModel`.
    path : path
        A folder of TB2J's results, ``*.xml``, ``*.out``, or a plain table (any other ending).
    **arguments
        Of `SpinModel`; for a table also ``unit`` and ``first_site``; for TB2J also ``parts``: "full" for J as written,
        "determined" for J_iso and the part of D across the moments, "isotropic" for J_iso alone.  By default "full", and
        "determined" for a file with TB2J's note about a single calculation.

    Raises
    ------
    InputError
        Names the file, the line where there is one, what was expected and what was found.
    """
    path = _file(Path(path))
    reader = {".xml": _from_xml, ".out": _from_out}.get(path.suffix, _from_table)
    found = reader(path, arguments)
    g = float(arguments.get("g", 2.0))
    moments = found.pop("moments", None)
    if moments is not None:
        lengths = np.linalg.norm(moments, axis=1)
        if lengths.min(initial=np.inf) < _SMALL and ("spins" not in arguments or "directions" not in arguments):
            expected = f"moments above {_SMALL} μ_B on all sites with exchange, or spins and directions as arguments"
            raise InputError(path, expected, f"{lengths.min():.3g} μ_B on site {int(lengths.argmin())}")
        if "convention" in arguments and get_convention(arguments["convention"]) != found["convention"]:
            raise InputError(
                "convention", f"none, as {path.name} has its own ({found['convention']})", str(arguments["convention"])
            )
        safe = np.where(lengths > 0, lengths, 1.0)
        found |= {"spins": lengths / g, "directions": moments / safe[:, None], "name": "TB2J"}
    return make(**found | arguments)


def _file(path):
    """The file, of a folder the one with most digits."""
    if path.suffix in (".pickle", ".pkl"):
        raise InputError(
            path, "TB2J's exchange.xml or exchange.out, or its folder: a pickle runs what is in it", "a pickle"
        )
    if path.is_dir():
        names = ("Multibinit/exchange.xml", "exchange.xml", "exchange.out")
        present = [path / name for name in names if (path / name).is_file()]
        if not present:
            raise InputError(path, f"a folder of TB2J with {', '.join(names)}", "none of them")
        return present[0]
    if not path.is_file():
        raise InputError(path, "a file with exchange parameters, or a folder of TB2J", "no such file")
    return path


def _text(path):
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "a text file in UTF-8", str(error)) from None


def _assembled(path, cell, cartesian, moments, found, tensors, text, arguments):
    """Arguments of a model from TB2J's parts of J, (name, (i, j, R), matrix), and A, by site."""
    which = arguments.pop("parts", None)
    if which not in (None, *PARTS):
        raise InputError("parts", f"one of {', '.join(map(repr, PARTS))}", repr(which))
    if which is None and _NOTE.search(text):
        which = "determined"
        logger.warning(
            "%s: TB2J says that one calculation does not determine J_ani·n and D·n for moments along n; J_ani and D·n are "
            "left out (parts='full' takes them, parts='isotropic' J_iso alone)",
            path,
        )
    across = _across(path, moments) if which == "determined" else None
    bonds = {}
    for name, bond, J in found:
        if bond[0] == bond[1] and not any(bond[2]):
            continue  # the energy of a spin with itself, a constant for unit vectors
        if name in {"isotropic": ("DMI", "bilinear"), "determined": ("bilinear",)}.get(which, ()):
            continue
        if name == "DMI" and across is not None:
            J = _cross(across @ _vector(J))
        bonds[bond] = bonds.get(bond, 0.0) + J
    if not bonds:
        raise InputError(path, "exchange between spins", "none")
    return {
        "cell": cell,
        "positions": cartesian @ np.linalg.inv(cell),
        "moments": moments,
        "bonds": [(*bond, J) for bond, J in bonds.items()],
        "anisotropy": {site: -A for site, A in tensors.items()},
        "convention": get_convention("tb2j"),
    }


def _across(path, moments):
    """Projection onto the plane across the moments."""
    lengths = np.linalg.norm(moments, axis=1)
    n = moments[lengths.argmax()] / max(lengths.max(), 1e-300)
    if np.abs(np.cross(moments, n)).max() > 1e-2 * max(lengths.max(), _SMALL):
        raise InputError(
            "parts", f"'full' or 'isotropic', as the moments of {path} are not along one axis", "'determined'"
        )
    return np.eye(3) - np.outer(n, n)


def _vector(matrix):
    """D of an antisymmetric matrix."""
    return np.array([matrix[1, 2], matrix[2, 0], matrix[0, 1]])


def _cross(vector):
    """D of D·(S_i × S_j) as a matrix."""
    x, y, z = vector
    return np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])


def _from_xml(path, arguments):
    try:
        root = ElementTree.fromstring(_text(path))
    except ElementTree.ParseError as error:
        raise InputError(path, "XML of TB2J", str(error), error.position[0]) from None
    if root.tag != "System_definition":
        raise InputError(path, "the element System_definition of TB2J", f"the element {root.tag}")
    cell = _numbers(path, root, "unit_cell", 9, "bohrradius").reshape(3, 3) * _BOHR
    sites = sorted(
        (int(atom.get("index_spin", "0")), place) for place, atom in enumerate(root.findall("atom"))
        if int(atom.get("index_spin", "0")) > 0
    )  # fmt: skip
    if [index for index, _ in sites] != list(range(1, len(sites) + 1)) or not sites:
        raise InputError(path, "atoms with index_spin 1, 2, ...", f"{[index for index, _ in sites]}")
    atoms = [root.findall("atom")[place] for _, place in sites]
    cartesian = np.array([_numbers(path, atom, "position", 3, "bohrradius") for atom in atoms]) * _BOHR
    moments = np.array([_numbers(path, atom, "spinat", 3) for atom in atoms])
    parts = []
    for kind, size, as_matrix in (
        ("exchange", 3, np.diag), ("DMI", 3, _cross), ("bilinear", 9, lambda values: values.reshape(3, 3)),
    ):  # fmt: skip
        for term in root.findall(f"spin_{kind}_list/spin_{kind}_term"):
            i, j, *R = (int(x) for x in _numbers(path, term, "ijR", 5))
            if not (1 <= i <= len(sites) and 1 <= j <= len(sites)):
                raise InputError(path, f"spins from 1 to {len(sites)} in ijR", f"{i} and {j}")
            parts.append((kind, (i - 1, j - 1, tuple(R)), as_matrix(_numbers(path, term, "data", size))))
    tensors = {}
    for term in root.findall("spin_sia_tensor_list/spin_sia_tensor_term"):
        tensors[int(_numbers(path, term, "i", 1)[0]) - 1] = _numbers(path, term, "data", 9).reshape(3, 3)
    for term in root.findall("spin_uniaxial_SIA_list/spin_uniaxial_SIA_term"):
        axis, site = _numbers(path, term, "direction", 3), int(_numbers(path, term, "i", 1)[0]) - 1
        amplitude = _numbers(path, term, "amplitude", 1)[0]
        tensors[site] = tensors.get(site, 0.0) + amplitude * np.outer(axis, axis) / max(axis @ axis, 1e-300)
    return _assembled(path, cell, cartesian, moments, parts, tensors, root.findtext("description", ""), arguments)


def _numbers(path, element, name, count, unit=None):
    """Numbers of a child of an element."""
    child = element.find(name)
    texts = (child.text or "").split() if child is not None else []
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        values = np.array([])
    if len(values) != count or not np.isfinite(values).all():
        raise InputError(path, f"{count} numbers in {name} of {element.tag}", " ".join(texts) or "none")
    if unit is not None and child.get("units", unit) != unit:
        raise InputError(path, f"{name} in units of {unit}", child.get("units"))
    return values


def _from_out(path, arguments):
    lines = _text(path).splitlines()
    cell = np.array(_rows(path, lines, "Cell (Angstrom)", 3, 3))
    labels, cartesian, moments = _atoms(path, lines)
    start = _line(path, lines, "Exchange:")
    own, parts, tensors = [], [], _tensors(path, lines[:start], labels)
    number = start
    while number < len(lines):
        bond = _BOND.match(lines[number])
        number += 1
        if not bond:
            continue
        first, second, *R, _ = bond.groups()
        for label in (first, second):
            if label not in labels:
                raise InputError(path, f"atoms {', '.join(labels)}", label, number)
        block, bond = number, (first, second, tuple(map(int, R)))
        while number < len(lines) and not lines[number].startswith("-----") and not lines[number].startswith("====="):
            number += 1
        for at in range(block, number):
            text = lines[at]
            if text.startswith("J_iso:"):
                own.append(("exchange", bond, np.eye(3) * _of_line(path, text.partition(":")[2], 1, at)[0]))
            elif re.match(r"\[\w+!\]\s*DMI:", text):
                own.append(("DMI", bond, _cross(_of_line(path, text.partition(":")[2], 3, at))))
            elif re.match(r"\[\w+!\]\s*J_ani:", text):
                own.append(
                    ("bilinear", bond, _of_line(path, " ".join(lines[at + 1 : at + 4]), 9, at + 1).reshape(3, 3))
                )
    magnetic = [label for label in labels if any(label in bond[:2] for _, bond, _ in own)]
    for name, (first, second, R), J in own:
        parts.append((name, (magnetic.index(first), magnetic.index(second), R), 1e-3 * J))
    chosen = [list(labels).index(label) for label in magnetic]
    tensors = {magnetic.index(label): 1e-3 * A for label, A in tensors.items() if label in magnetic}
    note = "\n".join(lines[:start])
    return _assembled(path, cell, cartesian[chosen], moments[chosen], parts, tensors, note, arguments)


def _line(path, lines, heading):
    """Line after a heading."""
    place = next((n for n, text in enumerate(lines) if text.startswith(heading)), None)
    if place is None:
        raise InputError(path, f"the section '{heading}' of TB2J's exchange.out", "none")
    return place + 1


def _rows(path, lines, heading, count, columns):
    start = _line(path, lines, heading)
    return [
        _of_line(path, text, columns, start + n)
        for n, text in enumerate([*lines[start : start + count], "", "", ""][:count])
    ]


def _of_line(path, text, count, number):
    values = [float(match) for match in re.findall(_NUMBER, text)]
    if len(values) != count:
        raise InputError(path, f"{count} numbers", text.strip() or "nothing", number + 1)
    return np.array(values)


def _atoms(path, lines):
    """Labels, positions (Å) and moments (μ_B) of all atoms; a collinear magnet has moments along z."""
    start = _line(path, lines, "Atoms:")
    labels: dict[str, int] = {}
    rows = []
    for number in range(start, len(lines)):
        text = lines[number].split()
        if not text or text[0].startswith("="):
            break
        if text[0] == "Total" or not re.fullmatch(r"[A-Z][A-Za-z]*\d+", text[0]) or len(text) < 6:
            continue
        values = _of_line(path, " ".join(text[1:]), len(text) - 1, number)
        labels[text[0]] = len(rows)
        rows.append((values[:3], values[4:7] if len(values) >= 7 else np.array([0, 0, values[4]])))
    if not rows:
        raise InputError(path, "atoms with positions and moments", "none", start + 1)
    return labels, np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def _tensors(path, lines, labels):
    """A in meV by label, from the section of the single-ion anisotropy, where there is one."""
    heading = next((n for n, text in enumerate(lines) if text.startswith("Single Ion Anisotropy:")), None)
    tensors = {}
    for number in range(heading + 1, len(lines)) if heading is not None else ():
        label = lines[number].split()[:1]
        if label and label[0] in labels and number + 2 < len(lines):
            texts = [lines[number].replace(label[0], "", 1), *lines[number + 1 : number + 3]]
            tensors[label[0]] = _of_line(path, " ".join(texts), 9, number).reshape(3, 3)
    return tensors


def _from_table(path, arguments):
    lines = _text(path).splitlines()
    first = next(
        (
            n
            for n, text in enumerate(lines)
            if re.match(rf"\s*\d+\s+\d+(?:\s+[-+]?\d+){{3}}(?:\s+{_NUMBER})+\s*(?:#|$)", text)
        ),
        None,
    )
    if first is None:
        raise InputError(path, "rows i j R1 R2 R3 J, or with nine elements of J", "none")
    try:
        settings = tomllib.loads("\n".join(lines[:first]))
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, 'settings in TOML, such as unit = "meV", before the rows', str(error)) from None
    own = ("unit", "first_site", "convention", *_SETTINGS)
    for key in settings:
        if key not in own:
            raise InputError(path, f"settings among {', '.join(own)}", repr(key))
    if isinstance(settings.get("convention"), dict):
        try:
            settings["convention"] = Convention(**settings["convention"])
        except TypeError:
            raise InputError(path, "a convention with factor, pairs and spins", str(settings["convention"])) from None
    for name in ("unit", "first_site"):
        if name in arguments:
            settings[name] = arguments.pop(name)
    unit, origin = settings.pop("unit", None), settings.pop("first_site", 0)
    if unit not in _UNITS:
        raise InputError(
            path, f"unit, one of {', '.join(map(repr, _UNITS))}, in the file or as an argument", repr(unit)
        )
    if origin not in (0, 1):
        raise InputError(path, "first_site 0 or 1", repr(origin))
    for name in ("convention", "cell", "positions", "spins"):
        if name not in settings and name not in arguments:
            raise InputError(path, f"{name}, in the file or as an argument", "none")
    if "anisotropy" in settings:
        settings["anisotropy"] = _UNITS[unit] * np.array(settings["anisotropy"], dtype=float)
    bonds = [_row(path, text, number, origin, _UNITS[unit]) for number, text in enumerate(lines) if number >= first]
    return settings | {"bonds": [bond for bond in bonds if bond is not None]}


def _row(path, text, number, origin, scale):
    """One bond; None of a line that is empty but for a comment."""
    words = text.partition("#")[0].replace(",", " ").split()
    if not words:
        return None
    try:
        i, j, *R = (int(word) for word in words[:5])
        values = np.array([float(word) for word in words[5:]])
    except ValueError:
        i, R, values = 0, [], np.array([])
    if len(R) != 3 or len(values) not in (1, 4, 9):
        expected = "i j R1 R2 R3 and J, or J D_x D_y D_z, or nine elements of J"
        raise InputError(path, expected, text.strip(), number + 1)
    if i < origin or j < origin:
        raise InputError(path, f"sites counted from {origin}", text.strip(), number + 1)
    J = {
        1: lambda: values[0] * np.eye(3),
        4: lambda: values[0] * np.eye(3) + _cross(values[1:]),
        9: lambda: values.reshape(3, 3),
    }
    return i - origin, j - origin, tuple(R), scale * J[len(values)]()
