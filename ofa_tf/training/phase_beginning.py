"""`PhaseBeginning`: the weights, the teacher and the optimizer with which a phase begins or goes on."""

import contextlib
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.base.replicas import Replicas
from ofa_tf.networks.channel_sorting import sort_channels
from ofa_tf.networks.supernet import Supernet
from ofa_tf.training.checkpoints import restore_checkpoint
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.finetuning_weights import load_first_weights, load_teacher
from ofa_tf.training.phases import FULL, Phase, Teacher, previous_phase
from ofa_tf.training.start_checks import missing_phase_error
from ofa_tf.training.train_state import TrainState, latest_checkpoint, list_checkpoints, set_aside
from ofa_tf.training.train_step import TrainStep
from ofa_tf.training.worker_state import share_state, share_variables


class PhaseBeginning:
    """Finds what a phase begins with: its own checkpoint, that of the phase before, or the run that a subnet is of.

    The first worker reads it and tells the others.

    Args:
        config: Settings of the run.
        train_step: With the supernet and the optimizer, whose variables are set.
        replicas: What computes together.
    """

    def __init__(self, config: TrainConfig, train_step: TrainStep, replicas: Replicas) -> None:
        self._config = config
        self._train_step = train_step
        self._supernet = train_step.supernet
        self._replicas = replicas
        self._has_teacher = False
        self._loaded: Phase | None = None

    def note_finished(self, phase: Phase) -> None:
        """Take note that the supernet has the weights of a phase that is finished: the next one need not read them."""
        self._loaded = phase

    def begin(self, phase: Phase, resume: bool) -> TrainState:
        """Put weights and optimizer in the state that a phase continues from.

        Args:
            phase: Which one; the phase before it is finished.
            resume: Whether to go on from the phase's own checkpoint, if there is one.

        Returns:
            How far the phase has got.

        Raises:
            InputError: If a checkpoint is missing or damaged.
        """
        self._train_step.reset_optimizer()
        if self._config.teacher_of(phase) is Teacher.FULL_NETWORK:
            self._load_teacher(phase)
        state = TrainState(phase.name)
        if self._replicas.is_first_worker:
            state = self._read_state(phase, resume)
        share_variables(self._replicas, [*self._supernet.weights, *self._train_step.optimizer.variables])
        return share_state(self._replicas, state)

    def _read_state(self, phase: Phase, resume: bool) -> TrainState:
        """Read what the phase continues from: its own checkpoint, or that of the phase before."""
        if resume and latest_checkpoint(self._config.workdir, phase) is not None:
            return self._restore_newest(phase)
        self._load_previous(phase)
        if phase.sorts_channels:
            sort_channels(self._supernet, stage=phase.stage - 1)
        return TrainState(phase.name)

    def _restore_newest(self, phase: Phase) -> TrainState:
        """Go on from the newest checkpoint of a phase, or from the one before if that is damaged.

        Raises:
            InputError: If all are damaged, or of another network; tells of the newest.
        """
        newest, *older = reversed(list_checkpoints(self._config.workdir, phase))
        try:
            return self._restore(newest)
        except InputError as error:
            for checkpoint in older:
                with contextlib.suppress(InputError):
                    state = self._restore(checkpoint)
                    place = set_aside(newest)
                    announce(f"{error} It lies in {place} now; going on from {checkpoint.name}")
                    return state
            raise

    def _restore(self, checkpoint: Path) -> TrainState:
        return restore_checkpoint(checkpoint, self._supernet, self._train_step.optimizer)

    def _load_teacher(self, phase: Phase) -> None:
        """Give the teacher of a phase the weights of the full network, once."""
        if self._has_teacher:
            return
        teacher = self._train_step.teacher
        if self._replicas.is_first_worker:
            self._read_teacher(teacher, phase)
        share_variables(self._replicas, teacher.weights)
        self._has_teacher = True

    def _read_teacher(self, teacher: Supernet, phase: Phase) -> None:
        """Read the weights of the full network: of this run, or of the one that a found subnet comes from."""
        if self._config.finetuning is not None:
            load_teacher(self._config, self._config.finetuning, teacher)
            return
        checkpoint = latest_checkpoint(self._config.workdir, FULL)
        if checkpoint is None:
            raise missing_phase_error(self._config, phase, FULL)
        restore_checkpoint(checkpoint, teacher)

    def _load_previous(self, phase: Phase) -> None:
        """Give the supernet the weights of the phase before, unless it holds them already, or of the subnet's run."""
        if self._config.finetuning is not None:
            load_first_weights(self._config.finetuning, self._supernet)
        previous = previous_phase(phase)
        if previous is None or previous == self._loaded:
            return
        checkpoint = latest_checkpoint(self._config.workdir, previous)
        if checkpoint is None:
            raise missing_phase_error(self._config, phase, previous)
        restore_checkpoint(checkpoint, self._supernet)
