from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from ofa_tf.data.batches import calibration_batches, eval_batches
from ofa_tf.data.checked_batches import CheckedBatches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.networks.calibration import calibrate_batch_norm
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.training.evaluation import Evaluator
from tests.support.spaces import MICRO


@pytest.mark.parametrize("arch", [MICRO.smallest(), MICRO.largest()], ids=["smallest", "largest"])
def test_top1_is_the_share_of_images_that_the_calibrated_subnet_gets_right(source: ImageSource, arch: Arch) -> None:
    supernet = build_supernet(MICRO, source.num_classes, seed=5)
    evaluator = Evaluator(supernet, source, num_calibration_images=32)
    other = MICRO.largest() if arch == MICRO.smallest() else MICRO.smallest()
    evaluator.calibrate(other)
    measured = evaluator.top1(arch, "train")

    evaluator.calibrate(arch)
    subnet = extract_subnet(supernet, arch)
    num_correct = 0
    num_images = 0
    total_loss = 0.0
    for images, labels in evaluator.eval_batches(arch.image_size, "train"):
        logits = subnet.predict_on_batch(images)
        predictions = np.argmax(logits, axis=-1)
        num_correct += np.sum(predictions == np.asarray(labels))
        num_images += len(labels)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        total_loss += float(np.sum(losses))
    assert num_images == source.num_examples("train")
    assert measured == num_correct / num_images
    validation = evaluator.validate(arch, "train")
    assert validation.count.top1 == measured
    assert validation.loss == pytest.approx(total_loss / num_images, rel=1e-4)


@pytest.mark.parametrize("split", ["train", "search", "report"])
def test_what_is_right_is_counted_in_two_halves_of_every_second_image(source: ImageSource, split: str) -> None:
    supernet = build_supernet(MICRO, source.num_classes, seed=5)
    arch = MICRO.smallest()
    # Batches of an odd number of images, so that a half's images stand at other places in each batch.
    evaluator = Evaluator(supernet, source, num_calibration_images=32, batch_size=5)
    measured = evaluator.measure(arch, split)

    evaluator.calibrate(arch)
    subnet = extract_subnet(supernet, arch)
    stored_split = "train" if split == "train" else "validation"
    whole = eval_batches(source, stored_split, image_size=arch.image_size, batch_size=1)
    is_correct = [int(np.argmax(subnet(images))) == int(labels[0]) for images, labels in whole]
    is_correct = {"train": is_correct, "search": is_correct[0::2], "report": is_correct[1::2]}[split]
    assert measured.num_images == (len(is_correct[0::2]), len(is_correct[1::2]))
    assert measured.num_correct == (sum(is_correct[0::2]), sum(is_correct[1::2]))
    assert evaluator.top1(arch, split) == measured.top1


def test_large_images_are_evaluated_in_smaller_batches(source: ImageSource) -> None:
    evaluator = Evaluator(build_supernet(MICRO, source.num_classes), source)
    small = list(evaluator.eval_batches(16, "train"))
    large = list(evaluator.eval_batches(512, "train"))
    num_examples = source.num_examples("train")
    assert sum(len(labels) for _, labels in small) == num_examples
    assert sum(len(labels) for _, labels in large) == num_examples
    assert len(small) == 1
    assert max(len(images) for images, _ in large) == 8  # 2**21 pixels


def test_calibration_sees_images_that_are_augmented_and_others_do_not(source: ImageSource) -> None:
    arch = MICRO.smallest()
    supernet = build_supernet(MICRO, source.num_classes, seed=5)
    evaluator = Evaluator(supernet, source, augmentation="cifar", num_calibration_images=32)
    sample = {"image_size": arch.image_size, "batch_size": 32, "num_images": 32, "seed": 0}
    for _ in range(2):  # read, and from memory
        evaluator.calibrate(arch)
        statistics = [weight.numpy() for weight in supernet.non_trainable_weights]
        calibrate_batch_norm(supernet, calibration_batches(source, augmentation="cifar", **sample), arch)
        for actual, expected in zip(statistics, supernet.non_trainable_weights, strict=True):
            np.testing.assert_array_equal(actual, expected.numpy())
        (images,) = evaluator.training_images(arch.image_size, 32)
        (expected_images,) = calibration_batches(source, **sample)
        np.testing.assert_array_equal(images, expected_images)


@pytest.mark.parametrize(("kept_bytes", "num_readings"), [(0, 6), (2**20, 2)])
def test_images_are_read_once_for_all_subnets_if_there_is_memory_for_them(
    source: ImageSource, kept_bytes: int, num_readings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_through = CheckedBatches.__iter__
    readings = []

    def iterate(batches: CheckedBatches) -> Iterator[Any]:
        readings.append(batches)
        return read_through(batches)

    monkeypatch.setattr(CheckedBatches, "__iter__", iterate)
    evaluator = Evaluator(
        build_supernet(MICRO, source.num_classes, seed=5), source, num_calibration_images=32, kept_bytes=kept_bytes
    )
    small, large = MICRO.smallest(), MICRO.largest(MICRO.smallest().image_size)
    first, _, again = [evaluator.measure(arch) for arch in (small, large, small)]
    assert first == again
    assert len(readings) == num_readings  # images to calibrate with, and images to evaluate on
