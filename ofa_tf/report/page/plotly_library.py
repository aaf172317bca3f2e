"""The plotting library of the report, as it is installed: plotly.js, from the Python package `plotly`."""

import importlib.util
from pathlib import Path

from ofa_tf.base.errors import InputError

# Read as a file: importing the package takes longer than everything else that a report needs.
_LIBRARY = "package_data/plotly.min.js"


def read_plotly() -> str:
    """The program text of plotly.js.

    Raises:
        InputError: If the package is not installed; the message says how to install it.
    """
    package = importlib.util.find_spec("plotly")
    if package is None or package.origin is None:
        raise InputError(
            "Expected the package plotly to be installed, which draws the report. Received: it is not. "
            "Install it with pip install -c constraints.txt -e .[report]."
        )
    path = Path(package.origin).parent / _LIBRARY
    if not path.is_file():
        raise InputError(
            f"Expected the package plotly to have the file {_LIBRARY}. Received: none at {path}. "
            "Install it again with pip install -c constraints.txt -e .[report]."
        )
    return path.read_text(encoding="utf-8")
