import dataclasses
import json
import os
import signal
from collections.abc import Callable

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from tests.support.networks import assert_close, images, randomize
from tests.support.spaces import BOTTLENECKS, MICRO


class Graph:
    """One `tf.function` around a supernet, counting its traces."""

    def __init__(self, supernet: Supernet) -> None:
        self.num_traces = 0
        self._supernet = supernet
        signature = [tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((supernet.space.num_genes,), tf.int32)]
        self._call = tf.function(self._forward, autograph=False, input_signature=signature)

    def _forward(self, images: tf.Tensor, genes: tf.Tensor) -> tf.Tensor:
        self.num_traces += 1
        return self._supernet(images, genes)

    def __call__(self, images: np.ndarray, arch: Arch) -> np.ndarray:
        return self._call(images, self._supernet.space.encode(arch)).numpy()


@pytest.fixture(scope="module")
def graph(shared_supernet: Supernet) -> Graph:
    return Graph(shared_supernet)


def test_one_graph_gives_what_archs_give_for_all_subnets_and_image_sizes(
    shared_supernet: Supernet, space: SearchSpace, graph: Graph
) -> None:
    rng = np.random.default_rng(0)
    archs = [space.largest(), space.smallest(), *(space.sample(rng) for _ in range(12))]

    for arch in archs:
        batch = images(num=2, size=arch.image_size)
        assert_close(graph(batch, arch), shared_supernet(batch, arch))

    assert {arch.image_size for arch in archs} == set(space.image_sizes)
    assert {arch.depths for arch in archs} == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert graph.num_traces == 1


def test_every_choice_of_an_active_block_changes_the_output(shared_supernet: Supernet, space: SearchSpace) -> None:
    batch, genes = images(), space.encode(space.largest(24))
    outputs = [shared_supernet(batch, space.largest(24)).numpy()]

    for gene in range(1, space.num_genes):
        changed = genes.copy()
        changed[gene] -= 1
        outputs.append(shared_supernet(batch, space.decode_one(changed)).numpy())

    for index, one in enumerate(outputs):
        assert all(np.abs(one - other).max() > 1e-3 for other in outputs[:index])


