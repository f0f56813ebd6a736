"""The command ``wb-conserved``."""

from __future__ import annotations

import json
import logging
import math
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

from .. import compiled, parallel
from ..diagnostics.mesh_series import convergence as mesh_series
from ..diagnostics.mesh_series import format_convergence, width_convergence
from ..driver.checkpoint import CheckpointError
from ..driver.doubts import doubts
from ..driver.interruption import holds_sums, kept_in
from ..driver.kpoints import kpoints_of_grid
from ..driver.run import estimate, silent
from ..driver.run import run as run_calculators
from ..errors import ConfigError, InputError, how_to_install
from ..interpolation import particles_of
from ..io import load_system
from ..io.sharing import share_system
from ..quasiparticles import ConvergenceError
from ..results import format_comparison, format_findings, format_table, rotate, write_convergence, write_results
from ..results.noise import format_noise
from ..results.series import format_scan, others_as_scans, plot_convergence
from .config import Config, make_calculators
from .finishing import Unfinished
from .further import Further, further
from .group import BAD_INPUT, FAILED, INPUT_ERRORS, main, stop, watch
from .job import (
    beside,
    check_meshes,
    comparison,
    components,
    find_parts,
    further_settings,
    group_kramers_pairs,
    make_system,
    resolve_observable,
    unused_symmetry,
)
from .overrides import overriding
from .preparing import limit_threads, set_up_messages
from .reading import read_config
from .rebasing import rebased
from .section import key_of
from .sections import MOST_LEVELS
from .superconductor import make_superconductor, without_solving

logger = logging.getLogger(__name__)

_FAR = 5.0  # eV

SERIES = "convergence"
"""Folder of a series of meshes, in that of the results."""


@dataclass(frozen=True)
class Job:
    """What an input file asks for, checked and loaded."""

    source: Path
    config: Config
    text: str
    again: str
    folder: Path
    overwrite: bool
    unfinished: Unfinished
    system: object
    kpoints: int

    def leave(self, communicator) -> None:
        """What an error leaves behind; the sums, where there are any."""
        if communicator.rank == 0:
            self.unfinished.leave()

    def describe(self) -> str:
        """Summary before the run."""
        config = self.config
        mesh = config.grid.mesh if isinstance(config.grid.mesh, list) else [config.grid.mesh] * 3
        lines = [
            f"system    {config.name}: {_functions(self.system)}",
            f"mesh      {' × '.join(str(n) for n in mesh)}, {self.kpoints} k points evaluated",
            f"{'Fermi' if config.magnons is None else 'Bose'}{_levels(config)}{_temperatures(config.temperature)}",
            f"multiplet threshold = {config.multiplets.threshold:g} eV"
            + (" and Kramers pairs" if config.multiplets.kramers else ""),
            *([f"gap       {config.superconductor.describe()}"] if config.superconductor else []),
            f"computes  {', '.join(make_calculators(config))} of {config.quantities.operator.replace('_', ' ')}",
            *(f"impurity  {table.impurity().describe()}" for table in config.impurity),
            f"results   {self.folder}",
        ]
        return "\n".join(lines)


def _functions(system) -> str:
    """Size of a system, and what its particles are where these are no electrons."""
    particles = particles_of(system)
    if particles.assumptions:
        return f"{particles.name}; {particles.assumptions}"
    return f"{system.num_wann} Wannier functions, {system.pointgroup.size} symmetry operations"


def _levels(config) -> str:
    """What [fermi] asks for, where there is a level."""
    if config.magnons is not None:
        return "      "
    fermi, scan = config.fermi, config.scan()
    if config.superconductor is not None:
        return f"level of the normal state {fermi.level:g} eV"
    if fermi.counted:
        return f"     level that holds electrons: {scan}, "
    return f"     level {fermi.level:g} eV, scan of {len(scan)} from {scan[0]:g} to {scan[-1]:g} eV, "


