"""Several devices against one: two logical CPUs, and real processes on this computer."""

import dataclasses
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.replicas import Replicas
from ofa_tf.networks.saving import load_supernet
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import FULL, select_phases
from ofa_tf.training.progressive_shrinking import train
from ofa_tf.training.train_state import latest_checkpoint, read_state
from tests.support.shared_steps import run_steps
from tests.support.spaces import MICRO, PLUGINS_FLAG
from tests.support.workers import outputs, start_program, start_workers

_STEPS = ["-m", "tests.support.shared_steps"]
_LOST = "error: Another worker has ended or does not answer, so this one ends, too."


def _assert_as_on_one_device(result: Path, expected: Mapping[str, np.ndarray]) -> None:
    """Weights, statistics and what a step tells agree but for rounding, and accuracies exactly."""
    with np.load(result) as loaded:
        found = dict(loaded)
    for name, value in expected.items():
        if name == "num_traces":
            continue
        largest = max(np.abs(value).max(), 1)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5 * largest, err_msg=name)
    for name in ("counts train", "counts report"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.long
def test_two_replicas_train_and_measure_as_one_device_does(photos: Path, tmp_path: Path) -> None:
    """With the micro-batches of one device as large as the replicas' shares; then even dropout is the same."""
    result = tmp_path / "result.npz"
    process = start_program([*_STEPS, "mirrored", "2", "0", str(photos), str(result)])
    expected = run_steps(Replicas(), micro_batch_size=8, image_folder=str(photos))
    (output,) = outputs([process])
    assert process.returncode == 0, output[-3000:]
    _assert_as_on_one_device(result, expected)
    with np.load(result) as found:
        assert found["num_traces"] == 2 + 2 + 1  # gradients and teacher on each replica, the update


@pytest.mark.long
@pytest.mark.parametrize(("num_workers", "num_cpus", "micro_batch_size"), [(2, 1, 0), (2, 2, 2)])
def test_workers_train_and_measure_as_one_device_does(
    photos: Path, tmp_path: Path, num_workers: int, num_cpus: int, micro_batch_size: int
) -> None:
    command = [
        *_STEPS,
        "multiworker",
        str(num_cpus),
        str(micro_batch_size),
        str(photos),
        str(tmp_path / "{worker}.npz"),
    ]
    workers = start_workers(num_workers, command)
    expected = run_steps(Replicas(), micro_batch_size or 16 // num_workers // num_cpus, str(photos))
    for process, output in zip(workers, outputs(workers), strict=True):
        assert process.returncode == 0, output[-3000:]
    for worker in range(num_workers):
        _assert_as_on_one_device(tmp_path / f"{worker}.npz", expected)


@pytest.mark.long
def test_when_a_worker_is_killed_the_others_end_and_one_device_goes_on(config: TrainConfig, tmp_path: Path) -> None:
    """Micro-batches as large as the smallest share: with them, batch normalization is the same on any number."""
    # Slow learning: rounding errors grow less in so many steps.
    settings = dataclasses.replace(config.phases["full"], epochs=30, learning_rate=0.001)
    config = dataclasses.replace(config, micro_batch_size=8, phases={**config.phases, "full": settings})
    workers = start_workers(2, ["train_main.py", *_flags(config), "--distribution=multiworker"])
    first = _wait_for_checkpoint(config, workers)
    workers[1].kill()
    output, _ = outputs(workers)
    assert workers[0].returncode == 1
    assert output.count("error: ") == 1
    assert _LOST in output
    assert read_state(first).num_steps < 30 * 4

    train(config, select_phases("full"), resume=True)

    uninterrupted = dataclasses.replace(config, workdir=str(tmp_path / "uninterrupted"))
    train(uninterrupted, select_phases("full"))
    expected_weights = load_supernet(uninterrupted.workdir).get_weights()
    largest = max(np.abs(weight).max() for weight in expected_weights)
    for found, expected in zip(load_supernet(config.workdir).get_weights(), expected_weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * largest)
    checkpoint = latest_checkpoint(config.workdir, FULL)
    assert checkpoint is not None
    assert [entry["epoch"] for entry in read_state(checkpoint).history] == list(range(1, 31))


@pytest.mark.long
def test_when_one_worker_is_asked_to_stop_all_stop_after_the_same_step_and_save(config: TrainConfig) -> None:
    settings = dataclasses.replace(config.phases["full"], epochs=500)
    config = dataclasses.replace(config, phases={**config.phases, "full": settings})
    workers = start_workers(2, ["train_main.py", *_flags(config), "--distribution=multiworker"])
    _wait_for_checkpoint(config, workers)
    workers[1].terminate()
    first_output, second_output = outputs(workers)
    assert [process.returncode for process in workers] == [130, 130], first_output[-2000:] + second_output[-2000:]
    (message,) = [line for line in first_output.splitlines() if line.startswith("error: ")]
    assert message.startswith("error: Interrupted. Phase full is saved after ")
    assert message in second_output.splitlines()
    checkpoint = latest_checkpoint(config.workdir, FULL)
    assert checkpoint is not None
    assert f"after {read_state(checkpoint).num_steps} steps" in message
    assert "full 1/500" in first_output
    assert "full 1/500" not in second_output  # the first worker speaks for all


@pytest.mark.long
def test_workers_evaluate_and_build_an_accuracy_table_as_one_device_does(config: TrainConfig) -> None:
    settings = dataclasses.replace(config.phases["full"], epochs=1)
    config = dataclasses.replace(config, phases={**config.phases, "full": settings})
    train(config, select_phases("full"))
    table = Path(config.workdir) / "accuracy_table.jsonl"
    evaluate = ["tools/evaluate.py", PLUGINS_FLAG, f"--workdir={config.workdir}", "--arch=random:3", "--split=train"]
    measure = ["tools/build_accuracy_table.py", PLUGINS_FLAG, f"--workdir={config.workdir}", "--num_archs=10"]
    alone = [start_program(evaluate), start_program(measure)]
    alone_outputs = outputs(alone)
    assert [process.returncode for process in alone] == [0, 0], alone_outputs
    expected = [_lines_of_stdout(output) for output in alone_outputs]
    expected_table = AccuracyTable.load(table, MICRO)
    table.unlink()

    for command, lines in zip((evaluate, measure), expected, strict=True):
        first, second = outputs(start_workers(2, [*command, "--distribution=multiworker"]))
        assert _lines_of_stdout(first) == lines
        assert _lines_of_stdout(second) == []
    np.testing.assert_array_equal(AccuracyTable.load(table, MICRO).num_correct, expected_table.num_correct)


def _lines_of_stdout(output: str) -> list[str]:
    """The lines with results; those that tell of progress hold times, which differ."""
    return [line for line in output.splitlines() if "%" in line and not re.search(r"\d+/\d+ \[\d+:\d+", line)]


def test_a_batch_that_replicas_cannot_share_equally_is_refused_before_anything_is_written(config: TrainConfig) -> None:
    class Three(Replicas):
        num_replicas = 3

    with pytest.raises(ValueError, match=r"a multiple of the 3 replicas, .* Received: --batch_size=16"):
        train(config, select_phases("full"), replicas=Three())
    assert not Path(config.workdir).exists()


def test_float16_with_several_replicas_is_refused_before_anything_is_written(config: TrainConfig) -> None:
    class Two(Replicas):
        num_replicas = 2

    config = dataclasses.replace(config, mixed_precision="float16")
    with pytest.raises(
        InputError, match=r"bfloat16 or none with several replicas. Received: --mixed_precision=float16"
    ):
        train(config, select_phases("full"), replicas=Two())
    assert not Path(config.workdir).exists()


def _flags(config: TrainConfig) -> list[str]:
    """The flags of a run of phase full."""
    flags = [PLUGINS_FLAG, "--phase=full"]
    for name in (
        "workdir",
        "space",
        "dataset",
        "batch_size",
        "micro_batch_size",
        "num_calibration_images",
        "seed",
    ):
        flags.append(f"--{name}={getattr(config, name)}")
    for name, settings in config.phases.items():
        for field, value in dataclasses.asdict(settings).items():
            flags.append(f"--{name}_{field}={value}")
    return flags


def _wait_for_checkpoint(config: TrainConfig, workers: Sequence[subprocess.Popen]) -> Path:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and all(worker.poll() is None for worker in workers):
        checkpoint = latest_checkpoint(config.workdir, FULL)
        if checkpoint is not None:
            return checkpoint
        time.sleep(0.05)
    for worker in workers:
        os.kill(worker.pid, 9)
    raise AssertionError(f"no checkpoint; the programs said: {outputs(workers)}")
