"""The potential of an impurity from two calculations, with what shows whether to trust it."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.npz import read_arrays
from .hops import friedel_sum
from .impurities import Impurity, labels_of
from .matching import function_name


@dataclass(frozen=True)
class Shell:
    """Atoms at one distance from the impurity.

    Attributes
    ----------
    distance : float
        In the clean crystal, Å.
    atoms : int
        How many of the supercell.
    level : float
        Mean difference of the diagonal of H on an atom's functions, less Δ, eV.
    block : float
        Largest |eigenvalue| of the difference of H on an atom's functions, less Δ, eV.
    hop : float
        Largest singular value of the difference of H between the impurity and an atom at this distance, eV; 0 for itself.
    """

    distance: float
    atoms: int
    level: float
    block: float
    hop: float


@dataclass(frozen=True, eq=False)
class ImpurityPotential:
    """What one atom in place of another changes on its functions.

    Attributes
    ----------
    potential : complex array (n, n)
        W, eV, Hermitian.
    shift : float
        Δ, eV: energies of the defective crystal less those of the clean one.
    functions : tuple of int
        The functions in the clean crystal, counted from 0, in the order of W.
    names : tuple of str
        What they are, such as "dxy up".
    shells : tuple of Shell
        The difference of H against the distance, nearest first; the first shell is the atom.
    energy : float or None
        Energy (of the clean crystal, eV) at which the change of the hops is absorbed; None: it is left out.
    left : float
        Share of the change of the hops that is left out; 0 where there is none.
    """

    potential: np.ndarray
    shift: float
    functions: tuple[int, ...]
    names: tuple[str, ...]
    shells: tuple[Shell, ...]
    energy: float | None = None
    left: float = 1.0

    def impurity(self, concentration: float, system=None) -> Impurity:
        """The impurity, in a fraction of the cells.

        Parameters
        ----------
        concentration : float
        system : wannierberri.system.System_R, optional
            A crystal with the functions of the clean one, to be sure that it has: another k mesh, say.

        Raises
        ------
        InputError
            A concentration that is not between 0 and 1, or a system with other functions.
        """
        if system is not None:
            names = [function_name(label) for label in labels_of(system)]
            found = [names[i] if i < len(names) else "none" for i in self.functions]
            if found != list(self.names):
                raise InputError(
                    "system", f"functions {self.functions} that are {', '.join(self.names)}", ", ".join(found)
                )
        return Impurity(self.potential, concentration, orbitals=list(self.functions))

    def friedel_sum(self, system, energy: float, *, broadening: float = 0.05, mesh: int = 24) -> float:
        """Electrons that the impurity binds, −(1/π) Im ln det(1 − W G(E + iη)).

        At the Fermi level it should be the difference of the numbers of valence electrons (J. Friedel's sum rule): a check
        of the potential, and of `shift` above all.

        Parameters
        ----------
        system : wannierberri.system.System_R
            The clean crystal.
        energy, broadening : float
            E and η, eV.
        mesh : int
            k points along each direction.
        """
        return friedel_sum(system, self.functions, self.potential, energy, broadening, mesh)

    @property
    def decay(self) -> str:
        """Table of the shells."""
        lines = ["distance, Å   atoms   level, eV   block, eV   hop, eV"]
        for shell in self.shells:
            numbers = f"{shell.distance:11.3f} {shell.atoms:7d} {shell.level:11.4f} {shell.block:11.4f}"
            lines.append(f"{numbers} {shell.hop:9.4f}")
        return "\n".join(lines)

    def __str__(self):
        left = "hops that change are left out"
        if self.energy is not None:
            left = f"hops that change are absorbed at {self.energy:g} eV, but for {100 * self.left:.0f} %"
        return f"shift of the energies: {self.shift:.4f} eV; {left}\n{self.decay}"

    def save(self, path) -> None:
        """Write a .npz file, which `load` reads."""
        np.savez_compressed(
            path,
            potential=self.potential,
            shift=self.shift,
            functions=self.functions,
            names=self.names,
            shells=[astuple(shell) for shell in self.shells],
            energy=np.nan if self.energy is None else self.energy,
            left=self.left,
        )

    @classmethod
    def load(cls, path) -> ImpurityPotential:
        """Read a file that `save` wrote.

        Raises
        ------
        InputError
            It is missing, or not such a file.
        """
        arrays = read_arrays(Path(path))
        needed = ("potential", "shift", "functions", "names", "shells", "energy", "left")
        missing = [name for name in needed if name not in arrays]
        if missing:
            raise InputError(path, f"arrays {', '.join(needed)}, as ImpurityPotential.save writes", f"no {missing}")
        shells = tuple(Shell(row[0], int(row[1]), *row[2:]) for row in arrays["shells"].tolist())
        functions, names = (tuple(arrays[name].tolist()) for name in ("functions", "names"))
        shift, energy, left = (float(arrays[name]) for name in ("shift", "energy", "left"))
        return cls(arrays["potential"], shift, functions, names, shells, None if np.isnan(energy) else energy, left)
