"""TensorBoard's curves, read as TensorBoard reads them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ofa_tf.training.sampled_choices import SampledChoices
from ofa_tf.training.training_log import TrainingLog
from tests.support.spaces import BOTTLENECKS, MICRO

EARLIER_STEPS = 1000


def _log_steps(log: TrainingLog, first: int, last: int) -> None:
    """Log some steps, from 1, whose loss is their number."""
    rng = np.random.default_rng(0)
    for step in range(first, last + 1):
        log.log_step(step, loss=step, accuracy=0.5, learning_rate=1 / step, genes=MICRO.sample_genes(rng, 2))


def _read(folder: Path, name: str) -> dict[int, float]:
    """Steps and values of a curve; all of them, also where steps come twice."""
    accumulator = EventAccumulator(str(folder), purge_orphaned_data=False)
    accumulator.Reload()
    values = {}
    for event in accumulator.Tensors(name):
        assert event.step not in values
        values[event.step] = float(tf.make_ndarray(event.tensor_proto))
    return values


def test_steps_are_shown_in_groups_and_what_is_left_at_the_end_of_an_epoch(tmp_path: Path) -> None:
    with TrainingLog(tmp_path, MICRO, EARLIER_STEPS) as log:
        _log_steps(log, 1, 45)
        log.log_epoch(45, {"loss": 23.0}, {"largest_top1": 0.75})
    assert _read(tmp_path, "train/loss") == {1020: 10.5, 1040: 30.5, 1045: 43.0}
    assert _read(tmp_path, "train/learning_rate") == pytest.approx({1020: 1 / 20, 1040: 1 / 40, 1045: 1 / 45})
    assert _read(tmp_path, "epoch/loss") == {1045: 23.0}
    assert _read(tmp_path, "validation/largest_top1") == {1045: 0.75}
    assert set(_read(tmp_path, "sampled/depths")) == {1020, 1040, 1045}


def test_a_run_that_goes_on_replaces_what_it_had_logged_of_later_steps(tmp_path: Path) -> None:
    with TrainingLog(tmp_path, MICRO, EARLIER_STEPS) as log:
        _log_steps(log, 1, 60)
        log.log_epoch(60, {"loss": 7.0}, {})
    (killed,) = tmp_path.iterdir()
    killed.write_bytes(killed.read_bytes()[:-3])  # in the middle of a record

    with TrainingLog(tmp_path, MICRO, EARLIER_STEPS, num_steps=40) as log:
        assert _read(tmp_path, "train/loss") == {1020: 10.5, 1040: 30.5}
        _log_steps(log, 41, 60)
        log.log_epoch(60, {"loss": 8.0}, {})
    assert _read(tmp_path, "train/loss") == {1020: 10.5, 1040: 30.5, 1060: 50.5}
    assert _read(tmp_path, "epoch/loss") == {1060: 8.0}


def test_a_phase_that_begins_anew_has_the_curves_of_this_time_only(tmp_path: Path) -> None:
    with TrainingLog(tmp_path, MICRO, EARLIER_STEPS) as log:
        _log_steps(log, 1, 40)
    with TrainingLog(tmp_path, MICRO, EARLIER_STEPS) as log:
        _log_steps(log, 1, 20)
    assert _read(tmp_path, "train/loss") == {1020: 10.5}


def test_another_worker_than_the_first_writes_nothing(tmp_path: Path) -> None:
    with TrainingLog(None, MICRO, EARLIER_STEPS) as log:
        _log_steps(log, 1, 40)
        log.log_epoch(40, {"loss": 7.0}, {})
        log.flush()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("space", [MICRO, BOTTLENECKS], ids=["micro", "bottlenecks"])
def test_means_of_what_is_sampled_are_over_the_blocks_that_are_there(space) -> None:
    genes = space.sample_genes(np.random.default_rng(1), 6)
    means = SampledChoices(space).means([genes[:2], genes[2:]])

    archs = space.decode(genes)
    values: dict[str, list[float]] = {field: [] for field in means}
    for arch, row in zip(archs, genes, strict=True):
        is_active = space.active_blocks(row)
        for field in means:
            entries = np.asarray(arch.entries(field), float)
            if field == "depths":
                entries = entries.sum(keepdims=True)
            elif field in space.block_class.choice_fields:
                entries = entries[is_active]
            values[field] += entries.tolist()
    assert means == pytest.approx({field: np.mean(of_field) for field, of_field in values.items()})
    assert set(means) == {"image_size", "depths", *(set(space.layout.fields) - {"image_size", "depths"})}
