"""How pictures look: as wide as a column of a journal."""

from __future__ import annotations

from contextlib import contextmanager

STYLES = (
    {"color": "#1b3a6b", "linewidth": 1.6, "zorder": 5},
    {"color": "#d1602f", "linewidth": 1.0, "zorder": 4},
    {"color": "#6f6f6f", "linewidth": 1.0, "linestyle": (0, (5, 2)), "zorder": 3},
    {"color": "#3c8d5a", "linewidth": 1.0, "linestyle": (0, (1, 1.2)), "zorder": 6},
    {"color": "#a05fa8", "linewidth": 1.0, "linestyle": (0, (3, 1.5, 1, 1.5)), "zorder": 2},
    {"color": "#b8860b", "linewidth": 1.0, "zorder": 2},
    {"color": "#00838f", "linewidth": 1.0, "linestyle": (0, (6, 1, 1, 1, 1, 1)), "zorder": 2},
    {"color": "#8b2f3a", "linewidth": 1.0, "linestyle": (0, (2, 1)), "zorder": 2},
)
"""Lines of the quantities of equal axes in the order of the catalogue, the headline first; then again."""
COLUMN = 8.6 / 2.54
"""Width of a column, inches."""

SMALL = 6.5
"""Size of letters in legends and titles."""

FONTS = {
    "font.size": 8.0, "axes.titlesize": SMALL, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
}  # fmt: skip


def fonts():
    """Context in which Matplotlib's letters and lines suit a column."""
    import matplotlib

    return matplotlib.rc_context(FONTS)


@contextmanager
def picture(file, height: float, title: str = ""):
    """Context with the axes of a picture of one panel, which is written at its end.

    Parameters
    ----------
    file : path or file object
    height : float
        Inches.
    title : str
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with fonts():
        figure = Figure(figsize=(COLUMN, height), layout="constrained", dpi=300)
        FigureCanvasAgg(figure)
        panel = figure.add_subplot()
        panel.tick_params(direction="in", top=True, right=True)
        yield panel
        figure.suptitle(title, fontsize=SMALL, x=0.01, ha="left", linespacing=1.3)
        figure.savefig(file, format="png")
