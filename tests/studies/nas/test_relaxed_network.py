import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.studies.nas.arch_distribution import ArchDistribution
from ofa_tf.studies.nas.relaxed_network import RelaxedNetwork
from tests.support.small_choices import LEAN
from tests.support.spaces import BOTTLENECKS, MICRO

_NUM_CLASSES = 3


def one_hot(space: SearchSpace, genes: np.ndarray) -> tf.Tensor:
    """Probabilities of 1 for the choices of an arch."""
    probabilities = np.zeros((space.num_genes, space.gene_counts.max()), np.float32)
    probabilities[np.arange(space.num_genes), genes] = 1.0
    return tf.constant(probabilities)


def _images(image_size: int) -> tf.Tensor:
    rng = np.random.default_rng(7)
    return tf.constant(rng.standard_normal((4, image_size, image_size, 3)), tf.float32)


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    """With biases, scales and statistics that are not those at first, so that each makes a difference."""
    supernet = build_supernet(MICRO, _NUM_CLASSES, seed=1)
    rng = np.random.default_rng(2)
    for variable in supernet.weights:
        if len(variable.shape) == 1:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return supernet


@pytest.mark.parametrize("seed", range(6))
def test_with_probabilities_of_0_and_1_it_is_the_plain_subnet(supernet: Supernet, seed: int) -> None:
    genes = MICRO.sample_genes(np.random.default_rng(seed), 1)[0]
    arch = MICRO.decode_one(genes)
    images = _images(arch.image_size)
    subnet: keras.Model = extract_subnet(supernet, arch)
    relaxed = RelaxedNetwork(supernet)
    logits = relaxed(images, one_hot(MICRO, genes), training=False)
    np.testing.assert_allclose(logits, subnet(images, training=False), rtol=1e-4, atol=1e-5)


def test_in_training_it_is_the_subnet_with_the_statistics_of_the_batch(supernet: Supernet) -> None:
    genes = MICRO.sample_genes(np.random.default_rng(3), 1)[0]
    arch = MICRO.decode_one(genes)
    images = _images(arch.image_size)
    before = [weight.numpy() for weight in supernet.non_trainable_weights]
    logits = RelaxedNetwork(supernet)(images, one_hot(MICRO, genes), training=True)
    expected = supernet(images, arch, training=True, update_statistics=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    for weight, value in zip(supernet.non_trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_all_probabilities_but_those_of_the_image_size_have_gradients(supernet: Supernet) -> None:
    probabilities = tf.constant(ArchDistribution(MICRO).probabilities(), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(probabilities)
        logits = RelaxedNetwork(supernet)(_images(16), probabilities, training=True)
        loss = tf.reduce_sum(logits**2)
    gradient = tape.gradient(loss, probabilities).numpy()
    for gene, count in enumerate(MICRO.gene_counts):
        if gene == MICRO.image_size_gene:
            assert not gradient[gene].any()
        elif gene in range(MICRO.depth_genes.start, MICRO.depth_genes.stop):
            assert gradient[gene, count - 1]  # the first depth has no block that others do not have
        else:
            assert gradient[gene, :count].all()


def test_a_gate_adds_as_much_of_a_block_as_it_is_probable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen before the head, whose normalization would hide it."""
    supernet = build_supernet(LEAN, _NUM_CLASSES, seed=1)
    monkeypatch.setattr(supernet.head, "call", lambda inputs, **statistics: inputs)
    relaxed = RelaxedNetwork(supernet)
    depth_gene = LEAN.depth_genes.start
    outputs = []
    for share in (0.0, 0.25, 1.0):
        probabilities = one_hot(LEAN, LEAN.gene_counts - 1).numpy()
        probabilities[depth_gene, :2] = (1 - share, share)
        outputs.append(relaxed(_images(16), tf.constant(probabilities), training=False).numpy())
    without, mixed, with_block = outputs
    assert np.abs(with_block - without).max() > 0.1
    np.testing.assert_allclose(mixed, 0.75 * without + 0.25 * with_block, rtol=1e-4, atol=1e-5)


def test_a_space_whose_parts_cannot_be_relaxed_is_refused() -> None:
    with pytest.raises(InputError, match="Expected a part type that can be relaxed"):
        RelaxedNetwork(build_supernet(BOTTLENECKS, _NUM_CLASSES))
