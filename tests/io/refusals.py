"""What an error about a broken file must say, and how the files of the small calculation are read."""

import re

import pytest

from wb_conserved.io import InputError, load_system

ORDER = {"_tb.dat": "interlaced", "_hr.dat": "interlaced", "_wsvec.dat": "interlaced", "_centres.xyz": "interlaced"}
ROUTE = {"_wsvec.dat": "_tb.dat", "_tb.dat": "_tb.dat", "_hr.dat": "_hr.dat", "_centres.xyz": "_hr.dat"}
SEED_FILES = (".chk", ".eig", ".mmn", ".spn", ".win", ".nnkp")
ALL_FILES = (*SEED_FILES, "_tb.dat", "_hr.dat", "_wsvec.dat", "_centres.xyz")


def refused(seed, ending, words, line=None):
    """Load the route that reads the file with this ending; check the error."""
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}{ROUTE.get(ending, '')}", spin_order=ORDER.get(ending))
    error = caught.value
    assert error.source.startswith(f"{seed}{ending}"), error
    assert re.search(words, str(error)), error
    assert error.line == line, error
    assert "expected" in str(error) and "found" in str(error)
