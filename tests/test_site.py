"""Lists of the documentation site, made without building it: complete, and every page has its place.

.ci/full builds the site, with warnings as errors.
"""

import importlib.util
import inspect
import re

import click
import pytest
from pydantic import BaseModel
from test_documentation import ROOT

import wb_conserved
from wb_conserved.calculators import CATALOGUE
from wb_conserved.cli import main
from wb_conserved.io import READERS
from wb_conserved.occupations import STATISTICS

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site_lists():
    return load()


def load():
    specification = importlib.util.spec_from_file_location("site_lists", DOCS / "site_lists.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("keys", [key for _, model in load().sections() for key in model.model_fields]),
        ("quantities", CATALOGUE),
        ("statistics", STATISTICS),
        ("files", [f"X{ending}" for ending in READERS]),
        ("observables", ["spin", "identity", "layer", "sublattice", "orbital_angular_momentum", "matrix_operator"]),
        ("api", [name for name in wb_conserved.__all__ if not inspect.ismodule(getattr(wb_conserved, name))]),
    ],
)
def test_lists_are_complete(site_lists, name, entries):
    text = site_lists.LISTS[name]()
    assert len(entries) >= 3
    for entry in entries:
        assert re.search(rf"(?<!\w){re.escape(entry)}(?!\w)", text), entry


def test_every_key_has_a_meaning(site_lists):
    for heading, model in site_lists.sections():
        for key, field in model.model_fields.items():
            assert field.description, f"{heading} {key}"


def test_lists_of_tables_are_found(site_lists):
    class Table(BaseModel):
        """A table."""

    assert site_lists.model_of(list[Table]) is Table
    assert site_lists.model_of(list[Table] | None) is Table
    assert site_lists.model_of(list[float]) is None


def test_every_command_has_a_description():
    for name, command in main.commands.items():
        assert command.short_help, name
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or parameter.help, f"{name} {parameter.name}"


def test_every_page_is_a_chapter_of_another(site_lists):
    """Once, beginning with index.md."""
    found, waiting = [], ["index.md"]
    while waiting:
        page = DOCS / waiting.pop()
        assert page.is_file(), page
        found.append(page)
        text = page.read_text(encoding="utf-8")
        if "<!-- contents -->" in text:
            chapters = re.findall(r"^([\w/]+)$", site_lists.contents(text), flags=re.MULTILINE)
            assert chapters, page
            waiting += [str((page.parent / f"{chapter}.md").relative_to(DOCS)) for chapter in chapters]
    assert sorted(found) == sorted(DOCS.rglob("*.md"))


def test_every_list_that_a_page_asks_for_exists(site_lists):
    asked = [
        name for page in DOCS.rglob("*.md") for name in re.findall(r"<!-- list: (\S+) -->", page.read_text("utf-8"))
    ]
    assert sorted(asked) == sorted(site_lists.LISTS)


def test_links(site_lists):
    """Of texts from elsewhere, of folders, and within the site."""
    page = DOCS / "how_to" / "cluster.md"
    for link, expected in {
        "[a](../../CHANGELOG.md#b)": "[a](../changelog.md#b)",
        "[c](../../tutorials)": "c (`tutorials`)",
        "[`tutorials`](../../tutorials)": "`tutorials`",
        "[d](../theory.md)": "[d](../theory.md)",
        "[e](https://x.y)": "[e](https://x.y)",
        "[f](../../tutorials/iron/hall.toml)": "[f](../../tutorials/iron/hall.toml)",
    }.items():
        assert site_lists.with_links(f"{link} and more", page) == f"{expected} and more"
