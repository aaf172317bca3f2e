"""`HoldOut`: how many training images are held out for validation."""

import dataclasses

from ofa_tf.base.errors import InputError


@dataclasses.dataclass(frozen=True)
class HoldOut:
    """How many training images a data set without validation images holds out.

    Args:
        fraction: Share of the training images.
        num_images: Their number, instead of a share; 0: as `fraction` says.
    """

    fraction: float
    num_images: int = 0

    def fraction_of(self, num_train: int, name: str) -> float:
        """The share of so many training images.

        Args:
            num_train: Number of training images, those that are held out included.
            name: What the user called the data set.

        Raises:
            InputError: If no image would be left to train with.
        """
        if not self.num_images:
            return self.fraction
        if self.num_images >= num_train:
            raise InputError(
                f"Expected `num_validation_images` to be below the {num_train} training images of {name!r}. "
                f"Received: num_validation_images={self.num_images}. Hold fewer out."
            )
        return self.num_images / num_train
