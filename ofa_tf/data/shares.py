"""`Share`: which images of a split one evaluation looks at. Loads no TensorFlow.

Images that choose are not images that report: the best of many measurements on the same images is too high by luck.
So the validation images are dealt out, one by one, to two shares: accuracy predictors and searches use the images of
the one, and what they found is reported on those of the other. A share is decided by an image's position in the
fixed order of its split alone, and so is the same in every process.
"""

import dataclasses

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.registry import Registry


@dataclasses.dataclass(frozen=True)
class Share:
    """Every `step`-th image of a split.

    Args:
        split: Split of an `ImageSource`.
        first: Position of the first image.
        step: From one image to the next one.
    """

    split: str
    first: int = 0
    step: int = 1

    def positions(self, num_images: int) -> np.ndarray:
        """Where the images stand in the split's fixed order, ascending, int64.

        Args:
            num_images: Number of images in the whole split.

        Raises:
            InputError: If there are too few images to share.
        """
        if num_images < self.step:
            raise InputError(
                f"Expected at least {self.step} {self.split} images, to search on some and to report on others. "
                f"Received: {num_images}. Hold more images out of training, with a larger --validation_fraction or "
                "--num_validation_images."
            )
        return np.arange(self.first, num_images, self.step)


def possible_report_images(num_search_images: tuple[int, int]) -> list[tuple[int, int]]:
    """How many images there may be to report on, beside those to search on: as many, or one less.

    Args:
        num_search_images: Images to search on, in each of two halves.

    Returns:
        Numbers of images in each half, where every second image is in the first one.
    """
    num_images = sum(num_search_images)
    possible = []
    for number in (num_images, num_images - 1):
        num_in_second = number // 2
        possible.append((number - num_in_second, num_in_second))
    return possible


SEARCH_SHARE = "search"
REPORT_SHARE = "report"

# What can be evaluated on, by name: whole splits, and the shares of the validation images.
SHARES: Registry[Share] = Registry("split to evaluate on")
SHARES.register("train", Share("train"))
SHARES.register("validation", Share("validation"))
SHARES.register(SEARCH_SHARE, Share("validation", first=0, step=2))
SHARES.register(REPORT_SHARE, Share("validation", first=1, step=2))
SHARES.register("test", Share("test"))
