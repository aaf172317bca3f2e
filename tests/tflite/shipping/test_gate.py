"""The gate measures what it says, and lets through what it says."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.modes import QUANTIZATION_MODES, get_quantization_mode
from ofa_tf.tflite.shipping import gate
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.gate import Comparison, Reference, compare, compare_logits, find_fault


@pytest.fixture(scope="module")
def comparison(subnet: keras.Model, float_model: bytes, data: ExportData, arch: Arch) -> Comparison:
    return compare(float_model, Reference.measure(subnet, data.decisive(arch)), data.decisive(arch))


def test_a_float_model_is_compared_number_by_number(
    comparison: Comparison, subnet: keras.Model, float_model: bytes, images: np.ndarray
) -> None:
    expected, actual = np.asarray(subnet(images), np.float64), TFLiteModel(float_model).predict(images)
    assert comparison.num_images == len(images)
    largest = np.abs(expected).max(-1, keepdims=True)
    divisor = np.maximum(largest, np.median(largest))
    assert comparison.max_relative_error == pytest.approx((np.abs(actual - expected) / divisor).max())
    assert comparison.max_relative_error < 1e-4
    assert (comparison.agreement, comparison.top1, comparison.reference_top1) == (1, 1, 1)
    assert 0 <= comparison.mean_kl < 1e-6


@pytest.fixture(scope="module")
def cancelling_subnet(subnet: keras.Model, images: np.ndarray) -> keras.Model:
    """The subnet with a bias that leaves almost nothing of the logits of the first image."""
    network = keras.models.clone_model(subnet)
    *weights, bias = subnet.get_weights()
    assert bias.shape == (10,)
    network.set_weights([*weights, bias - np.asarray(subnet(images))[0]])
    return network


def test_an_image_whose_logits_are_near_zero_does_not_fail_an_exact_model(
    cancelling_subnet: keras.Model, images: np.ndarray
) -> None:
    reference = Reference.measure(cancelling_subnet, [(images, None)])
    content = to_tflite(cancelling_subnet)
    difference = np.abs(TFLiteModel(content).predict(images) - reference.logits)
    largest = np.abs(reference.logits).max(-1, keepdims=True)
    assert largest[0, 0] < 1e-3 * np.median(largest)
    assert difference[0].max() > 1e-4 * largest[0, 0]  # by this measure it would not be exact

    comparison = compare(content, reference, [(images, None)])
    assert find_fault(comparison, get_quantization_mode("none"), max_accuracy_drop=0) is None


@pytest.mark.parametrize("wrong_image", [0, 1])
def test_a_model_that_is_wrong_about_one_image_fails_also_where_that_image_s_logits_are_near_zero(
    cancelling_subnet: keras.Model, images: np.ndarray, wrong_image: int
) -> None:
    reference = Reference.measure(cancelling_subnet, [(images, None)])
    changed = images.copy()
    changed[wrong_image] *= 1.01
    comparison = compare(to_tflite(cancelling_subnet), reference, [(changed, None)])
    fault = find_fault(comparison, get_quantization_mode("none"), max_accuracy_drop=0)
    assert fault is not None
    assert "its logits differ by" in fault


def test_large_batches_are_run_in_parts(subnet: keras.Model, images: np.ndarray) -> None:
    batch = np.resize(images, (70, *images.shape[1:]))
    sizes: list[int] = []

    def network(part: np.ndarray, training: bool) -> np.ndarray:
        sizes.append(len(part))
        return subnet(part, training=training)

    labels = np.arange(len(batch)) % 10
    reference = Reference.measure(network, [(batch, labels), (images, labels[: len(images)])])
    expected = np.asarray(subnet(np.concatenate([batch, images])))
    np.testing.assert_allclose(reference.logits, expected, rtol=1e-4, atol=1e-5)
    assert reference.labels is not None
    assert len(reference.labels) == len(expected)
    assert max(sizes) <= 32  # Keras keeps all activations of a call, which took a gigabyte in larger ones
    without_all_labels = Reference.measure(network, [(batch, labels), (images, None)])
    assert without_all_labels.labels is None


def test_kl_is_that_of_the_definition(subnet: keras.Model, images: np.ndarray, data: ExportData, arch: Arch) -> None:
    content = to_tflite(subnet, "int8", [images])
    measured = compare(content, Reference.measure(subnet, data.decisive(arch)), data.decisive(arch)).mean_kl
    p, q = (np.exp(np.asarray(x, np.float64)) for x in (subnet(images), TFLiteModel(content).predict(images)))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    assert measured == pytest.approx((p * np.log(p / q)).sum(-1).mean())
    assert measured > 0


@pytest.mark.parametrize(
    ("quantization", "changes", "fault"),
    [
        ("none", {}, None),
        ("none", {"max_relative_error": 2e-4}, "its logits differ by 2.0e-04 of the largest (at most 1e-04)"),
        ("none", {"max_relative_error": float("nan")}, "not all of its logits are finite"),
        ("dynamic", {"top1": None, "max_relative_error": 0.9}, None),
        ("float16", {"top1": None, "max_relative_error": 0.02}, "its logits differ by 2.0e-02 of the largest"),
        ("int8", {"mean_kl": float("inf")}, "not all of its logits are finite"),
        ("float16", {"max_relative_error": 0.02}, "its logits differ by 2.0e-02 of the largest"),
        ("int8", {"max_relative_error": 0.6}, None),
        ("int8", {"mean_kl": 0.05, "information": 0.8}, None),
        (
            "int8",
            {"mean_kl": 0.0501, "information": 0.8, "agreement": 0.9},
            "its answers differ from the network's by a mean KL of 0.0501 nats (at most 0.05; a model that looks at no "
            "image: 0.8), with 90.0% of the first classes equal",
        ),
        ("int8", {"lost_variance": 0.1}, None),
        (
            "int8",
            {"lost_variance": 0.11, "agreement": 0.9},
            "its logits differ from the network's by 11.0% of the variance that these have over the images (at most "
            "10%), with 90.0% of the first classes equal",
        ),
        ("dynamic", {"top1": None, "mean_kl": 0.011, "information": 0.0}, "its answers differ from the network's by"),
        ("int8", {"top1": 0.99}, None),
        ("int8", {"top1": 0.98}, "top-1 fell from 100.00% to 98.00% on 12 images (at most 1 points), mean KL"),
        ("int8", {"top1": None}, None),
        ("float16", {"top1": float("nan")}, "top-1 fell"),
    ],
)
def test_faults_are_named_with_their_numbers(
    comparison: Comparison, quantization: str, changes: dict, fault: str | None
) -> None:
    changed, mode = dataclasses.replace(comparison, **changes), get_quantization_mode(quantization)
    found = find_fault(changed, mode, max_accuracy_drop=0.01)
    assert found is None if fault is None else found is not None and found.startswith(fault)


def test_other_images_than_the_references_are_refused(
    subnet: keras.Model, float_model: bytes, data: ExportData, arch: Arch
) -> None:
    reference = Reference.measure(subnet, data.decisive(arch))
    with pytest.raises(InputError, match=r"logits of shape \(12, 10\). Received: logits of shape \(5, 10\)"):
        compare(float_model, reference, list(data.decisive(arch))[:1])


def _answers(share_of_first: float, num_images: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a network that is mostly right, and the labels, of which a share is of the first of five classes."""
    rng = np.random.default_rng(7)
    others = (1 - share_of_first) / 4
    labels = rng.choice(5, num_images, p=[share_of_first, others, others, others, others])
    logits = rng.normal(size=(num_images, 5)) + 4 * np.eye(5)[labels]
    return logits.astype(np.float32), labels


