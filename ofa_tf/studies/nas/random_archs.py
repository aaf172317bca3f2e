"""The search that others have to beat: the best of some random archs, each trained from scratch for a short time.

Reference: Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019; TuNAS, Bender
et al., CVPR 2020.
"""

import dataclasses
import itertools
import time
from collections.abc import Iterator

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import progress_bar
from ofa_tf.data.batches import train_batches
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.studies.nas.budget_fitting import PredictMs
from ofa_tf.studies.nas.images import JudgingImages, data_seed, open_source_of
from ofa_tf.studies.nas.search_state import SearchState
from ofa_tf.studies.nas.search_task import FoundArch, SearchTask
from ofa_tf.studies.nas.shared_weights import SharedWeights

_NAME = "random"

_NUM_DRAWN_TOGETHER = 1000
_MAX_ROUNDS = 1000


def find_random(task: SearchTask) -> FoundArch:
    """Train random archs within a latency budget, as many as the processor time allows, and take the best.

    They are trained in the graph of the supernet, which is traced once for all of them, but each from the same first
    weights. Small kernels are cut out of large ones by matrices that are trained, too; else they are plain networks.

    Args:
        task: What is looked for; its recipe is that of each arch.

    Returns:
        The arch that gets most of the held-out images right. Its notes have the accuracies of all, `top1`.

    Raises:
        InputError: If there is no limit of processor time, or hardly an arch is within the budget.
    """
    if task.max_processor_seconds is None:
        raise InputError(
            "Expected a limit of processor time: there are always more random archs to train. Received: none. Pass "
            "--max_processor_seconds."
        )
    source = open_source_of(task.config)
    weights = SharedWeights(task.config, source, task.recipe)
    images = JudgingImages(task.config, source)
    state = task.open_state(_NAME)
    trained = _load_trained(state)
    archs = archs_within(weights.space, task.latency_model.predict, task.budget_ms, task.config.seed)
    not_yet_trained = itertools.islice(archs, len(trained.genes), None)
    with progress_bar(None, _NAME, "arch") as bar:
        for genes in not_yet_trained:
            _train_from_scratch(task, weights, genes, number=len(trained.genes))
            trained.genes.append(genes)
            trained.top1.append(_measure(weights, images, genes))
            bar.update()
            processor_seconds = trained.seconds_before + time.process_time()
            state.save(trained.genes, {"top1": trained.top1, "processor_seconds": processor_seconds})
            if processor_seconds >= task.max_processor_seconds:
                break
    best = int(np.argmax(trained.top1))
    notes = {"num_archs": len(trained.genes), "num_steps_each": weights.schedule.num_steps, "top1": trained.top1}
    return FoundArch(weights.space.decode_one(trained.genes[best]), notes)


@dataclasses.dataclass
class _TrainedArchs:
    """What was trained so far.

    Args:
        genes: Of each arch.
        top1: Accuracy of each on the images that searches may choose on.
        seconds_before: Processor time of earlier calls.
    """

    genes: list[np.ndarray] = dataclasses.field(default_factory=list)
    top1: list[float] = dataclasses.field(default_factory=list)
    seconds_before: float = 0.0


def _load_trained(state: SearchState) -> _TrainedArchs:
    """What was trained before the search was stopped."""
    earlier = state.load()
    if earlier is None:
        return _TrainedArchs()
    genes, notes = earlier
    return _TrainedArchs(genes, notes["top1"], notes["processor_seconds"])


def archs_within(space: SearchSpace, predict_ms: PredictMs, budget_ms: float, seed: int) -> Iterator[np.ndarray]:
    """Random archs within a latency budget, one after the other, without end.

    Args:
        space: Search space.
        predict_ms: Latency of archs, milliseconds.
        budget_ms: What they may take at most, milliseconds.
        seed: Decides which.

    Yields:
        Genes, int32 `(num_genes,)`.

    Raises:
        InputError: If of a million archs none is within the budget.
    """
    num_rounds_without = 0
    rng = np.random.default_rng(seed)
    while num_rounds_without < _MAX_ROUNDS:
        genes = space.sample_genes(rng, _NUM_DRAWN_TOGETHER)
        fitting = genes[predict_ms(genes) <= budget_ms]
        num_rounds_without += 1
        if len(fitting):
            num_rounds_without = 0
        yield from fitting
    raise InputError(
        f"Expected a budget that random archs of {space.name} keep within. Received: {budget_ms:g} ms, which none of "
        f"{_MAX_ROUNDS * _NUM_DRAWN_TOGETHER:,} does. Allow more."
    )


def _train_from_scratch(task: SearchTask, weights: SharedWeights, genes: np.ndarray, number: int) -> None:
    config = task.config
    weights.start_anew()
    image_size = weights.space.image_sizes[genes[weights.space.image_size_gene]]
    step = 0
    for epoch in range(task.recipe.epochs):
        batches = train_batches(
            weights.source,
            batch_size=config.batch_size,
            epoch=epoch,
            seed=data_seed(config.seed, f"{_NAME}/{number}"),
            image_sizes=[image_size] * weights.steps_per_epoch,
            augmentation=config.augmentation,
        )
        for images, labels in batches:
            weights.train(images, labels, genes, step)
            step += 1


def _measure(weights: SharedWeights, images: JudgingImages, genes: np.ndarray) -> float:
    """Top-1 accuracy on all images that searches may choose on."""
    image_size = weights.space.image_sizes[genes[weights.space.image_size_gene]]
    num_correct = 0.0
    num_images = 0
    for batch, labels in images.batches(image_size):
        num_correct += weights.top1(batch, labels, genes) * len(labels)
        num_images += len(labels)
    return num_correct / num_images
