"""`AccuracyCount`: how many images a subnet gets right, and how sure its accuracy is."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.base.shares import standard_error_of_share


@dataclasses.dataclass(frozen=True)
class AccuracyCount:
    """What a subnet gets right of some images, counted in two halves of them.

    The halves are there to tell noise from knowledge: how far the accuracies of many subnets
    differ between two halves of the same images says how much of a difference between two
    subnets is due to the choice of the images. (The standard error of one subnet does not say
    that, as two subnets mostly fail on the same images.)

    Args:
        num_correct: Images with the right top-1 prediction, in the first and the second half.
        num_images: Images in each half.

    Raises:
        InputError: If there are no images, or a half has more right ones than images.
    """

    num_correct: tuple[int, int]
    num_images: tuple[int, int]

    def __post_init__(self) -> None:
        if sum(self.num_images) < 1 or min(self.num_images) < 0:
            raise InputError(f"Expected `num_images` to be above 0. Received: num_images={self.num_images}.")
        for correct, images in zip(self.num_correct, self.num_images, strict=True):
            if not 0 <= correct <= images:
                raise InputError(
                    "Expected `num_correct` to be from 0 to the number of images. "
                    f"Received: num_correct={self.num_correct}, num_images={self.num_images}."
                )

    @property
    def top1(self) -> float:
        """Top-1 accuracy in [0, 1]."""
        return sum(self.num_correct) / sum(self.num_images)

    @property
    def standard_error(self) -> float:
        """Of the top-1 accuracy, as an estimate of that on all images there could be.

        A subnet that gets every image right is not taken for certain.
        """
        return standard_error_of_share(sum(self.num_correct), sum(self.num_images))
