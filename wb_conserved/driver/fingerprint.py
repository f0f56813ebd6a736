"""What the bits of a result depend on, as digests: system, mesh, calculators, versions, linear algebra."""

from __future__ import annotations

import functools
import hashlib
import platform
import re
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from .. import compiled
from ..interpolation.eigensolvers import eigensolver_of
from ..interpolation.particles import particles_of
from ..io.private import has_matrices, matrices

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of an object, in a text that describes it
_DIGEST = re.compile(r"[0-9a-f]{32}")
_FEW, _VALUES = 4, " values"  # numbers that are shown; where there are more, the name of their digest
_SHOWN = 60  # characters of a value
_NOTES = ("comment", "contents", "statistics", "smoother")  # of a calculator, which repeat its settings
_NAMES = {"degen_thresh": "multiplet threshold (degen_thresh)"}
_MESH, _FOLLOW = "mesh", ("grid", "k points of a batch")
_PACKAGES = ("wb_conserved", "wannierberri", "numpy", "scipy")


def fingerprint(system, calculators, **settings: Any) -> dict[str, Any]:
    """Everything that the bits of a result depend on, by name.

    Parameters
    ----------
    system : wannierberri.system.System
    calculators : mapping of str to calculator
    **settings
        Further parts: plain values, arrays, or objects made of them.

    Returns
    -------
    dict
        Text and numbers that JSON keeps.

    Raises
    ------
    TypeError
        An object whose contents cannot be told, with its place.
    """
    parts: dict[str, Any] = {f"version of {package}": version(package) for package in _PACKAGES}
    parts["source code"] = _source()
    parts["machine"] = platform.machine()
    parts["linear algebra"] = linear_algebra()
    described = _system(system)
    if isinstance(described, dict):
        parts["system"] = {name: _value(part, f"system.{name}") for name, part in described.items()}
    else:
        parts["system"] = digest(described, "system")
    for name, calculator in calculators.items():
        parts[f"calculator {name!r}"] = _settings(calculator, f"calculators[{name!r}]")
    for name, value in settings.items():
        parts[name.replace("_", " ")] = _value(value, name)
    return parts


def _value(value, place):
    """A value that can be shown, itself; of others the digest."""
    short = isinstance(value, (str, int, float)) and len(str(value)) <= _SHOWN
    return value if short or value is None else digest(value, place)


def _settings(calculator, place):
    """The digest of a calculator, and its attributes one by one, to tell which differs; notes on them left out."""
    found = {"contents": digest(calculator, place)}
    if hasattr(calculator, "__dict__"):
        for name, value in _parts(calculator, place):
            if name[0] != "_":
                found[name] = _shown(value, f"{place}.{name}")
                if isinstance(value, np.ndarray) and value.size > _FEW:
                    found[name + _VALUES] = digest(value, f"{place}.{name}")
    return found


def _shown(value, place):
    """`_value` of an attribute, with short arrays of numbers in full and others as their ends."""
    if isinstance(value, (list, tuple)) and value and all(type(part) in (int, float) for part in value):
        value = np.array(value)
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iuf" and len(value):
        ends = ", ".join(f"{number:.6g}" for number in (value if len(value) <= _FEW else value[[0, -1]]).tolist())
        if len(value) <= _FEW:
            return f"[{ends}]"
        return f"{len(value)} from {ends.replace(', ', ' to ')}"
    return _value(value, place)


