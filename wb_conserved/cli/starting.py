"""The command ``init``: an input file from what the Wannier90 files and the outputs beside them say."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .. import parallel
from ..errors import InputError
from ..io import READERS
from ..io.text import COMPRESSIONS, stem
from ..results.complete import write_file
from .group import main
from .looking import look
from .preparing import limit_threads, set_up_messages
from .template import filled


@main.command(stage="begin", example="pt --level 18.0874")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--level", type=float, help="Fermi level, eV, in place of what an output of the scf calculation says.")
@click.option("--electrons", type=float, help="Electrons per cell in the Wannier functions, in place of a level.")
@click.option("--spin-order", help="interlaced, block, or a code (qe, vasp6): where there is no .spn file.")
@click.option("--scf", type=click.Path(path_type=Path, exists=True), help="Output of the scf calculation, if it is elsewhere.")
@click.option("--output", type=click.Path(path_type=Path), help="File to write.  [default: SEED.toml in the current folder]")
@click.option("--overwrite", is_flag=True, help="Replace that file.")
@click.option("--verbose", is_flag=True, help="Say what is read and done.")
def init(folder, level, electrons, spin_order, scf, output, overwrite, verbose):
    """Write a commented input file for the Wannier90 files in FOLDER, or with the seedname FOLDER/SEED.

    Structure and symmetry are read with ASE and spglib and checked on the bands; the Fermi level comes from an output of a
    self-consistent calculation beside, never from that of another one.
    """
    if level is not None and electrons is not None:
        raise InputError("--electrons", "either --level or --electrons", "both")
    set_up_messages(parallel.SerialCommunicator(), verbose)
    limit_threads()
    seed = find_seed(folder)
    output = output or Path(f"{seed.name}.toml")
    if output.exists() and not overwrite:
        raise InputError(output, "no such file yet, --overwrite, or another name (--output)", "one that is there")
    found = look(seed, level=level, electrons=electrons, spin_order=spin_order, scf=scf)
    base = output.parent.resolve()
    path = Path(os.path.relpath(seed.parent.resolve() / seed.name, base)).as_posix()
    write_file(output, filled(found, path, output).encode())
    for line in found.lines():
        click.echo(line)
    click.echo(f"wrote {output}" + (", with a blank for [fermi] level, which check asks for" if found.blank else ""))
    click.echo(f"next: wb-conserved check {output}")


def find_seed(folder: Path) -> Path:
    """Seedname of the Wannier90 files in a folder, or of which a path is the beginning.

    Raises
    ------
    InputError
        None, or several.
    """
    if not folder.is_dir():
        if any(Path(f"{folder}{ending}{extension}").is_file() for ending in READERS for extension in COMPRESSIONS):
            return folder
        endings = ", ".join(READERS)
        raise InputError(folder, f"a folder with Wannier90 files, or a seedname (X of X{endings})", "neither")
    seeds = {
        stem(file).removesuffix(ending): None
        for ending in READERS
        for extension in COMPRESSIONS
        for file in sorted(folder.glob(f"*{ending}{extension}"))
    }
    if not seeds and sorted(folder.glob("_XX_R_*.npz")):
        return folder
    if len(seeds) != 1:
        found = ", ".join(sorted(Path(seed).name for seed in seeds)) or "none"
        way_out = f"one of them, such as {next(iter(seeds))}" if seeds else f"files X{', X'.join(READERS)} (plain, .xz or .gz)"
        raise InputError(folder, f"the files of one seedname; or {way_out}", found)
    return Path(next(iter(seeds)))