def _best_constant(logits: np.ndarray) -> np.ndarray:
    """For every image the mean of the network's probabilities, as logits."""
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return np.broadcast_to(np.log(probabilities.mean(0)), logits.shape).astype(np.float32)


@pytest.mark.parametrize("quantization", list(QUANTIZATION_MODES))
@pytest.mark.parametrize("has_labels", [True, False])
@pytest.mark.parametrize("share_of_first", [0.2, 0.9, 0.97])
def test_a_constant_answer_does_not_pass_however_often_it_is_right(
    quantization: str, has_labels: bool, share_of_first: float
) -> None:
    logits, labels = _answers(share_of_first)
    reference = Reference(logits, labels if has_labels else None)
    mode = get_quantization_mode(quantization)
    for constant in (_best_constant(logits), np.broadcast_to(4 * np.eye(5, dtype=np.float32)[0], logits.shape)):
        assert find_fault(compare_logits(constant, reference), mode, max_accuracy_drop=0.9) is not None
    assert find_fault(compare_logits(logits, reference), mode, max_accuracy_drop=0.0) is None


def test_information_is_what_the_best_constant_answer_loses() -> None:
    logits, labels = _answers(0.6)
    comparison = compare_logits(_best_constant(logits), Reference(logits, labels))
    assert comparison.information == pytest.approx(comparison.mean_kl, rel=1e-4)
    worse = compare_logits(np.zeros_like(logits), Reference(logits, labels))
    assert worse.mean_kl > comparison.mean_kl


