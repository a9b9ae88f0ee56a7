"""Settings of the documentation build: `make docs`."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

# Before autodoc has imported anything: after it, pydantic cannot resolve annotations of
# this module any more, and no page that needs it could be built.
importlib.import_module("prefect.workers.process")

project = "Consilience"
author = "The Consilience authors"
copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "api_pages",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "ignore-module-all": True,  # a name is described where it is defined
}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_ivar = True  # a field is described once, in its class
napoleon_use_rtype = False
# Shapes such as (n, d) are no references, though several classes have an n or a d.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "Consilience"
html_static_path = ["_static"]
html_css_files = ["local.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
html_copy_source = False
