import numpy as np
import pytest

from ofa_tf.data.batches import eval_batches
from ofa_tf.data.image_source import ImageSource
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
    for images, labels in evaluator.eval_batches(arch.image_size, "train"):
        predictions = np.argmax(subnet.predict_on_batch(images), axis=-1)
        num_correct += np.sum(predictions == np.asarray(labels))
        num_images += len(labels)
    assert num_images == source.num_examples("train")
    assert measured == num_correct / num_images


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
