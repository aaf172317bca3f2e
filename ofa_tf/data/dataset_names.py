"""How users name data sets, and what of such a name holds in any folder."""

import os

FOLDER_PREFIX = "folder:"


def absolute_dataset(name: str) -> str:
    """The name of a data set with the path of a folder in full: `folder:photos` is `folder:/home/me/photos`."""
    path = name.removeprefix(FOLDER_PREFIX)
    if path in (name, ""):
        return name
    return f"{FOLDER_PREFIX}{os.path.abspath(os.path.expanduser(path))}"
