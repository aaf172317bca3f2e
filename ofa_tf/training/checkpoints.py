"""Writing and reading checkpoints; what lies where in them says `train_state.py`."""

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
from ofa_tf.networks.file_names import SUPERNET_FILE, check_archive, read_config
from ofa_tf.networks.saving import save_supernet
from ofa_tf.networks.supernet import Supernet
from ofa_tf.training.phases import Phase
from ofa_tf.training.train_state import (
    STATE_FILE,
    TrainState,
    checkpoint_name,
    list_checkpoints,
    phase_folder,
    read_state,
)

_OPTIMIZER_FILE = "optimizer.npz"

# Of a phase in progress. A finished phase keeps its last one.
_NUM_KEPT = 2


def save_checkpoint(
    workdir: str | Path,
    phase: Phase,
    supernet: Supernet,
    optimizer: keras.optimizers.Optimizer,
    state: TrainState,
) -> Path:
    """Write a checkpoint; the newest two are kept, only this one once finished.

    A state that was saved before, by a run that was stopped at the same point, is not
    saved again.

    Raises:
        OSError: If the folder cannot be written. Earlier checkpoints stay.
    """
    folder = phase_folder(workdir, phase)
    target = folder / checkpoint_name(state)
    if target.exists():
        return target
    _remove_scraps(folder)
    with files.atomic_path(target) as temporary:
        temporary.mkdir()
        save_supernet(supernet, temporary)
        _save_optimizer(optimizer, temporary / _OPTIMIZER_FILE)
        files.write_json(temporary / STATE_FILE, "checkpoint", dataclasses.asdict(state))
    num_kept = 1 if state.is_finished else _NUM_KEPT
    for old in list_checkpoints(workdir, phase)[:-num_kept]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def restore_checkpoint(
    checkpoint: Path,
    supernet: Supernet,
    optimizer: keras.optimizers.Optimizer | None = None,
) -> TrainState:
    """Load weights, and the optimizer's state where one is given, in place.

    Raises:
        InputError: If the checkpoint is damaged or of another network. Nothing
            is loaded then.
    """
    state = read_state(checkpoint)
    network = checkpoint / SUPERNET_FILE
    optimizer_file = checkpoint / _OPTIMIZER_FILE
    check_archive(optimizer_file)
    if optimizer is None:
        load_network(network, supernet)
        return state
    values = _read_optimizer(optimizer_file, optimizer)
    load_network(network, supernet)
    for variable, value in zip(optimizer.variables, values, strict=True):
        variable.assign(value)
    return state


def load_network(path: Path, supernet: Supernet) -> None:
    """Load the weights of a supernet's file, in place.

    Raises:
        InputError: If the file is missing, damaged or of another network. Nothing is loaded then.
    """
    check_archive(path)
    _check_same_network(path, supernet)
    with delayed_interrupts():
        supernet.load_weights(path)


def _check_same_network(network: Path, supernet: Supernet) -> None:
    """Check that a file of weights fits the supernet, before any are read."""
    saved = read_config(network)
    has_same_space = saved.get("space") == _as_json(supernet.space.to_dict())
    if not has_same_space or saved.get("num_classes") != supernet.num_classes:
        raise InputError(
            f"Expected {network} to fit the search space {supernet.space.name!r} with {supernet.num_classes} classes. "
            "Received: weights of another network. Use another --workdir, or the settings it was trained with."
        )


def _save_optimizer(optimizer: keras.optimizers.Optimizer, path: Path) -> None:
    """Write the values of an optimizer's variables, by their position."""
    values = {}
    for index, variable in enumerate(optimizer.variables):
        values[str(index)] = keras.ops.convert_to_numpy(variable.value)
    np.savez(path, **values)


def _read_optimizer(path: Path, optimizer: keras.optimizers.Optimizer) -> list[np.ndarray]:
    """Read the values that `_save_optimizer` wrote, in the order of the variables.

    Raises:
        InputError: If they are not those of such an optimizer.
    """
    names = [str(index) for index in range(len(optimizer.variables))]
    with np.load(path) as values:
        if sorted(values.files) != sorted(names):
            raise InputError(
                f"Expected {path} to have the {len(names)} values of the optimizer. Received: {len(values.files)}. "
                f"Delete {path.parent} and run the phase again."
            )
        return [values[name] for name in names]


def _as_json(value: Any) -> Any:
    """`value` as it comes back from a JSON file: tuples are lists."""
    return json.loads(json.dumps(value))


def _remove_scraps(folder: Path) -> None:
    """Remove what a killed run left half written: a phase has one writer, so nobody is writing it now."""
    for scrap in folder.glob(".step_*.tmp"):
        shutil.rmtree(scrap, ignore_errors=True)
