"""What the files of a run's networks are called and say of themselves, and whether they are whole.

Loads neither TensorFlow nor Keras.
"""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import find_writer
from ofa_tf.base.shell_commands import shell_command

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


def check_archive(path: Path) -> None:
    """Check every byte of a file of a training run against its checksums.

    Raises:
        InputError: If the file is truncated or altered.
    """
    files.check_archive(path, _remedy(path))


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
    command = shell_command("train_main.py", "--phase=all", f"--workdir={workdir}", "--dataset=...")
    return f"Train one: {command}, see the README; or import published weights with tools/import_checkpoint.py."


def _remedy(path: Path) -> str:
    folder = path.parent
    if folder.name.endswith("_finished"):
        return (
            f"Delete {folder.parent} and the folders of later phases beside it, and train them again with --resume; "
            "or put the file back from a copy."
        )
    if folder.name.startswith("step_"):
        return f"Delete {folder}; with --resume the phase continues from the checkpoint before."
    return (
        f"Put the file back from a copy, such as that in the newest *_finished folder under {folder / 'checkpoints'}; "
        "or train again, or delete the folder and import the weights again, whichever it came from."
    )
