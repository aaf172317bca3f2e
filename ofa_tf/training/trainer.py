"""`Trainer`: one phase of training, epoch by epoch and step by step.

What the loop is made of stands in modules of its own: what a phase begins with
(`phase_beginning`), which subnets a step trains (`subnet_sampling`), how long a phase lasts
and with which learning rate (`schedules`), one step (`train_step`), what the user sees
(`epoch_progress`) and TensorBoard shows (`training_log`), and when a checkpoint is due
(`checkpoint_timer`).
"""

import dataclasses
import functools
import math
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ofa_tf.base.compute_precision import get_compute_precision
from ofa_tf.base.errors import InputError
from ofa_tf.base.interrupts import StopRequest
from ofa_tf.base.progress import tell
from ofa_tf.base.replicas import Replicas
from ofa_tf.data.batches import steps_per_epoch, train_batches
from ofa_tf.data.checked_batches import CheckedBatches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.networks.saving import save_supernet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.training.checkpoint_timer import CheckpointTimer
from ofa_tf.training.checkpoints import save_checkpoint
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.epoch_means import EpochMeans
from ofa_tf.training.epoch_progress import EpochDisplay
from ofa_tf.training.evaluation import Evaluator, Validation
from ofa_tf.training.guessing import describe_guessing, share_of_commonest_class
from ofa_tf.training.phase_beginning import PhaseBeginning
from ofa_tf.training.phases import Phase, previous_phase
from ofa_tf.training.schedules import EpochSteps, PhaseSchedule
from ofa_tf.training.subnet_sampling import draw_subnets, image_size_of, validation_archs
from ofa_tf.training.train_state import TrainState
from ofa_tf.training.train_step import StepResult, TrainStep
from ofa_tf.training.training_log import TrainingLog

_HOW_TO_GO_ON = "the same command continues (train_main.py and finetune.py: with --resume)"


@dataclasses.dataclass(frozen=True)
class _PendingStep:
    """A step that was handed to the device, which may still be at it.

    Args:
        number: Of the step in the phase, from 0.
        genes: Of its subnets.
        result: What it will tell.
    """

    number: int
    genes: np.ndarray
    result: StepResult


@dataclasses.dataclass
class _PhaseRun:
    """A phase in progress.

    Args:
        phase: Which one.
        schedule: Its steps.
        state: How far it has got; updated in place.
        stop_request: Whether the user wants to stop.
        log: TensorBoard's curves.
        counted_until_s: Up to when the state has counted the time, on the clock `time.monotonic`.
        pending: The newest step; `None` when its loss and accuracy are counted.
        is_stop_agreed: Whether a counted step told that a worker wants to stop: all workers
            count the same steps, so all stop after the same one.
    """

    phase: Phase
    schedule: PhaseSchedule
    state: TrainState
    stop_request: StopRequest
    log: TrainingLog
    counted_until_s: float
    pending: _PendingStep | None = None
    is_stop_agreed: bool = False

    @property
    def is_done(self) -> bool:
        return len(self.state.history) >= self.schedule.settings.epochs

    def rest_of_epoch(self) -> EpochSteps:
        """What is left of the current epoch, the first one that was not validated."""
        return self.schedule.rest_of_epoch(len(self.state.history), self.state.num_steps)

    def count_time(self) -> None:
        """Add the time that has passed to that of the state, unless an older checkpoint lacks the time before."""
        now = time.monotonic()
        if self.state.seconds is not None:
            self.state.seconds += now - self.counted_until_s
        self.counted_until_s = now


