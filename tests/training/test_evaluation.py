from ofa_tf.data.image_source import ImageSource
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.training.evaluation import Evaluator
from tests.support.spaces import MICRO


def test_large_images_are_evaluated_in_smaller_batches(source: ImageSource) -> None:
    evaluator = Evaluator(build_supernet(MICRO, source.num_classes), source)
    small, large = (list(evaluator.eval_batches(size, "train")) for size in (16, 512))
    assert (
        sum(len(labels) for _, labels in small)
        == sum(len(labels) for _, labels in large)
        == source.num_examples("train")
    )
    assert len(small) == 1
    assert max(len(images) for images, _ in large) == 8  # 2**21 pixels
