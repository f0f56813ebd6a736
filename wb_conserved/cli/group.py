"""The command ``wb-conserved`` before any of its commands is loaded, and how each of them ends.

Exit codes: 0 done; 1 failed (not enough memory, an error in the work itself); 2 input that cannot be used; 73 computed but not
written, which the same command does from the sums that are kept; 75 stopped by SIGTERM or SIGUSR1, for the same command to
begin or go on; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from typing import Any

import click

from ..driver.interruption import Stopped, Watch
from ..errors import ConfigError, InputError
from ..parallel import launched

BAD_INPUT = 2
"""Exit code for input that cannot be used."""
FAILED = 1
INTERRUPTED = 130

INPUT_ERRORS = (InputError, ConfigError, OSError)
_WATCH, _DEBUG = "wb_conserved.watch", "wb_conserved.debug"


MODULES = ("starting", "checking", "commands", "reporting", "keys")
"""Modules of this package that enter commands, in the order of the tour."""

STAGES = {
    "begin": "Begin: an input file, and the health of the data",
    "compute": "Compute",
    "look": "Look at results",
    "know": "Know more",
}
"""Headings of the tour, by the stage that a command says it is of."""


class Command(click.Command):
    """A command with ``--debug``, whose errors of the user are one line each, and whose summary is never cut.

    Parameters
    ----------
    stage : str
        Where it is in the tour: one of `STAGES`.
    example : str
        Its arguments in the tour.  All examples work one after the other in a folder with the Wannier90 data of platinum,
        seedname Pt, and a test does that.
    """

    def __init__(self, *arguments: Any, stage: str = "know", example: str = "", **options: Any):
        super().__init__(*arguments, **options)
        self.stage, self.example = stage, f"wb-conserved {self.name} {example}".rstrip()
        self.epilog = self.epilog or f"Example: {self.example}"
        self.short_help = self.short_help or " ".join(inspect.cleandoc(self.help or "").split("\n\n")[0].split())
        self.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                expose_value=False,
                callback=lambda context, _, value: context.meta.__setitem__(_DEBUG, value),
                help="Show where an error came from.",
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (*INPUT_ERRORS, ImportError) as error:
            stop(error)
        except MemoryError as error:
            stop(f"not enough memory ({error or 'for an array'}): {_LESS_MEMORY}", FAILED, error)
        except KeyboardInterrupt:
            raise Stopped(f"stopped by SIGINT; {watch().kept()}", INTERRUPTED) from None


_COLUMN = 11  # of names, before those of the summaries

_LESS_MEMORY = (
    "fewer [fermi] points, [temperature] values or quantities, memory_per_rank in [run], or fewer processes on a node "
    "(run --dry-run says what each takes)"
)


class Group(click.Group):
    """The command of all commands, which are loaded when they are asked for: that takes seconds, and may be stopped."""

    command_class = Command
    _loading = False

    @property
    def commands(self) -> dict[str, click.Command]:
        """By name."""
        if not self._loading:
            self._loading = True  # each of them enters its own, in this order
            for module in MODULES:
                importlib.import_module(f".{module}", __package__)
        return self._commands

    @commands.setter
    def commands(self, value):
        self._commands = value

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the tour."""
        stages = list(STAGES)
        return sorted(self.commands, key=lambda name: stages.index(self.commands[name].stage))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The tour: a part for each stage, an example for each command."""
        names = self.list_commands(ctx)
        for stage, heading in STAGES.items():
            if not any(self.commands[name].stage == stage for name in names):
                continue
            with formatter.section(heading):
                for name in (name for name in names if self.commands[name].stage == stage):
                    command = self.commands[name]
                    formatter.write_dl([(name.ljust(_COLUMN), command.short_help)])
                    formatter.write(f"{'':{formatter.current_indent + _COLUMN + 2}}$ {command.example}\n")

    def main(self, *arguments: Any, **options: Any) -> Any:
        launch = launched(os.environ)
        with Watch(patient=launch is not None and launch.size != 1) as found:
            found.rank = launch.rank or 0 if launch is not None else 0
            self._watch = found
            return super().main(*arguments, **options)

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        context = super().make_context(*arguments, **options)
        context.meta[_WATCH] = self._watch
        return context


def watch() -> Watch:
    """What waits for signals while a command runs."""
    return click.get_current_context().meta[_WATCH]


def replace_what_cannot_be_shown() -> None:
    """Let the terminal show a mark for each character that its encoding lacks, such as ħ."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def stop(error: Exception | str, code: int = BAD_INPUT, cause: Exception | None = None) -> None:
    """End the command with a message on standard error; with ``--debug`` also where it came from."""
    cause = cause or (error if isinstance(error, Exception) else None)
    if cause is not None and click.get_current_context().meta.get(_DEBUG):
        traceback.print_exception(cause)
    click.echo(f"wb-conserved: {error}".replace("\n", "\nwb-conserved: "), err=True)
    sys.exit(code)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wb_conserved", prog_name="wb-conserved")
def main():
    """Conserved spin currents from Wannier functions: from a finished Wannier90 run to a checked, converged and citable number.

    Below, with an example each, are all commands in the order in which a first project needs them.  COMMAND --help tells the
    options of one, keys those of the input file.
    """
    replace_what_cannot_be_shown()
