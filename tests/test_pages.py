"""What the pages of docs/ show is done: their input files are run, their Python prints what the page says.

Blocks of a page are taken in order, in a folder with `data`, `tutorials` (on a mesh of 8³) and the files of `PREPARED`.  A toml
block whose first line is ``# NAME.toml`` is a file; every one must be valid input.  Of bash blocks lines that begin with
wb-conserved are given to the command, the others (which install, or start other programs) must be of `NOT_RUN`.  A text block
after Python is what it prints, numbers to 1 %.
"""

import contextlib
import io
import lzma
import os
import re
import shlex
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from data_folder import DATA
from test_documentation import ROOT, blocks

from wb_conserved.cli import main
from wb_conserved.cli.reading import read_config

DOCS = ROOT / "docs"
ELSEWHERE = {
    "extending.md": "test_extending.py",
    "speed.md": "test_bench.py: the same commands on small meshes, as those here take minutes",
    "scaling.md": "tests/benchmarks, minutes",
    "interpolation.md": "test_interpolation_error.py",
    "files.md": "io/test_io_spinors.py and test_io_formats.py",
}
"""Pages whose blocks are executed by other tests."""
NOT_RUN = r"python3 -m venv|\.venv|pip install|module load|sbatch|qsub"
LAUNCHER = re.compile(r"^\S*mpirun -n \d+ ")
LONG = ("quantum_espresso.md", "choosing.md", "disorder.md")
PAGES = [
    pytest.param(page, id=str(page.relative_to(DOCS)), marks=[pytest.mark.long] if page.name in LONG else [])
    for page in sorted(DOCS.rglob("*.md"))
    if page.name not in ELSEWHERE and blocks(page)
]


def tellurium_as(seed, folder):
    """R-space matrices of tellurium under another name."""
    for ending in ("_tb.dat", "_wsvec.dat"):
        with lzma.open(DATA / "te" / f"Te{ending}.xz") as packed:
            (folder / f"{seed}{ending}").write_bytes(packed.read())


def as_vasp(folder):
    """Under the names that VASP gives, with its input."""
    tellurium_as("wannier90", folder)
    shutil.copy(DATA / "te" / "Te.win", folder / "wannier90.win")


def as_gpaw(folder):
    """The same."""
    tellurium_as("seed", folder)


def as_sheet(folder):
    """A Rashba lattice in a file."""
    from wb_conserved.models import rashba_lattice

    system = rashba_lattice()
    system.set_R_mat("AA", np.zeros((*system.get_R_mat("Ham").shape, 3), dtype=complex))
    system.to_tb_file(str(folder / "sheet_tb.dat"))


PREPARED = {"vasp.md": as_vasp, "gpaw.md": as_gpaw, "slab.md": as_sheet}


def number_or_word(token):
    try:
        return float(token.strip("[](),"))
    except ValueError:
        return token


def agree(printed, shown):
    """Whether two texts are equal but for the digits of numbers."""
    found, expected = ([number_or_word(token) for token in text.split()] for text in (printed, shown))
    return len(found) == len(expected) and all(
        one == other if isinstance(one, str) or isinstance(other, str) else one == pytest.approx(other, rel=0.01)
        for one, other in zip(found, expected, strict=True)
    )


def run_command(line):
    """A line of a shell: commands of this package are run, others are known."""
    command = LAUNCHER.sub("", line.split(" #")[0].strip()).replace(".venv/bin/wb-conserved", "wb-conserved")
    for part in filter(None, (part.strip() for part in command.split("&&"))):
        words = shlex.split(LAUNCHER.sub("", part))
        if "--dry-run" in words and words[2].startswith("tutorials/"):
            continue  # test_documentation.py
        if words[0] != "wb-conserved":
            assert re.match(NOT_RUN, part), f"neither a command of this package nor known: {part}"
            continue
        done = CliRunner().invoke(main, words[1:])
        assert done.exit_code == 0, f"{part}\n{done.output}\n{done.exception}"


def run_page(page, folder):
    """All blocks of a page, in order."""
    names, printed = {"__name__": "__main__"}, None
    for language, text in blocks(page):
        if language == "toml":
            name = re.match(r"# (\S+\.toml)$", text.partition("\n")[0])
            path = folder / (name[1] if name else "block.toml")
            path.write_text(text, encoding="utf-8")
            read_config(path)
        elif language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(text, str(page), "exec"), names)
            printed = output.getvalue()
        elif language == "text" and printed is not None:
            assert agree(printed, text), f"{page.name} shows\n{text}\nbut it prints\n{printed}"
            printed = None
        elif language == "bash":
            for line in text.splitlines():
                run_command(line)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    os.symlink(DATA, tmp_path / "data")
    shutil.copytree(ROOT / "tutorials", tmp_path / "tutorials")
    for path in (tmp_path / "tutorials").rglob("*.toml"):
        text = re.sub(r"^mesh = \d+", "mesh = 8", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_page(page, folder):
    PREPARED.get(page.name, lambda folder: None)(folder)
    run_page(page, folder)


def test_other_pages_have_tests():
    pages = {page.name for page in DOCS.rglob("*.md")}
    assert set(ELSEWHERE) <= pages


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```python\nx = none\n```\n",
        "```bash\nwb-conserved run none.toml\n```\n",
        "```bash\nrm x\n```\n",
        "```toml\n# x.toml\n[grid]\nmesh = 0\n```\n",
    ],
)
def test_faults_are_seen(folder, text):
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(Exception):  # noqa: B017
        run_page(page, folder)