def test_training_in_a_graph_gives_what_archs_give_with_gradients_and_statistics(
    supernet: Supernet, space: SearchSpace
) -> None:
    num_traces, batch, weights = 0, tf.constant(images()), supernet.get_weights()
    variables = [weight.value for weight in supernet.trainable_weights]

    def train(arch: Arch | tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits = supernet(batch, arch, training=True, momentum=0.5)
            loss = tf.reduce_mean(logits**2)
        return logits, tape.gradient(loss, variables, unconnected_gradients="zero")

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((space.num_genes,), tf.int32)])
    def train_in_graph(genes: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        nonlocal num_traces
        num_traces += 1
        return train(genes)

    for arch in (space.largest(24), space.smallest(24), space.sample(np.random.default_rng(0))):
        logits, gradients = train_in_graph(space.encode(arch))
        after = [weight.numpy() for weight in supernet.non_trainable_weights]
        supernet.set_weights(weights)
        expected_logits, expected_gradients = train(arch)

        assert_close(logits, expected_logits, 1e-4)
        scale = max(float(tf.reduce_max(tf.abs(gradient))) for gradient in expected_gradients)
        assert scale > 1e-3
        for actual, expected in zip(gradients, expected_gradients, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4 * scale)
        for actual, weight in zip(after, supernet.non_trainable_weights, strict=True):
            np.testing.assert_allclose(actual, weight, rtol=1e-3, atol=1e-4)
        supernet.set_weights(weights)
    assert num_traces == 1


def test_what_a_subnet_does_not_use_has_no_influence(supernet: Supernet, space: SearchSpace) -> None:
    arch = Arch(space.name, 24, (1, 1), (5, 3, 5, 3), (2, 2, 3, 2))
    graph, batch = Graph(supernet), images()
    expected = supernet(batch, arch).numpy()

    for block, layer in zip(space.blocks, supernet.blocks, strict=True):
        if block.position > 0:  # skipped
            for weight in layer.weights:
                weight.assign(np.full(weight.shape, np.nan))
            continue
        middle = {"stage1_block1": 16, "stage2_block1": 48}[block.name]
        for weight, axis in (
            (layer.expand_conv.kernel, -1),
            *((weight, -1) for weight in layer.expand_bn.weights),
            (layer.depthwise_conv.kernel, -2),
            *((weight, -1) for weight in layer.depthwise_bn.weights),
            (layer.project_conv.kernel, -2),
        ):
            values = np.moveaxis(weight.numpy().copy(), axis, 0)
            values[middle:] = np.nan
            weight.assign(np.moveaxis(values, 0, axis))
        layer.depthwise_conv.transforms["3"].assign(np.full((9, 9), np.nan))

    np.testing.assert_array_equal(supernet(batch, arch), expected)
    assert_close(graph(batch, arch), expected)
    assert np.all(np.isnan(graph(batch, space.largest(24))))  # so the check can fail


def test_same_seed_gives_the_same_weights(space: SearchSpace) -> None:
    def build(seed: int | None) -> dict[str, np.ndarray]:
        supernet = build_supernet(space, 7, seed=seed)
        return {weight.path.split("/", 1)[1]: weight.numpy() for weight in supernet.trainable_weights}

    first, other, third = build(0), build(1), build(None)
    keras.utils.set_random_seed(5)  # the global seed must not matter

    for path, values in build(0).items():
        np.testing.assert_array_equal(values, first[path])
        drawn = path.endswith("kernel")
        assert np.array_equal(values, other[path]) != drawn
        assert np.array_equal(values, third[path]) != drawn
    kernels = [values.tobytes()[:64] for path, values in first.items() if path.endswith("kernel")]
    assert len(set(kernels)) == len(kernels)


def test_fresh_weights_have_the_variance_of_he_initialization_by_fan_out(space: SearchSpace) -> None:
    supernet = build_supernet(space, 1000, seed=0)

    for variable in supernet.trainable_variables:
        if not variable.path.endswith("depthwise_conv/kernel"):
            continue
        # The reference: a normal distribution of the variance 2 / (kernel size squared * output channels).
        size, _, channels, _ = variable.shape
        sure_to = 5 / np.sqrt(2 * variable.numpy().size)
        expected = np.sqrt(2 / (size**2 * channels))
        assert variable.numpy().std() == pytest.approx(expected, rel=sure_to), variable.path
    assert supernet.head.head_conv.kernel.numpy().std() == pytest.approx(np.sqrt(2 / 32), rel=0.1)
    assert supernet.blocks[3].expand_conv.kernel.numpy().std() == pytest.approx(np.sqrt(2 / 96), rel=0.1)
    assert supernet.head.classifier.kernel.numpy().std() == pytest.approx(0.01, rel=0.1)


def test_dropout_is_active_in_training_only(space: SearchSpace) -> None:
    supernet = randomize(build_supernet(space, 7, dropout_rate=0.5, seed=0))
    batch, arch = images(), space.smallest(24)

    np.testing.assert_array_equal(supernet(batch, arch), supernet(batch, arch))
    training = [supernet(batch, arch, training=True).numpy() for _ in range(2)]
    assert np.abs(training[0] - training[1]).max() > 1e-3


def test_a_supernet_in_mixed_precision_computes_and_trains_like_one_in_float32(
    space: SearchSpace, shared_supernet: Supernet
) -> None:
    mixed = Supernet(space, 7, dtype="mixed_bfloat16")
    mixed.build()
    mixed.set_weights(shared_supernet.get_weights())
    batch, genes = images(), space.encode(space.smallest(24))

    @tf.function(autograph=False)
    def logits_and_gradient(supernet: Supernet, genes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = supernet(batch, genes)
            loss = tf.reduce_mean(logits**2)
        return logits, tape.gradient(loss, supernet.blocks[0].depthwise_conv.kernel.value)

    logits, gradient = logits_and_gradient(mixed, tf.constant(genes))
    expected_logits, expected_gradient = logits_and_gradient(shared_supernet, tf.constant(genes))

    assert {layer.compute_dtype for layer in (mixed.parts[0].conv, *mixed.blocks, mixed.head.head_conv)} == {"bfloat16"}
    assert {weight.dtype for weight in mixed.trainable_weights} == {"float32"}
    assert logits.dtype == tf.float32
    assert_close(logits, expected_logits, 0.1)
    assert_close(gradient, expected_gradient, 0.1)


def test_config_survives_json(space: SearchSpace) -> None:
    supernet = build_supernet(space, 7, dropout_rate=0.25, seed=3)

    again = Supernet.from_config(json.loads(json.dumps(supernet.get_config())))

    assert (again.space, again.num_classes, again.dropout_rate, again.seed) == (space, 7, 0.25, 3)


def test_output_shape_is_known(shared_supernet: Supernet) -> None:
    assert shared_supernet.compute_output_shape((None, 24, 24, 3)) == (None, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, r"`num_classes` to be at least 1\. Received: num_classes=0\."),
        ({"num_classes": 7, "dropout_rate": 1.0}, r"`dropout_rate` to be in \[0, 1\)\. Received: dropout_rate=1\.0\."),
        (
            {"num_classes": 7, "dropout_rate": -0.1},
            r"`dropout_rate` to be in \[0, 1\)\. Received: dropout_rate=-0\.1\.",
        ),
    ],
)
def test_impossible_options_are_refused(space: SearchSpace, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_supernet(space, **options)


def test_arch_of_another_space_is_refused_in_one_line(shared_supernet: Supernet, space: SearchSpace) -> None:
    arch = dataclasses.replace(space.largest(24), space="another")
    message = r"^Expected an arch of the search space 'two_stages'\. Received: one of 'another'\. Use .*$"
    with pytest.raises(InputError, match=message):
        shared_supernet(images(), arch)


@pytest.mark.parametrize(
    ("method", "advice"),
    [
        ("fit", "Train with train_main.py, or ofa_tf.train"),
        ("evaluate", r"ofa_tf.open_run\(workdir\).evaluate"),
        ("predict", r"Call a subnet: supernet\(images, arch"),
    ],
)
def test_what_a_plain_model_does_is_refused_with_what_to_use_instead(
    shared_supernet: Supernet, method: str, advice: str
) -> None:
    with pytest.raises(InputError, match=f"Expected a plain Keras model for `{method}`.*{advice}"):
        getattr(shared_supernet, method)(images())


def test_an_arch_of_another_space_is_refused_in_the_package_s_own_words(shared_supernet: Supernet) -> None:
    other = dataclasses.replace(shared_supernet.space.smallest(), space="another")
    with pytest.raises(InputError) as error:
        shared_supernet(images(), other)
    assert str(error.value).startswith("Expected an arch of the search space")  # and no paragraph of Keras's


@pytest.mark.parametrize("space", [MICRO, BOTTLENECKS], ids=lambda space: space.name)
def test_blocks_that_start_as_identity_hand_their_input_on(space: SearchSpace) -> None:
    supernet = build_supernet(space, 5, seed=0)
    supernet.start_as_identity()
    num_residual = 0
    for part, layer in zip(space.blocks, supernet.blocks, strict=True):
        inputs = np.random.default_rng(0).random((2, 8, 8, part.largest.in_channels), np.float32)  # no negative ones
        is_residual = part.position > 0
        if is_residual:
            num_residual += 1
            np.testing.assert_allclose(layer(inputs, training=True), inputs, atol=1e-6)
    assert num_residual > 1


def test_a_supernet_does_not_start_as_identity_by_itself() -> None:
    supernet = build_supernet(MICRO, 5, seed=0)
    assert all(layer.project_bn.gamma.numpy().all() for layer in supernet.blocks)


@pytest.mark.parametrize(
    "build",
    [lambda: build_supernet(MICRO, num_classes=3), lambda: build_subnet(MICRO, MICRO.smallest(), num_classes=3)],
    ids=["supernet", "subnet"],
)
def test_an_interrupt_while_weights_are_drawn_is_not_lost(
    build: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow asks `finfo` for the largest number of a type, and catches whatever it raises."""
    finfo = ml_dtypes.finfo
    interrupted = []

    def finfo_and_interrupt(dtype: object) -> object:
        if not interrupted:
            interrupted.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return finfo(dtype)

    monkeypatch.setattr(ml_dtypes, "finfo", finfo_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        build()
    assert interrupted
