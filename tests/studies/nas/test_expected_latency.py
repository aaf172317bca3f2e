import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.table_builder import build_latency_table
from ofa_tf.studies.nas.arch_distribution import ArchDistribution
from ofa_tf.studies.nas.expected_latency import ExpectedLatency
from tests.support.formula_device import FormulaDevice, piece_models
from tests.support.small_choices import LEAN, all_genes


@pytest.fixture(scope="module")
def model() -> LatencyModel:
    table = build_latency_table(piece_models(LEAN, 3), FormulaDevice())
    return LatencyModel(LEAN, table, scale=1.2, exponent=1.1)


@pytest.fixture(scope="module")
def distribution() -> ArchDistribution:
    distribution = ArchDistribution(LEAN)
    distribution.logits += np.random.default_rng(0).standard_normal(distribution.logits.shape)
    return distribution


@pytest.mark.parametrize("index", range(2))
def test_it_is_that_of_the_mean_sum_over_all_archs(
    model: LatencyModel, distribution: ArchDistribution, index: int
) -> None:
    """By enumeration of the archs of an image size."""
    probabilities = distribution.probabilities()
    image_size_gene = LEAN.image_size_gene
    plain = LatencyModel(LEAN, model.table, scale=1.0, exponent=1.0)
    mean = 0.0
    for genes in all_genes():
        if genes[image_size_gene] != index:
            continue
        chosen = probabilities[np.arange(LEAN.num_genes), genes]
        chosen[image_size_gene] = 1.0
        mean += chosen.prod() * float(plain.predict(genes))
    expected = ExpectedLatency(model, LEAN.image_sizes[index])
    latency_ms = expected(tf.constant(probabilities, tf.float32))
    assert float(latency_ms) == pytest.approx(1.2 * mean**1.1, rel=1e-5)


def test_of_one_arch_it_is_the_predicted_latency(model: LatencyModel) -> None:
    for genes in all_genes()[::7]:
        probabilities = np.zeros((LEAN.num_genes, LEAN.gene_counts.max()), np.float32)
        probabilities[np.arange(LEAN.num_genes), genes] = 1.0
        image_size = LEAN.image_sizes[genes[LEAN.image_size_gene]]
        latency_ms = ExpectedLatency(model, image_size)(tf.constant(probabilities))
        assert float(latency_ms) == pytest.approx(float(model.predict(genes)), rel=1e-5)


def test_all_choices_of_the_blocks_have_gradients(model: LatencyModel, distribution: ArchDistribution) -> None:
    probabilities = tf.constant(distribution.probabilities(), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(probabilities)
        latency_ms = ExpectedLatency(model, LEAN.image_sizes[0])(probabilities)
    gradient = tape.gradient(latency_ms, probabilities).numpy()
    for gene in range(LEAN.num_genes):
        if gene != LEAN.image_size_gene and gene != LEAN.depth_genes.start:
            assert (gradient[gene, : LEAN.gene_counts[gene]] > 0).all()


def test_an_image_size_that_was_not_measured_is_refused(model: LatencyModel) -> None:
    with pytest.raises(InputError, match="measured range"):
        ExpectedLatency(model, 64)
