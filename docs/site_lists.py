"""Lists of the site that are made from the code when it is built, and links between pages.

A page has ``<!-- list: NAME -->`` where a list of `LISTS` belongs; in plain Markdown nothing shows there.
``<!-- contents -->`` makes the pages that a page links to its chapters: a new page is one line in such a list.
"""

import csv
import functools
import importlib
import inspect
import os
import re
from pathlib import Path
from typing import get_args

DOCS = Path(__file__).parent
ROOT = DOCS.parent


def setup(app):
    """Enter the hook."""
    app.connect("source-read", complete)
    return {"parallel_read_safe": True}


def complete(app, name, source):
    """Put the lists of a page into it."""
    page = DOCS / f"{name}.md"
    text = re.sub(r"^<!-- list: (\w+) -->$", lambda found: LISTS[found[1]](), source[0], flags=re.MULTILINE)
    text = re.sub(r"^<!-- contents -->$", lambda _: contents(source[0]), text, flags=re.MULTILINE)
    source[0] = with_links(text, page)


def contents(text):
    """The pages that a page links to, as its chapters."""
    pages = dict.fromkeys(re.findall(r"^[-|] ?\[[^\]]+\]\(([\w/]+)\.md\)", text, flags=re.MULTILINE))
    return "\n".join(["```{toctree}", ":hidden:", "", *pages, "```"])


def with_links(text, page):
    """Links that hold on the site: pages from elsewhere are pages of it, other texts and folders are named."""

    def target(found):
        label, path = found.groups()
        file, mark, heading = path.partition("#")
        linked = (page.parent / file).resolve()
        if re.match(r"https?://|#", path) or linked.is_relative_to(DOCS):
            return found[0]
        name = str(linked.relative_to(ROOT))
        if name in FROM_ELSEWHERE:
            return f"[{label}]({os.path.relpath(DOCS / FROM_ELSEWHERE[name], page.parent)}{mark}{heading})"
        if linked.is_dir() or linked.suffix in (".md", ".cff"):
            return f"`{name}`" if label.strip("`") == name else f"{label} (`{name}`)"
        return found[0]

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", target, text)


def table(head, rows):
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in lines
    )


def first_sentence(item):
    """Of the docstring."""
    return " ".join(inspect.getdoc(item).split("\n\n")[0].split())


def sections():
    """Heading and model of each table of the input file; of a list of tables [[name]]."""
    from wb_conserved.cli.config import Config

    for name, field in Config.model_fields.items():
        model = model_of(field.annotation)
        if model is not None:
            yield f"[{name}]" if model is field.annotation else f"[[{name}]]", model


def model_of(annotation):
    """The model in a type, such as a list of it."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next(filter(None, map(model_of, get_args(annotation))), None)


def keys():
    """Every table of the input file and its keys, from the models that validate them."""
    found = []
    for heading, model in sections():
        rows = [
            (
                f"`{key}`",
                "required" if field.is_required() else f"`{toml(field.get_default(call_default_factory=True))}`",
                plain(field.description),
            )
            for key, field in model.model_fields.items()
        ]
        _, _, about = first_sentence(model).rstrip(".").partition(": ")
        about = [f"{about[0].upper()}{plain(about[1:])}.", ""] if about else []
        found += [f"## {heading}", "", *about, table(("key", "default", "value"), rows), ""]
    return "\n".join(found)


def toml(value):
    """A value as an input file has it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).replace("True", "true").replace("False", "false")


