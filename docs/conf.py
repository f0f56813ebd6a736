"""Settings of the documentation site.

pip install '.[docs]' && sphinx-build -W docs build/site
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import wb_conserved

project = "wb_conserved"
author = "The wb_conserved developers"
copyright = author
version = release = wb_conserved.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "site_lists",
    "site_docstrings",
]
nitpicky = False
exclude_patterns = []
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["config.cache"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say them
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "wb_conserved"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"*": []}  # pages of the first level have no chapters beside them
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = True
