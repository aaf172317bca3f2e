"""The search by sampling: weights and a distribution of archs are learnt in turns.

In each step a subnet is drawn and its part of the shared weights is trained; then another one is drawn and judged on
held-out images, and what it was worth changes the distribution. In the first quarter of the steps subnets are drawn
evenly, and the distribution stays as it is, so that no arch gets ahead because its weights were trained first.

TuNAS differs from that: a step trains and judges the same subnet, and in the first quarter of the steps it often trains
all operations of a block together instead of one of them.

Reference: ProxylessNAS, Cai et al., ICLR 2019, sections 3.2 and 3.3 (REINFORCE); TuNAS, Bender et al., CVPR 2020, and
`mobile_architecture_search.py` of its released code.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from ofa_tf.data.batches import train_batches
from ofa_tf.space.arch import Arch
from ofa_tf.studies.nas.arch_distribution import ArchDistribution
from ofa_tf.studies.nas.budget_fitting import most_probable_within
from ofa_tf.studies.nas.epoch_search import run_epochs
from ofa_tf.studies.nas.images import JudgingImages, data_seed, open_source_of
from ofa_tf.studies.nas.policy_gradient import PolicyGradient, absolute_reward
from ofa_tf.studies.nas.search_task import FoundArch, SearchTask
from ofa_tf.studies.nas.shared_weights import SharedWeights

_NAME = "sampled"

# Share of the steps in which weights are trained alone, and weight of the latency in the reward, as in TuNAS's code.
_WARMUP_SHARE = 0.25
_BETA = -0.1

# Independent streams of random numbers of one seed.
_SIZES = 0
_ARCHS = 1


def find_sampled(task: SearchTask) -> FoundArch:
    """Find a subnet for a latency budget by sampling.

    Args:
        task: What is looked for.

    Returns:
        The arch of the most probable choices, see `most_probable_within`. Its notes have the `entropy` of the
        distribution after each epoch, and the `baseline`, the mean of recent rewards.
    """
    config = task.config
    source = open_source_of(config)
    search = _SampledSearch(task, SharedWeights(config, source, task.recipe), JudgingImages(config, source))
    return run_epochs(task, _NAME, search)


class _SampledSearch:
    """A search in progress.

    Args:
        task: What is looked for.
        weights: Trained in place.
        images: What archs are judged on.
    """

    def __init__(self, task: SearchTask, weights: SharedWeights, images: JudgingImages) -> None:
        self._task = task
        self._weights = weights
        self._images = images
        self._space = weights.space
        self.num_steps = weights.schedule.num_steps
        self._num_warmup_steps = round(_WARMUP_SHARE * self.num_steps)
        self._distribution = ArchDistribution(self._space)
        self._policy = PolicyGradient(self._distribution, self.num_steps - self._num_warmup_steps)

    def run_epoch(self, epoch: int) -> Iterator[int]:
        """Take the steps of an epoch; yields after each."""
        config = self._task.config
        steps = range(epoch * self._weights.steps_per_epoch, (epoch + 1) * self._weights.steps_per_epoch)
        sizes = self._draw_sizes(epoch, len(steps))
        batches = train_batches(
            self._weights.source,
            batch_size=config.batch_size,
            epoch=epoch,
            seed=data_seed(config.seed, _NAME),
            image_sizes=[self._space.image_sizes[index] for index in sizes],
            augmentation=config.augmentation,
        )
        for step, size, (images, labels) in zip(steps, sizes, batches, strict=True):
            self._take_step(step, size, images, labels)
            yield step

    def _draw_sizes(self, epoch: int, num: int) -> np.ndarray:
        """The image sizes of an epoch's training steps, as choice indices.

        They are drawn when it begins, as images are prepared ahead; all other choices are drawn in the step itself.
        """
        rng = np.random.default_rng([self._task.config.seed, _SIZES, epoch])
        gene = self._space.image_size_gene
        count = self._space.gene_counts[gene]
        probabilities = self._distribution.probabilities()[gene, :count]
        return rng.choice(count, size=num, p=probabilities / probabilities.sum())

    def _take_step(self, step: int, size: int, images: tf.Tensor, labels: tf.Tensor) -> None:
        rng = np.random.default_rng([self._task.config.seed, _ARCHS, step])
        genes = self._distribution.sample(rng)
        genes[self._space.image_size_gene] = size
        self._weights.train(images, labels, genes, step)
        if step < self._num_warmup_steps:
            return
        judged = self._distribution.sample(rng)
        self._policy.update(judged, self._reward(judged, step))

    def _reward(self, genes: np.ndarray, step: int) -> float:
        image_size = self._space.image_sizes[genes[self._space.image_size_gene]]
        images, labels = self._images.batch(image_size, step)
        top1 = self._weights.top1(images, labels, genes)
        latency_ms = float(self._task.latency_model.predict(genes))
        return absolute_reward(top1, latency_ms, self._task.budget_ms, _BETA)

    def get_state(self) -> list[np.ndarray]:
        """What the policy and the weights have learnt; `set_state` puts it back."""
        return [*self._policy.get_state(), *self._weights.get_state()]

    def set_state(self, arrays: Sequence[np.ndarray]) -> None:
        """Reverse `get_state`."""
        num_of_policy = len(self._policy.get_state())
        self._policy.set_state(arrays[:num_of_policy])
        self._weights.set_state(arrays[num_of_policy:])

    def describe(self) -> dict[str, float | None]:
        """How sure the distribution is, and what its archs are worth."""
        return {"entropy": self._distribution.entropy(), "baseline": self._policy.baseline}

    def find(self) -> Arch:
        """The arch of the most probable choices that is within the budget."""
        genes = most_probable_within(
            self._space,
            self._distribution.log_probabilities(),
            self._task.latency_model.predict,
            self._task.budget_ms,
        )
        return self._space.decode_one(genes)
