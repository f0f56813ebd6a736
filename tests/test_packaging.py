"""Metadata that stands in more than one file agrees; .ci/full builds and checks the packages themselves."""

import re
import tomllib

import pytest
from test_documentation import ROOT

import wb_conserved

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
NAMES = {"matplotlib-base": "matplotlib"}
"""Names of conda packages that are others."""
OF_EXTRAS = ("mpi", "plot", "symmetry")


def of_recipe(section):
    """Versions by name of a list in the recipe."""
    indent, text = re.search(rf"^( +){section}:[^\n]*\n((?:\1  +- .*\n)+)", RECIPE, flags=re.MULTILINE).groups()
    entries = [line.strip(" -").split(maxsplit=1) for line in text.splitlines()]
    assert indent and entries
    return {NAMES.get(entry[0], entry[0]): entry[1] if len(entry) > 1 else "" for entry in entries}


def of_project(requirements):
    """The same of pyproject.toml; of a requirement with a marker only the lowest version."""
    found = {}
    for requirement in requirements:
        name, versions, marker = re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*(;.*)?$", requirement).groups()
        found[name.lower()] = versions.split(",")[0] if marker else versions
    return found


def test_recipe_has_the_dependencies():
    expected = {"python": PROJECT["requires-python"], **of_project(PROJECT["dependencies"])}
    assert of_recipe("run") == expected


def test_recipe_has_the_extras():
    extras = PROJECT["optional-dependencies"]
    expected = of_project(requirement for name in OF_EXTRAS for requirement in extras[name])
    assert of_recipe("run_constrained") == expected


def test_recipe_is_of_this_package():
    (script,) = PROJECT["scripts"].items()
    assert f'version: "{PROJECT["version"]}"' in RECIPE
    assert f"- {' = '.join(script)}" in RECIPE
    assert f"license: {PROJECT['license']}" in RECIPE
    assert PROJECT["description"] in RECIPE


def test_citation_is_of_this_package():
    assert f"version: {PROJECT['version']}\n" in CITATION
    assert f"license: {PROJECT['license']}\n" in CITATION
    assert wb_conserved.__version__ == PROJECT["version"]


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("numpy>=2.1", {"numpy": ">=2.1"}),
        ("a>=1,<2", {"a": ">=1,<2"}),
        ("netCDF4>=1.7", {"netcdf4": ">=1.7"}),
        ("irrep>=2.5,<3.3; python_version < '3.12'", {"irrep": ">=2.5"}),
    ],
)
def test_requirements_are_read(requirement, expected):
    assert of_project([requirement]) == expected
