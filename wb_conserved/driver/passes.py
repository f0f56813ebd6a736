"""Several passes over k: what calculators need to know first is evaluated first.

A calculator may require the results of others (`Accumulating.requirements`): the number of electrons below a level, say.  They
are calculators themselves, are evaluated in a pass of their own over the same mesh, and may require others in turn.  Equal
ones are evaluated once, however many calculators require them; two are equal if their contents are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fingerprint import digest


def passes_of(system, calculators: Mapping[Any, Any]) -> list[dict[Any, Any]]:
    """Calculators of each pass, those asked for last.

    Parameters
    ----------
    system : wannierberri.system.System
    calculators : mapping of str to calculator

    Returns
    -------
    list of dict
        Those of the passes before the last one are named by the digests of their contents.
    """
    passes = [dict(calculators)]
    while needed := {
        digest(required, "requirement"): required
        for calculator in passes[0].values()
        for required in _requirements(system, calculator).values()
    }:
        passes.insert(0, needed)
    done: set[Any] = set()
    for stage in passes[:-1]:
        for name in stage.keys() & done:
            del stage[name]  # an earlier pass has it, for a calculator of that pass
        done |= stage.keys()
    return passes


def informed(
    system, calculators: Mapping[Any, Any], results: Mapping[str, Any], provisional: bool = False
) -> dict[Any, Any]:
    """Calculators of a pass that know the results of the passes before.

    Parameters
    ----------
    system : wannierberri.system.System
    calculators : mapping
    results : mapping of str to result
        Of all passes before, by digest.
    provisional : bool
        See `Accumulating.with_results`.
    """
    known = {}
    for name, calculator in calculators.items():
        needed = {own: results[digest(required, "requirement")] for own, required in _requirements(system, calculator).items()}
        known[name] = calculator.with_results(needed, provisional) if needed else calculator
    return known


def _requirements(system, calculator):
    """Those of a calculator; none of one of WannierBerri."""
    return calculator.requirements(system) if hasattr(calculator, "requirements") else {}
