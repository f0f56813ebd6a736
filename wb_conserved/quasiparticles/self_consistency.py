r"""Gaps from an interaction,

.. math:: \Delta_{ij}(\boldsymbol R) = -V_{ij}(\boldsymbol R)\,\langle c_{0i}c_{Rj}\rangle,

solved over `wb_conserved.run` with SciPy's Anderson mixing.  Hartree terms are taken as absorbed in the bands.  T_c is where
the linear equation has a solution, the largest eigenvalue of V χ being 1, so that it needs no solution near it.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import NoConvergence, anderson, brentq

from ..calculators.pairs import AnomalousAverage, PairSusceptibility
from ..driver.checkpoint import CheckpointError
from ..driver.fingerprint import digest
from ..driver.run import run, silent
from ..errors import InputError
from ..parallel import agree
from ..results.complete import write_file
from .bogoliubov import BogoliubovSystem, bogoliubov_system, orbitals_of
from .gap import Gap, arranged, as_gap
from .interaction import Interaction, as_interaction

logger = logging.getLogger(__name__)

_FILE = "gap.npz"
_WARM_UP = 3  # plain iterations, which go to the stable solution
_WEAK_COUPLING = 1.764  # Δ(0)/kT_c
_SCAN, _RANGE = 16, 64.0  # temperatures of a run that brackets T_c, and the ratio of the highest to the lowest
_PRECISION = 1e-6  # of T_c
_LOWEST = 1e-7  # eV


class ConvergenceError(RuntimeError):
    """A gap equation that was not solved.

    Attributes
    ----------
    gap : Gap
        The last Δ.
    residual : float
        Largest change of Δ, eV.
    """

    def __init__(self, message: str, gap: Gap, residual: float):
        super().__init__(message)
        self.gap, self.residual = gap, residual


def solve_gap(
    system, interaction, Efermi: float, kBT, grid, *, basis: str = "singlet", tolerance: float = 1e-8, initial=None,
    max_iterations: int = 200, comm=None, checkpoint=None,
) -> Gap:
    """Solve the gap equation at some temperatures, and find T_c.

    Parameters
    ----------
    system : System_R
        Normal state.
    interaction : attraction, mapping of R to V(R), or (iRvec, V)
        V_ij(R) between functions of the basis, eV; V < 0 attracts.
    Efermi : float
        Fermi level of the normal state, eV.
    kBT : float or sequence of float
        Temperatures, eV, > 0.
    grid : int, three ints or wannierberri.Grid
        See `wb_conserved.run`.
    basis : {"singlet", "nambu"}
        See `bogoliubov_system`.
    tolerance : float
        Largest change of Δ in an iteration, in units of 1.764 k_B T_c.
    initial : gap or pairing, optional
        What to begin with, which chooses among solutions (p+ip among p_x and p_y); by default the solution of the linear
        equation that appears first.
    max_iterations : int
        At each temperature.
    comm : mpi4py.MPI.Comm, optional
        Ranks that call this together.
    checkpoint : path, optional
        Folder in which Δ is kept after each iteration, and from which the same call goes on.

    Returns
    -------
    Gap
        Over the temperatures, ascending, with `converged` and `Tc` (k_B T_c, eV; None where there is none above 1e-7 eV).

    Raises
    ------
    InputError
        Arguments that do not fit.
    ConvergenceError
        How far it is; with a checkpoint, the last Δ is in its file.
    CheckpointError
        A checkpoint of another problem.
    """
    temperatures = np.unique(np.atleast_1d(np.asarray(kBT, dtype=float)))
    if not temperatures.size or not np.all(np.isfinite(temperatures) & (temperatures > 0)):
        raise InputError("kBT", "numbers > 0 (eV)", repr(kBT))
    if not tolerance > 0:
        raise InputError("tolerance", "a number > 0", repr(tolerance))
    size = len(orbitals_of(system)) if basis == "singlet" else system.num_wann
    found = as_interaction(interaction, system, basis, size)
    empty = Gap(np.zeros(found.values.shape, dtype=complex), found.iRvec)
    normal = bogoliubov_system(system, empty, Efermi, basis=basis)
    problem = _Problem(normal, found, grid, comm)
    store = _Store(checkpoint, problem.digest(temperatures), comm)
    Tc, leading = problem.critical_temperature(store)
    logger.info("k_B T_c = %s", "none" if Tc is None else f"{Tc:.6g} eV")
    start = leading if initial is None else _on_pairs(as_gap(initial, system, basis), found)
    delta, converged = np.zeros((len(temperatures), *found.values.shape), dtype=complex), np.ones(len(temperatures), bool)
    scale = _WEAK_COUPLING * (Tc or 0.0)
    x = None if start is None else start * (scale / np.abs(start).max())
    cold = np.zeros(len(temperatures), dtype=bool) if Tc is None else temperatures < Tc
    if not cold.all():
        warm = ", ".join(f"{temperature:g}" for temperature in temperatures[~cold])
        logger.warning("kBT = %s eV: above T_c%s, normal state", warm, "" if Tc is None else f" ({Tc:g} eV)")
    for t, temperature in enumerate(temperatures[cold].tolist()):
        if store.solution(t) is None:
            limit = _Limit(tolerance * scale, max_iterations)
            store.done(t, problem.solved(temperature, store.start(t, x), limit, lambda now, t=t: store.keep(t, now)))
        x = store.solution(t)
        delta[t] = problem.matrices(x)
    return Gap(delta, found.iRvec, temperatures, converged, Tc)


@dataclass(frozen=True)
class _Limit:
    """When to end: largest change of Δ, eV, and number of iterations."""

    change: float
    iterations: int


@dataclass
class _Problem:
    """The gap equation of a normal state.

    Attributes
    ----------
    normal : BogoliubovSystem
        With Δ = 0.
    interaction : Interaction
    grid, comm
        Of `wb_conserved.run`.
    """

    normal: BogoliubovSystem
    interaction: Interaction
    grid: object
    comm: object

    def __post_init__(self):
        self.pairs, self.exchanged = self.interaction.pairs, self.interaction.exchanged
        self.strengths = self.interaction.values[tuple(self.pairs.T)]
        self.sign = 1 if self.normal.basis == "singlet" else -1

    def digest(self, temperatures) -> str:
        """What a checkpoint depends on."""
        normal = self.normal.normal
        matrices = [np.asarray(normal.get_R_mat("Ham")), np.asarray(normal.rvec.iRvec), self.normal.basis, self.normal.Efermi]
        interaction = [self.interaction.iRvec, self.interaction.values]
        mesh = np.asarray(getattr(self.grid, "dense", self.grid))
        return digest([matrices, interaction, mesh, temperatures])

    def matrices(self, x: np.ndarray) -> np.ndarray:
        """Δ (R, n, n) from those of the pairs (p,)."""
        result = np.zeros(self.interaction.values.shape, dtype=complex)
        result[tuple(self.pairs.T)] = x
        return result

    def allowed(self, x: np.ndarray) -> np.ndarray:
        """The part of Δ (p, ...) that Fermi statistics allows."""
        return 0.5 * (x + self.sign * x[self.exchanged])

    def mapped(self, x: np.ndarray, kBT: float) -> np.ndarray:
        """Δ of the pairs from the averages in a superconductor with Δ."""
        system = self.normal.with_gap(Gap(self.matrices(x), self.interaction.iRvec))
        averages = self._run(system, AnomalousAverage(self.interaction.iRvec, kBT))[0]
        return self.allowed(self.strengths * averages[tuple(self.pairs.T)])

    def solved(self, kBT: float, x: np.ndarray, limit: _Limit, keep: Callable[[np.ndarray], str]) -> np.ndarray:
        """Solution from a start, Δ of the pairs (p,); `keep` stores Δ and says where."""
        x, last = self.allowed(x), {}

        def residual(real):
            now = self.allowed(_complex(real))
            change = self.mapped(now, kBT) - now
            last.update(x=now, size=float(np.abs(change).max()), kept=keep(now))
            return _real(change)

        for _ in range(_WARM_UP):
            x = x + _complex(residual(_real(x)))
        try:
            start, most = _real(x), limit.iterations
            solution = anderson(residual, start, f_tol=limit.change, alpha=1.0, M=6, maxiter=most, line_search=None)
        except NoConvergence:
            raise self._not_converged(kBT, last, limit) from None
        return self.allowed(_complex(solution))

    def _not_converged(self, kBT, last, limit):
        gap = Gap(self.matrices(last["x"]), self.interaction.iRvec)
        kept = f"the last Δ is in {last['kept']}" if last["kept"] else "with checkpoint=FOLDER the last Δ is kept"
        return ConvergenceError(
            f"gap equation at kBT = {kBT:g} eV: expected changes of Δ below {limit.change:.3g} eV; found {last['size']:.3g} eV "
            f"after {limit.iterations} iterations, Δ up to {gap.largest:.4g} eV; {kept}, and the same call goes on from it",
            gap,
            last["size"],
        )

    def critical_temperature(self, store) -> tuple[float | None, np.ndarray | None]:
        """k_B T_c (eV), bracketed, and the solution of the linear equation there."""
        if store.critical is not None:
            Tc = store.critical
            return (None, None) if Tc == 0 else (Tc, self._largest(self._kernels([Tc])[0])[1])
        bracket = self._bracket()
        if bracket is None:
            store.set_critical(0.0)
            return None, None

        def excess(logarithm):
            return self._largest(self._kernels([np.exp(logarithm)])[0])[0] - 1

        Tc = float(np.exp(brentq(excess, *np.log(bracket), xtol=_PRECISION)))
        store.set_critical(Tc)
        return Tc, self._largest(self._kernels([Tc])[0])[1]

    def _bracket(self):
        """Temperatures below and above T_c; None where there is none."""
        low = np.abs(self.strengths).max() / _RANGE
        while True:
            temperatures = np.geomspace(low, low * _RANGE, _SCAN)
            values = np.array([self._largest(kernel)[0] for kernel in self._kernels(temperatures)])
            above = np.flatnonzero(values > 1)
            if len(above) and above[-1] + 1 < len(values):
                return temperatures[above[-1]], temperatures[above[-1] + 1]
            if len(above):
                low *= _RANGE / 2
            elif low < _LOWEST:
                return None
            else:
                low /= _RANGE / 2

    def _kernels(self, temperatures):
        """V χ in the space that Fermi statistics allows, (T, p, p)."""
        chi = self._run(self.normal, PairSusceptibility(self.interaction.iRvec, self.pairs, temperatures))
        kernels = self.strengths[:, None] * chi
        allowed = self.allowed(np.eye(len(self.pairs)))
        return allowed @ kernels @ allowed

    def _largest(self, kernel):
        """Largest eigenvalue, and its vector with the largest element real."""
        values, vectors = np.linalg.eig(kernel)
        which = int(np.argmax(values.real))
        vector = vectors[:, which]
        largest = vector[np.abs(vector).argmax()]
        return float(values[which].real), vector * (largest.conj() / abs(largest))

    def _run(self, system, calculator):
        with silent("wb_conserved.driver"):
            found = run(
                system, self.grid, {"pairs": calculator}, self.comm, use_irred_kpt=False, symmetrize=False, check_symmetry=False
            )
        return found.results["pairs"].data


class _Store:
    """File with T_c, the gaps that are done and the one in work; of rank 0, and read for all."""

    def __init__(self, folder, mark: str, comm):
        self._first, self._mark = comm is None or comm.rank == 0, mark
        self._path = None if folder is None else Path(folder) / _FILE
        self._done: dict[int, np.ndarray] = {}
        self._now: tuple[int, np.ndarray] | None = None
        self.critical: float | None = None
        error = None
        if self._path is not None and self._first:
            try:
                self._read()
            except Exception as problem:
                error = problem
        if comm is not None:
            agree(comm, error)
            self._done, self._now, self.critical = comm.bcast((self._done, self._now, self.critical))
        elif error is not None:
            raise error

    def _read(self):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            return
        with np.load(self._path, allow_pickle=False) as found:
            if str(found["mark"]) != self._mark:
                expected = "one of this system, interaction, mesh and temperatures"
                raise CheckpointError(f"checkpoint {self._path}: expected {expected}; found another; choose another folder")
            self._done = {int(name.removeprefix("done")): found[name] for name in found.files if name.startswith("done")}
            self._now = (int(found["index"]), found["now"]) if "now" in found.files else None
            self.critical = float(found["critical"]) if "critical" in found.files else None

    def solution(self, index: int) -> np.ndarray | None:
        """Solution at a temperature, None if there is none yet."""
        return self._done.get(index)

    def start(self, index: int, start: np.ndarray) -> np.ndarray:
        """What to begin with at a temperature."""
        return self._now[1] if self._now is not None and self._now[0] == index else start

    def set_critical(self, Tc: float) -> None:
        """Keep k_B T_c, 0 for none."""
        self.critical = Tc
        self._write()

    def keep(self, index: int, x: np.ndarray) -> str:
        """Keep Δ in work; the name of the file, empty where there is none."""
        self._now = index, x
        self._write()
        return "" if self._path is None else str(self._path)

    def done(self, index: int, x: np.ndarray) -> None:
        """Keep a solution."""
        self._done[index], self._now = x, None
        self._write()

    def _write(self):
        if self._path is None or not self._first:
            return
        arrays = {f"done{index}": x for index, x in self._done.items()}
        if self._now is not None:
            arrays |= {"index": np.array(self._now[0]), "now": self._now[1]}
        if self.critical is not None:
            arrays["critical"] = np.array(self.critical)
        contents = io.BytesIO()
        np.savez(contents, mark=np.array(self._mark), **arrays)
        write_file(self._path, contents.getbuffer())


def _on_pairs(gap, interaction):
    """Δ (p,) of the pairs that interact."""
    every = np.unique(np.concatenate([gap.iRvec, interaction.iRvec]), axis=0)
    place = [np.flatnonzero((every == vector).all(axis=1))[0] for vector in interaction.iRvec]
    x = arranged(gap.delta, gap.iRvec, every)[place][tuple(interaction.pairs.T)]
    if not np.any(x):
        raise InputError("initial", "a gap on pairs that interact", "none of them")
    return x


def _real(x):
    return np.concatenate([x.real, x.imag])


def _complex(real):
    half = len(real) // 2
    return real[:half] + 1j * real[half:]
