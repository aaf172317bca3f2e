import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.studies.nas.images import open_source_of
from ofa_tf.studies.nas.relaxed import RelaxedSearch, choose_image_size
from ofa_tf.studies.nas.search_methods import SEARCH_METHODS
from ofa_tf.studies.nas.search_task import SearchTask
from ofa_tf.studies.nas.training_halves import TrainingHalf
from ofa_tf.training.config import PhaseConfig
from tests.support.spaces import MICRO

_NUM_CLASSES = 3
_IMAGE_SIZE = 16


def _begin(task: SearchTask) -> RelaxedSearch:
    return RelaxedSearch(task, open_source_of(task.config), _IMAGE_SIZE)


@pytest.fixture(scope="module")
def search(task: SearchTask) -> RelaxedSearch:
    return _begin(task)


def _batch(seed: int) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(seed)
    images = tf.constant(rng.standard_normal((8, _IMAGE_SIZE, _IMAGE_SIZE, 3)), tf.float32)
    return images, tf.constant(rng.integers(0, _NUM_CLASSES, 8), tf.int32)


def test_a_search_finds_an_arch_within_the_budget(task: SearchTask) -> None:
    found = SEARCH_METHODS["relaxed"].find(task)
    assert float(task.latency_model.predict(found.arch)) <= task.budget_ms
    assert found.arch.image_size == choose_image_size(task)
    entropies = [entry["entropy"] for entry in found.notes["history"]]
    assert len(entropies) == task.recipe.epochs
    assert entropies[0] == pytest.approx(1)  # weights alone are trained in the first quarter
    assert entropies[-1] < 1


def test_weights_and_probabilities_are_trained_apart(search: RelaxedSearch) -> None:
    weights = search.network.supernet.get_weights()
    search.train_choices(*_batch(0))
    for before, after in zip(weights, search.network.supernet.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)

    logits = search.logits.numpy()
    for number in range(3):  # blocks that begin as the identity learn nothing in the first step
        search.train_weights(*_batch(number), learning_rate=0.1)
    np.testing.assert_array_equal(search.logits.numpy(), logits)
    for variable, before in zip(search.network.supernet.weights, weights, strict=True):
        is_changed = not np.array_equal(variable.numpy(), before)
        if "kernel" in variable.path:
            assert is_changed, variable.path
        if "transform" in variable.path or "moving" in variable.path:
            assert not is_changed, variable.path


def test_the_loss_of_the_choices_has_their_latency_in_it(search: RelaxedSearch, task: SearchTask) -> None:
    """At the budget there is no penalty, and it grows on both sides."""
    images, labels = _batch(1)
    search.logits.assign(tf.zeros_like(search.logits))
    probabilities = search.probabilities()
    expected_ms = float(search.expected_latency(probabilities))
    losses = []
    for budget_ms in (expected_ms, expected_ms / 1.05, expected_ms * 2):
        search._task = dataclasses.replace(task, budget_ms=budget_ms)
        losses.append(float(search.choices_loss(images, labels, probabilities)))
    search._task = task
    assert losses[1] - losses[0] == pytest.approx(0.05, abs=1e-4)
    assert losses[2] - losses[0] == pytest.approx(0.5, abs=1e-4)


def test_with_the_latency_alone_the_choices_go_to_the_budget(task: SearchTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RelaxedSearch, "_cross_entropy", lambda self, images, labels, probabilities: tf.constant(0.0))
    search = _begin(task)
    smallest_ms = float(task.latency_model.predict(MICRO.smallest(_IMAGE_SIZE)))
    largest_ms = float(task.latency_model.predict(MICRO.largest(_IMAGE_SIZE)))
    for share in (0.2, 0.8):
        budget_ms = smallest_ms + share * (largest_ms - smallest_ms)
        search._task = dataclasses.replace(task, budget_ms=budget_ms)
        search.logits.assign(tf.zeros_like(search.logits))
        search._train_choices = tf.function(search._step_of_choices, autograph=False)
        for _ in range(200):
            search.train_choices(*_batch(0))
        assert search.describe()["expected_latency_ms"] == pytest.approx(budget_ms, rel=0.02)


def test_the_image_size_is_the_middle_one_that_the_budget_allows(task: SearchTask) -> None:
    space = dataclasses.replace(MICRO, image_sizes=(16, 17, 18, 19, 20))

    class Config:
        search_space = space

    class Model:
        """As many milliseconds as pixels along the edge."""

        def predict(self, arch: object) -> float:
            return float(arch.image_size)  # type: ignore[attr-defined]

    def choose(budget_ms: float) -> int:
        task_with_sizes = dataclasses.replace(task, config=Config(), latency_model=Model(), budget_ms=budget_ms)
        return choose_image_size(task_with_sizes)

    assert choose(25.0) == 18
    assert choose(17.5) == 17
    assert choose(16.0) == 16


def test_choices_become_more_certain_as_the_temperature_falls(task: SearchTask) -> None:
    search = _begin(task)
    search.logits.assign(np.random.default_rng(0).standard_normal(search.logits.shape))
    entropies = []
    for progress in (0.0, 0.5, 1.0):
        search.cool(progress)
        entropies.append(search.describe()["entropy"])
    assert entropies[0] > 2 * entropies[1] > 4 * entropies[2]
    np.testing.assert_allclose(search.probabilities(), search._distribution().probabilities(), atol=1e-6)


def test_weights_learn_from_one_half_and_choices_from_the_other_after_a_quarter_of_the_steps(
    task: SearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = _begin(dataclasses.replace(task, recipe=PhaseConfig(epochs=4, learning_rate=0.1)))
    steps: list[tuple[str, int]] = []
    progress: list[float] = []

    def read_epoch(half: TrainingHalf, use: str, epoch: int) -> list[tuple[int, str]]:
        return [(search._halves.index(half), use)] * search._schedule.steps_per_epoch

    monkeypatch.setattr(search, "_read_epoch", read_epoch)
    monkeypatch.setattr(search, "train_weights", lambda half, use, learning_rate: steps.append(("weights", half)))
    monkeypatch.setattr(search, "train_choices", lambda half, use: steps.append(("choices", half)))
    monkeypatch.setattr(search, "cool", progress.append)
    for epoch in range(4):
        list(search.run_epoch(epoch))
    num_epoch_steps = search._schedule.steps_per_epoch
    in_turns = [("weights", 0), ("choices", 1)]
    assert steps == [("weights", 0)] * num_epoch_steps + in_turns * (3 * num_epoch_steps)
    assert progress[0] == 0
    assert progress[-1] == pytest.approx(1 - 1 / len(progress))
