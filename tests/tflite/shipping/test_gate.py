"""The gate measures what it says, and lets through what it says."""

import dataclasses

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.modes import get_quantization_mode
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.gate import GateReport, Reference, compare, find_fault


@pytest.fixture(scope="module")
def report(subnet: keras.Model, float_model: bytes, data: ExportData, arch: Arch) -> GateReport:
    return compare(float_model, Reference.measure(subnet, data.held_out(arch)), data.held_out(arch))


def test_a_float_model_is_compared_number_by_number(
    report: GateReport, subnet: keras.Model, float_model: bytes, images: np.ndarray
) -> None:
    expected, actual = np.asarray(subnet(images), np.float64), TFLiteModel(float_model).predict(images)
    assert report.num_images == len(images)
    largest = np.abs(expected).max(-1, keepdims=True)
    divisor = np.maximum(largest, np.median(largest))
    assert report.max_relative_error == pytest.approx((np.abs(actual - expected) / divisor).max())
    assert report.max_relative_error < 1e-4
    assert (report.agreement, report.top1, report.reference_top1) == (1, 1, 1)
    assert 0 <= report.mean_kl < 1e-6
    assert report.delegation.num_partitions == 1
    assert report.size_bytes == len(float_model)


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

    report = compare(content, reference, [(images, None)])
    assert find_fault(report, get_quantization_mode("none"), max_accuracy_drop=0) is None


@pytest.mark.parametrize("wrong_image", [0, 1])
def test_a_model_that_is_wrong_about_one_image_fails_also_where_that_image_s_logits_are_near_zero(
    cancelling_subnet: keras.Model, images: np.ndarray, wrong_image: int
) -> None:
    reference = Reference.measure(cancelling_subnet, [(images, None)])
    changed = images.copy()
    changed[wrong_image] *= 1.01
    report = compare(to_tflite(cancelling_subnet), reference, [(changed, None)])
    fault = find_fault(report, get_quantization_mode("none"), max_accuracy_drop=0)
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
    measured = compare(content, Reference.measure(subnet, data.held_out(arch)), data.held_out(arch)).mean_kl
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
        ("dynamic", {"top1": None, "max_relative_error": 0.9}, "its logits differ by 9.0e-01 of the largest"),
        ("float16", {"top1": None, "max_relative_error": 0.02}, "its logits differ by 2.0e-02 of the largest"),
        ("int8", {"mean_kl": float("inf")}, "not all of its logits are finite"),
        ("int8", {"max_relative_error": 0.3}, None),
        ("int8", {"top1": 0.99}, None),
        ("int8", {"top1": 0.98}, "top-1 fell from 100.00% to 98.00% on 12 images (at most 1 points), mean KL"),
        ("int8", {"top1": None}, None),
        ("float16", {"top1": float("nan")}, "top-1 fell"),
    ],
)
def test_faults_are_named_with_their_numbers(
    report: GateReport, quantization: str, changes: dict, fault: str | None
) -> None:
    changed, mode = dataclasses.replace(report, **changes), get_quantization_mode(quantization)
    found = find_fault(changed, mode, max_accuracy_drop=0.01)
    assert found is None if fault is None else found is not None and found.startswith(fault)


def test_other_images_than_the_references_are_refused(
    subnet: keras.Model, float_model: bytes, data: ExportData, arch: Arch
) -> None:
    reference = Reference.measure(subnet, data.held_out(arch))
    with pytest.raises(InputError, match=r"logits of shape \(12, 10\). Received: logits of shape \(5, 10\)"):
        compare(float_model, reference, list(data.held_out(arch))[:1])
