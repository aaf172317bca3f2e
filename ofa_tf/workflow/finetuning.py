"""Training a found subnet alone: with the recipe of the run it is of, in a run of its own.

The new run's search space has this one subnet (`SearchSpace.of_one`), so that its supernet is the plain network: the
same parameters, no kernel transforms, one image size. It is evaluated, exported and trained further like any run; there
is nothing to search in it. As for any subnet, BN calibration sets the running statistics before each evaluation and
export; training keeps none, where a network that never was part of a supernet would keep running averages.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.finetuning import FIXED_SETTINGS, Finetuning
from ofa_tf.training.phases import FINETUNE
from ofa_tf.training.rules import SettingError


@dataclasses.dataclass(frozen=True)
class FinetuneSettings:
    """How a subnet is trained alone.

    Args:
        epochs: Passes over the training images, warm-up included. The paper reports 25 and 75.
        learning_rate: Peak learning rate, for the whole batch; by default that of the run's last
            phase, or from scratch that of its first one.
        warmup_epochs: Epochs in which the learning rate rises; by default none, or from scratch
            as many as in the run's first phase.
        from_scratch: Whether it begins with drawn weights, as a network of its own would, rather
            than with those that the supernet has for it.
        changes: Settings of `TrainConfig` that shall differ from the run's, by name.

    Raises:
        InputError: If `changes` has a setting that there is not, or that stays as it is in the run.

    Reference: Once-for-All, section 4.2.
    """

    epochs: int = 25
    learning_rate: float | None = None
    warmup_epochs: float | None = None
    from_scratch: bool = False
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        fields = {field.name for field in dataclasses.fields(TrainConfig)}
        changeable = sorted(fields - FIXED_SETTINGS)
        unknown = sorted(set(self.changes) - set(changeable))
        if unknown:
            raise InputError(
                f"Expected `changes` to be among {changeable}. Received: {unknown}. The others are those of the run "
                "that the subnet is of, or arguments of their own."
            )


def finetune_config(
    run: TrainConfig,
    arch: Arch,
    workdir: str | Path,
    settings: FinetuneSettings,
) -> TrainConfig:
    """The configuration of a training of one subnet alone.

    Args:
        run: Of the run that the subnet is of: its data and recipe are used.
        arch: The subnet.
        workdir: Folder for what is made.
        settings: How to train.

    Raises:
        InputError: If `arch` is not of the run's space, a value is out of range, or the run was
            not trained, so that it has no learning rate to take over.
    """
    run.search_space.validate(arch)
    finetuning = Finetuning(arch, run.workdir, settings.from_scratch)
    phases = {FINETUNE.name: _phase_settings(run, settings)}
    return dataclasses.replace(
        run,
        workdir=str(workdir),
        phases=phases,
        finetuning=finetuning,
        **settings.changes,
    )


def _phase_settings(run: TrainConfig, settings: FinetuneSettings) -> PhaseConfig:
    """The settings of the one phase."""
    learning_rate = settings.learning_rate
    if learning_rate is None:
        learning_rate = _model_phase(run, settings).learning_rate
    warmup_epochs = settings.warmup_epochs
    if warmup_epochs is None:
        warmup_epochs = _default_warmup_epochs(run, settings)
    try:
        return PhaseConfig(settings.epochs, learning_rate, warmup_epochs)
    except SettingError as error:
        raise error.described(FINETUNE.flag(error.name)) from error


def _default_warmup_epochs(run: TrainConfig, settings: FinetuneSettings) -> float:
    """Trained weights need no warm-up; others have that of the run's first phase."""
    if not settings.from_scratch or not run.phases:
        return 0.0
    return min(_model_phase(run, settings).warmup_epochs, settings.epochs / 2)


def _model_phase(run: TrainConfig, settings: FinetuneSettings) -> PhaseConfig:
    """The phase of the run whose settings are taken over: the last one, or from scratch the first."""
    phases = [phase for phase in run.run_phases if phase.name in run.phases]
    if not phases:
        raise InputError(
            f"Expected --learning_rate: {run.workdir} holds imported weights, whose training is not known. "
            "Received: none. Pass one."
        )
    phase = phases[0] if settings.from_scratch else phases[-1]
    return run.phases[phase.name]
