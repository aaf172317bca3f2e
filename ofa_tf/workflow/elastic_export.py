"""Exporting several subnets of a run into one elastic file."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ofa_tf.base.progress import progress_bar
from ofa_tf.tflite.shipping.elastic_file import save_elastic


def export_elastic(
    signatures: Iterable[str],
    path: str | Path,
    export_one: Callable[[str, str], None],
    command: str | None = None,
    max_file_bytes: float | None = None,
) -> dict[str, Any]:
    """Write subnets as signatures of one file. Each goes through the gate by itself first.

    Args:
        signatures: Their names.
        path: File to write, ending in `.tflite`.
        export_one: Exports the subnet of a signature to a path.
        command: What was typed.
        max_file_bytes: Largest size of the file; `None` for no limit.

    Returns:
        See `save_elastic`.

    Raises:
        InputError: If one of the models is not good, or the file is too large; nothing is
            written then.
    """
    names = list(signatures)
    models = {}
    with tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder, progress_bar(len(names), "export", "network") as bar:
        for number, name in enumerate(names):
            # Not called by its signature, which may hold what file names must not.
            models[name] = Path(folder) / f"{number}.tflite"
            export_one(name, str(models[name]))
            bar.update()
        return save_elastic(path, models, command, max_file_bytes)
