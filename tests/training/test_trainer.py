import dataclasses
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked
from ofa_tf.base.interrupts import StopRequest
from ofa_tf.base.replicas import Replicas
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.sources import open_source
from ofa_tf.networks.saving import load_supernet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.training import phase_beginning, trainer
from ofa_tf.training.checkpoints import restore_checkpoint
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.evaluation import Evaluator, Validation
from ofa_tf.training.guessing import share_of_commonest_class
from ofa_tf.training.phases import PHASES, Phase, Teacher, previous_phase, select_phases
from ofa_tf.training.progressive_shrinking import TrainResult, train
from ofa_tf.training.schedules import warmup_cosine
from ofa_tf.training.train_state import STATE_FILE, TrainState, latest_checkpoint, list_checkpoints, read_state
from ofa_tf.training.train_step import StepResult, TrainStep
from ofa_tf.workflow.run import Run
from tests.support.interruptions import interrupt_after
from tests.support.spaces import MICRO

logging.getLogger("absl").setLevel(logging.ERROR)

# What a phase's only subnet says of the validation images.
_ALL_RIGHT = {"subnet": Validation(AccuracyCount((5, 5), (5, 5)), loss=0.0)}


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """A run of all phases in one process."""
    phases = {phase.name: PhaseConfig(epochs=2, learning_rate=0.02, num_subnets=2) for phase in PHASES}
    config = TrainConfig(
        workdir=str(tmp_path_factory.mktemp("finished")),
        phases=phases,
        space=MICRO.name,
        dataset=f"folder:{photos}",
        batch_size=16,
        num_calibration_images=32,
    )
    train(config, select_phases("all"))
    return config


def test_all_phases_leave_finished_checkpoints_and_the_network(finished: TrainConfig) -> None:
    for phase in PHASES:
        checkpoint = latest_checkpoint(finished.workdir, phase)
        assert checkpoint is not None
        state = read_state(checkpoint)
        assert state.is_finished
        assert [entry["epoch"] for entry in state.history] == [1, 2]
        assert all(0 <= entry["smallest_top1"] <= 1 and 0 <= entry["largest_top1"] <= 1 for entry in state.history)
    assert load_supernet(finished.workdir).space == MICRO
    assert TrainConfig.load(finished.workdir) == finished


def _read_log(workdir: str, phase: Phase) -> dict[str, list[tuple[int, float]]]:
    """The curves of a phase, by their names: steps and values."""
    log = EventAccumulator(str(Path(workdir) / "logs" / phase.name))
    log.Reload()
    curves = {}
    for name in log.Tags()["tensors"]:
        curves[name] = [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in log.Tensors(name)]
    return curves


def test_tensorboard_s_steps_go_on_from_phase_to_phase(finished: TrainConfig) -> None:
    steps = []
    for phase in PHASES:
        steps += [step for step, _ in _read_log(finished.workdir, phase)["validation/largest_top1"]]
    checkpoint = latest_checkpoint(finished.workdir, PHASES[0])
    assert checkpoint is not None
    steps_per_epoch = read_state(checkpoint).num_steps // 2
    assert steps == [steps_per_epoch * epoch for epoch in range(1, 2 * len(PHASES) + 1)]


def test_tensorboard_shows_what_the_history_tells(finished: TrainConfig) -> None:
    for phase in PHASES:
        checkpoint = latest_checkpoint(finished.workdir, phase)
        assert checkpoint is not None
        history = read_state(checkpoint).history
        curves = _read_log(finished.workdir, phase)
        shown = {
            "epoch": ["loss", "accuracy", "images_per_second"],
            "validation": ["smallest_top1", "largest_top1", "smallest_loss", "largest_loss"],
        }
        for group, names in shown.items():
            for name in names:
                values = [value for _, value in curves[f"{group}/{name}"]]
                assert values == pytest.approx([entry[name] for entry in history]), name
        # These epochs have fewer steps than a group: each is one.
        assert curves["train/loss"] == curves["epoch/loss"]
        assert curves["train/accuracy"] == curves["epoch/accuracy"]
        for step, learning_rate in curves["train/learning_rate"]:
            num_steps = len(history) * 4
            last = step - 1 - num_steps * PHASES.index(phase)
            expected = warmup_cosine(last, 0.02, num_steps)
            assert learning_rate == pytest.approx(expected, abs=1e-9)


