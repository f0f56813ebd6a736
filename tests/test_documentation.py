"""What the documentation refers to exists, and what it shows is Python, TOML or a command that there is."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from wb_conserved.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"]
PAGES += sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "tutorials").rglob("*.md")])
INPUTS = sorted((ROOT / "tutorials").rglob("*.toml"))
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def blocks(page):
    """Language and text of the code blocks of a page, without directives of the site."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [(language, text) for language, text in found if not language.startswith("{")]


def anchors(page):
    """Names by which links find the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@EVERY_PAGE
def test_links(page):
    """Files beside the page, and headings of them."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?://", target):
            continue
        path, _, heading = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{page}: {target}"
        assert not heading or heading in anchors(linked), f"{page}: {target}"


@EVERY_PAGE
def test_code(page):
    """Every block says what it is; Python compiles, TOML is TOML, programs of this repository are there."""
    for language, text in blocks(page):
        assert language in ("python", "bash", "toml", "text"), f"{page}: a block of {language!r}"
        if language == "python":
            compile(text, str(page), "exec")
        elif language == "toml":
            tomllib.loads(text)
        elif language == "bash":
            files = re.findall(r"(?<![\w./-])((?:tutorials|tests|data)/[\w./-]+\.(?:py|sh|toml))", text)
            assert all((ROOT / file).is_file() for file in files), f"{page}: {files}"
            for command in re.findall(r"wb-conserved (\w+)", text):
                assert command in main.commands, f"{page}: wb-conserved {command}"


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_input_files_of_tutorials(path):
    done = CliRunner().invoke(main, ["run", str(path), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert re.search(r"time +[\d.]+ ms per k point", done.output)


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("[a](docs/none.md)", test_links),
        ("[a](#no-heading)", test_links),
        ("![a](none.png)", test_links),
        ("```python\nx = (\n```", test_code),
        ("```toml\nx = \n```", test_code),
        ("```bash\npython tutorials/none.py\n```", test_code),
        ("```bash\nwb-conserved nothing\n```", test_code),
        ("```\nx\n```", test_code),
    ],
)
def test_faults_are_seen(tmp_path, text, test):
    page = tmp_path / "page.md"
    page.write_text(f"# A heading\n[here](#a-heading)\n{text}\n", encoding="utf-8")
    with pytest.raises((AssertionError, SyntaxError, tomllib.TOMLDecodeError)):
        test(page)
