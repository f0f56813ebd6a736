r"""Gap matrices in real space,

.. math:: \Delta_{ij}(\boldsymbol k) = \sum_R e^{i\boldsymbol k\cdot\boldsymbol R}\,\Delta_{ij}(\boldsymbol R),\quad
    H_\Delta = \sum_k c^\dagger_{ki\uparrow}\,\Delta_{ij}(k)\,c^\dagger_{-kj\downarrow} + \mathrm{h.c.}
    \quad\text{or}\quad \tfrac12\sum_k c^\dagger_{ki}\,\Delta_{ij}(k)\,c^\dagger_{-kj} + \mathrm{h.c.},

between function i of the home cell and j of the cell R; the first for the basis "singlet" (i, j are orbitals), the second for
"nambu" (i, j are functions with spin).  Fermi statistics asks for Δ_ij(R) = Δ_ji(−R) there and Δ_ij(R) = −Δ_ji(−R) here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..errors import InputError
from ..io.hr import read_hr
from ..io.npz import read_arrays
from ..io.text import locate, stem
from ..results.complete import write_file

LAWS = ("constant", "bcs")
_BCS = 1.74
"""Δ(T)/Δ(0) = tanh(1.74 √(T_c/T − 1)), the usual interpolation of the weak-coupling gap, to 2 %."""


@dataclass(frozen=True, eq=False)
class Gap:
    """Δ_ij(R), the same at all temperatures or a function of temperature.

    Parameters
    ----------
    delta : complex array (R, n, n) or (T, R, n, n)
        eV.
    iRvec : int array (R, 3)
        Reduced coordinates.
    kBT : float array (T,), optional
        Temperatures of the first axis, ascending, eV; between them Δ is interpolated (monotone cubic in each element), below
        the lowest it is that of the lowest, and above the highest there is none unless the last Δ or `Tc` says so.
    converged : bool array (T,), optional
        Of a gap that was solved for.
    Tc : float, optional
        k_B T_c, eV: above it Δ = 0.
    law : {"constant", "bcs"}
        Temperature dependence of a gap without `kBT`; "bcs" needs `Tc`, and takes `delta` as that of zero temperature.
    residual : float, optional
        What a Fourier sum leaves of a function of k, eV.

    Raises
    ------
    InputError
        Shapes that do not fit, numbers that are not finite, or a law without T_c.
    """

    delta: np.ndarray
    iRvec: np.ndarray
    kBT: np.ndarray | None = None
    converged: np.ndarray | None = None
    Tc: float | None = None
    law: str = "constant"
    residual: float | None = None

    def __post_init__(self):
        vectors, delta = np.asarray(self.iRvec), np.asarray(self.delta)
        if vectors.ndim != 2 or vectors.shape[1] != 3 or not np.array_equal(vectors, np.round(vectors)):
            raise InputError("iRvec", "integers of shape (R, 3)", f"{vectors.dtype} of shape {vectors.shape}")
        if len(np.unique(vectors, axis=0)) != len(vectors):
            raise InputError("iRvec", "each R vector once", "some more often")
        along = () if self.kBT is None else (np.size(self.kBT),)
        n = delta.shape[-1] if delta.ndim else 0
        if delta.shape != (*along, len(vectors), n, n) or n == 0:
            text = ", ".join(map(str, (*along, len(vectors))))
            raise InputError("delta", f"an array ({text}, n, n) (eV)", f"shape {delta.shape}")
        if delta.dtype.kind not in "biufc" or not np.isfinite(delta).all():
            raise InputError("delta", "finite numbers (eV)", f"{delta.dtype}, some NaN or infinite")
        if self.law not in LAWS:
            raise InputError("law", f"one of {', '.join(LAWS)}", repr(self.law))
        if self.law == "bcs" and (self.Tc is None or self.kBT is not None):
            raise InputError("law", "'constant' without Tc, or with temperatures of its own (kBT)", "'bcs'")
        if self.Tc is not None and not self.Tc > 0:
            raise InputError("Tc", "a number > 0 (eV, k_B T_c)", repr(self.Tc))
        object.__setattr__(self, "iRvec", vectors.astype(int))
        object.__setattr__(self, "delta", delta.astype(complex))
        if self.kBT is not None:
            kBT = np.atleast_1d(np.asarray(self.kBT, dtype=float))
            if np.any(np.diff(kBT) <= 0) or np.any(kBT < 0):
                raise InputError("kBT", "ascending temperatures >= 0 (eV)", f"{kBT}")
            object.__setattr__(self, "kBT", kBT)

    @property
    def num_wann(self) -> int:
        """Number of functions that the gap is between."""
        return self.delta.shape[-1]

    @property
    def depends_on_temperature(self) -> bool:
        """Whether Δ is another one at another temperature."""
        return self.kBT is not None or self.law != "constant" or self.Tc is not None

    @property
    def largest(self) -> float:
        """Largest element, eV."""
        return float(np.abs(self.delta).max(initial=0.0))

    def at(self, kBT: float) -> np.ndarray:
        """Δ (R, n, n), eV, at a temperature (eV).

        Raises
        ------
        InputError
            A temperature above those that are known.
        """
        if self.Tc is not None and kBT >= self.Tc:
            return np.zeros(self.delta.shape[-3:], dtype=complex)
        if self.kBT is None:
            return self.delta * self._factor(kBT)[0]
        exact = np.flatnonzero(np.abs(self.kBT - kBT) <= 1e-12 * max(kBT, 1e-300))
        if len(exact):
            return self.delta[exact[0]]
        return self._interpolated(kBT, 0)

    def rate(self, kBT: float) -> np.ndarray:
        """∂Δ/∂(k_B T) (R, n, n), at a temperature (eV)."""
        if self.Tc is not None and kBT >= self.Tc:
            return np.zeros(self.delta.shape[-3:], dtype=complex)
        if self.kBT is None:
            return self.delta * self._factor(kBT)[1]
        return self._interpolated(kBT, 1)

    def _factor(self, kBT):
        """Δ(T)/Δ(0) and its derivative."""
        if self.law == "constant" or kBT == 0:
            return 1.0, 0.0
        root = np.sqrt(self.Tc / kBT - 1)
        slope = -_BCS * self.Tc / (2 * kBT**2 * root) / np.cosh(min(_BCS * root, 300.0)) ** 2
        return float(np.tanh(_BCS * root)), float(slope)

    def _interpolated(self, kBT, derivative):
        nodes, values = self.kBT, self.delta
        if self.Tc is not None and self.Tc > nodes[-1]:
            nodes = np.append(nodes, self.Tc)
            values = np.concatenate([values, np.zeros_like(values[:1])])
        if kBT > nodes[-1] * (1 + 1e-12) and np.any(values[-1]):
            raise InputError("kBT", f"temperatures up to {nodes[-1]:g} eV, up to which the gap is known", f"{kBT:g} eV")
        if kBT <= nodes[0] or len(nodes) == 1 or kBT > nodes[-1]:
            inside = kBT <= nodes[-1] * (1 + 1e-12)
            return values[0] * (inside and derivative == 0)
        # of the square, which is smooth at T_c where Δ goes as the root
        largest = np.unravel_index(np.abs(values[0]).argmax(), values.shape[1:])
        scale = np.abs(values[(slice(None), *largest)])
        square = PchipInterpolator(nodes, scale**2)
        shapes = _shapes(values, scale)
        parts = [PchipInterpolator(nodes, part) for part in (shapes.real, shapes.imag)]
        shape, change = (parts[0](kBT, order) + 1j * parts[1](kBT, order) for order in (0, 1))
        size, slope = np.sqrt(max(float(square(kBT)), 0.0)), float(square(kBT, 1))
        if derivative == 0:
            return size * shape
        return shape * (slope / (2 * size) if size > 0 else 0.0) + size * change

    def with_temperatures(self, kBT, factors) -> Gap:
        """The same with a table of factors Δ(T)/Δ.

        Parameters
        ----------
        kBT : float array (T,)
            Ascending, eV.
        factors : float array (T,)
        """
        kBT, factors = (np.asarray(values, dtype=float) for values in (kBT, factors))
        if self.kBT is not None or kBT.ndim != 1 or factors.shape != kBT.shape:
            raise InputError("factors", "one for each temperature, of a gap that has none", f"{factors.shape}, {kBT.shape}")
        return Gap(factors[:, None, None, None] * self.delta, self.iRvec, kBT)

    def with_Tc(self, Tc: float, law: str = "bcs") -> Gap:
        """The same, vanishing at k_B T_c (eV): as `law` says."""
        return replace(self, Tc=Tc, law=law)

    def __add__(self, other: Gap) -> Gap:
        if not isinstance(other, Gap):
            return NotImplemented
        for gap in (self, other):
            if gap.depends_on_temperature or gap.num_wann != self.num_wann:
                raise InputError("gap", "gaps of the same functions that do not depend on temperature", "others")
        vectors = np.unique(np.concatenate([self.iRvec, other.iRvec]), axis=0)
        return Gap(self.on(vectors) + other.on(vectors), vectors)

    def __mul__(self, factor) -> Gap:
        return replace(self, delta=factor * self.delta)

    __rmul__ = __mul__

    def on(self, vectors: np.ndarray) -> np.ndarray:
        """Δ for a list of R vectors that holds all of its own, zero at the others."""
        return arranged(self.delta, self.iRvec, vectors)

    def save(self, path: str | Path) -> None:
        """Write it to a .npz file, which is there complete or not at all."""
        write_file(Path(path), self.contents())

    def contents(self) -> bytes:
        """Contents of such a file."""
        contents, fields = io.BytesIO(), ("delta", "iRvec", "kBT", "converged", "Tc")
        arrays = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        np.savez(contents, law=np.array(self.law), **arrays)
        return contents.getvalue()

    @classmethod
    def load(cls, path: str | Path) -> Gap:
        """Read a .npz file with ``iRvec`` and ``delta``, or a text file in the format of _hr.dat.

        Raises
        ------
        InputError
            A file that cannot be read, a missing array, or another shape.
        """
        text = str(path)
        if not text.endswith(".npz"):
            found = read_hr(locate(stem(text)) or Path(text), hermitian=False)
            return cls(found.hamiltonian, found.vectors)
        arrays = read_arrays(Path(text))
        missing = [key for key in ("iRvec", "delta") if key not in arrays]
        if missing:
            raise InputError(text, "arrays 'iRvec' and 'delta'", f"{sorted(arrays)}")
        further = {name: arrays[name] for name in ("kBT", "converged") if name in arrays}
        if "Tc" in arrays:
            further["Tc"] = float(arrays["Tc"])
        if "law" in arrays:
            further["law"] = str(arrays["law"])
        try:
            return cls(arrays["delta"], arrays["iRvec"], **further)
        except InputError as error:
            raise InputError(text, f"{error.source}: {error.expected}", error.found) from None


def arranged(matrices: np.ndarray, given: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Matrices (..., R, n, n) for a list of R vectors that holds all of those given, zero at the others."""
    place = {vector: i for i, vector in enumerate(map(tuple, np.asarray(vectors).tolist()))}
    result = np.zeros((*matrices.shape[:-3], len(vectors), *matrices.shape[-2:]), dtype=complex)
    result[..., [place[vector] for vector in map(tuple, np.asarray(given).tolist())], :, :] = matrices
    return result