def test_tensorboard_shows_that_smaller_subnets_are_sampled_from_phase_to_phase(finished: TrainConfig) -> None:
    largest = MICRO.largest()
    full = _read_log(finished.workdir, PHASES[0])
    for name, of_largest in (
        ("depths", sum(largest.depths)),
        ("kernel_sizes", largest.kernel_sizes[0]),
        ("expand_ratios", largest.expand_ratios[0]),
    ):
        assert {value for _, value in full[f"sampled/{name}"]} == {of_largest}
        last = _read_log(finished.workdir, PHASES[-1])
        assert all(value < of_largest for _, value in last[f"sampled/{name}"])
    for _, image_size in full["sampled/image_size"]:
        assert min(MICRO.image_sizes) <= image_size <= max(MICRO.image_sizes)


def test_the_sandwich_method_trains_in_one_phase_and_resumes_bit_for_bit(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = dataclasses.replace(config, method="sandwich")
    result = train(config, select_phases("all", method="sandwich"))
    assert [phase.name for phase in result.trained] == ["sandwich"]
    assert not list(Path(config.workdir).glob("checkpoints/full"))

    interrupted = dataclasses.replace(config, workdir=str(tmp_path / "interrupted"))
    interrupt_after(monkeypatch, num_steps=3)
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, select_phases("all", method="sandwich"))
    assert "goes on after" not in capsys.readouterr().err

    def tell_what_is_known(phase: Phase, top1: float, num_images: int, by_guessing: float) -> str:
        return f"{phase.name}: {top1} of {num_images}, guessing {by_guessing}"

    monkeypatch.setattr(trainer, "describe_guessing", tell_what_is_known)
    train(interrupted, select_phases("all", method="sandwich"), resume=True)
    told = capsys.readouterr().err
    assert "phase sandwich goes on after step 3 of " in told
    checkpoint = latest_checkpoint(config.workdir, result.trained[0])
    assert checkpoint is not None
    of_largest = read_state(checkpoint).history[-1]["largest_top1"]
    source = open_source(config.dataset, validation_fraction=config.validation_fraction)
    num_images = source.num_examples("validation")
    by_guessing = share_of_commonest_class(source, "validation")
    assert told.count(f"sandwich: {of_largest} of {num_images}, guessing {by_guessing}") == 1
    counts = [source.num_examples(split) for split in ("train", "validation", "test")]
    images = "images of {} classes: {} to train on, {} for validation, {} for testing"
    assert images.format(source.num_classes, *counts) in told
    _assert_equal_weights(load_supernet(interrupted.workdir), load_supernet(config.workdir))


def test_a_finished_run_is_left_as_it_is_when_resumed(finished: TrainConfig) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(finished.workdir).rglob("*.*")}
    train(finished, select_phases("all"), resume=True)
    train(finished, select_phases("full"), resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in Path(finished.workdir).rglob("*.*")}


def test_a_run_that_was_begun_is_not_overwritten_without_resume(finished: TrainConfig) -> None:
    with pytest.raises(InputError, match=r"Received: checkpoints of \['kernel'\]. Pass --resume to continue"):
        train(finished, select_phases("kernel"))


def test_a_run_that_may_not_begin_writes_nothing(finished: TrainConfig, config: TrainConfig) -> None:
    with pytest.raises(InputError, match=r"Run first: python train_main.py --phase=full "):
        train(config, select_phases("kernel"))
    assert not Path(config.workdir).exists()
    before = (Path(finished.workdir) / "train_config.json").read_bytes()
    with pytest.raises(InputError, match=r"Received: --batch_size=8 \(was 16\). Use the earlier settings"):
        train(dataclasses.replace(finished, batch_size=8), select_phases("all"), resume=True)
    assert (Path(finished.workdir) / "train_config.json").read_bytes() == before


