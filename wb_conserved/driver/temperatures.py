"""Systems that are another one at each temperature, as superconductors are: a run for each, and results joined."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..results.dataset import RunResult

_AXIS = "kBT"


def temperatures_of(system) -> tuple[float, ...]:
    """Temperatures (eV) at each of which a system is another one, empty for all others; ``system.at`` returns it at one."""
    return getattr(system, "temperatures", ())


def at_temperature(system, calculators: Mapping[Any, Any], kBT: float) -> tuple[Any, dict[Any, Any]]:
    """The system and calculators at one of the temperatures, eV.

    Raises
    ------
    InputError
        A calculator that is for other temperatures, or for none.
    """
    temperatures = temperatures_of(system)
    for name, calculator in calculators.items():
        if not hasattr(calculator, "at_temperature"):
            expected = "a sum over bands for a system of several temperatures; take system.at(kBT) for tabulators"
            raise InputError(f"calculators[{name!r}]", expected, type(calculator).__name__)
        own = np.atleast_1d(calculator.kBT)
        if own.shape != (len(temperatures),) or not np.allclose(own, temperatures, rtol=1e-9, atol=0):
            expected = f"those of the system, {list(temperatures)} eV"
            raise InputError("kBT", expected, f"{own.tolist()} eV of {name}")
    return system.at(kBT), {name: part.at_temperature(kBT) for name, part in calculators.items()}


def run_at_temperatures(run: Callable, system, grid, calculators, comm, *, checkpoint=None, **arguments) -> RunResult:
    """`wb_conserved.run` at each temperature of a system, and the results along one axis of temperatures.

    Parameters
    ----------
    run : callable
        `wb_conserved.run`.
    system, grid, calculators, comm, checkpoint
        See there; every temperature has a folder of its own in that of the checkpoint.
    **arguments
        Further ones of `run`.

    Raises
    ------
    InputError
        Adaptive refinement, or calculators for other temperatures.
    """
    if arguments.get("adpt_num_iter"):
        raise InputError("adpt_num_iter", "0 for a gap that depends on temperature", repr(arguments["adpt_num_iter"]))
    parts = []
    for kBT in temperatures_of(system):
        folder = None if checkpoint is None else Path(checkpoint) / f"kBT-{kBT:.9g}"
        alone, own = at_temperature(system, calculators, kBT)
        parts.append(run(alone, grid, own, comm, checkpoint=folder, **arguments))
    return _joined(parts, calculators, system)


def _joined(parts, calculators, system):
    """One result of all temperatures; how k points scatter, at the lowest one."""
    first = parts[0]
    coldest = int(np.argmin(temperatures_of(system)))
    results = {name: _joined_results([part.results[name] for part in parts]) for name in first.results}
    scatters = {}
    for name, scatter in parts[coldest].scatters.items():
        axis = list(calculators[name].dims).index(_AXIS)
        scatters[name] = replace(scatter, place=(*scatter.place[:axis], coldest, *scatter.place[axis + 1 :]))
    joined = copy.copy(first)
    joined.results, joined.calculators, joined.scatters = results, dict(calculators), scatters
    joined.busy_seconds = np.sum([part.busy_seconds for part in parts], axis=0)
    joined.seconds = sum(part.seconds for part in parts)
    return joined


def _joined_results(results):
    """Results of several temperatures along their axis; one alone as it is."""
    if len(results) == 1:
        return results[0]
    axis = results[0].E_titles.index(_AXIS)
    joined = copy.copy(results[0])
    joined.__dict__.pop("dataSmooth", None)  # of the first temperature
    joined.data = np.concatenate([result.data for result in results], axis=axis)
    joined.Energies = list(joined.Energies)
    joined.Energies[axis] = np.concatenate([result.Energies[axis] for result in results])
    return joined
