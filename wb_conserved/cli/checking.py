"""The command ``check``: the health of the data, and what would run."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from .. import parallel
from ..diagnostics.health import examine
from ..results.complete import write_file
from ..results.report import format_report
from .commands import doubts_of, load, prepare
from .group import main
from .job import interpolation_report, level_of, quick_calculators
from .overrides import overriding
from .preparing import limit_threads, set_up_messages

_UNKNOWN = "bands     no error bar: the ab initio mesh is not known (mp_grid in [system], or the .win file)"


class _Collected(logging.Handler):
    """Warnings, to be shown among the checks."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@main.command(stage="begin", example="Pt.toml --report check.html")
@click.argument("file", type=click.Path(path_type=Path))
@overriding
@click.option("--report", type=click.Path(path_type=Path), help="Write a page of HTML with pictures, whole in one file.")
@click.option("--quick", is_flag=True, help="Without the scans of meshes and thresholds, which take longest.")
@click.option("--verbose", is_flag=True, help="Say what is read and done.")
def check(file, report, quick, verbose, overrides):
    """Check the TOML FILE and the health of its data, each point good, look or bad, with what to do, and say what would run.

    Then follow error bars: what the k mesh of the ab initio calculation leaves open, of bands and of results at the level.
    """
    communicator = parallel.SerialCommunicator()
    collected = _Collected()
    set_up_messages(communicator, verbose, None if verbose else collected)
    limit_threads()
    job = load(communicator, lambda: prepare(file, None, True, overrides, check_only=True, silent_doubts=True))
    config, system = job.config, job.system
    click.echo(job.describe())
    if config.superconductor is not None or config.magnons is not None:  # what is examined are bands of electrons
        return
    click.echo()
    interpolation = interpolation_report(config, system)
    calculators, by_threshold = quick_calculators(config)
    remarks = [*collected.texts, *doubts_of(config, system)]
    level, thresholds = level_of(config, system), {} if quick else by_threshold
    health = examine(
        system, level, calculators, thresholds, interpolation=interpolation, remarks=remarks, scans=not quick
    )
    click.echo(f"{health}\n")
    click.echo(interpolation or _UNKNOWN)
    if report is not None:
        title = config.title
        write_file(report, format_report(title, job.describe(), health, str(interpolation or _UNKNOWN), system).encode())
        click.echo(f"wrote {report}")