def _temperatures(temperature) -> str:
    """What [temperature] asks for."""
    energies = ", ".join(f"{energy:g}" for energy in np.atleast_1d(temperature.energy))
    kelvin = ", ".join(f"{value:g}" for value in np.atleast_1d(temperature.kelvin)) if temperature.kBT is None else ""
    text = f"T = {kelvin} K, kBT = {energies} eV" if kelvin else f"kBT = {energies} eV"
    return text + (", linear tetrahedra" if temperature.tetrahedra else "")


@main.command(stage="compute", example="Pt.toml --mesh 8 --quantities kubo,conventional")
@click.argument("file", type=click.Path(path_type=Path))
@overriding
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the results, in place of [output] folder.")
@click.option("--overwrite", is_flag=True, help="Replace results in the folder.")
@click.option("--dry-run", is_flag=True, help="Say how much memory and time it would take, and stop.")
@click.option("--verbose", is_flag=True, help="Say what is read and done.")
def run(file, output, overwrite, dry_run, verbose, overrides):
    """Compute what the TOML FILE asks for; start it with the environment's own mpirun to use several processes."""
    communicator = _world(verbose)
    threads = limit_threads()
    job = load(communicator, lambda: prepare(file, output, overwrite, overrides, check_only=dry_run))
    options = _options(job, storing=not dry_run)
    config, first = job.config, communicator.rank == 0
    if first:
        click.echo(job.describe())
        click.echo(f"processes {communicator.size}{threads}")
    compared_calculators = comparison(config)
    calculators = make_calculators(config)
    with _refused_together(communicator, file):
        system, more = _system(job, communicator, options, solving=not dry_run)
        arguments = (system, config.grid.mesh, calculators | compared_calculators, communicator)
        if dry_run:
            plan = estimate(*arguments, **options)
            if first:
                click.echo(plan)
            return
        try:
            with silent():  # that stands under the table
                everything = run_calculators(*arguments, **options, progress=_on_terminal())
                if config.superconductor is not None:
                    more = further(config, system, communicator, _plots(config))
        except BaseException:
            job.leave(communicator)
            raise
    if not first:
        return
    result = everything.select(calculators)
    compared = {key: everything.results[key].data for key in compared_calculators}
    if config.has_levels:  # an axis of one level
        compared = {key: data[0] for key, data in compared.items()}
    dataset = result.to_dataset(**_provenance(job, communicator), **_compared_attributes(compared))
    shown = components(config, system, dataset)
    noise = format_noise(dataset, shown)
    if config.output.rotate:
        dataset = rotate(dataset, config.output.rotate)
        shown = components(config, system, dataset)
    dataset.attrs["components"] = " ".join(shown or [])
    written = job.unfinished.finish(
        lambda: write_results(
            dataset,
            job.folder,
            overwrite=job.overwrite,
            input_text=job.again,
            level=config.table_level,
            pictures=_plots(config),
            components=shown,
            title=config.title,
            further=more.files,
        ),
        options["checkpoint"],
    )
    for line in more.summary:
        click.echo(line)
    click.echo("\n" + format_table(dataset, config.table_level, shown) + "\n")
    if findings := format_findings(dataset):
        click.echo(findings + "\n")
    for line in filter(None, [noise, *result.doubts()]):
        click.echo(line + "\n")
    if compared and not config.output.rotate:
        click.echo(format_comparison(dataset, config.table_level, shown, compared) + "\n")
    click.echo(_balance(result.busy_seconds))
    click.echo(f"{result.seconds:.1f} s; wrote {', '.join(path.name for path in written)} to {job.folder}")


def _system(job, communicator, options, solving):
    """The system that calculators see, and what is computed besides: nothing yet."""
    if job.config.superconductor is None:
        return job.system, Further([], {})
    config = job.config if solving else without_solving(job.config)
    folder = options.get("checkpoint")
    made = make_superconductor(config, job.system, job.source, communicator, None if folder is None else folder / "gap")
    return made, Further([], {})


