"""Constraints for pip: the oldest version that pyproject.toml allows of every dependency, and its patches.

    python .ci/oldest.py > constraints.txt

numpy>=2.1 becomes numpy==2.1.*, pytest>=8 becomes pytest==8.0.*.
"""

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def main():
    extras = PROJECT["optional-dependencies"]
    oldest = {}
    for requirement in [*PROJECT["dependencies"], *(one for extra in extras.values() for one in extra)]:
        name = re.match(r"[\w.-]+", requirement)[0]
        if name == PROJECT["name"]:  # one extra in another
            continue
        lowest = re.search(r">=(\d+(?:\.\d+)*)", requirement)
        if lowest is None:
            raise SystemExit(f"pyproject.toml: expected a lowest version, >=...; found {requirement!r}")
        release = [*lowest[1].split("."), "0"][: max(2, lowest[1].count(".") + 1)]
        version = ".".join(release)
        if oldest.setdefault(name, version) != version:
            raise SystemExit(f"pyproject.toml: expected one lowest version of {name}; found {oldest[name]} and {version}")
    print("\n".join(f"{name}=={version}.*" for name, version in sorted(oldest.items())))


if __name__ == "__main__":
    main()
