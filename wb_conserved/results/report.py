"""The page that ``wb-conserved check --report`` writes: HTML with its pictures inside, which needs nothing else."""

from __future__ import annotations

import base64
import io
from html import escape
from string import Template
from typing import Any

import numpy as np

from ..errors import how_to_install
from ..io.private import has_matrices
from .panels import _symbol as mathematics

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title: check</title>
<style>
body { font-family: system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; line-height: 1.4; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.35em 0.6em; border-bottom: 1px solid #ddd; }
.good { color: #1b6b3a; } .look { color: #8a5a00; } .bad { color: #a01818; font-weight: bold; }
pre { background: #f5f5f5; padding: 0.8em; overflow-x: auto; }
figure { display: inline-block; margin: 0.5em; } figcaption { font-size: 0.9em; max-width: 24em; }
</style>
</head>
<body>
<h1>$title: is the data fit for it?</h1>
<p>In all: <span class="$worst">$worst</span>.</p>
<table><tr><th></th><th>check</th><th>found</th><th>what to do</th></tr>
$rows
</table>
<h2>What would run</h2>
<pre>$summary</pre>
<h2>What the ab initio mesh leaves open</h2>
<pre>$interpolation</pre>
<h2>Pictures</h2>
$pictures
</body>
</html>
""")
_ROW = Template('<tr><td class="$verdict">$verdict</td><td>$name</td><td>$text</td><td>$advice</td></tr>')
_FIGURE = Template(
    '<figure><img src="data:image/svg+xml;base64,$data" alt="$caption" /><figcaption>$caption</figcaption></figure>'
)
_SIZE = (8.6 / 2.54, 2.3)  # inches
_COLORS = ("#1b3a6b", "#d1602f", "#6f6f6f", "#3c8d5a", "#a05fa8")


def format_report(title: str, summary: str, health: Any, interpolation: str, system) -> str:
    """Page for a `wb_conserved.diagnostics.health.Health`.

    Parameters
    ----------
    title : str
        What the data is of.
    summary, interpolation : str
        What would run, and what is left open.
    health : Health
    system : wannierberri.system.System
    """
    rows = [
        _ROW.substitute(
            verdict=line.verdict,
            name=escape(line.name),
            text=escape(line.text),
            advice=escape(line.advice if line.verdict != "good" else ""),
        )
        for line in health.lines
    ]
    return _PAGE.substitute(
        title=escape(title),
        worst=health.worst,
        rows="\n".join(rows),
        summary=escape(summary),
        interpolation=escape(interpolation),
        pictures="\n".join(_pictures(health, system)),
    )


def _pictures(health, system):
    """Figures of the page; a line of text where Matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        yield f"<p>No pictures: matplotlib is missing ({escape(how_to_install('plot'))}).</p>"
        return
    if has_matrices(system):
        yield _figure(lambda axes: draw_decay(axes, system), "Largest element of each hopping matrix against its distance.")
    for scan in health.scans:
        what = "mesh" if scan.setting == "mesh" else "multiplet threshold"
        caption = f"Numbers over that of the last point, against the {what}: flat is converged."
        yield _figure(lambda axes, scan=scan: draw_scan(axes, scan), caption)


def _figure(draw, caption):
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.size": 8.0, "svg.fonttype": "path"}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure.add_subplot())
        contents = io.BytesIO()
        figure.savefig(contents, format="svg")
    return _FIGURE.substitute(data=base64.b64encode(contents.getvalue()).decode(), caption=escape(caption))


def draw_decay(axes, system) -> None:
    """Largest |H(R)| of each R vector against the distance of cells."""
    distances = np.linalg.norm(np.asarray(system.rvec.iRvec) @ np.asarray(system.real_lattice), axis=1)
    sizes = np.abs(np.asarray(system.get_R_mat("Ham"))).max(axis=(1, 2))
    shown = (distances > 0) & (sizes > 0)
    axes.semilogy(distances[shown], sizes[shown], "o", color=_COLORS[0], markersize=2)
    axes.set(xlabel="|R|   [Å]", ylabel="largest |H(R)|   [eV]")
    axes.tick_params(direction="in", top=True, right=True, which="both")


def draw_scan(axes, scan) -> None:
    """Numbers of a scan in units of their last ones."""
    for number, (symbol, (_, values)) in enumerate(scan.numbers.items()):
        if len(values) != len(scan.values) or values[-1] == 0:
            continue
        style = {"color": _COLORS[number % len(_COLORS)], "marker": "os^Dv"[number % 5], "markersize": 3, "linewidth": 1.0}
        name, _, component = symbol.partition(" ")
        axes.plot(scan.values, np.array(values) / values[-1], label=f"{mathematics(name)} {component}", **style)
    axes.axhline(1.0, color="black", linewidth=0.5, linestyle=":")
    if scan.setting == "threshold" and min(scan.values) > 0:
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks(scan.values, [f"{value:g}" for value in scan.values])
    axes.set(xlabel=f"{scan.setting}   [{scan.unit}]", ylabel="value / last value")
    axes.tick_params(direction="in", top=True, right=True, which="both")
    axes.legend(frameon=False, fontsize=6.5)