@main.command(stage="compute", example='Pt.toml --set "convergence.meshes=[4, 6, 8]" --set "convergence.kBT=[0.05, 0.1]"')
@click.argument("file", type=click.Path(path_type=Path))
@overriding
@click.option("--output", type=click.Path(path_type=Path), help="Folder, in place of convergence in [output] folder.")
@click.option("--overwrite", is_flag=True, help="Replace results in the folder.")
@click.option("--verbose", is_flag=True, help="Say what is read and done.")
def convergence(file, output, overwrite, verbose, overrides):
    """Repeat the run of the TOML FILE on the meshes of [convergence], or with its widths, and extrapolate with an error bar.

    With thresholds and kBT in [convergence] the numbers at the level are repeated for these, too, on the finest mesh.
    """
    communicator = _world(verbose)
    limit_threads()
    job = load(communicator, lambda: prepare(file, output, overwrite, overrides, series=True))
    config = job.config
    options, found = _options(job, series=True), {}
    with _refused_together(communicator, file):
        try:
            calculators = make_calculators(config)
            system, _ = _system(job, communicator, options, solving=True)
            with silent():  # that stands under the table
                options["progress"] = _on_terminal()
                if config.convergence.meshes:
                    found["convergence"] = mesh_series(
                        system, config.convergence.meshes, calculators, communicator, **options
                    )
                    others = _of_other_settings(config, system, communicator, options)
                if config.convergence.widths:
                    found["widths"] = width_convergence(
                        system, config.grid.mesh, calculators, config.convergence.widths, communicator, **options
                    )
        except BaseException:
            job.leave(communicator)
            raise
    if communicator.rank > 0:
        return
    series, shown, pictures = {}, {}, {}
    for name, result in found.items():
        dataset = result.to_dataset(**_provenance(job, communicator))
        shown[name] = components(config, system, result.runs[-1].to_dataset())
        dataset.attrs["components"] = " ".join(shown[name] or [])
        table = format_convergence(dataset, config.table_level, shown[name])
        if name == "convergence":
            scans = others_as_scans(others, dataset, shown[name])
            table = "\n\n".join([table, *map(format_scan, scans)])
            drawn = (dataset, scans, config.table_level, shown[name])
            pictures[name] = lambda target, drawn=drawn: plot_convergence(*drawn, target, config.title)
        series[name] = dataset, table
    pictures = pictures if _plots(config) else {}
    written = job.unfinished.finish(
        lambda: write_convergence(series, job.folder, overwrite=job.overwrite, input_text=job.again, pictures=pictures),
        options["checkpoint"],
    )
    for name, (_, table) in series.items():
        click.echo("\n" + table + "\n")
        last = found[name].runs[-1]
        for line in filter(None, [format_noise(last.to_dataset(), shown[name]), *last.doubts()]):
            click.echo(f"on the finest mesh {line}\n" if name == "convergence" else f"{line}\n")
    click.echo(f"wrote {', '.join(path.name for path in written)} to {job.folder}")


