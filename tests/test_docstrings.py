"""Examples in the docstrings of public names run, from the root of the repository; every public name has one."""

import doctest
import inspect

import pytest
from test_documentation import ROOT

import wb_conserved
from wb_conserved import models, operators

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
WITHOUT = {"get_operator", "r_space_operator", "orbital_angular_momentum"}
"""Those that docs/extending.md and the tutorials show, or that nobody calls."""


def public():
    """Functions and classes by name."""
    for module in (wb_conserved, operators, models):
        for name in module.__all__:
            item = getattr(module, name)
            called = inspect.isfunction(item) or (inspect.isclass(item) and module is wb_conserved)
            if called and name not in WITHOUT:
                yield pytest.param(item, id=f"{module.__name__}.{name}")


@pytest.mark.parametrize("item", list(public()))
def test_examples(item, monkeypatch):
    monkeypatch.chdir(ROOT)
    (found,) = doctest.DocTestFinder(recurse=False).find(item, item.__name__, globs={})
    assert found.examples, f"{item.__qualname__} has no example"
    runner, report = doctest.DocTestRunner(optionflags=FLAGS), []
    runner.run(found, out=report.append)
    assert runner.failures == 0, "".join(report)
