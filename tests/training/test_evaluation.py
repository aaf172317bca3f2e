import numpy as np
import pytest

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


def test_large_images_are_evaluated_in_smaller_batches(source: ImageSource) -> None:
    evaluator = Evaluator(build_supernet(MICRO, source.num_classes), source)
    small = list(evaluator.eval_batches(16, "train"))
    large = list(evaluator.eval_batches(512, "train"))
    num_examples = source.num_examples("train")
    assert sum(len(labels) for _, labels in small) == num_examples
    assert sum(len(labels) for _, labels in large) == num_examples
    assert len(small) == 1
    assert max(len(images) for images, _ in large) == 8  # 2**21 pixels
