r"""Superconductors as systems: the mean-field Hamiltonian of Bogoliubov quasiparticles from a normal state and a gap,

.. math:: H_B(k) = \begin{pmatrix}H(k)-\mu & \Delta(k)\\ \Delta(k)^\dagger & -H^*(-k)+\mu\end{pmatrix},\quad
    \rho = e\tau_z

(C. Xiao and Q. Niu, Phys. Rev. B 104, L241411 (2021), XN 7-9).  In R space the block of holes is −H*(R) + μ, its position
matrix r*(R) (a hole sits where its electron sat), and Δ† has the matrices Δ(−R)†.  An observable O of electrons is O ⊕ −O*.
The bands are filled up to 0.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.system.system_R import System_R

from ..errors import InputError
from ..interpolation import Particles, WannierInterpolator
from ..interpolation.names import GAP_RATE
from ..io.checks import check_hermitian
from ..operators import CHARGE, IDENTITY, BandMatrix, Operator, RealSpaceMatrix
from .gap import Gap, arranged, as_gap
from .spin import spin_pairs

logger = logging.getLogger(__name__)

BASES = ("singlet", "nambu")
ASSUMPTIONS = (
    "strongly type II: no screening by supercurrents; Δ fixed: no response of the order parameter to fields and gradients"
)
_SYMMETRY = 1e-6  # of Δ, in units of its largest element
_SPLIT = 1e-4  # eV: largest element of H that tells spins apart
_REFUSED = MappingProxyType(
    {
        "electric field": "the force of E and ∇μ acts on the charge τ_z, not alike on electron and hole parts, and the "
        "condensate answers it; a temperature gradient acts on quasiparticles"
    }
)


class BogoliubovQuasiparticles(Particles):
    """Quasiparticles of a superconductor, filled up to zero energy.

    Parameters
    ----------
    functions : int
        Functions of the normal state in the basis.
    counting : float
        ½ where every excitation is there twice, as a particle and as a hole.
    kBT : float or None
        Temperature of Δ, eV; None: any.
    """

    name = "Bogoliubov quasiparticles"
    level = 0.0
    assumptions = ASSUMPTIONS
    refused: Mapping[str, str] = _REFUSED

    def __init__(self, functions: int, counting: float, kBT: float | None = None):
        self.functions, self.counting, self.kBT = functions, counting, kBT
        charge = np.diag(np.repeat([1.0, -1.0], functions))[None, :, :, None]
        self._charge = RealSpaceMatrix(np.zeros((1, 3), dtype=int), charge)

    def observable(self, operator: Operator) -> Operator:
        """O ⊕ −O* of a matrix O between the functions of the normal state; τ_z of the charge."""
        if operator == IDENTITY:
            raise InputError(
                "operator",
                "'charge' (eτ_z), 'spin', or an observable of electrons for a superconductor",
                "'identity': the number of Bogoliubov quasiparticles is neither conserved nor an observable of the electrons",
            )
        if operator == CHARGE:
            return replace(operator, matrix=self._charge)
        own = operator.matrix
        if isinstance(own, BandMatrix):
            expected = "an observable with a matrix between the functions of the normal state for a superconductor"
            raise InputError("operator", expected, f"{operator.name}, which is made from the bands")
        if isinstance(own, RealSpaceMatrix) and own.num_wann == self.functions:
            return replace(operator, matrix=RealSpaceMatrix(own.iRvec, _doubled(own.matrix, -own.matrix.conj())))
        return operator


class BogoliubovSystem(System_R):
    """System of Bogoliubov quasiparticles, which every calculator takes; made by `bogoliubov_system`.

    Attributes
    ----------
    normal : System_R
        The normal state.
    gap : Gap
    Efermi : float
        Its Fermi level, eV.
    basis : {"singlet", "nambu"}
    counting : float
        1 or ½, see `bogoliubov_system`.
    kBT : float or None
        Temperature of Δ, eV; None: it is the same at all temperatures.
    temperatures : tuple of float
        Temperatures at which `wb_conserved.run` takes Δ, one after the other; empty where Δ is the same at all.
    particles : BogoliubovQuasiparticles
    """

    normal: System_R
    gap: Gap
    Efermi: float
    basis: str
    kBT: float | None = None
    temperatures: tuple[float, ...] = ()
    particles: BogoliubovQuasiparticles

    @property
    def counting(self) -> float:
        """Weight of each band."""
        return self.particles.counting

    @property
    def is_normal(self) -> bool:
        """Whether Δ vanishes at the temperature of this system."""
        return not np.any(self.gap.at(self.kBT or 0.0))

    def frozen(self, kBT: float | None = None) -> BogoliubovSystem:
        """The same with Δ of one temperature (eV; by default the lowest), whatever that of the quasiparticles is."""
        if kBT is None:
            kBT = min(self.temperatures, default=self.kBT or 0.0)
        return self.with_gap(Gap(self.gap.at(kBT), self.gap.iRvec))

    def with_gap(self, gap: Gap) -> BogoliubovSystem:
        """The same with another gap of the same functions, which is not checked and does not depend on temperature."""
        shell = copy.copy(self)
        shell.gap, shell.temperatures = gap, ()
        made = _built(shell, None)
        made.pointgroup = self.pointgroup
        return made

    def at(self, kBT: float) -> BogoliubovSystem:
        """The same with Δ of one temperature, eV."""
        if not self.gap.depends_on_temperature:
            return self
        if self.temperatures and not np.any(np.isclose(self.temperatures, kBT, rtol=1e-9, atol=0)):
            raise InputError("kBT", f"among those of the system, {list(self.temperatures)} eV", f"{kBT:g}")
        system = _built(self, kBT)
        system.temperatures, system.pointgroup = (), self.pointgroup
        return system


def bogoliubov_system(system: System_R, gap, Efermi: float, *, basis: str, kBT=None) -> BogoliubovSystem:
    """Superconductor from a normal state and a gap.

    Parameters
    ----------
    system : System_R
        Normal state, loaded or a model.
    gap : Gap, pairing, mapping of R to matrix, (iRvec, delta), or path
        See `wb_conserved.quasiparticles.gap`; what `pairing`, `band_gap` and `solve_gap` return.
    Efermi : float
        Fermi level of the normal state, eV.
    basis : {"singlet", "nambu"}
        "singlet": singlet pairing without spin-orbit coupling, in the basis (c_↑, c†_↓); both spins are in when all bands count
        once.  "nambu": all functions, with spin or (one spin species) without, and their holes; every excitation is there
        twice, and counts ½.
    kBT : float or sequence of float, optional
        Temperatures, eV, for a gap that depends on temperature.  Of several, `wb_conserved.run` makes one pass over k for each.

    Returns
    -------
    BogoliubovSystem
        With the matrices 'Ham', 'AA' and 'SS' where the normal state has them.  The basis "singlet" holds the component z of
        the spin, which is ½ for all of its functions; x and y respond as z does, and are left out.  ``∂Ham/∂kBT`` where Δ
        depends on temperature.  Its point group is trivial.

    Raises
    ------
    InputError
        Spin-orbit coupling in the basis "singlet", a gap of another size or symmetry, a level outside the bands, or
        temperatures that the gap needs or does not have.
    """
    if basis not in BASES:
        raise InputError("basis", f"one of {', '.join(map(repr, BASES))}", repr(basis))
    if not isinstance(system, System_R) or isinstance(system, BogoliubovSystem):
        raise InputError("system", "a System_R of the normal state", type(system).__name__)
    check_hermitian("system", "Ham", np.asarray(system.rvec.iRvec), np.asarray(system.get_R_mat("Ham")))
    functions = orbitals_of(system) if basis == "singlet" else np.arange(system.num_wann)
    found = as_gap(gap, system, basis)
    _check_gap(found, len(functions), basis)
    _check_level(system, Efermi)
    shell = BogoliubovSystem.__new__(BogoliubovSystem)
    shell.normal, shell.gap, shell.Efermi, shell.basis = system, found, float(Efermi), basis
    temperatures = _temperatures(found, kBT)
    several = np.ndim(kBT) > 0 and found.depends_on_temperature
    shell.temperatures = tuple(temperatures) if several else ()
    return _built(shell, temperatures[0] if temperatures else None)


def orbitals_of(system) -> np.ndarray:
    """Functions of a system without spin-orbit coupling that stand for its orbitals: all, or those of spin up.

    Raises
    ------
    InputError
        The two spins have different Hamiltonians, or are coupled.
    """
    if not system.has_R_mat("SS"):
        return np.arange(system.num_wann)
    pairs, H = spin_pairs(system), np.asarray(system.get_R_mat("Ham"))
    up = H[:, pairs.up[:, None], pairs.up]
    down = H[:, pairs.down[:, None], pairs.down] * pairs.phases[:, None] * pairs.phases.conj()
    coupling = np.abs(H[:, pairs.up[:, None], pairs.down]).max()
    largest = max(coupling, np.abs(up - down).max())
    if largest > _SPLIT:
        what = "couples spin up and down" if coupling == largest else "differs between spin up and down"
        raise InputError(
            "basis",
            f"'nambu' for spin-orbit coupling or magnetism ('singlet': two equal spin blocks to {_SPLIT:g} eV)",
            f"'singlet' for a Hamiltonian that {what} by up to {largest:.3g} eV",
        )
    return pairs.up


def _temperatures(gap, kBT):
    if kBT is None:
        if gap.depends_on_temperature:
            raise InputError("kBT", "temperatures (eV) for a gap that depends on temperature", "none")
        return []
    values = np.atleast_1d(np.asarray(kBT, dtype=float))
    if values.ndim != 1 or not values.size or not np.all(np.isfinite(values) & (values >= 0)):
        raise InputError("kBT", "a number >= 0, or several (eV)", repr(kBT))
    warm = [f"{value:g}" for value in values if not np.any(gap.at(value))]
    if warm and gap.Tc is not None and gap.converged is None:  # what was solved has said so
        logger.warning("kBT = %s eV: above T_c (%g eV), normal state", ", ".join(warm), gap.Tc)
    return values.tolist() if gap.depends_on_temperature else []


def _check_gap(gap, size, basis):
    if gap.num_wann != size:
        what = "orbitals" if basis == "singlet" else "functions"
        raise InputError("gap", f"a matrix between the {size} {what} of the basis {basis!r}", f"{gap.num_wann}")
    sign, relation = (1, "Δ_ij(R) = Δ_ji(−R)") if basis == "singlet" else (-1, "Δ_ij(R) = −Δ_ji(−R)")
    both = np.unique(np.concatenate([gap.iRvec, -gap.iRvec]), axis=0)
    delta = gap.on(both)
    deviation = np.abs(delta - sign * np.swapaxes(delta[..., ::-1, :, :], -1, -2))
    if deviation.max(initial=0.0) > _SYMMETRY * gap.largest:
        *_, R, i, j = np.unravel_index(deviation.argmax(), deviation.shape)
        hint = "; triplet pairing needs the basis 'nambu'" if basis == "singlet" else ""
        raise InputError(
            "gap",
            f"{relation} to {_SYMMETRY:g} of its largest element, as Fermi statistics asks for in the basis {basis!r}{hint}",
            f"a difference of {deviation.max():.3g} eV at R = {tuple(both[R].tolist())}, element ({i + 1}, {j + 1})",
        )


def _check_level(system, Efermi):
    if isinstance(Efermi, bool) or not np.isscalar(Efermi) or not np.isfinite(Efermi):
        raise InputError("Efermi", "a number: the Fermi level of the normal state (eV)", repr(Efermi))
    kpoints = np.random.default_rng(0).random((200, 3)) * np.asarray(system.periodic, dtype=float)
    energies = WannierInterpolator(system).band_energies(np.concatenate([np.zeros((1, 3)), kpoints]))
    if not energies.min() < Efermi < energies.max():
        raise InputError(
            "Efermi",
            f"a level within the bands of the normal state, about {energies.min():.4g} to {energies.max():.4g} eV",
            f"{Efermi:g} eV",
        )


def _built(shell, kBT):
    """System with the R-space matrices of one temperature."""
    normal, singlet = shell.normal, shell.basis == "singlet"
    kept = orbitals_of(normal) if singlet else np.arange(normal.num_wann)
    sign, delta = 1 if singlet else -1, shell.gap.at(kBT or 0.0)
    given = np.asarray(normal.rvec.iRvec)
    every = np.concatenate([given, -given, shell.gap.iRvec, -shell.gap.iRvec])
    vectors = np.unique(every, axis=0)  # closed under R → −R, which is the reverse of the order

    def of_normal(name):
        matrix = np.moveaxis(np.asarray(normal.get_R_mat(name))[:, kept[:, None], kept], (1, 2), (-2, -1))
        components = matrix.reshape(len(given), -1, len(kept), len(kept))
        result = np.stack([arranged(part, given, vectors) for part in np.moveaxis(components, 1, 0)], axis=-1)
        return result.reshape(len(vectors), len(kept), len(kept), *matrix.shape[1:-2])

    def with_gap(diagonal, off):
        off = arranged(off, shell.gap.iRvec, vectors)
        off = 0.5 * (off + sign * np.swapaxes(off[::-1], 1, 2))
        result = _doubled(diagonal, -diagonal.conj())
        n = len(kept)
        result[:, :n, n:], result[:, n:, :n] = off, np.swapaxes(off[::-1], 1, 2).conj()
        return result

    system = BogoliubovSystem(
        periodic=tuple(normal.periodic), name=normal.name, silent=True,
        force_internal_terms_only=normal.force_internal_terms_only,
    )  # fmt: skip
    system.real_lattice, system.num_wann = np.array(normal.real_lattice), 2 * len(kept)
    centres = np.asarray(normal.wannier_centers_cart)[kept]
    system.set_wannier_centers(wannier_centers_cart=np.concatenate([centres, centres]))
    system.rvec = Rvectors(lattice=system.real_lattice, iRvec=vectors, shifts_left_red=system.wannier_centers_red)
    hamiltonian = of_normal("Ham")
    hamiltonian[len(vectors) // 2] -= shell.Efermi * np.eye(len(kept))
    system.set_R_mat("Ham", with_gap(hamiltonian, delta))
    if normal.has_R_mat("AA"):
        position = of_normal("AA")
        system.set_R_mat("AA", _doubled(position, position.conj()))
    if singlet:
        system.set_R_mat("SS", np.eye(2 * len(kept))[:, :, None] * [0, 0, 1], R=[0, 0, 0])
    elif normal.has_R_mat("SS"):
        spin = of_normal("SS")
        system.set_R_mat("SS", _doubled(spin, -spin.conj()))
    if shell.gap.depends_on_temperature:
        system.set_R_mat(GAP_RATE, with_gap(0 * hamiltonian, shell.gap.rate(kBT)))
    system.do_at_end_of_init()
    system.normal, system.gap, system.Efermi, system.basis = normal, shell.gap, shell.Efermi, shell.basis
    system.temperatures, system.kBT = shell.temperatures, kBT
    system.particles = BogoliubovQuasiparticles(len(kept), 1.0 if singlet else 0.5, kBT)
    return system


def _doubled(particles, holes):
    """Block-diagonal matrices (R, 2n, 2n, ...)."""
    count, n, _, *rest = particles.shape
    result = np.zeros((count, 2 * n, 2 * n, *rest), dtype=complex)
    result[:, :n, :n], result[:, n:, n:] = particles, holes
    return result
