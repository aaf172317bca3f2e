"""What the files of a run's networks are called and say of themselves. Loads neither TensorFlow nor Keras."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import find_writer

SUPERNET_FILE = "supernet.keras"


def find_supernet(workdir: str | Path) -> Path:
    """The file of the supernet in `workdir`.

    Args:
        workdir: The folder, or the file `supernet.keras` itself.

    Raises:
        InputError: If there is none; the message says how to get one.
    """
    path = Path(workdir)
    if path.is_dir() or path.suffix != ".keras":
        path = path / SUPERNET_FILE
    if not path.is_file():
        raise InputError(
            f"Expected a trained supernet at {path}. Received: no such file. {_how_to_get_supernet(path.parent)}"
        )
    return path


def read_config(path: Path) -> dict[str, Any]:
    """What a `.keras` file says of its model, `get_config`'s data; empty if that cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return dict(json.loads(archive.read("config.json"))["config"])
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return {}


def _how_to_get_supernet(workdir: Path) -> str:
    writer = find_writer(workdir)
    if writer is not None:
        return f"It is being trained by {writer}: wait until the first phase is finished."
    copies = sorted(workdir.glob(f"checkpoints/*/*_finished/{SUPERNET_FILE}"), key=os.path.getmtime)
    if copies:
        return f"Copy {copies[-1]} there: the newest finished phase's."
    return (
        f"Train one: python train_main.py --phase=all --workdir={workdir} --dataset=..., see the README; "
        "or import published weights with tools/import_checkpoint.py."
    )
