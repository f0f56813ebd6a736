"""The table of formats: what is in it is documented, and what is not is refused with all that there is."""

from pathlib import Path

import pytest

from wb_conserved.io import READERS, InputError, load_system
from wb_conserved.io.formats import FOLDERS, OBJECTS, formats_text

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("name", [*READERS, *(kind.removeprefix("a folder of ") for kind in FOLDERS), *OBJECTS])
def test_documented(name):
    """In the table of docs/files.md, with a command and how it was checked."""
    (row, *_) = [line for line in ROWS if name in line]
    code, files, command, checked = (cell.strip() for cell in row.strip("|").split(" | "))
    assert "load_system(" in command
    assert code
    assert checked


def test_every_format_is_in_the_message():
    text = formats_text()
    for name in (*READERS, *FOLDERS, *OBJECTS):
        assert name in text


@pytest.mark.parametrize("make", [lambda f: f / "nothing", lambda f: f, lambda f: 3, lambda f: _file(f)])
def test_what_fails_says_what_there_is(tmp_path, make):
    with pytest.raises(InputError) as caught:
        load_system(make(tmp_path))
    assert formats_text() in str(caught.value)
    assert "load_system(system)" in str(caught.value)
    assert "system.to_npz(folder)" in str(caught.value)


def _file(folder):
    (folder / "x.txt").write_text("nothing of the kind\n1 2 3\n")
    return folder / "x.txt"
