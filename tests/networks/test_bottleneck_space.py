"""A space of bottleneck blocks through the same interfaces as the others."""

from pathlib import Path

import hypothesis
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.channel_sorting import sort_channels
from ofa_tf.networks.saving import load_supernet, save_supernet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.phases import PHASE_NAMES, select_phases
from ofa_tf.training.progressive_shrinking import train
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.search import SearchSettings
from tests.support.images import write_class_folders
from tests.support.networks import archs, assert_close, check_subnet, images, randomize
from tests.support.spaces import BOTTLENECKS


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    return randomize(build_supernet(BOTTLENECKS, 5, seed=0))


@pytest.mark.long
@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(archs(BOTTLENECKS))
def test_subnets_compute_what_the_supernet_computes_and_cost_what_the_formulas_say(
    supernet: Supernet, arch: Arch
) -> None:
    check_subnet(supernet, arch)


def test_one_graph_serves_all_subnets(supernet: Supernet) -> None:
    signature = [tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((BOTTLENECKS.num_genes,), tf.int32)]
    graph = tf.function(lambda batch, genes: supernet(batch, genes), input_signature=signature, autograph=False)
    rng = np.random.default_rng(0)
    for arch in (BOTTLENECKS.largest(), BOTTLENECKS.smallest(), *(BOTTLENECKS.sample(rng) for _ in range(6))):
        batch = images(num=2, size=arch.image_size)
        assert_close(graph(batch, BOTTLENECKS.encode(arch)), supernet(batch, arch))


@pytest.mark.parametrize("gene", range(1, BOTTLENECKS.num_genes))
def test_every_choice_changes_the_output(supernet: Supernet, gene: int) -> None:
    genes = BOTTLENECKS.encode(BOTTLENECKS.largest(33))
    batch, full = images(num=2, size=33), supernet(images(num=2, size=33), BOTTLENECKS.largest(33))
    genes[gene] -= 1
    assert np.abs(supernet(batch, BOTTLENECKS.decode_one(genes)) - full).max() > 1e-3


def test_sorting_puts_important_channels_first_and_leaves_the_largest_network_as_it_is() -> None:
    supernet = randomize(build_supernet(BOTTLENECKS, 5, seed=0))
    batch, largest = images(num=2, size=33), BOTTLENECKS.largest(33)
    before = supernet(batch, largest)
    sort_channels(supernet, 0)
    assert_close(supernet(batch, largest), before)
    for block in supernet.blocks:
        for kernel in (block.conv2.kernel, block.conv3.kernel):
            importance = np.abs(kernel.numpy()).sum(axis=(0, 1, 3))
            assert (np.diff(importance) <= 1e-6).all()


def test_a_saved_supernet_is_read_again(supernet: Supernet, tmp_path: Path) -> None:
    save_supernet(supernet, tmp_path)
    again = load_supernet(tmp_path)
    assert again.space == BOTTLENECKS
    batch = images(num=2, size=40)
    np.testing.assert_array_equal(again(batch, BOTTLENECKS.smallest(40)), supernet(batch, BOTTLENECKS.smallest(40)))


def test_the_largest_width_is_sampled_first_and_all_later() -> None:
    for keep, fewest in ((1, 1), (None, 0)):
        lower = BOTTLENECKS.smallest_indices(depths=keep, expand_ratios=keep)
        genes = BOTTLENECKS.sample_genes(np.random.default_rng(0), 200, lower)
        widths = genes[:, BOTTLENECKS.layout.of_field("width_multipliers")]
        stem_depths = genes[:, BOTTLENECKS.layout.stem_depth_gene]
        assert widths.min() == stem_depths.min() == fewest


@pytest.mark.long
def test_it_is_trained_searched_and_shipped(tmp_path: Path) -> None:
    photos = write_class_folders(tmp_path / "photos", {"ant": 30, "bee": 30})
    phases = {name: PhaseConfig(epochs=1, learning_rate=0.02, num_subnets=2) for name in PHASE_NAMES}
    config = TrainConfig(
        str(tmp_path / "run"),
        phases,
        space=BOTTLENECKS.name,
        dataset=f"folder:{photos}",
        batch_size=16,
        num_calibration_images=32,
    )
    run = Run(config.workdir, train(config, select_phases("all")).evaluator)
    run.build_accuracy_table(10)
    limit = num_macs(BOTTLENECKS, BOTTLENECKS.largest(), 2) / 2
    settings = SearchSettings(evolution=EvolutionSettings(20, 10), num_finalists=0)
    found = run.search(Limits(macs=limit), settings=settings)
    assert found.costs["macs"] <= limit
    path = tmp_path / "model.tflite"
    run.export(found.arch, path, ExportOptions("int8", max_accuracy_drop=1.0))
    assert TFLiteModel(path).image_size == found.arch.image_size
    assert load_sidecar(path)["num_params"] == num_params(BOTTLENECKS, found.arch, 2)