def test_a_damaged_checkpoint_is_named_and_nothing_is_overwritten(finished: TrainConfig, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", finished.workdir, copy], check=True)
    checkpoint = latest_checkpoint(copy, PHASES[0])
    assert checkpoint is not None
    network = checkpoint / "supernet.keras"
    network.write_bytes(network.read_bytes()[:-2000])
    kernel = copy / "checkpoints" / "kernel"
    subprocess.run(["rm", "-r", kernel], check=True)
    with pytest.raises(InputError, match=f"Expected {network} to be a complete file. Received: a damaged one"):
        train(dataclasses.replace(finished, workdir=str(copy)), select_phases("kernel"))
    assert not kernel.exists()


def test_a_checkpoint_of_another_number_of_classes_is_refused(
    finished: TrainConfig, photos: Path, tmp_path: Path
) -> None:
    other = tmp_path / "photos"
    subprocess.run(["cp", "-r", photos, other], check=True)
    subprocess.run(["cp", "-r", other / "ant", other / "dog"], check=True)
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", finished.workdir, copy], check=True)
    subprocess.run(["rm", "-r", copy / "checkpoints" / "width_2"], check=True)
    changed = dataclasses.replace(finished, workdir=str(copy), dataset=f"folder:{other}")
    changed.save()
    with pytest.raises(InputError, match=r"'micro' with 4 classes. Received: weights of another network"):
        train(changed, select_phases("width", 2))


def test_weights_of_another_network_leave_a_supernet_as_it_was(finished: TrainConfig) -> None:
    checkpoint = latest_checkpoint(finished.workdir, PHASES[0])
    assert checkpoint is not None
    other = build_supernet(MICRO, num_classes=5, seed=1)
    before = other.get_weights()
    with pytest.raises(InputError, match=r"'micro' with 5 classes. Received: weights of another network"):
        restore_checkpoint(checkpoint, other)
    for old, new in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_phase_begins_sorted_with_the_full_network_as_teacher_and_without_momentum(
    finished: TrainConfig, source: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorted_stages: list[int] = []
    monkeypatch.setattr(phase_beginning, "sort_channels", lambda supernet, stage: sorted_stages.append(stage))
    training = trainer.Trainer(finished, source)
    beginning = phase_beginning.PhaseBeginning(finished, training.train_step, Replicas())
    optimizer = training.train_step.optimizer
    stages_by_phase = {}
    for phase in PHASES:
        for variable in optimizer.variables:
            variable.assign(tf.ones(variable.shape, variable.dtype))
        sorted_stages.clear()
        beginning.begin(phase, resume=False)
        stages_by_phase[phase.name] = list(sorted_stages)
        assert all(np.all(np.asarray(variable) == 0) for variable in optimizer.variables)
        previous = previous_phase(phase)
        if previous is not None:
            checkpoint = latest_checkpoint(finished.workdir, previous)
            assert checkpoint is not None
            _assert_equal_weights(training.supernet, load_supernet(checkpoint))
    assert stages_by_phase == {"full": [], "kernel": [], "depth_1": [], "depth_2": [], "width_1": [0], "width_2": [1]}
    full = latest_checkpoint(finished.workdir, PHASES[0])
    assert full is not None
    _assert_equal_weights(training.train_step.teacher, load_supernet(full))


@pytest.mark.parametrize("is_checkpoint_due", [True, False])
def test_gradients_that_overflow_at_any_scale_end_the_phase(
    config: TrainConfig, source: ImageSource, monkeypatch: pytest.MonkeyPatch, is_checkpoint_due: bool
) -> None:
    taken = []

    def overflow(step: TrainStep, *batch: Any, **options: Any) -> StepResult:
        taken.append(step)
        step.optimizer.dynamic_scale.assign(0.5)
        return StepResult(tf.constant(1.0), tf.constant(0.5), tf.constant(0.0))

    monkeypatch.setattr(TrainStep, "__call__", overflow)
    training = trainer.Trainer(dataclasses.replace(config, mixed_precision="float16"), source)
    monkeypatch.setattr(training._checkpoint_timer, "is_due_within_epoch", lambda: is_checkpoint_due)
    with pytest.raises(InputError, match=r"down to a loss scale of 0.5"):
        training.run_phase(PHASES[0], resume=False)
    num_steps = source.num_examples("train") // config.batch_size
    assert len(taken) == (1 if is_checkpoint_due else num_steps)
    assert latest_checkpoint(config.workdir, PHASES[0]) is None


class _TwoWorkers(Replicas):
    """The first of two workers; the other one does the same elsewhere."""

    num_workers = 2


def test_workers_stop_after_the_same_step_whenever_their_checkpoints_are_due(
    config: TrainConfig, source: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_of_the_wish = 3

    def say_who_wants_to_stop(step: TrainStep, *batch: Any, dropout_seed: tuple, **options: Any) -> StepResult:
        _, number = dropout_seed
        num_stopping = tf.constant(float(number >= step_of_the_wish))
        return StepResult(tf.constant(1.0), tf.constant(0.5), num_stopping)

    monkeypatch.setattr(TrainStep, "__call__", say_who_wants_to_stop)
    training = trainer.Trainer(dataclasses.replace(config, batch_size=4), source)
    training._replicas = _TwoWorkers()
    steps_taken = set()
    for step_of_the_checkpoint in (None, 2, 3, 4):
        steps = iter(range(100))
        monkeypatch.setattr(
            training._checkpoint_timer,
            "is_due_within_epoch",
            lambda steps=steps, due=step_of_the_checkpoint: next(steps) == due,
        )
        with pytest.raises(KeyboardInterrupt) as interrupt:
            training.run_phase(PHASES[0], resume=False)
        steps_taken.add(str(interrupt.value))
    assert len(steps_taken) == 1
    assert "saved after 5 steps" in steps_taken.pop()


def _assert_equal_weights(network: Supernet, expected: Supernet) -> None:
    for found, wanted in zip(network.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_every_step_has_the_learning_rate_of_the_schedule_and_a_seed_of_its_own(
    config: TrainConfig, source: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def record(
        step: TrainStep,
        *batch: Any,
        learning_rate: float,
        dropout_seed: tuple,
        teacher: Teacher,
        wants_to_stop: bool,
    ) -> StepResult:
        given.append((learning_rate, dropout_seed, teacher))
        return StepResult(tf.constant(1.0), tf.constant(0.5), tf.constant(float(wants_to_stop)))

    monkeypatch.setattr(TrainStep, "__call__", record)
    monkeypatch.setattr(trainer.Trainer, "_validate", lambda *_: _ALL_RIGHT)
    settings = PhaseConfig(epochs=2, learning_rate=0.4, warmup_epochs=1)
    config = dataclasses.replace(config, phases={"full": settings})
    training = trainer.Trainer(config, source)
    training.run_phase(PHASES[0], resume=False)

    num_steps = 2 * (source.num_examples("train") // config.batch_size)
    expected = []
    for step in range(num_steps):
        rate = warmup_cosine(step, 0.4, num_steps, num_steps // 2)
        expected.append((rate, (config.seed, step), Teacher.NOBODY))
    assert given == expected


@pytest.mark.long
def test_the_evaluator_of_a_training_measures_like_one_of_the_files_it_left(config: TrainConfig) -> None:
    short = dataclasses.replace(config, phases={"full": PhaseConfig(epochs=1, learning_rate=0.02)})
    result = train(short, select_phases("full"))
    assert [phase.name for phase in result.trained] == ["full"]
    assert result.evaluator is not None
    live, loaded = Run(config.workdir, result.evaluator), Run(config.workdir)
    arch = MICRO.smallest()
    images = np.random.default_rng(0).standard_normal((2, arch.image_size, arch.image_size, 3), dtype=np.float32)
    logits = []
    for workdir in (live, loaded):
        workdir.evaluator.calibrate(arch)
        logits.append(workdir.supernet(images, arch).numpy())
    assert loaded.supernet is not live.supernet
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-4, atol=1e-5)


@pytest.mark.long
def test_settings_may_change_as_long_as_nothing_was_trained(config: TrainConfig) -> None:
    config.save()  # as a run that broke down in its first step left it
    short = {"full": PhaseConfig(epochs=1, learning_rate=0.02)}
    train(dataclasses.replace(config, phases=short, batch_size=8), select_phases("full"))
    assert TrainConfig.load(config.workdir).batch_size == 8


def test_a_lost_network_is_put_back_from_the_last_finished_phase(finished: TrainConfig, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", finished.workdir, copy], check=True)
    (copy / "supernet.keras").unlink()
    result = train(dataclasses.replace(finished, workdir=str(copy)), select_phases("all"), resume=True)
    assert result == TrainResult(trained=(), evaluator=None)
    kept = Path(finished.workdir) / "supernet.keras"
    for old, new in zip(load_supernet(kept.parent).weights, load_supernet(copy).weights, strict=True):
        if "moving" not in old.path:
            np.testing.assert_array_equal(old.numpy(), new.numpy())


def test_a_learning_rate_that_diverges_is_reported(config: TrainConfig) -> None:
    settings = dataclasses.replace(config.phases["full"], learning_rate=1e20)
    with pytest.raises(
        InputError, match=r"Received: loss=\S+ in step \d+ of phase full. Lower --full_learning_rate=1e\+20"
    ):
        train(dataclasses.replace(config, phases={**config.phases, "full": settings}), select_phases("full"))


@pytest.mark.long
@pytest.mark.parametrize("num_steps", [2, 4])
def test_a_phase_that_is_stopped_within_or_after_an_epoch_goes_on_to_the_same_weights(
    finished: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_steps: int
) -> None:
    # On a busy machine tracing may take longer than a user is kept waiting.
    monkeypatch.setattr(StopRequest.__init__, "__defaults__", (600.0,))
    config = _kernel_phase_to_come(finished, tmp_path / "copy")
    taken = interrupt_after(monkeypatch, num_steps)
    with pytest.raises(KeyboardInterrupt, match=f"Phase kernel is saved after {num_steps} steps"):
        train(config, select_phases("kernel"))
    train(config, select_phases("kernel"), resume=True)

    _assert_equal_runs(config, finished, PHASES[1])
    checkpoint = latest_checkpoint(config.workdir, PHASES[1])
    assert checkpoint is not None
    assert read_state(checkpoint).num_steps == len(taken)  # none twice
    assert _read_log(config.workdir, PHASES[1])["epoch/loss"] == _read_log(finished.workdir, PHASES[1])["epoch/loss"]


def _without_speed(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What does not depend on how busy the machine was."""
    return [{name: value for name, value in entry.items() if name != "images_per_second"} for entry in history]


def _kernel_phase_to_come(finished: TrainConfig, workdir: Path) -> TrainConfig:
    """A copy of a run after its first phase."""
    subprocess.run(["cp", "-r", finished.workdir, workdir], check=True)
    for phase in PHASES[1:]:
        subprocess.run(["rm", "-r", workdir / "checkpoints" / phase.name], check=True)
    return dataclasses.replace(finished, workdir=str(workdir))


@pytest.mark.slow
def test_curves_do_not_go_back_when_a_run_goes_on_from_before_what_it_had_logged(
    finished: TrainConfig, tmp_path: Path
) -> None:
    config = _kernel_phase_to_come(finished, tmp_path / "copy")
    phase = PHASES[1]
    # As a run leaves it that is killed between the end of an epoch and the next checkpoint.
    kept = _read_log(config.workdir, phase)
    (events,) = (Path(config.workdir) / "logs" / phase.name).iterdir()
    events.write_bytes(events.read_bytes() + b"half a record")

    train(config, select_phases("kernel"), resume=True)
    curves = _read_log(config.workdir, phase)
    assert set(curves) == set(kept)
    for name, curve in curves.items():
        steps, values = zip(*curve, strict=True)
        kept_steps, kept_values = zip(*kept[name], strict=True)
        assert steps == kept_steps
        if name != "epoch/images_per_second":
            assert values == pytest.approx(kept_values), name


def test_the_seconds_of_a_phase_are_counted_over_interruptions(
    config: TrainConfig, source: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]

    def take_ten_seconds(step: TrainStep, *batch: Any, **options: Any) -> StepResult:
        seconds[0] += 10
        return StepResult(tf.constant(1.0), tf.constant(0.5), tf.constant(0.0))

    monkeypatch.setattr(TrainStep, "__call__", take_ten_seconds)
    interrupt_after(monkeypatch, num_steps=3)
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(trainer.Trainer, "_validate", lambda *_: _ALL_RIGHT)
    training = trainer.Trainer(config, source)
    with pytest.raises(KeyboardInterrupt):
        training.run_phase(PHASES[0], resume=False)
    stopped = latest_checkpoint(config.workdir, PHASES[0])
    assert stopped is not None
    assert read_state(stopped).seconds == 30

    seconds[0] += 1000  # until somebody resumes it
    training.run_phase(PHASES[0], resume=True)
    finished = latest_checkpoint(config.workdir, PHASES[0])
    assert finished is not None
    state = read_state(finished)
    assert state.is_finished
    assert state.seconds == 10 * state.num_steps


@pytest.mark.long
def test_a_run_that_was_stopped_while_it_validated_resumes_bit_for_bit(
    finished: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _kernel_phase_to_come(finished, tmp_path / "copy")
    calibrate = Evaluator.calibrate
    calls = []

    def stop_in_second(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 2:  # of the largest subnet, after that of the smallest, in the first epoch
            os.kill(os.getpid(), signal.SIGTERM)
        calibrate(*args, **kwargs)

    monkeypatch.setattr(Evaluator, "calibrate", stop_in_second)
    with pytest.raises(KeyboardInterrupt, match="Phase kernel is saved after 4 steps"):
        train(config, select_phases("kernel"))
    stopped = latest_checkpoint(config.workdir, PHASES[1])
    assert stopped is not None
    assert read_state(stopped).history == []

    train(config, select_phases("kernel"), resume=True)
    _assert_equal_runs(config, finished, PHASES[1])


@pytest.fixture
def stopped_in_kernel_phase(finished: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """A run that was stopped in the second epoch of its second phase, with a checkpoint of the first epoch besides."""
    config = _kernel_phase_to_come(finished, tmp_path / "copy")
    interrupt_after(monkeypatch, num_steps=5)
    with pytest.raises(KeyboardInterrupt):
        train(config, select_phases("kernel"))
    return config


@pytest.mark.long
def test_a_damaged_newest_checkpoint_is_set_aside_and_the_one_before_is_used(
    stopped_in_kernel_phase: TrainConfig, finished: TrainConfig, capfd: pytest.CaptureFixture[str]
) -> None:
    config = stopped_in_kernel_phase
    newest = latest_checkpoint(config.workdir, PHASES[1])
    assert newest is not None
    assert [path.name for path in list_checkpoints(config.workdir, PHASES[1])] == [
        "step_00000004_epoch_done",
        "step_00000005",
    ]
    network = newest / "supernet.keras"
    network.write_bytes(network.read_bytes()[:-2000])

    train(config, select_phases("kernel"), resume=True)

    message = capfd.readouterr().err
    assert f"Expected {network} to be a complete file" in message
    assert "damaged_step_00000005 now; going on from step_00000004_epoch_done" in message
    assert (newest.parent / "damaged_step_00000005" / "supernet.keras").exists()
    _assert_equal_runs(config, finished, PHASES[1])


def test_a_run_all_of_whose_checkpoints_are_damaged_is_left_alone(stopped_in_kernel_phase: TrainConfig) -> None:
    config = stopped_in_kernel_phase
    before = list_checkpoints(config.workdir, PHASES[1])
    newest = before[-1] / "optimizer.npz"
    np.savez(newest, **{"0": np.zeros(3)})
    for checkpoint in before[:-1]:
        (checkpoint / "optimizer.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=rf"Expected {newest} to have the \d+ values of the optimizer. Received: 1"):
        train(config, select_phases("kernel"), resume=True)
    newest.write_bytes(b"PK")
    with pytest.raises(InputError, match=f"Expected {newest} to be a complete file"):
        train(config, select_phases("kernel"), resume=True)
    assert list_checkpoints(config.workdir, PHASES[1]) == before


@pytest.mark.parametrize("change", [{"num_steps": "3"}, {"history": 1}, {"is_finished": None}])
def test_a_state_whose_values_are_of_other_types_is_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    document = {**dataclasses.asdict(TrainState("full")), **change}
    files.write_json(tmp_path / STATE_FILE, "checkpoint", document)
    with pytest.raises(InputError, match=r"to be as it was written. Received: TypeError"):
        read_state(tmp_path)


def test_two_runs_do_not_train_in_one_workdir(config: TrainConfig) -> None:
    with locked(config.workdir), pytest.raises(InputError, match=r"one writer at a time. Received: .* process \d+"):
        train(config, select_phases("full"))
    assert not list(Path(config.workdir).glob("*"))


def _assert_equal_runs(config: TrainConfig, expected: TrainConfig, phase: Phase) -> None:
    states = []
    weights = []
    for workdir in (config.workdir, expected.workdir):
        checkpoint = latest_checkpoint(workdir, phase)
        assert checkpoint is not None
        states.append(read_state(checkpoint))
        weights.append(load_supernet(checkpoint).get_weights())
    assert _without_speed(states[0].history) == _without_speed(states[1].history)
    assert states[0].num_steps == states[1].num_steps
    for found, wanted in zip(*weights, strict=True):
        np.testing.assert_array_equal(found, wanted)


_RUN = textwrap.dedent(
    """
    import json, sys
    from tests.support.spaces import MICRO
    from ofa_tf.base import command_line
    from ofa_tf.training.config import PhaseConfig, TrainConfig
    from ofa_tf.training.phases import select_phases
    from ofa_tf.training.progressive_shrinking import train
    epochs, workdir, dataset = int(sys.argv.pop()), sys.argv.pop(), sys.argv.pop()
    phases = {"full": PhaseConfig(epochs=epochs, learning_rate=0.01)}
    config = TrainConfig(workdir=workdir, dataset=dataset, phases=phases, space=MICRO.name, batch_size=16,
                         num_calibration_images=32)

    def main(argv):
        train(config, select_phases("full"), resume=True)

    command_line.run(main)
    """
)


def _start(photos: Path, workdir: Path, epochs: int = 30) -> subprocess.Popen:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-c", _RUN, f"folder:{photos}", str(workdir), str(epochs)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def _wait_for_checkpoint(workdir: Path, process: subprocess.Popen, after: str = "") -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        checkpoint = latest_checkpoint(workdir, PHASES[0])
        if checkpoint is not None and checkpoint.name > after:
            return checkpoint.name
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint after {after!r}; the process said: {process.communicate()[1][-2000:]}")


@pytest.mark.long
def test_killed_and_interrupted_runs_lose_nothing_that_was_saved_and_resume(photos: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    process = _start(photos, workdir)
    first = _wait_for_checkpoint(workdir, process)
    process.kill()
    process.communicate()
    saved = latest_checkpoint(workdir, PHASES[0])
    assert saved is not None
    steps_saved = read_state(saved).num_steps  # complete and readable, whatever the moment of the kill

    process = _start(photos, workdir)
    _wait_for_checkpoint(workdir, process, after=saved.name)
    process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130, message[-2000:]
    assert "error: Interrupted. Phase full is saved after" in message
    assert "the same command continues (train_main.py and finetune.py: with --resume)" in message
    stopped = latest_checkpoint(workdir, PHASES[0])
    assert stopped is not None
    assert first <= saved.name < stopped.name
    history = read_state(stopped).history
    assert [entry["epoch"] for entry in history] == list(range(1, len(history) + 1))  # no epoch lost or done twice
    assert read_state(stopped).num_steps > steps_saved

    process = _start(photos, workdir)
    _, message = process.communicate(timeout=300)
    assert process.returncode == 0, message[-2000:]
    finished = latest_checkpoint(workdir, PHASES[0])
    assert finished is not None
    state = read_state(finished)
    assert state.is_finished
    assert [entry["epoch"] for entry in state.history] == list(range(1, 31))


def _wait_for_lock(workdir: Path, process: subprocess.Popen) -> None:
    """Wait until a run has begun; it may have ended meanwhile."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (workdir / ".lock").exists():
            return
        time.sleep(0.02)


@pytest.mark.long
def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(photos: Path, tmp_path: Path) -> None:
    epochs = 120
    rng = np.random.default_rng(0)
    killed = tmp_path / "killed"
    num_kills = 0
    for _ in range(8):
        process = _start(photos, killed, epochs)
        (killed / ".lock").unlink(missing_ok=True)  # of the one killed before, so that the new one is waited for
        _wait_for_lock(killed, process)
        time.sleep(rng.uniform(0, 8))
        num_kills += process.poll() is None
        process.kill()
        process.communicate()
    runs = []
    for workdir in (killed, tmp_path / "undisturbed"):
        process = _start(photos, workdir, epochs)
        _, message = process.communicate(timeout=600)
        assert process.returncode == 0, message[-2000:]
        runs.append(TrainConfig.load(workdir))
    assert num_kills > 0
    _assert_equal_runs(runs[0], runs[1], PHASES[0])