@main.command(example="pt/Pt --mesh 4 --levels 5 --repeat 1")
@click.argument("system", type=click.Path(path_type=Path))
@click.option("--mesh", type=click.IntRange(1), default=16, show_default=True, help="K points along each direction.")
@click.option("--fermi", type=float, help="Centre of the scan of 2 eV, eV.  [default: the median of the bands]")
@click.option("--levels", type=click.IntRange(1, MOST_LEVELS), default=201, show_default=True, help="Fermi levels.")
@click.option("--kbt", type=click.FloatRange(0), default=0.0, show_default=True, help="Temperature, eV.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=3, show_default=True, help="Turns of each side; medians count.")
@click.option("--json", "record", type=click.Path(path_type=Path), help="Write the ratios to this file.")
def bench(system, mesh, fermi, levels, kbt, repeat, record):
    """Measure the speed on the Wannier90 data SYSTEM, against the floor of linear algebra and against other codes.

    Others are WannierBerri, and postw90.x where it is installed and SYSTEM is the seedname of its files.  One process, and
    one thread unless OMP_NUM_THREADS is set.
    """
    from ..diagnostics.bench import benchmark

    communicator = parallel.SerialCommunicator()
    set_up_messages(communicator, False)
    limit_threads()
    loaded = _on_first(communicator, lambda: load_system(system))
    result = benchmark(
        loaded, system.name, mesh, fermi_level=fermi, levels=levels, kBT=kbt, repeat=repeat, path=system
    )
    click.echo(result)
    if record is not None:
        record.write_text(json.dumps(result.ratios(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _of_other_settings(config, system, communicator, options):
    """Results at the level for the thresholds and temperatures of [convergence], on the finest mesh."""
    calculators = further_settings(config)
    if not calculators:
        return {}
    own = options | {"checkpoint": Path(options["checkpoint"]) / "settings"}
    found = run_calculators(system, config.convergence.meshes[-1], calculators, communicator, **own)
    return {key: np.asarray(found.results[key].data) for key in calculators}


def _world(verbose):
    try:
        communicator = parallel.world()
    except parallel.LauncherError as error:
        if error.launch.rank and error.launch.size is not None:  # the first of them says it
            sys.exit(BAD_INPUT)
        stop(error)
    set_up_messages(communicator, verbose)
    return communicator


def prepare(file, output, overwrite, overrides=None, check_only=False, series=False, silent_doubts=False):
    """Read, check and load everything."""
    compiled.enabled()  # refuses a switch that is none
    config, text = read_config(file, overrides)
    folder = output if output is not None else beside(file, config.output.folder)
    if series:
        folder = folder if output is not None else folder / SERIES
    overwrite = overwrite or config.output.overwrite
    again = rebased(text, file, folder, ".." if series and folder.name == SERIES else ".")
    unfinished = Unfinished(folder, config)
    if not check_only:
        overwrite = unfinished.check(overwrite)
        if config.output.plot and not series and not _plots(config):
            click.echo(_no_picture(), err=True)
    make_calculators(config)
    system, grid = make_system(config, file)
    config = resolve_observable(config, system, file)
    if config.convergence.meshes or (series and not config.convergence.widths):
        check_meshes(config, system, file)
    config = find_parts(group_kramers_pairs(config, system), system)
    if not silent_doubts:
        for doubt in doubts_of(config, system) if check_only else _of_input(config):
            logger.warning("%s", doubt)
    kpoints = len(kpoints_of_grid(grid, use_symmetry=True)) * math.prod(int(n) for n in grid.FFT)
    if not check_only:
        unfinished.begin()
    return Job(file, config, text, again, folder, overwrite, unfinished, system, kpoints)


def doubts_of(config, system):
    """What `run` would say of the settings, and what only the input file shows."""
    if config.superconductor is not None:
        return []
    return [*_of_input(config), *doubts(system, make_calculators(config))]


def _of_input(config):
    """What stays unused, or is moved: a symmetry, a window; levels of a list that are far from the level: usually given
    relative to it."""
    if config.magnons is not None:
        return []
    fermi, unused = config.fermi, [text for text in [unused_symmetry(config)] if text]
    if config.shift:
        return [
            *unused,
            f"[fermi] window: moved by {config.shift:+.4g} eV, so that the level is on its uniform grid, whose spacing is "
            "the width of the Fermi surface at kBT = 0 ([temperature] fermi_surface_width leaves it where it is)"
        ]
    if fermi.levels is None:
        return unused
    distance = min(abs(level - fermi.level) for level in fermi.levels)
    if distance <= _FAR:
        return unused
    return [
        *unused,
        f"[fermi] levels = {fermi.levels[0]:g} ... {fermi.levels[-1]:g} eV lie {distance:.4g} eV or more from level = "
        f"{fermi.level:g} eV: levels are absolute, window is relative to the level"
    ]


def load(communicator, task):
    """Job that rank 0 prepares, on all ranks; its matrices once on each node."""
    job = _on_first(communicator, task)
    with parallel.abort_on_error(communicator):
        shared = communicator.bcast(replace(job, system=None) if communicator.rank == 0 else None)
        return replace(shared, system=share_system(job.system if communicator.rank == 0 else None, communicator))


def _options(job, storing=True, series=False):
    """Arguments of `wb_conserved.run` from the input file."""
    grid, settings = job.config.grid, job.config.run
    options = {"adpt_num_iter": grid.adpt_num_iter, "adpt_mesh": grid.adpt_mesh, "adpt_fac": grid.adpt_fac}
    options["check_symmetry"] = False  # done when the system was loaded, with the tolerance of the input
    if settings.memory_per_rank is not None:
        options["memory_per_rank"] = 1e9 * settings.memory_per_rank
    if storing:
        given = settings.checkpoint is not None
        folder = beside(job.source, settings.checkpoint) if given else job.unfinished.path
        if given and series:
            folder = folder.with_name(folder.name + "-convergence")  # not that of a run
        options |= {"checkpoint": folder, "checkpoint_chunks": given}
        nothing = "nothing is kept without [run] checkpoint, and the same command begins anew"
        watch().kept = lambda: kept_in(folder) if given or holds_sums(folder) else nothing
    return options


def _on_terminal():
    """Whether somebody watches: a progress bar is of no use in a file."""
    return sys.stderr.isatty()


@contextmanager
def _refused_together(communicator, file):
    """End all ranks with one message when a run refuses its input, which it does on all of them."""
    try:
        yield
    except (*INPUT_ERRORS, CheckpointError, ConvergenceError) as error:
        code = FAILED if isinstance(error, ConvergenceError) else BAD_INPUT
        if communicator.rank == 0:
            stop(_of_key(error, file), code)
        sys.exit(code)


def _of_key(error, file):
    """Error about an argument as one about the key of the input file that gave it, where there is one."""
    key = key_of(error.source) if isinstance(error, InputError) else None
    if key is None:
        return error
    return ConfigError(f"{file}: [{key[0]}] {key[1]}: expected {error.expected}; found {error.found}")


def _balance(busy):
    """How evenly the ranks were at work."""
    if len(busy) == 1:
        return f"busy {busy[0]:.1f} s"
    return (
        f"busy {busy.min():.1f} / {busy.mean():.1f} / {busy.max():.1f} s (least / mean / most of {len(busy)} processes)"
    )


def _on_first(communicator, task):
    """Result of a task of rank 0, there; what it cannot use ends all ranks, with one message."""
    result, error = None, None
    if communicator.rank == 0:
        try:
            result = task()
        except Exception as problem:
            error = problem
    try:
        parallel.agree(communicator, error)
    except Exception:
        if communicator.rank == 0 and not isinstance(error, INPUT_ERRORS):
            raise
        if communicator.rank == 0:
            stop(error)
        sys.exit(BAD_INPUT)
    return result


def _plots(config):
    return config.output.plot and not _no_picture()


def _no_picture() -> str:
    """Why there is no picture; empty where there can be one."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name == "matplotlib":
            return f"no picture: matplotlib is missing; {how_to_install('plot')}"
        return f"no picture: matplotlib cannot be imported ({error})"
    except Exception as error:  # built for another numpy, say
        return f"no picture: matplotlib cannot be imported ({type(error).__name__}: {error})"
    return ""


def _provenance(job, communicator):
    """Attributes of the data set: the input as it was given and as it was understood, and MPI."""
    attributes = {
        **({"fermi_level_eV": job.config.fermi.level} if job.config.has_levels else {}),
        "input_toml": job.text,
        "input_resolved_json": json.dumps(job.config.model_dump(), ensure_ascii=False),
    }
    if communicator.size > 1:
        from mpi4py import MPI

        attributes["mpi_library"] = MPI.Get_library_version().split("\n")[0].strip("\x00 ")
    return attributes


def _compared_attributes(compared):
    """The comparison of thresholds as an attribute: quantity, threshold, tensor at the Fermi level."""
    if not compared:
        return {}
    rows = [{"quantity": name, "threshold_eV": t, "values": data.tolist()} for (name, t), data in compared.items()]
    return {"multiplet_threshold_comparison_json": json.dumps(rows)}
