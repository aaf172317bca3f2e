"""Progressive shrinking: the loop over phases, epochs and steps."""

import contextlib
import dataclasses
import math
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.interrupts import StopRequest
from ofa_tf.base.progress import paused, progress_bar
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.pipeline import steps_per_epoch, train_batches
from ofa_tf.data.sources import open_source
from ofa_tf.networks.channel_sorting import sort_channels
from ofa_tf.networks.saving import SUPERNET_FILE, check_archive, save_supernet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.training.checkpoints import (
    TrainState,
    latest_checkpoint,
    read_state,
    restore_checkpoint,
    save_checkpoint,
)
from ofa_tf.training.config import CONFIG_FILE, TrainConfig
from ofa_tf.training.evaluation import Evaluator
from ofa_tf.training.phases import PHASES, Phase, previous_phase
from ofa_tf.training.schedules import warmup_cosine
from ofa_tf.training.train_step import TrainStep

_HOW_TO_GO_ON = "the same command continues (train_main.py: with --resume)"
_SECONDS_WITHIN_EPOCH = 600.0  # between checkpoints; more often only at the end of an epoch
_MAX_SAVING_SHARE = 0.05  # of the time, for checkpoints at the end of an epoch


def train(config: TrainConfig, phases: tuple[Phase, ...], resume: bool = False) -> Evaluator | None:
    """Run phases one after the other, each from the checkpoint of the one before.

    The network after each phase lies in the workdir, see `load_supernet`.

    Args:
        config: Settings.
        phases: From `select_phases`.
        resume: Skip finished phases and continue one that was interrupted.

    Returns:
        An evaluator of the network after the last phase, traced and ready; `None`
        if all phases were finished before.

    Raises:
        InputError: If an earlier phase is missing, a phase was already begun and
            `resume` is false, settings differ from those of the phases already
            trained, a checkpoint is damaged or the data cannot be read.
        KeyboardInterrupt: After Ctrl-C or SIGTERM, when a checkpoint is written.
    """
    missing = [phase.name for phase in phases if phase.name not in config.phases]
    if missing:
        raise InputError(f"Expected settings for the phases {missing}. Received: none. Pass --{missing[0]}_epochs.")
    _check_settings(config)
    _check_start(config, phases, resume)
    unfinished = [phase for phase in phases if not _is_finished(config, phase)]
    if not unfinished:
        _restore_network(config)
        return None
    source = open_source(config.dataset, config.data_dir, config.download, config.validation_fraction)
    steps_per_epoch(source, config.batch_size)
    config.save()
    trainer = Trainer(config, source)
    for phase in unfinished:
        trainer.run_phase(phase, resume)
    return trainer.evaluator


