r"""An observable on some of the functions of the cell: an atom, a layer.

.. math:: s_P = \tfrac12\{P, s\},\quad P = \sum_{i\in P}|i\rangle\langle i|

Parts of sets that together are all functions add up to the whole observable, in every linear result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from .base import BandMatrix, Operator, get_operator


@dataclass(frozen=True)
class _OnFunctions(BandMatrix):
    """½ {P, s}; functions are numbers, or labels of atoms that a system resolves."""

    operator: Operator
    members: tuple[int | str, ...]

    @property
    def needs_spin(self):  # of what it is a part of
        return self.operator.needs_spin

    def compute(self, g):
        states = g.batch.eigenvectors[:, list(self.members)]  # k i n
        projector = states.conj().swapaxes(1, 2) @ states
        if g.metric is not None:
            projector = g.metric[:, None] * projector
        s = g.matrix_of(self.operator)
        k, n, components, _ = s.shape
        half = 0.5 * (projector @ s.reshape(k, n, -1)).reshape(s.shape)
        return half + np.swapaxes(half, 1, 3).conj()

    def of_system(self, system):
        operator = self.operator.of_system(system)
        operator.check_system(system)
        return _OnFunctions(operator, tuple(functions_of(system, self.members)))


def on_functions(operator: str | Operator, members: Sequence[int | str], *, name: str | None = None, symmetric: bool = False):
    """An observable on some functions, ½ {P, s}.

    Parameters
    ----------
    operator : str or Operator
    members : sequence of int or str
        Numbers of functions, counted from 0; or labels of atoms as in the .win file, all functions of which count (with a
        .nnkp and a .win file beside the data).
    name : str, optional
        For results; by default the members.
    symmetric : bool
        Whether every operation of the crystal takes the set to itself, which is not checked; otherwise the mesh is not
        reduced by symmetry.

    Returns
    -------
    Operator

    Raises
    ------
    InputError
        No members, or one twice; later, members that the system has not.

    Examples
    --------
    >>> from wb_conserved import models, run
    >>> from wb_conserved.calculators import SUMS
    >>> from wb_conserved.operators import on_functions
    >>> first = SUMS["kubo"].calculator([0.0], kBT=0.1, operator=on_functions("spin", [0, 1], name="first"))
    >>> first.operator.name
    'spin on first'
    >>> run(models.kane_mele(), [4, 4, 1], {"first": first}).results["first"].data.shape
    (1, 3, 3, 3)
    """
    operator = get_operator(operator)
    members = tuple(members)
    if not members or len(set(members)) < len(members) or not all(isinstance(m, int | np.integer | str) for m in members):
        raise InputError("members", "different numbers of functions or labels of atoms", repr(members))
    label = name or ", ".join(map(str, members))
    matrix = _OnFunctions(operator, members)
    return replace(
        operator, name=f"{operator.name} on {label}", matrix=matrix, scale=1.0, symmetric=operator.symmetric and symmetric
    )


def functions_of(system, members: Sequence[int | str]) -> list[int]:
    """Numbers of the functions that some numbers, or labels of atoms, stand for.

    Raises
    ------
    InputError
        Members that the system has not.
    """
    if any(isinstance(member, str) for member in members):
        labels = getattr(system, "function_labels", None)
        if labels is None:
            raise InputError("members", "numbers of functions (atoms are known with a .nnkp and .win file)", repr(members))
        known = sorted({label.name for label in labels if label.name})
        unknown = [member for member in members if isinstance(member, str) and member not in known]
        if unknown:
            raise InputError("members", f"labels of atoms, {', '.join(known)}, or numbers of functions", repr(unknown))
    found: set[int] = set()
    for member in members:
        if isinstance(member, str):
            found |= {i for i, label in enumerate(system.function_labels) if label.name == member}
        else:
            found.add(int(member))
    if min(found) < 0 or max(found) >= system.num_wann:
        raise InputError("members", f"functions from 0 to {system.num_wann - 1}", repr(members))
    return sorted(found)


def atoms_of(system) -> dict[str, tuple[int, ...]]:
    """Functions of each atom by its label; atoms of equal labels are numbered, Te_1, Te_2, in the order of the .win file.

    Raises
    ------
    InputError
        It is not known which functions are whose, or a function lies between atoms.

    Examples
    --------
    >>> from wb_conserved import load_system
    >>> from wb_conserved.operators import atoms_of
    >>> {atom: len(functions) for atom, functions in atoms_of(load_system("data/pt/Pt")).items()}
    {'Pt': 18}
    """
    labels = getattr(system, "function_labels", None)
    if labels is None:
        raise InputError(
            "parts", "data with a .nnkp and a .win file beside, which tell the atom of each function, or lists of functions",
            "neither",
        )  # fmt: skip
    if any(label.atom is None for label in labels):
        raise InputError("parts", "functions that started on atoms, or lists of functions", "some between atoms")
    names = {label.atom: label.name for label in labels}
    functions = {atom: tuple(i for i, label in enumerate(labels) if label.atom == atom) for atom in sorted(names)}
    places = {atom: [other for other in names if names[other] == names[atom]] for atom in functions}
    return {
        names[atom] + (f"_{1 + sorted(alike).index(atom)}" if len(alike) > 1 else ""): functions[atom]
        for atom, alike in places.items()
    }
