"""Makes plain text of links to folders of the repository, which a code host shows and a site has no page for.

Links to its files need no help: MyST makes downloads of them.
"""

from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls to load an extension."""
    app.connect("doctree-read", _unlink_folders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _unlink_folders(app: Sphinx, page: nodes.document) -> None:
    """Sphinx's event `doctree-read`: a page was read, and its links are not looked up yet."""
    folder_of_page = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(page.findall(pending_xref)):
        target = link["reftarget"]
        is_link_of_page = link["reftype"] == "myst" and target != ""
        if is_link_of_page and (folder_of_page / target).is_dir():
            link.replace_self(link.children)
