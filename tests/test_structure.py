"""The house: what lies where, which way imports run, and what is said in one place only."""

import ast
import importlib
import inspect
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import wb_conserved

PACKAGE = Path(wb_conserved.__file__).parent
SOURCES = {path.relative_to(PACKAGE).with_suffix("").parts: path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {parts: ast.parse(path.read_text(encoding="utf-8")) for parts, path in SOURCES.items()}


def imports_of(parts):
    """Modules of the package that a module imports anywhere, as tuples of parts."""
    found = set()
    for node in ast.walk(TREES[parts]):
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        folder = parts[: len(parts) - node.level]
        target = (*folder, *(node.module.split(".") if node.module else ()))
        for alias in node.names:
            for candidate in ((*target, alias.name), (*target, alias.name, "__init__"), target, (*target, "__init__")):
                if candidate in SOURCES:
                    found.add(candidate)
                    break
    return found - {parts}


def room(parts):
    """Folder at the top, or the module that lies loose there."""
    return parts[0]


def test_no_circle_of_modules():
    TopologicalSorter({parts: imports_of(parts) for parts in SOURCES}).prepare()


def test_no_circle_of_rooms():
    rooms = {}
    for parts in SOURCES:
        rooms.setdefault(room(parts), set()).update(map(room, imports_of(parts)))
    for name, others in rooms.items():
        others.discard(name)
    TopologicalSorter(rooms).prepare()
    with pytest.raises(CycleError):  # the test would notice one
        TopologicalSorter(rooms | {"errors": {"cli"}}).prepare()


def test_nothing_loose_at_the_top():
    assert {parts[0] for parts in SOURCES if len(parts) == 1} == {"__init__", "annotations", "errors", "units"}


@pytest.mark.parametrize(
    "name",
    [
        "calculators.static", "calculators.equilibrium", "calculators.thermal", "calculators.tabulate", "operators", "models",
        "models.kp", "results", "units", "errors", "io.seed_files", "io.tight_binding", "io.spin_order", "io.bloch_files",
        "io.chk",
    ],
)  # fmt: skip
def test_modules_that_users_import(name):
    assert inspect.getdoc(importlib.import_module(f"wb_conserved.{name}"))


def test_names_that_users_import():
    for name in wb_conserved.__all__:
        assert inspect.getdoc(getattr(wb_conserved, name))
    from wb_conserved.parallel import world

    assert callable(world)
    for function in (wb_conserved.run, wb_conserved.convergence):  # no module has their names
        assert inspect.isfunction(function)
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(f"wb_conserved.{function.__name__}")


@pytest.mark.parametrize("name", ["_XX_R", "_max", "was_evaluated_flag"])
def test_private_names_of_wannierberri_in_one_module(name):
    users = {
        "/".join(parts)
        for parts, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.Constant) and node.value == name)
    }  # fmt: skip
    assert users == {"io/private"}


def test_few_positional_arguments():
    """What eight places could not hold is told by its name."""
    for parts, tree in TREES.items():
        if parts[0] == "compiled":  # Numba takes no keywords
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert len(node.args.posonlyargs) + len(node.args.args) <= 8, f"{'/'.join(parts)}: {node.name}"