def as_gap(source, system=None, basis: str = "singlet") -> Gap:
    """A gap from what users write.

    Parameters
    ----------
    source : Gap, pairing, mapping of R to matrix, (iRvec, delta), path
        What is not a gap yet and has a method ``on(system, basis)``, is made one for that system.
    system : System_R, optional
    basis : {"singlet", "nambu"}

    Raises
    ------
    InputError
    """
    if isinstance(source, Gap):
        return source
    if isinstance(source, str | Path):
        return Gap.load(source)
    if hasattr(source, "on"):
        return source.on(system, basis)
    if isinstance(source, Mapping):
        source = list(source), list(source.values())
    if not isinstance(source, Sequence) or len(source) != 2:
        expected = "a Gap, a pairing, a mapping of R to Δ(R), the pair (iRvec, delta), or a file"
        raise InputError("gap", expected, type(source).__name__)
    vectors, delta = (np.asarray(part) for part in source)
    return Gap(delta, vectors)


def _shapes(values, scale):
    """Δ/|Δ| (T, R, n, n); where Δ vanishes, that of the last temperature at which it does not."""
    safe = np.where(scale > 0, scale, 1.0)
    result = values / safe[:, None, None, None]
    for t in range(1, len(values)):
        if scale[t] == 0:
            result[t] = result[t - 1]
    return result
