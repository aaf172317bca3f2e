"""What is checked before a training run begins: its settings, and which phases are done.

Nothing is written before all of this holds.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.compute_precision import check_compute_precision
from ofa_tf.base.errors import InputError
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.data.dataset_checks import check_dataset
from ofa_tf.data.held_out import HoldOut
from ofa_tf.training.config import CONFIG_FILE, PhaseConfig, TrainConfig
from ofa_tf.training.finetuning_sources import check_finetuning
from ofa_tf.training.phases import ALL_PHASES, FULL, Phase, Teacher, previous_phase
from ofa_tf.training.train_state import latest_checkpoint, read_state

# Where a run reads and writes, which does not change what it computes, and the phases, which are compared one by one.
# What is fine-tuned is compared by a check of its own, before these.
_FREE_SETTINGS = ("workdir", "data_dir", "download", "phases", "plugins", "finetuning")
# The learning rate of a phase may change: it is what a user mends after a run that diverged.
_FREE_PHASE_SETTINGS = ("learning_rate", "warmup_epochs")


def check_start(config: TrainConfig, phases: Sequence[Phase], resume: bool) -> None:
    """Check that a run of some phases can begin, or go on, in its workdir.

    Args:
        config: Settings of the run.
        phases: What it shall train, in order.
        resume: Whether it may continue what was begun.

    Raises:
        InputError: If the workdir cannot be written, this computer lacks what the precision
            needs, settings are missing or differ from those of the phases
            already trained, an earlier phase is missing, a phase was already
            begun and `resume` is false, or the run that a fine-tuning is of lacks something.
    """
    check_compute_precision(config.mixed_precision)
    check_finetuning(config)
    files.check_output(Path(config.workdir) / CONFIG_FILE)
    _check_phase_settings(config, phases)
    _check_same_settings(config)
    _check_earlier_phases(config, phases)
    if not resume:
        _check_nothing_begun(config, phases)


def check_data(config: TrainConfig, phases: Sequence[Phase]) -> None:
    """Check what can be known of a run's data set without TensorFlow; see `ofa_tf.data.check_dataset`.

    Args:
        config: Settings of the run.
        phases: What it shall train. Nothing is checked if all that is finished.

    Raises:
        InputError: If there is no such data set, or its folders lack something.
    """
    if all(is_finished(config, phase) for phase in phases):
        return
    check_dataset(
        config.dataset,
        config.data_dir,
        HoldOut(config.validation_fraction, config.num_validation_images),
        batch_size=config.batch_size,
        is_needed_now=not config.download,
    )


def is_finished(config: TrainConfig, phase: Phase) -> bool:
    """Whether a phase is complete in the run's workdir."""
    checkpoint = latest_checkpoint(config.workdir, phase)
    return checkpoint is not None and read_state(checkpoint).is_finished


def is_begun(config: TrainConfig, phase: Phase) -> bool:
    """Whether a phase has a checkpoint in the run's workdir."""
    return latest_checkpoint(config.workdir, phase) is not None


def unfinished_phases(config: TrainConfig) -> list[Phase]:
    """The phases of a whole run that come after the last finished one, in order.

    A run whose checkpoints are gone, such as a copy of what evaluations need, counts as finished: nothing says that it
    is not.
    """
    unfinished: list[Phase] = []
    for phase in reversed(config.run_phases):
        if is_finished(config, phase):
            return unfinished
        unfinished.insert(0, phase)
    return []


def missing_phase_error(config: TrainConfig, phase: Phase, previous: Phase) -> InputError:
    """The error for a phase that needs an earlier one, with the command that makes up for it."""
    before = previous_phase(previous)
    if before is None or is_finished(config, before):
        options = previous.flags
        explanation = ""
    else:
        options = "--phase=all --resume"
        explanation = "; it runs all phases that are not finished, in order"
    command = shell_command("train_main.py", *options.split(), f"--workdir={config.workdir}")
    return InputError(
        f"Expected a finished phase {previous.name} in {config.workdir} before phase {phase.name}. Received: none. "
        f"Run first: {command} (with the same other flags{explanation})."
    )


def _check_phase_settings(config: TrainConfig, phases: Sequence[Phase]) -> None:
    """Check that there are settings for all phases that shall be trained."""
    missing = [phase for phase in phases if phase.name not in config.phases]
    if missing:
        names = [phase.name for phase in missing]
        raise InputError(f"Expected settings for the phases {names}. Received: none. Pass {missing[0].flag('epochs')}.")


def _check_same_settings(config: TrainConfig) -> None:
    """Check that a workdir's phases are all trained with the same settings, learning rates aside."""
    if not (Path(config.workdir) / CONFIG_FILE).exists():
        return
    old = TrainConfig.load(config.workdir)
    if not old.phases:
        raise InputError(
            f"Expected --workdir to be new or a training run. Received: {config.workdir}, which holds imported "
            "weights, and training cannot go on from those. Use another --workdir."
        )
    begun = [phase for phase in ALL_PHASES if is_begun(config, phase)]
    if not begun:
        return
    changes = _changed_settings(old, config)
    for phase in begun:
        # With another method, what its phases would have been like is beside the point.
        if phase in config.run_phases:
            changes += _changed_phase_settings(old, config, phase)
    if changes:
        raise InputError(
            f"Expected the settings that the phases in {config.workdir} were trained with. Received: "
            f"{', '.join(changes)}. Use the earlier settings, or another --workdir."
        )


def _changed_settings(old: TrainConfig, new: TrainConfig) -> list[str]:
    """The settings of the whole run that differ, each as its flag with the value before."""
    changes = []
    for field in dataclasses.fields(TrainConfig):
        before, now = getattr(old, field.name), getattr(new, field.name)
        if field.name not in _FREE_SETTINGS and now != before:
            changes.append(f"--{field.name}={now} (was {before})")
    return changes


def _changed_phase_settings(
    old: TrainConfig,
    new: TrainConfig,
    phase: Phase,
) -> list[str]:
    """The settings of one phase that differ, each as its flag with the value before."""
    if phase.name not in old.phases or phase.name not in new.phases:
        return []
    changes = []
    for field in dataclasses.fields(PhaseConfig):
        before = getattr(old.phases[phase.name], field.name)
        now = getattr(new.phases[phase.name], field.name)
        if field.name not in _FREE_PHASE_SETTINGS and now != before:
            scaling = ""
            if field.name == "epochs" and not phase.trains_one_subnet:
                scaling = ", --epochs_scale applied"
            changes.append(f"{phase.flag(field.name)}={now} (was {before}{scaling})")
    return changes


def _check_earlier_phases(config: TrainConfig, phases: Sequence[Phase]) -> None:
    """Check that the phase before the first one is finished, and the one that makes the teacher."""
    first = phases[0]
    previous = previous_phase(first)
    if previous is not None and not is_finished(config, previous):
        raise missing_phase_error(config, first, previous)
    if config.finetuning is not None:
        return
    needs_full = any(phase.teacher is Teacher.FULL_NETWORK for phase in phases)
    if needs_full and FULL not in phases and not is_finished(config, FULL):
        raise missing_phase_error(config, first, FULL)


def _check_nothing_begun(config: TrainConfig, phases: Sequence[Phase]) -> None:
    """Check that a run that is not resumed overwrites nothing."""
    begun = [phase.name for phase in phases if is_begun(config, phase)]
    if begun:
        names = [phase.name for phase in phases]
        raise InputError(
            f"Expected no earlier run of the phases {names} in {config.workdir}. "
            f"Received: checkpoints of {begun}. Pass --resume to continue, or another --workdir."
        )
