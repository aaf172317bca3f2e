"""`TrainState`: how far a phase has got, and where its checkpoints lie. Loads neither TensorFlow nor Keras.

A checkpoint is a folder that appears under its final name only when it is
complete: `<workdir>/checkpoints/<phase>/step_<steps done>/` (with `_epoch_done` behind
it after an epoch that was validated, `_finished` after the last one), with the supernet,
the optimizer's state and `checkpoint.json`, which holds the `TrainState`.
"""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.training.epoch_means import EpochMeans
from ofa_tf.training.phases import Phase

STATE_FILE = "checkpoint.json"


@dataclasses.dataclass
class TrainState:
    """How far a phase has got.

    Args:
        phase: Name of the phase.
        num_steps: Steps done.
        is_finished: Whether the phase is complete.
        history: One entry an epoch that was validated: epoch, loss, accuracies, images/s.
        means: Of the epoch that is not yet among them.
        seconds: That the phase has taken so far, validations and checkpoints included; `None`: not known, as
            older checkpoints do not tell.
    """

    phase: str
    num_steps: int = 0
    is_finished: bool = False
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    means: EpochMeans = dataclasses.field(default_factory=EpochMeans)
    seconds: float | None = 0.0


def phase_folder(workdir: str | Path, phase: Phase) -> Path:
    """Folder of a phase's checkpoints."""
    return Path(workdir) / "checkpoints" / phase.name


def checkpoint_name(state: TrainState) -> str:
    """The name of a checkpoint's folder; sorted by their names, checkpoints stand in the order of time."""
    name = f"step_{state.num_steps:08d}"
    if state.is_finished:
        return f"{name}_finished"
    if state.means.num_steps == 0:
        return f"{name}_epoch_done"
    return name


def set_aside(checkpoint: Path) -> Path:
    """Give a damaged checkpoint another name, so that it is taken for one no more.

    Returns:
        Its path now.
    """
    place = checkpoint.with_name(f"damaged_{checkpoint.name}")
    shutil.rmtree(place, ignore_errors=True)
    return checkpoint.rename(place)


def latest_checkpoint(workdir: str | Path, phase: Phase) -> Path | None:
    """The checkpoint of a phase with the most steps; `None` without any."""
    checkpoints = list_checkpoints(workdir, phase)
    if not checkpoints:
        return None
    return checkpoints[-1]


def list_checkpoints(workdir: str | Path, phase: Phase) -> list[Path]:
    """The complete checkpoints of a phase, the oldest first."""
    folders = phase_folder(workdir, phase).glob("step_*")
    return sorted(path for path in folders if (path / STATE_FILE).is_file())


def read_state(checkpoint: Path) -> TrainState:
    """How far the phase of a checkpoint had got.

    Raises:
        InputError: If the checkpoint is damaged.
    """
    path = checkpoint / STATE_FILE
    advice = f"Delete {checkpoint} and run the phase again."
    document = files.read_json(path, "checkpoint", advice)
    try:
        return state_from_document(document)
    except (KeyError, TypeError) as error:
        raise InputError(f"Expected {path} to be as it was written. Received: {error!r}. {advice}") from error


def state_from_document(document: dict[str, Any]) -> TrainState:
    """The state that `dataclasses.asdict` made a document of.

    Raises:
        KeyError: If it lacks an entry.
        TypeError: If one is not of its type.
    """
    state = TrainState(
        phase=document["phase"],
        num_steps=document["num_steps"],
        is_finished=document["is_finished"],
        history=document["history"],
        means=EpochMeans(**document.get("means", {})),  # which older checkpoints lack
        seconds=document.get("seconds"),
    )
    expected_types = {"phase": str, "num_steps": int, "is_finished": bool, "history": list}
    for name, expected_type in expected_types.items():
        value = getattr(state, name)
        if not isinstance(value, expected_type):
            raise TypeError(f"{name}={value!r}")
    return state
