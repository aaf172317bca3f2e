import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.studies.nas.images import JudgingImages, open_source_of
from ofa_tf.studies.nas.sampled import _SampledSearch
from ofa_tf.studies.nas.search_methods import SEARCH_METHODS
from ofa_tf.studies.nas.search_task import SearchTask
from ofa_tf.studies.nas.shared_weights import SharedWeights
from tests.support.spaces import MICRO


@pytest.fixture(scope="module")
def weights(task: SearchTask) -> SharedWeights:
    return SharedWeights(task.config, open_source_of(task.config), task.recipe)


def _begin(task: SearchTask, weights: SharedWeights) -> _SampledSearch:
    weights.start_anew()
    return _SampledSearch(task, weights, JudgingImages(task.config, weights.source))


def test_a_search_finds_an_arch_within_the_budget_with_one_trace_of_a_step(task: SearchTask) -> None:
    found = SEARCH_METHODS["sampled"].find(task)
    assert float(task.latency_model.predict(found.arch)) <= task.budget_ms
    assert len(found.notes["history"]) == task.recipe.epochs


def test_weights_are_trained_before_the_distribution_learns(task: SearchTask, weights: SharedWeights) -> None:
    """The first of four epochs is the quarter of the steps in which subnets are drawn evenly."""
    search = _begin(task, weights)
    before = weights.supernet.get_weights()
    entropies = []
    for epoch in range(task.recipe.epochs):
        list(search.run_epoch(epoch))
        entropies.append(search.describe()["entropy"])
    assert entropies[0] == pytest.approx(1)
    assert entropies[1] < 1
    after = weights.supernet.get_weights()
    assert any(not np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    assert weights._train_step.num_traces == 2  # of the gradients and of the update


def test_a_search_repeats_itself(task: SearchTask, weights: SharedWeights) -> None:
    logits = []
    for _ in range(2):
        search = _begin(task, weights)
        for epoch in range(2):
            list(search.run_epoch(epoch))
        logits.append(search._distribution.logits)
    np.testing.assert_array_equal(*logits)
    assert logits[0].any()


def test_an_arch_is_rewarded_by_its_own_accuracy_and_latency(
    task: SearchTask, weights: SharedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []

    def top1(images: np.ndarray, labels: np.ndarray, genes: np.ndarray) -> float:
        assert images.shape[1] == MICRO.image_sizes[genes[MICRO.image_size_gene]]
        assert len(images) == len(labels)
        judged.append(genes)
        return 0.6

    monkeypatch.setattr(weights, "top1", top1)
    search = _begin(task, weights)
    rewards = []
    monkeypatch.setattr(search._policy, "update", lambda genes, reward: rewards.append((genes, reward)))
    for epoch in range(2):
        list(search.run_epoch(epoch))
    assert len(rewards) == weights.steps_per_epoch  # none in the first epoch
    for genes, (updated, reward) in zip(judged, rewards, strict=True):
        np.testing.assert_array_equal(genes, updated)
        latency_ms = float(task.latency_model.predict(genes))
        assert reward == pytest.approx(0.6 - 0.1 * abs(latency_ms / task.budget_ms - 1))


def test_a_subnet_is_judged_by_the_statistics_of_the_images_that_it_is_judged_on(
    task: SearchTask, weights: SharedWeights
) -> None:
    weights.start_anew()
    genes = MICRO.sample_genes(np.random.default_rng(4), 1)[0]
    arch = MICRO.decode_one(genes)
    ((images, labels),) = JudgingImages(task.config, weights.source).batches(arch.image_size)
    logits = weights.supernet(images, arch, training=True, update_statistics=False)
    is_right = np.argmax(logits, axis=1) == labels.numpy()
    assert weights.top1(images, labels, genes) == pytest.approx(is_right.mean())


def test_a_budget_below_the_smallest_subnet_is_refused(task: SearchTask) -> None:
    with pytest.raises(InputError, match=r"that of the smallest subnet of micro\. Received: 0\.01 ms"):
        SearchTask(task.config, task.recipe, task.latency_model, budget_ms=0.01)


def test_the_distribution_decides_which_image_sizes_are_trained(task: SearchTask, weights: SharedWeights) -> None:
    search = _begin(task, weights)
    gene = MICRO.image_size_gene
    search._distribution.logits[gene, 1] = 50.0
    assert (search._draw_sizes(0, 20) == 1).all()
    search._distribution.logits[gene, 1] = -50.0
    assert (search._draw_sizes(0, 20) == 0).all()
