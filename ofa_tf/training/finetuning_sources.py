"""The files that a fine-tuning takes over from the run that its subnet is of. Loads neither TensorFlow nor Keras."""

from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.networks.file_names import SUPERNET_FILE
from ofa_tf.training.config import CONFIG_FILE, TrainConfig
from ofa_tf.training.finetuning import Finetuning
from ofa_tf.training.phases import FINETUNE, FULL
from ofa_tf.training.train_state import latest_checkpoint

# The teacher's copy in the workdir of a fine-tuning, which goes on although the run it came from changes or moves.
TEACHER_FILE = "teacher.keras"


def network_file(finetuning: Finetuning) -> Path:
    """The network that the subnet is cut out of."""
    return Path(finetuning.run) / SUPERNET_FILE


def teacher_file(finetuning: Finetuning) -> Path:
    """The network whose largest subnet teaches.

    That is the teacher of the run's own phases, the full network; where the run has none, as
    the sandwich method and imports do, its last network; and of a run that is a fine-tuning
    itself, that one's teacher.

    Raises:
        InputError: If there is none.
    """
    run = TrainConfig.load(finetuning.run)
    folder = Path(finetuning.run)
    if run.finetuning is not None:
        path = folder / TEACHER_FILE
    elif FULL in run.run_phases and run.phases:
        checkpoint = latest_checkpoint(folder, FULL) or folder / "checkpoints" / FULL.name
        path = checkpoint / SUPERNET_FILE
    else:
        path = folder / SUPERNET_FILE
    if not path.is_file():
        raise InputError(
            f"Expected the teacher at {path}. Received: no such file. Train without one, with "
            "--distillation_weight=0, or put it back from a copy."
        )
    return path


def check_finetuning(config: TrainConfig) -> None:
    """Check that a run may go into its workdir, and that a fine-tuning has what it begins with and learns from.

    Args:
        config: Of the run.

    Raises:
        InputError: If the workdir holds a fine-tuning and the run is none, or another one; if it is
            that of the run that the subnet is of; or if a network is missing.
    """
    finetuning = config.finetuning
    if finetuning is None:
        _check_same_finetuning(config)
        return
    if Path(config.workdir).resolve() == Path(finetuning.run).resolve():
        raise InputError(
            f"Expected --workdir to be another folder than --from. Received: {config.workdir} for both. "
            "Use a new --workdir."
        )
    _check_same_finetuning(config)
    is_begun = latest_checkpoint(config.workdir, FINETUNE) is not None
    if not is_begun and not finetuning.from_scratch:
        _check_trained(finetuning)
    if config.distillation_weight and not (Path(config.workdir) / TEACHER_FILE).is_file():
        teacher_file(finetuning)


def _check_same_finetuning(config: TrainConfig) -> None:
    """Check that a workdir in use is that of the same fine-tuning, or of none if the run is none."""
    if not (Path(config.workdir) / CONFIG_FILE).exists():
        return
    advice = "Use another --workdir."
    old, new = TrainConfig.load(config.workdir).finetuning, config.finetuning
    if old is None and new is None:
        return
    if old is None or new is None:
        raise InputError(
            f"Expected --workdir to be new or {_kind(new)}. Received: {config.workdir}, which holds {_kind(old)}. "
            f"{advice}"
        )
    compared = ["arch", "run", "from_scratch"]
    if latest_checkpoint(config.workdir, FINETUNE) is not None:
        compared.remove("run")  # whose weights are here: it may have moved
    differing = [name for name in compared if getattr(old, name) != getattr(new, name)]
    if differing:
        raise InputError(
            f"Expected {config.workdir} to hold the same fine-tuning, if any. Received: one with another "
            f"{' and '.join(differing)}. {advice}"
        )


def _kind(finetuning: Finetuning | None) -> str:
    return "a supernet's run" if finetuning is None else "a fine-tuning"


def _check_trained(finetuning: Finetuning) -> None:
    path = network_file(finetuning)
    if not path.is_file():
        command = shell_command("train_main.py", "--phase=all", "--resume", f"--workdir={finetuning.run}")
        raise InputError(
            f"Expected a trained supernet at {path}. Received: no such file. Train it first: {command} "
            "(with the same other flags); or pass --from_scratch."
        )
