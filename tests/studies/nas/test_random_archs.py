import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.studies.nas import random_archs
from ofa_tf.studies.nas.images import open_source_of
from ofa_tf.studies.nas.random_archs import archs_within, find_random
from ofa_tf.studies.nas.search_task import SearchTask
from ofa_tf.studies.nas.shared_weights import SharedWeights
from ofa_tf.training.config import PhaseConfig
from tests.support.spaces import MICRO


@pytest.fixture(scope="module")
def weights(task: SearchTask) -> SharedWeights:
    return SharedWeights(task.config, open_source_of(task.config), PhaseConfig(epochs=1, learning_rate=0.05))


def test_the_best_of_those_that_were_trained_wins(
    short_task: SearchTask, weights: SharedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three: the clock says that the time is up after the third."""
    monkeypatch.setattr(random_archs, "SharedWeights", lambda config, source, recipe: weights)
    monkeypatch.setattr(random_archs.time, "process_time", itertools.count(1).__next__)
    found = find_random(dataclasses.replace(short_task, max_processor_seconds=3))
    assert found.notes["num_archs"] == 3
    archs = archs_within(MICRO, short_task.latency_model.predict, short_task.budget_ms, short_task.config.seed)
    genes = list(itertools.islice(archs, 3))
    best = int(np.argmax(found.notes["top1"]))
    assert found.arch == MICRO.decode_one(genes[best])


def test_each_arch_is_trained_from_the_same_first_weights(short_task: SearchTask, weights: SharedWeights) -> None:
    first, second = MICRO.sample_genes(np.random.default_rng(0), 2)
    trained = []
    for genes in (first, second, first):
        random_archs._train_from_scratch(short_task, weights, genes, number=0)
        trained.append(weights.get_state())
    for once, again in zip(trained[0], trained[2], strict=True):
        np.testing.assert_array_equal(once, again)
    assert any(not np.array_equal(one, other) for one, other in zip(trained[0], trained[1], strict=True))


def test_a_search_goes_on_with_the_arch_after_the_last_and_with_its_clock(
    short_task: SearchTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four seconds are allowed, of which each arch takes one; the first program is stopped after two."""
    trained: list[int] = []

    def train(task: SearchTask, weights: SharedWeights, genes: np.ndarray, number: int) -> None:
        trained.append(number)

    monkeypatch.setattr(random_archs, "_train_from_scratch", train)
    monkeypatch.setattr(random_archs, "_measure", lambda weights, images, genes: 0.1 * len(trained))
    task = dataclasses.replace(short_task, state_path=tmp_path / "state.npz", max_processor_seconds=2)
    monkeypatch.setattr(random_archs.time, "process_time", itertools.count(1).__next__)
    find_random(task)
    monkeypatch.setattr(random_archs.time, "process_time", itertools.count(1).__next__)
    found = find_random(dataclasses.replace(task, max_processor_seconds=4))
    assert trained == [0, 1, 2, 3]
    assert found.notes["top1"] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_random_archs_are_within_the_budget_and_repeat_themselves(task: SearchTask) -> None:
    predict_ms = task.latency_model.predict
    first, again, other = (
        np.array(list(itertools.islice(archs_within(MICRO, predict_ms, task.budget_ms, seed), 200)))
        for seed in (1, 1, 2)
    )
    assert (predict_ms(first) <= task.budget_ms).all()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len(np.unique(first, axis=0)) > 100


def test_a_budget_that_no_random_arch_keeps_within_is_refused(
    task: SearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_archs, "_MAX_ROUNDS", 3)
    with pytest.raises(InputError, match="which none of 3,000 does"):
        next(archs_within(MICRO, task.latency_model.predict, 0.01, seed=0))


def test_there_must_be_a_limit_of_processor_time(short_task: SearchTask) -> None:
    with pytest.raises(InputError, match="max_processor_seconds"):
        find_random(short_task)