def differences(stored: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Names of the parts in which two fingerprints differ, with the values where these are short.

    Of a part with parts of its own those that differ are named.
    """
    different: dict[str, list[str]] = {}
    for name in sorted(stored.keys() | expected.keys()):
        old, new = stored.get(name, "none"), expected.get(name, "none")
        if isinstance(old, dict) and isinstance(new, dict):
            inner = [part for part in old.keys() | new.keys() if old.get(part) != new.get(part)]
            shown = [part for part in inner if part not in _NOTES and part.removesuffix(_VALUES) not in {*inner} - {part}]
            for part in sorted(shown or inner):
                text = _difference(_NAMES.get(part, part), old.get(part), new.get(part))
                different.setdefault(text, []).append(name)
        elif old != new and not (name in _FOLLOW and stored.get(_MESH) != expected.get(_MESH)):
            found = ["one" if isinstance(value, dict) else value for value in (old, new)]
            different.setdefault(_difference(name, *found), []).append("")
    return [f"{text} of {', '.join(owners)}" if any(owners) else text for text, owners in different.items()]


def _difference(name, old, new):
    return name if _is_digest(old) or _is_digest(new) else f"{name} ({old} there, {new} here)"


def _is_digest(value):
    return _DIGEST.fullmatch(str(value)) is not None


def digest(thing: Any, place: str = "object") -> str:
    """Digest of the contents of an object.

    Parameters
    ----------
    thing
        Plain values, arrays, containers, functions, and objects made of them.  Cached properties do not count.
    place : str
        Its name in an error.

    Raises
    ------
    TypeError
        Contents that cannot be told.
    """
    found = hashlib.blake2b(digest_size=16)
    _feed(thing, found.update, place, {})
    return found.hexdigest()


def _feed(thing, update, place, seen):
    """Hand the contents of an object to `update`, with marks of the type and length of each part."""
    kind = type(thing)
    if thing is None or kind in (bool, int, float, complex, str, bytes):
        text = _ADDRESS.sub("", repr(thing)).encode()
        update(f"{kind.__name__}:{len(text)}:".encode() + text)
        return
    if isinstance(thing, (np.ndarray, np.generic)) and np.asarray(thing).dtype != object:
        array = np.ascontiguousarray(thing)
        update(f"array:{array.dtype.str}{array.shape}:".encode())
        update(array.tobytes())
        return
    if id(thing) in seen:
        update(f"again:{seen[id(thing)][0]}".encode())
        return
    seen[id(thing)] = (len(seen), thing)  # kept, as a number is given again after its object is gone
    update(f"{kind.__module__}.{kind.__qualname__}(".encode())
    for name, part in _parts(thing, place):
        update(f"{name}=".encode())
        _feed(part, update, f"{place}.{name}", seen)
    update(b")")


def _parts(thing, place):
    """Named parts of an object."""
    if isinstance(thing, (dict, types.MappingProxyType)):
        return [(str(i), item) for i, item in enumerate(sorted(thing.items(), key=lambda item: repr(item[0])))]
    if isinstance(thing, (set, frozenset)):
        return [("members", sorted(digest(member, place) for member in thing))]
    if isinstance(thing, (list, tuple)) or (isinstance(thing, np.ndarray) and thing.dtype == object):
        return [(str(i), item) for i, item in enumerate(thing)]
    if isinstance(thing, functools.partial):
        return [("func", thing.func), ("args", thing.args), ("keywords", thing.keywords)]
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        return [("name", thing.__qualname__), ("code", thing.__code__), ("defaults", thing.__defaults__), ("cells", cells)]
    if isinstance(thing, types.CodeType):
        return [("code", thing.co_code), ("constants", thing.co_consts), ("names", thing.co_names)]
    if isinstance(thing, types.MethodType):
        return [("self", thing.__self__), ("function", thing.__func__)]
    if isinstance(thing, types.BuiltinFunctionType):
        return [("name", thing.__qualname__), ("self", thing.__self__)]
    if isinstance(thing, (type, types.ModuleType, types.EllipsisType, np.ufunc, np.dtype, slice)):
        name = getattr(thing, "__qualname__", getattr(thing, "__name__", repr(thing)))
        return [("name", name), ("module", getattr(thing, "__module__", ""))]
    if not hasattr(thing, "__dict__"):
        raise TypeError(
            f"checkpoint: expected {place} to be made of numbers, text, arrays and functions, so that a stored result can "
            f"be told from that of another input; found {type(thing).__qualname__}"
        )
    return sorted((name, value) for name, value in vars(thing).items() if not _is_cache(type(thing), name))


def _is_cache(kind, name):
    return isinstance(getattr(kind, name, None), functools.cached_property)


def _system(system):
    """What counts of a system of R-space matrices; any other one as it is."""
    if not has_matrices(system):
        return system
    return {
        "matrices": {name: np.asarray(matrix) for name, matrix in matrices(system).items()},
        "vectors": np.asarray(system.rvec.iRvec),
        "centres": np.asarray(system.wannier_centers_cart),
        "lattice": np.asarray(system.real_lattice),
        "periodic": np.asarray(system.periodic),
        "internal": bool(system.force_internal_terms_only),
        "eigensolver": repr(eigensolver_of(system)),
        "particles": particles_of(system).name,
        "symmetry": [(np.asarray(s.R), bool(s.TR), bool(s.Inv)) for s in system.pointgroup.symmetries],
    }


@functools.cache
def _source():
    """Digest of the source files of this package."""
    found = hashlib.blake2b(digest_size=16)
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def linear_algebra() -> str:
    """The BLAS library that NumPy uses (name, version, processor kernel, number of threads), and the compiled kernels."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    used = [library for library in found if "numpy" in library["filepath"]] or found
    keys = ("internal_api", "version", "architecture", "num_threads")
    libraries = sorted({" ".join(f"{library.get(key)}" for key in keys) for library in used})
    return "; ".join([*(libraries or ["unknown"]), compiled.description()])