class Trainer:
    """Holds the supernet and the traced functions that all phases share.

    Args:
        config: Settings.
        source: Images.
    """

    def __init__(self, config: TrainConfig, source: ImageSource) -> None:
        self.config = config
        self.source = source
        self.space = get_search_space(config.space)
        self.supernet = build_supernet(self.space, source.num_classes, config.dropout_rate, config.seed)
        self.train_step = TrainStep(self.supernet, config)
        self.evaluator = Evaluator(
            self.supernet, source, config.augmentation, config.num_calibration_images, seed=config.seed
        )
        self._num_epoch_steps = steps_per_epoch(source, config.batch_size)
        self._has_teacher = False
        self._loaded: Phase | None = None  # whose weights the supernet holds
        self._last_save = -math.inf  # monotonic time, seconds
        self._save_seconds = 0.0

    def run_phase(self, phase: Phase, resume: bool) -> None:
        """Train one phase to its end and leave its network in the workdir."""
        state = self._begin(phase, resume)
        settings = self.config.phases[phase.name]
        log_folder = Path(self.config.workdir) / "logs" / phase.name
        summaries = tf.summary.create_file_writer(str(log_folder))
        num_steps = settings.epochs * self._num_epoch_steps
        with StopRequest() as stop_request, summaries.as_default():
            while state.num_steps < num_steps:
                self._run_epoch(phase, state, stop_request)
                if state.num_steps < num_steps:
                    is_due = time.monotonic() - self._last_save > self._save_seconds / _MAX_SAVING_SHARE
                    if is_due or stop_request.is_requested:
                        self._save(phase, state)
                    if stop_request.is_requested:
                        raise KeyboardInterrupt(_saved(phase, state))
            # The checkpoint comes last: it says that the phase is done and its network in the workdir.
            save_supernet(self.supernet, self.config.workdir)
            state.is_finished = True
            self._save(phase, state)
            self._loaded = phase
            if stop_request.is_requested:
                raise KeyboardInterrupt(_saved(phase, state))

    def draw_subnets(self, phase: Phase, step: int) -> np.ndarray:
        """Genes of the subnets of a step, `(n, num_genes)`, of one common image size.

        A pure function of the seed, the phase and the step.
        """
        rng = np.random.default_rng([self.config.seed, PHASES.index(phase), step])
        num_subnets = self.config.phases[phase.name].num_subnets
        smallest = phase.smallest_indices(self.space)
        genes = self.space.sample_genes(rng, num_subnets, smallest)
        image_size = genes[0, self.space.image_size_gene]
        if self.config.include_smallest and num_subnets > 1:
            genes[0] = smallest
        genes[:, self.space.image_size_gene] = image_size
        return genes

    def validation_archs(self, phase: Phase) -> dict[str, Arch]:
        """The largest and the smallest subnet that the phase samples, by name."""
        smallest = self.space.decode_one(phase.smallest_indices(self.space))
        # The largest comes last: its running statistics are the ones that are saved.
        return {"smallest": smallest, "largest": self.space.largest()}

    def _begin(self, phase: Phase, resume: bool) -> TrainState:
        """Put weights and optimizer in the state the phase continues from."""
        self.train_step.reset_optimizer()
        first = latest_checkpoint(self.config.workdir, PHASES[0])
        if phase.has_teacher and first is not None and not self._has_teacher:
            restore_checkpoint(first, self.train_step.teacher)
            self._has_teacher = True
        own = latest_checkpoint(self.config.workdir, phase)
        if resume and own is not None:
            return restore_checkpoint(own, self.supernet, self.train_step.optimizer)
        previous = previous_phase(phase)
        if previous is not None and previous != self._loaded:
            before = latest_checkpoint(self.config.workdir, previous)
            if before is None:
                raise InputError(_missing_phase(self.config, phase, previous))
            restore_checkpoint(before, self.supernet)
        if phase.kind == "width":
            sort_channels(self.supernet, stage=phase.stage - 1)
        return TrainState(phase.name)

    def _run_epoch(self, phase: Phase, state: TrainState, stop_request: StopRequest) -> None:
        """Train to the end of the current epoch and validate."""
        settings, length = self.config.phases[phase.name], self._num_epoch_steps
        epoch, start_step = divmod(state.num_steps, length)
        num_steps = settings.epochs * length
        genes = [self.draw_subnets(phase, epoch * length + step) for step in range(length)]
        batches = train_batches(
            self.source,
            batch_size=self.config.batch_size,
            epoch=epoch,
            seed=zlib.crc32(f"{self.config.seed}/{phase.name}".encode()),
            image_sizes=[self.space.image_sizes[rows[0, self.space.image_size_gene]] for rows in genes],
            augmentation=self.config.augmentation,
            start_step=start_step,
        )
        totals, began = np.zeros(2), time.monotonic()
        title = f"{phase.name} {epoch + 1}/{settings.epochs}"
        batch_size = self.config.batch_size
        with progress_bar(length * batch_size, title, "img", start_step * batch_size) as bar:
            for step, (images, labels) in enumerate(batches, start_step):
                learning_rate = warmup_cosine(
                    state.num_steps, settings.learning_rate, num_steps, round(settings.warmup_epochs * length)
                )
                seed = (self.config.seed, state.num_steps)
                is_first = step == start_step  # traces, in the first epoch of a process
                with paused(bar, "first step") if is_first else contextlib.nullcontext():
                    loss, accuracy = self.train_step(
                        images, labels, genes[step], learning_rate, seed, phase.has_teacher
                    )
                if not np.isfinite(loss):
                    raise InputError(_diverged(phase, state.num_steps, loss, settings.learning_rate))
                state.num_steps += 1
                totals += loss, accuracy
                done = step + 1 - start_step
                bar.set_postfix(loss=f"{totals[0] / done:.3f}", acc=f"{totals[1] / done:.1%}", refresh=False)
                bar.update(batch_size)
                if stop_request.is_requested and step + 1 < length:
                    self._save(phase, state)
                    raise KeyboardInterrupt(_saved(phase, state))
                if time.monotonic() - max(began, self._last_save) > _SECONDS_WITHIN_EPOCH and step + 1 < length:
                    self._save(phase, state)
            rate = (length - start_step) * batch_size / (time.monotonic() - began)
            entry = {"epoch": epoch + 1, "images_per_second": round(rate, 1)}
            entry |= {"loss": totals[0] / (length - start_step), "accuracy": totals[1] / (length - start_step)}
            with paused(bar, "validating"):
                for name, arch in self.validation_archs(phase).items():
                    entry[f"{name}_top1"] = self.evaluator.top1(arch)
            bar.set_postfix(
                loss=f"{entry['loss']:.3f}",
                acc=f"{entry['accuracy']:.1%}",
                smallest=f"{entry['smallest_top1']:.1%}",
                largest=f"{entry['largest_top1']:.1%}",
            )
        self._log(entry, learning_rate, state)

    def _log(self, entry: dict[str, Any], learning_rate: float, state: TrainState) -> None:
        state.history.append(entry)
        for name, value in {**entry, "learning_rate": learning_rate}.items():
            tf.summary.scalar(name, value, step=state.num_steps)

    def _save(self, phase: Phase, state: TrainState) -> None:
        start = time.monotonic()
        if not all(np.isfinite(weights).all() for weights in self.supernet.get_weights()):
            raise InputError(_diverged(phase, state.num_steps, math.nan, self.config.phases[phase.name].learning_rate))
        save_checkpoint(self.config.workdir, phase, self.supernet, self.train_step.optimizer, state)
        self._last_save = time.monotonic()
        self._save_seconds = self._last_save - start


