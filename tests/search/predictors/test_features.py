import numpy as np
import pytest

from ofa_tf.search.predictors.features import StandardFeatures, encode_features
from ofa_tf.space.costs import num_macs
from ofa_tf.space.presets import get_search_space
from tests.support.spaces import MICRO


@pytest.mark.parametrize("name", ["mobilenet_v3_tiny", "resnet50d"])
def test_equal_networks_have_equal_features_and_others_do_not(name: str) -> None:
    space = get_search_space(name)
    genes = space.sample_genes(np.random.default_rng(3), 50)
    features = encode_features(space, genes)
    np.testing.assert_array_equal(features, encode_features(space, space.canonical_genes(genes)))
    assert len(np.unique(features, axis=0)) == len(np.unique(space.canonical_genes(genes), axis=0))


def test_size_and_macs_are_there_with_their_squares() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(0), 40)
    features = encode_features(MICRO, genes)
    size = genes[:, MICRO.image_size_gene] / (len(MICRO.image_sizes) - 1) - 0.5
    np.testing.assert_allclose(features[:, 0], size)
    np.testing.assert_allclose(features[:, 1], size**2)
    log_macs = np.log(num_macs(MICRO, genes, 1) / num_macs(MICRO, MICRO.largest(), 1))
    np.testing.assert_allclose(features[:, -2], log_macs)
    np.testing.assert_allclose(features[:, -1], log_macs**2)


def test_standard_features_of_their_sample_have_mean_0_and_deviation_1() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(0), 40)
    standard = StandardFeatures.of(MICRO, genes).encode(genes)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-12)
    varying = np.ptp(encode_features(MICRO, genes), axis=0) > 0
    np.testing.assert_allclose(standard.std(axis=0)[varying], 1)
    np.testing.assert_allclose(standard[:, ~varying], 0, atol=1e-12)
