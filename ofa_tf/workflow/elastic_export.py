"""Exporting several subnets of a run into one elastic file."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import progress_bar
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.shipping.elastic_file import save_elastic

ExportOne = Callable[[Arch, str], dict[str, Any]]  # an arch and a path -> facts about the model that was written


def check_number(num_archs: int) -> None:
    """Check how many archs an elastic file is of.

    Raises:
        InputError: If it is one.
    """
    if num_archs < 2:
        raise InputError(
            f"Expected several archs for an elastic file (--elastic). Received: {num_archs}. Name more with --arch, or "
            "leave --elastic out."
        )


def export_elastic(
    archs: Mapping[str, Arch],
    path: str | Path,
    export_one: ExportOne,
    command: str | None = None,
) -> dict[str, Any]:
    """Write subnets as signatures of one file. Each goes through the gate by itself first.

    Args:
        archs: The subnets, by the names of their signatures.
        path: File to write, ending in `.tflite`.
        export_one: Exports a subnet to a path.
        command: What was typed.

    Returns:
        See `save_elastic`.

    Raises:
        InputError: If one of the models is not good; nothing is written then.
    """
    check_number(len(archs))
    models = {}
    with tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder, progress_bar(len(archs), "export", "network") as bar:
        for number, (name, arch) in enumerate(archs.items()):
            # Not called by its signature, which may hold what file names must not.
            models[name] = Path(folder) / f"{number}.tflite"
            export_one(arch, str(models[name]))
            bar.update()
        return save_elastic(path, models, command)
