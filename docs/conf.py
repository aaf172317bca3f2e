"""How Sphinx builds the documents: `make docs` writes them to docs/_build/html.

The source folder is the root of the repository, not docs/. So README.md, CONTRIBUTING.md and BUILD_NOTES.md are pages
like those in docs/, and relative links mean the same on the site as they do in a clone or on a code host: nothing has
to be copied, included or rewritten. Links to other files of the repository become downloads. decisions/043 says why.
"""

import os
import sys
from pathlib import Path

# The package of this clone, which autodoc imports, and what docs/extensions/ adds to Sphinx.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent / "extensions"))

import ofa_tf

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # autodoc loads TensorFlow, which needs no GPU for that

project = "ofa_tf"
author = "the authors of ofa_tf"
copyright = "the authors of ofa_tf, Apache-2.0"
version = release = ofa_tf.__version__

extensions = [
    "myst_nb",  # Markdown by MyST, and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",  # docstrings in Google's style
    "generated_parts",  # docs/extensions: the reference of the public names, and the list of decisions
    "links_to_folders",  # docs/extensions: plain text, as a site has no page for a folder
]

# --- which files are pages ---------------------------------------------------

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [
    # Sphinx looks through all folders that are not named here, before it applies the patterns above.
    ".*",
    "build",
    "dist",
    "flags",
    "ofa_tf",
    "ofa_tf.egg-info",
    "runs",
    "tests",
    "tools",
    "docs/_build",
    "**/.ipynb_checkpoints",
]

# --- Markdown and notebooks --------------------------------------------------

myst_heading_anchors = 4  # links to headings, with the names that code hosts give them
myst_enable_extensions = ["colon_fence"]
suppress_warnings = [
    "myst.header",  # a page may begin with a deeper heading: decisions do
]
nb_execution_mode = "off"  # the tests run the notebook; a page shows the outputs that it was stored with
highlight_language = "text"  # of code blocks without a language: commands and what they print

# --- the reference of the public names ----------------------------------------

nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # annotations name types of other packages, and some that are not public
default_role = "code"  # docstrings have names between single backticks
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Call arguments", "params_style"), "Input shape", "Output shape"]  # as Keras has them

# --- what the site looks like --------------------------------------------------

html_theme = "furo"
html_title = f"ofa_tf {version}"
html_extra_path = ["site"]  # index.html, which leads to the page docs/index.html
html_copy_source = False
html_show_sourcelink = False