def plain(text):
    """Text whose characters stand for themselves in Markdown."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts)


def symbols(text):
    """σ_K^{xy,z} with its indices below and above."""
    text = re.sub(r"(?<=[σακτM])\\?_([^\W_]+)", r"<sub>\1</sub>", text)
    text = re.sub(r"\^\{([^}]*)\}", r"<sup>\1</sup>", text)
    return re.sub(r"\^(\w+)", r"<sup>\1</sup>", text)


def quantities():
    """The catalogue: a table, and the equation of each."""
    from wb_conserved.calculators import CATALOGUE

    found = []
    for title, tabulated in (("Sums over occupied states", False), ("Values of each band", True)):
        entries = [entry for entry in CATALOGUE.values() if entry.tabulated is tabulated]
        rows = [
            (
                f"`{entry.name}`",
                symbols(entry.calculator.symbol),
                plain(entry.calculator.long_name),
                plain(entry.unit),
                ", ".join(f"{axis}: {meaning}" for axis, meaning in entry.axes.items()) or "–",
                ", ".join(f"`{option}`" for option in entry.options) or "–",
            )
            for entry in entries
        ]
        found += [
            f"## {title}",
            "",
            table(("name", "symbol", "quantity", "unit (of spin, 3D)", "axes", "options"), rows),
            "",
        ]
        for entry in entries:
            calculator = entry.calculator
            found += [
                f"### {entry.name}",
                "",
                rst(f".. autoclass:: {calculator.__module__}.{calculator.__name__}", no_index=True),
                "",
            ]
    return "\n".join(found)


def rst(directive, no_index=False, members=False):
    """A directive of reStructuredText."""
    options = ["   :no-index:"] * no_index + ["   :members:"] * members
    return "\n".join(["```{eval-rst}", directive, *options, "```"])


def observables():
    """Everything that `operator=` takes."""
    from wb_conserved import operators

    rows = []
    for operator in (operators.SPIN, operators.IDENTITY):
        rows.append((f'`"{operator.name}"`', operator.unit or "1", first_line_of(operator)))
    found = [table(("name", "unit", "symmetry"), rows), ""]
    for name in operators.__all__:
        item = getattr(operators, name)
        if inspect.isfunction(item) and name != "get_operator":
            found += [f"## {name}", "", rst(f".. autofunction:: wb_conserved.operators.{name}", no_index=True), ""]
    return "\n".join(found)


def first_line_of(operator):
    """What an operator does under time reversal and inversion."""
    odd = [
        word
        for word, yes in (
            ("time reversal", operator.odd_under_time_reversal),
            ("inversion", operator.odd_under_inversion),
        )
        if yes
    ]
    return f"odd under {' and '.join(odd)}" if odd else "even"


def statistics():
    """Every statistics by name."""
    from wb_conserved.occupations import STATISTICS

    rows = [
        (f"`{kind.__name__}`", name, ", ".join(f"`{weight}`" for weight in kind.weights), plain(first_sentence(kind)))
        for name, kind in STATISTICS.items()
    ]
    return table(("class", "name", "weights", "what it is"), rows)


def files():
    """Every ending, folder and object that `load_system` reads, files in the order in which it looks; and what is written."""
    from wb_conserved.io import formats
    from wb_conserved.io.spin_order import CODES
    from wb_conserved.results import RESULT_FILES

    readers = {f"`X{ending}`": reader for ending, reader in formats.READERS.items()}
    for more in ("FOLDERS", "OBJECTS"):
        readers |= getattr(formats, more, {})
    rows = [
        (name, plain(contents_of(reader)), ", ".join(f"`{option}`" for option in reader.options) or "–")
        for name, reader in readers.items()
    ]
    orders = [(f'`"{code}"`', ", or ".join(f"`{order}`" for order in known)) for code, known in CODES.items()]
    return "\n\n".join(
        [
            "## Read",
            table(("file, folder or object", "what is read", "options of `load_system`"), rows),
            "## Orders of spin",
            "Where there are no spin matrices `spin_order` says which functions are up and down: `interlaced`, `block`, pairs, "
            "or the code that they are from.",
            table(("code", "order"), orders),
            "## Written",
            "In the folder of results, those that apply:",
            "\n".join(f"- `{name}`" for name in RESULT_FILES),
        ]
    )


def contents_of(reader):
    """What a reader says that it reads."""
    said = getattr(reader, "contents", "")
    return said or (first_sentence(reader.read) if inspect.getdoc(reader.read) else "–")


MODULES = {
    "calculators.static": "Response to an electric field",
    "calculators.thermal": "Response to a temperature gradient",
    "calculators.equilibrium": "Equilibrium densities",
    "calculators.tabulate": "Values of each band",
    "calculators": "Catalogue",
    "operators": "Observables",
    "occupations": "Statistics",
    "models": "Models",
    "io": "Files",
    "diagnostics": "Diagnostics",
    "results": "Results",
    "disorder": "Impurities",
    "geometry": "Equations on arrays",
}
"""Public modules, in the order of the page."""


def api():
    """Public names from their docstrings."""
    import wb_conserved

    found = ["## wb_conserved", ""]
    for name in wb_conserved.__all__:
        item = getattr(wb_conserved, name)
        if not inspect.ismodule(item):
            found += [autodoc(item, f"wb_conserved.{name}"), ""]
    seen = {id(getattr(wb_conserved, name)) for name in wb_conserved.__all__}
    for name, title in MODULES.items():
        module = importlib.import_module(f"wb_conserved.{name}")
        found += [f"## {title}: wb_conserved.{name}", "", rst(f".. automodule:: wb_conserved.{name}"), ""]
        for member in public(module):
            item = getattr(module, member)
            if id(item) not in seen and (inspect.isclass(item) or inspect.isfunction(item)):
                seen.add(id(item))
                found += [autodoc(item, f"wb_conserved.{name}.{member}"), ""]
    return "\n".join(found)


def public(module):
    """Names of a module: what it says, or the classes that are defined there."""
    own = [name for name, item in vars(module).items() if inspect.isclass(item) and item.__module__ == module.__name__]
    return getattr(module, "__all__", [name for name in own if not name.startswith("_")])


def autodoc(item, name):
    """The docstring of a class, with the public methods of its own, or of a function."""
    kind = (
        "autoexception"
        if inspect.isclass(item) and issubclass(item, Exception)
        else "autoclass"
        if inspect.isclass(item)
        else "autofunction"
    )
    return rst(f".. {kind}:: {name}", members=inspect.isclass(item) and "calculators." not in item.__module__)


def validation():
    """What the tests have compared, `docs/validation.csv`."""
    with (DOCS / "validation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [f"{len(rows)} comparisons.", ""]
    for kind, title in (("exact", "Exact results"), ("published", "Published numbers"), ("code", "Other codes")):
        of_kind = [row for row in rows if row["kind"] == kind]
        head = ("quantity", "expected", "here", "±", "unit", "source", "test")
        lines = [
            (
                symbols(plain(row["quantity"])),
                *(row[column] for column in ("expected", "found", "within")),
                plain(row["unit"]),
                plain(row["source"]),
                f"`{row['test'].partition('[')[0]}`",
            )
            for row in of_kind
        ]
        found += [f"## {title}", "", table(head, lines), ""]
    return "\n".join(found)


def included(path, folder):
    """A page from elsewhere without its title, with links that hold in a folder of the site."""

    def target(found):
        if re.match(r"https?://|#", found[2]):
            return found[0]
        file, mark, heading = found[2].partition("#")
        return f"[{found[1]}]({os.path.relpath(path.parent / file, folder)}{mark}{heading})"

    _, _, text = path.read_text(encoding="utf-8").partition("\n")
    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", target, text)


FROM_ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "data/README.md": "data.md",
    "tutorials/README.md": "tutorials.md",
}
"""Texts of the repository that are pages of the site, with their pages."""
LISTS = {
    function.__name__: function for function in (keys, quantities, observables, statistics, files, api, validation)
} | {Path(page).stem: functools.partial(included, ROOT / name, DOCS) for name, page in FROM_ELSEWHERE.items()}
"""By the name that pages give."""