def _is_finished(config: TrainConfig, phase: Phase) -> bool:
    checkpoint = latest_checkpoint(config.workdir, phase)
    return checkpoint is not None and read_state(checkpoint).is_finished


def _restore_network(config: TrainConfig) -> None:
    """Put the network of the last finished phase back where later steps look for it, if it is not there."""
    target = Path(config.workdir) / SUPERNET_FILE
    checkpoints = [latest_checkpoint(config.workdir, phase) for phase in PHASES if _is_finished(config, phase)]
    if not target.exists() and checkpoints[-1] is not None:
        check_archive(checkpoints[-1] / SUPERNET_FILE)
        files.write_bytes(target, (checkpoints[-1] / SUPERNET_FILE).read_bytes())


def _check_settings(config: TrainConfig) -> None:
    """Check that a workdir's phases are all trained with the same settings, learning rates aside."""
    if not (Path(config.workdir) / CONFIG_FILE).exists():
        return
    old = TrainConfig.load(config.workdir)
    if not old.phases:
        raise InputError(
            f"Expected --workdir to be new or a training run. Received: {config.workdir}, which holds imported "
            "weights, and training cannot go on from those. Use another --workdir."
        )
    if all(latest_checkpoint(config.workdir, phase) is None for phase in PHASES):
        return
    free = ("workdir", "data_dir", "download", "phases")
    names = [field.name for field in dataclasses.fields(config) if field.name not in free]
    changed = [(name, getattr(old, name), getattr(config, name)) for name in names]
    for phase in PHASES:
        if latest_checkpoint(config.workdir, phase) is None or not {phase.name} <= {*old.phases} & {*config.phases}:
            continue
        before, now = old.phases[phase.name], config.phases[phase.name]
        for name in ("epochs", "num_subnets"):
            changed.append((f"{phase.name}_{name}", getattr(before, name), getattr(now, name)))
    shown = [f"--{name}={now} (was {before})" for name, before, now in changed if now != before]
    if shown:
        raise InputError(
            f"Expected the settings that the phases in {config.workdir} were trained with. Received: "
            f"{', '.join(shown)}. Use the earlier settings, or another --workdir."
        )


def _check_start(config: TrainConfig, phases: tuple[Phase, ...], resume: bool) -> None:
    first = phases[0]
    previous = previous_phase(first)
    if previous is not None and not _is_finished(config, previous):
        raise InputError(_missing_phase(config, first, previous))
    if any(phase.has_teacher for phase in phases) and PHASES[0] not in phases and not _is_finished(config, PHASES[0]):
        raise InputError(_missing_phase(config, first, PHASES[0]))
    begun = [phase.name for phase in phases if latest_checkpoint(config.workdir, phase) is not None]
    if begun and not resume:
        raise InputError(
            f"Expected no earlier run of the phases {[phase.name for phase in phases]} in {config.workdir}. "
            f"Received: checkpoints of {begun}. Pass --resume to continue, or another --workdir."
        )


def _missing_phase(config: TrainConfig, phase: Phase, previous: Phase) -> str:
    before = previous_phase(previous)
    can_run = before is None or _is_finished(config, before)
    command = previous.flags if can_run else "--phase=all --resume"
    return (
        f"Expected a finished phase {previous.name} in {config.workdir} before phase {phase.name}. Received: none. "
        f"Run first: python train_main.py {command} --workdir={config.workdir} (with the same other flags"
        f"{'' if can_run else '; it runs all phases that are not finished, in order'})."
    )


def _saved(phase: Phase, state: TrainState) -> str:
    return f"Phase {phase.name} is saved after {state.num_steps} steps; {_HOW_TO_GO_ON}."


def _diverged(phase: Phase, step: int, loss: float, learning_rate: float) -> str:
    return (
        f"Expected a finite loss. Received: loss={loss} in step {step} of phase {phase.name}. Lower "
        f"--{phase.name}_learning_rate={learning_rate} or lengthen --{phase.name}_warmup_epochs; {_HOW_TO_GO_ON}."
    )