def test_lost_variance_is_that_of_the_definition() -> None:
    logits, labels = _answers(0.6)
    wrong = logits + np.random.default_rng(0).normal(size=logits.shape).astype(np.float32)
    comparison = compare_logits(wrong + 7, Reference(logits, labels))  # what all classes have more says nothing
    differences = wrong - logits
    differences = differences - differences.mean(-1, keepdims=True)
    centered = logits - logits.mean(-1, keepdims=True)
    expected = (differences**2).mean() / centered.var(axis=0).mean()
    assert comparison.lost_variance == pytest.approx(expected, rel=1e-3)
    assert compare_logits(2 * logits, Reference(logits, labels)).lost_variance > 0.9


def test_who_allows_a_large_drop_allows_as_much_of_the_rest() -> None:
    logits, labels = _answers(0.6)
    far_off = compare_logits(0.5 * logits, Reference(logits, labels))
    mode = get_quantization_mode("int8")
    assert find_fault(far_off, mode, max_accuracy_drop=0.1) is not None
    assert find_fault(far_off, mode, max_accuracy_drop=0.5) is None


def test_a_network_that_says_nearly_the_same_of_all_images_may_be_rounded() -> None:
    rng = np.random.default_rng(0)
    logits = (3 * np.eye(5)[0] + 1e-3 * rng.normal(size=(50, 5))).astype(np.float32)
    rounded = logits + 0.01 * rng.normal(size=logits.shape).astype(np.float32)
    comparison = compare_logits(rounded, Reference(logits, None))
    assert comparison.lost_variance < 0.1
    assert find_fault(comparison, get_quantization_mode("int8"), max_accuracy_drop=0) is None


def test_a_network_that_says_nothing_at_all_is_agreed_with() -> None:
    nothing = np.zeros((4, 5), np.float32)
    assert compare_logits(nothing, Reference(nothing, None)).lost_variance == 0


def test_rounding_that_changes_few_classes_passes() -> None:
    logits, labels = _answers(0.9)
    rounded = logits + 0.1 * np.random.default_rng(0).normal(size=logits.shape).astype(np.float32)
    comparison = compare_logits(rounded, Reference(logits, labels))
    assert comparison.agreement < 1
    assert find_fault(comparison, get_quantization_mode("int8"), max_accuracy_drop=0.01) is None


def test_a_class_that_no_image_is_of_gives_no_nan() -> None:
    logits, labels = _answers(0.5)
    impossible = np.concatenate([logits, np.full((len(logits), 1), -1e4, np.float32)], axis=1)
    assert np.isfinite(compare_logits(impossible, Reference(impossible, labels)).information)


def test_many_images_give_the_same_as_few(subnet: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """From some hundred images on the network is one graph, which is traced once, whatever the batches' sizes are."""
    size = subnet.input_shape[1]
    images = np.random.default_rng(0).standard_normal((90, size, size, 3), dtype=np.float32)
    batches = [(images[:64], None), (images[64:], None)]
    few = Reference.measure(subnet, batches)

    num_calls = 0
    call = type(subnet).__call__

    def counted(self: keras.Model, *arguments: Any, **options: Any) -> Any:
        nonlocal num_calls
        num_calls += self is subnet
        return call(self, *arguments, **options)

    monkeypatch.setattr(type(subnet), "__call__", counted)
    monkeypatch.setattr(gate, "_NUM_IMAGES_UNTIL_TRACED", 32)
    many = Reference.measure(subnet, batches)
    np.testing.assert_allclose(many.logits, few.logits, rtol=1e-4, atol=1e-5)
    assert num_calls == 2  # for the first images, and to trace


def test_who_guesses_answers_with_the_most_frequent_class() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2, 2, 0]]
    assert Reference(logits, np.array([2, 1, 2, 2, 0])).guessed_top1 == 0.6
    assert Reference(logits, None).guessed_top1 is None
