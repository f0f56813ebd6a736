"""Docstrings as the site shows them: plain text with indented equations, in the place of reStructuredText.

In docstrings of this package "tr_M", "|M|" and "X†_nm" are text, single backquotes mark names, and an indented block is an
equation to be shown as it stands.  Only ``:math:``, ``.. math::`` and examples (``>>>``) are markup.
"""

import re

SECTION = re.compile(r"^(-{3,}|={3,})$")
KEPT = re.compile(r"(``.+?``|:math:`.+?`|`[^`]+`)")
LIST = re.compile(r"(- |\* |\.\. |:|\d+\. )")


def setup(app):
    """Enter the hook, before that of numpydoc sections."""
    app.connect("autodoc-process-docstring", as_text, priority=100)
    return {"parallel_read_safe": True}


def as_text(app, what, name, obj, options, lines):
    """Change the lines of a docstring in place."""
    as_is = [one or other for one, other in zip(math(lines), examples(lines), strict=True)]
    lines[:] = literal_blocks([line if kept else escaped(line) for line, kept in zip(lines, as_is, strict=True)])


def math(lines):
    """Whether each line belongs to a ``.. math::`` block."""
    indent, found = None, []
    for line in lines:
        own = len(line) - len(line.lstrip())
        if indent is not None and line.strip() and own <= indent:
            indent = None
        if line.lstrip().startswith(".. math::"):
            indent = own
        found.append(indent is not None)
    return found


def examples(lines):
    """Whether each line belongs to an example, from ``>>>`` to the next blank line."""
    inside, found = False, []
    for line in lines:
        inside = line.lstrip().startswith(">>>") or (inside and bool(line.strip()))
        found.append(inside)
    return found


def escaped(line):
    """A line whose characters all stand for themselves, apart from backquoted names and equations."""
    if re.match(r"\s*\.\. ", line) or SECTION.match(line.strip()):
        return line
    parts = KEPT.split(line)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([|*]|_(?!\w))", r"\\\1", parts[i].replace("\\", "\\\\"))
    for i in range(1, len(parts), 2):
        if not parts[i].startswith((":", "``")):
            parts[i] = f"`{parts[i]}`"
    return "".join(parts)


def literal_blocks(lines):
    """Lines with ``::`` before each indented block that follows a blank line, outside of the sections of numpydoc."""
    first = next((i for i, line in enumerate(lines) if SECTION.match(line.strip())), len(lines))
    found, i = [], 0
    while i < len(lines):
        line = lines[i]
        after_blank = i > 0 and not lines[i - 1].strip()
        if i < first and after_blank and line.startswith(" ") and not in_directive(found):
            found += ["::", ""]
            while i < len(lines) and (lines[i].startswith(" ") or not lines[i].strip()):
                found.append(lines[i].replace("\\", "") if lines[i].strip() else "")
                i += 1
            continue
        found.append(line)
        i += 1
    return found


def in_directive(lines):
    """Whether the last line that is not indented begins a directive or an item of a list."""
    last = next((line for line in reversed(lines) if line.strip() and not line.startswith(" ")), "")
    return bool(LIST.match(last))