class Trainer:
    """Holds the supernet and the traced functions that all phases share.

    With several workers, each has a trainer, and all do the same on their parts of each batch. The first one
    reads and writes checkpoints and logs.

    Args:
        config: Settings.
        source: Images.
        replicas: What computes together; one device by default.
    """

    def __init__(
        self,
        config: TrainConfig,
        source: ImageSource,
        replicas: Replicas | None = None,
    ) -> None:
        self.config = config
        self.source = source
        self.space = config.search_space
        self._steps_per_epoch = steps_per_epoch(source, config.batch_size)
        self._replicas = replicas or Replicas()
        with self._replicas.scope():
            self.supernet = build_supernet(
                self.space,
                source.num_classes,
                config.dropout_rate,
                config.seed,
                dtype=get_compute_precision(config.mixed_precision).dtype_policy,
            )
        if config.start_as_identity:
            self.supernet.start_as_identity()
        self.train_step = TrainStep(self.supernet, config, self._replicas)
        self.evaluator = Evaluator(
            self.supernet,
            source,
            augmentation=config.augmentation,
            num_calibration_images=config.num_calibration_images,
            seed=config.seed,
            replicas=self._replicas,
        )
        self._beginning = PhaseBeginning(config, self.train_step, self._replicas)
        self._checkpoint_timer = CheckpointTimer()

    def run_phase(self, phase: Phase, resume: bool) -> None:
        """Train one phase to its end and leave its network in the workdir.

        Args:
            phase: Which one; the phase before it is finished.
            resume: Whether to go on from the phase's own checkpoint, if there is one.

        Raises:
            InputError: If the loss is not finite, gradients overflow in float16, or a checkpoint is
                missing or damaged.
            KeyboardInterrupt: After Ctrl-C or SIGTERM, when a checkpoint is written.
        """
        start_s = time.monotonic()
        state = self._beginning.begin(phase, resume)
        schedule = PhaseSchedule(self.config.phases[phase.name], self._steps_per_epoch)
        if state.num_steps > 0 and self._replicas.is_first_worker:
            tell(f"phase {phase.name} goes on after step {state.num_steps:,} of {schedule.num_steps:,}")
        with StopRequest() as stop_request, self._open_log(phase, state) as log:
            run = _PhaseRun(phase, schedule, state, stop_request, log, counted_until_s=start_s)
            while not run.is_done:
                self._run_epoch(run)
                if not run.is_done:
                    is_due = self._checkpoint_timer.is_due_after_epoch()
                    self._save_between(run, is_due, self._is_stopping(run))
            self._finish(run)

    def _open_log(self, phase: Phase, state: TrainState) -> TrainingLog:
        """TensorBoard's log of a phase, which the first worker writes."""
        folder = None
        if self._replicas.is_first_worker:
            folder = Path(self.config.workdir) / "logs" / phase.name
        return TrainingLog(folder, self.space, self._steps_before(phase), state.num_steps)

    # --- an epoch ------------------------------------------------------------

    def _run_epoch(self, run: _PhaseRun) -> None:
        """Train to the end of the current epoch, validate and log."""
        steps = run.rest_of_epoch()
        genes = self._draw_epoch(run, steps)
        batches = self._read_epoch(run, steps, genes)
        title = f"{run.phase.name} {steps.epoch + 1}/{run.schedule.settings.epochs}"
        self._checkpoint_timer.begin_epoch()
        traces = self.train_step.num_traces == 0
        with EpochDisplay(title, steps, self.config.batch_size, traces) as display:
            self._take_steps(run, steps, genes, batches, display)
            self.train_step.check_overflows()  # before validation, which would tell nothing
            images_per_second = display.images_per_second()
            with display.validating():
                validations = self._validate(run)
            top1 = {name: validation.count.top1 for name, validation in validations.items()}
            display.show_result(run.state.means, top1)
        self._log(run, steps.epoch, images_per_second, validations)

    def _draw_epoch(self, run: _PhaseRun, steps: EpochSteps) -> list[np.ndarray]:
        """The subnets of every step of an epoch, also of those that were taken before."""
        first = steps.epoch * steps.end
        genes = []
        for step in range(first, first + steps.end):
            genes.append(draw_subnets(self.space, self.config, run.phase, step))
        return genes

    def _read_epoch(
        self,
        run: _PhaseRun,
        steps: EpochSteps,
        genes: Sequence[np.ndarray],
    ) -> CheckedBatches:
        """The batches of the steps that are left of an epoch."""
        return train_batches(
            self.source,
            batch_size=self.config.batch_size,
            epoch=steps.epoch,
            seed=zlib.crc32(f"{self.config.seed}/{run.phase.name}".encode()),
            image_sizes=[image_size_of(self.space, rows) for rows in genes],
            augmentation=self.config.augmentation,
            start_step=steps.first_step,
            worker=self._replicas.worker,
            num_workers=self._replicas.num_workers,
        )

    def _take_steps(
        self,
        run: _PhaseRun,
        steps: EpochSteps,
        genes: Sequence[np.ndarray],
        batches: CheckedBatches,
        display: EpochDisplay,
    ) -> None:
        """Take the steps that are left of an epoch, with a checkpoint between two of them where one is due."""
        for step, (images, labels) in enumerate(batches, steps.first_step):
            with display.step():
                newest = self._take_step(run, images, labels, genes[step])
            # Of the step before: its end is waited for while the device has this one to do.
            self._count_pending(run)
            run.pending = newest
            display.show(run.state.means)
            if not steps.is_last(step):
                is_due = self._checkpoint_timer.is_due_within_epoch()
                self._save_between(run, is_due, self._is_stopping_within_epoch(run))
        self._count_pending(run)
        display.show(run.state.means)

    def _count_pending(self, run: _PhaseRun) -> None:
        """Wait for the end of the newest step, and count its loss and accuracy, unless that was done."""
        step = run.pending
        if step is None:
            return
        run.pending = None
        loss = float(step.result.loss)
        if not np.isfinite(loss):
            raise _divergence_error(run, step.number, loss)
        accuracy = float(step.result.accuracy)
        run.state.means.add(loss, accuracy)
        learning_rate = run.schedule.learning_rate(step.number)
        run.log.log_step(step.number + 1, loss, accuracy, learning_rate, step.genes)
        if float(step.result.num_stopping) > 0:
            run.is_stop_agreed = True

    def _take_step(
        self,
        run: _PhaseRun,
        images: tf.Tensor,
        labels: tf.Tensor,
        genes: np.ndarray,
    ) -> _PendingStep:
        """Hand one step to the device."""
        step = run.state.num_steps
        result = self.train_step(
            images,
            labels,
            genes,
            learning_rate=run.schedule.learning_rate(step),
            dropout_seed=(self.config.seed, step),
            teacher=self.config.teacher_of(run.phase),
            wants_to_stop=run.stop_request.is_requested,
        )
        run.state.num_steps += 1
        return _PendingStep(step, genes, result)

    def _is_stopping_within_epoch(self, run: _PhaseRun) -> bool:
        """Whether to stop now: several workers only when all have learnt it from the same step."""
        if self._replicas.num_workers > 1:
            return run.is_stop_agreed
        return run.stop_request.is_requested

    def _validate(self, run: _PhaseRun) -> dict[str, Validation]:
        """What the smallest and the largest subnet of a phase say of the validation images."""

        def stop_if_requested() -> None:
            self._save_between(run, is_due=False, is_stopping=self._is_stopping(run))

        validations = {}
        for name, arch in validation_archs(self.space, run.phase).items():
            validations[name] = self.evaluator.validate(arch, before_batch=stop_if_requested)
        return validations

    def _log(
        self,
        run: _PhaseRun,
        epoch: int,
        images_per_second: float,
        validations: Mapping[str, Validation],
    ) -> None:
        """Add an epoch's results to the history and to TensorBoard's log."""
        of_epoch = {
            "images_per_second": round(images_per_second, 1),
            "loss": run.state.means.loss,
            "accuracy": run.state.means.accuracy,
        }
        of_validation = {}
        for name, validation in validations.items():
            of_validation[f"{name}_top1"] = validation.count.top1
            of_validation[f"{name}_loss"] = validation.loss
        run.state.history.append({"epoch": epoch + 1, **of_epoch, **of_validation})
        run.state.means = EpochMeans()
        run.log.log_epoch(run.state.num_steps, of_epoch, of_validation)

    def _steps_before(self, phase: Phase) -> int:
        """Steps of the phases before: TensorBoard shows one run, phase after phase."""
        total = 0
        before = previous_phase(phase)
        while before is not None:
            if before.name in self.config.phases:
                total += self.config.phases[before.name].epochs * self._steps_per_epoch
            before = previous_phase(before)
        return total

    # --- checkpoints ---------------------------------------------------------

    def _is_stopping(self, run: _PhaseRun) -> bool:
        """Whether the user of any worker wants to stop."""
        return self._replicas.any_worker(run.stop_request.is_requested)

    def _save_between(self, run: _PhaseRun, is_due: bool, is_stopping: bool) -> None:
        """Save between two steps if it is time to, or if the user wants to stop, which then happens."""
        if is_due or is_stopping:
            self._count_pending(run)
            self._save(run)
        if is_stopping:
            self._replicas.wait_for_all()  # the first worker has saved
            raise _saved_interrupt(run)

    def _finish(self, run: _PhaseRun) -> None:
        """Leave the network in the workdir, and a checkpoint that says that the phase is done."""
        # The checkpoint comes last: what it says is then true, whenever the process is killed.
        if self._replicas.is_first_worker:
            save_supernet(self.supernet, self.config.workdir)
        run.state.is_finished = True
        self._save(run)
        self._beginning.note_finished(run.phase)
        if self._replicas.is_first_worker:
            self._warn_of_guessing(run)
        if self._is_stopping(run):
            raise _saved_interrupt(run)

    @functools.cached_property
    def _guessed_top1(self) -> float:
        """What is right of the validation images without looking at them. Read once for all phases."""
        return share_of_commonest_class(self.source, "validation")

    def _warn_of_guessing(self, run: _PhaseRun) -> None:
        """Say so if a phase ends with a network that is as good as guessing: those to come learn from it."""
        result = run.state.history[-1]
        name = "largest_top1" if "largest_top1" in result else "subnet_top1"
        warning = describe_guessing(
            run.phase,
            result[name],
            self.source.num_examples("validation"),
            self._guessed_top1,
        )
        if warning is not None:
            tell(warning)

    def _save(self, run: _PhaseRun) -> None:
        """Check the weights, and let the first worker write them."""
        self.train_step.check_overflows()
        run.log.flush()
        run.count_time()
        with self._checkpoint_timer.saving(), run.stop_request.finishing():
            for weights in self.supernet.get_weights():
                if not np.isfinite(weights).all():
                    raise _divergence_error(run, run.state.num_steps, math.nan)
            if self._replicas.is_first_worker:
                save_checkpoint(self.config.workdir, run.phase, self.supernet, self.train_step.optimizer, run.state)


def _saved_interrupt(run: _PhaseRun) -> KeyboardInterrupt:
    return KeyboardInterrupt(f"Phase {run.phase.name} is saved after {run.state.num_steps} steps; {_HOW_TO_GO_ON}.")


def _divergence_error(run: _PhaseRun, step: int, loss: float) -> InputError:
    name = run.phase.name
    learning_rate = run.schedule.settings.learning_rate
    return InputError(
        f"Expected a finite loss. Received: loss={loss} in step {step} of phase {name}. Lower "
        f"{run.phase.flag('learning_rate')}={learning_rate} or lengthen {run.phase.flag('warmup_epochs')}; "
        f"{_HOW_TO_GO_ON}."
    )
