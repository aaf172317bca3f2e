"""Runs the notebooks of the documents.

Called as a program, it runs one as it is and stores it with what it shows, less what programs say while they work:

    python -m tests.support.notebook docs/notebooks/tour.ipynb
"""

import os
import sys
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient

from tests.support.repository import ROOT

# Of one cell; a search for a front measures for a minute.
_MAX_SECONDS = 600


def run_notebook(path: Path, **variables: str) -> nbformat.NotebookNode:
    """Run a notebook from its first cell to its last, in a Python of its own.

    Args:
        path: The notebook, which is not changed.
        **variables: Variables of the environment that it may look at.

    Returns:
        The notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails; the message has its traceback.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=_MAX_SECONDS, resources={"metadata": {"path": str(path.parent)}})
    # The package of this clone, whatever else is installed.
    with mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT), **variables}):
        client.execute()
    return notebook


def text_outputs(notebook: nbformat.NotebookNode) -> str:
    """All that the cells of a notebook printed to stdout."""
    texts = []
    for output in _outputs(notebook):
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
    return "".join(texts)


def pictures(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """The pictures that the cells of a notebook show.

    Args:
        notebook: One that was run.
        kind: Their MIME type, such as `image/png`.
    """
    found = []
    for output in _outputs(notebook):
        data = output.get("data", {})
        if kind in data:
            found.append(data[kind])
    return found


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook as it is stored: without progress bars and without the times of its cells. Changes it in place."""
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def _outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    outputs = []
    for cell in notebook.cells:
        outputs += cell.get("outputs", [])
    return outputs


if __name__ == "__main__":
    notebook_path = Path(sys.argv[1])
    nbformat.write(tidy(run_notebook(notebook_path.resolve())), notebook_path)
