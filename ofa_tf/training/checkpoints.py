"""Checkpoints of a phase in progress or done.

A checkpoint is a folder that appears under its final name only when it is
complete: `<workdir>/checkpoints/<phase>/step_<steps done>/` (with `_finished`
behind it after the last step), with the supernet, the optimizer's state and
`checkpoint.json`.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.interrupts import delayed_interrupts
from ofa_tf.networks.saving import SUPERNET_FILE, check_archive, read_config, save_supernet
from ofa_tf.networks.supernet import Supernet
from ofa_tf.training.phases import Phase

_OPTIMIZER_FILE = "optimizer.npz"
_STATE_FILE = "checkpoint.json"
_NUM_KEPT = 2


@dataclasses.dataclass
class TrainState:
    """How far a phase has got.

    Args:
        phase: Name of the phase.
        num_steps: Steps done.
        is_finished: Whether the phase is complete.
        history: One entry an epoch: epoch, loss, accuracies, images/s.
    """

    phase: str
    num_steps: int = 0
    is_finished: bool = False
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def phase_folder(workdir: str | Path, phase: Phase) -> Path:
    """Folder of a phase's checkpoints."""
    return Path(workdir) / "checkpoints" / phase.name


def save_checkpoint(
    workdir: str | Path, phase: Phase, supernet: Supernet, optimizer: keras.optimizers.Optimizer, state: TrainState
) -> Path:
    """Write a checkpoint; the newest two are kept, only this one once finished.

    Raises:
        OSError: If the folder cannot be written. Earlier checkpoints stay.
    """
    folder = phase_folder(workdir, phase)
    target = folder / f"step_{state.num_steps:08d}{'_finished' if state.is_finished else ''}"
    for scrap in folder.glob(".step_*.tmp"):  # of a killed run: a phase has one writer
        shutil.rmtree(scrap, ignore_errors=True)
    with files.atomic_path(target) as temporary:
        temporary.mkdir()
        save_supernet(supernet, temporary)
        values = {str(i): keras.ops.convert_to_numpy(v.value) for i, v in enumerate(optimizer.variables)}
        np.savez(temporary / _OPTIMIZER_FILE, **values)
        files.write_json(temporary / _STATE_FILE, "checkpoint", dataclasses.asdict(state))
    for old in _list(folder)[: -1 if state.is_finished else -_NUM_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest_checkpoint(workdir: str | Path, phase: Phase) -> Path | None:
    """The checkpoint of a phase with the most steps; `None` without any."""
    folders = _list(phase_folder(workdir, phase))
    return folders[-1] if folders else None


def read_state(checkpoint: Path) -> TrainState:
    """How far the phase of a checkpoint had got.

    Raises:
        InputError: If the checkpoint is damaged.
    """
    document = files.read_json(checkpoint / _STATE_FILE, "checkpoint", f"Delete {checkpoint} and run the phase again.")
    try:
        fields = {field.name: document[field.name] for field in dataclasses.fields(TrainState)}
    except KeyError as error:
        raise InputError(f"Expected {checkpoint / _STATE_FILE} to have the entry {error}. Received: none.") from error
    return TrainState(**fields)


def restore_checkpoint(
    checkpoint: Path, supernet: Supernet, optimizer: keras.optimizers.Optimizer | None = None
) -> TrainState:
    """Load weights, and the optimizer's state where one is given, in place.

    Raises:
        InputError: If the checkpoint is damaged or of another network. Nothing
            is loaded then.
    """
    state = read_state(checkpoint)
    network, values = checkpoint / SUPERNET_FILE, checkpoint / _OPTIMIZER_FILE
    check_archive(network)
    check_archive(values)
    saved = read_config(network)
    if (saved.get("space"), saved.get("num_classes")) != (_as_json(supernet.space.to_dict()), supernet.num_classes):
        raise InputError(
            f"Expected {network} to fit the search space {supernet.space.name!r} with {supernet.num_classes} classes. "
            "Received: weights of another network. Use another --workdir, or the settings it was trained with."
        )
    with delayed_interrupts():
        supernet.load_weights(network)
    if optimizer is not None:
        with np.load(values) as arrays:
            for index, variable in enumerate(optimizer.variables):
                variable.assign(arrays[str(index)])
    return state


def _as_json(value: Any) -> Any:
    """`value` as it comes back from a JSON file: tuples are lists."""
    return json.loads(json.dumps(value))


def _list(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step_*") if (path / _STATE_FILE).is_file())
