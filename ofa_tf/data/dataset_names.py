"""How users name data sets, and what can be said of a name before the data set is opened. Loads no TensorFlow."""

import os
from pathlib import Path

from ofa_tf.base.errors import InputError

DIGITS = "digits"
FOLDER_PREFIX = "folder:"


def check_folder(path: str) -> None:
    """Check that there is a folder for a data set.

    Raises:
        InputError: If there is none.
    """
    if not path:
        raise InputError("Expected a path after 'folder:'. Received: none. Pass folder:PATH.")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        kind = "a file" if folder.exists() else "no such folder"
        raise InputError(f"Expected a folder of class folders at {path!r}. Received: {kind}. Check folder:PATH.")


def absolute_dataset(name: str) -> str:
    """The name of a data set with the path of a folder in full: `folder:photos` is `folder:/home/me/photos`."""
    path = name.removeprefix(FOLDER_PREFIX)
    if path in (name, ""):
        return name
    return f"{FOLDER_PREFIX}{os.path.abspath(os.path.expanduser(path))}"
