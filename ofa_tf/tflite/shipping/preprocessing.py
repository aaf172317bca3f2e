"""`Preprocessing`: what is done to an image before it is normalised. Loads neither TensorFlow nor Keras."""

import dataclasses
from typing import Any

_RESIZE = "bilinear, antialiased"  # to the square that the model takes
_COLOR_ORDER = "RGB"


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """What is done to an image before it is normalised, when accuracies are measured.

    Images are always resized bilinearly with antialiasing to the square that the model takes.

    Args:
        crop_fraction: Side of the central square that is cut out first over the image's
            shorter side; `None`: nothing is cut out, the whole image is squeezed into
            the square.
    """

    crop_fraction: float | None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-serialisable data, with what is done to all images."""
        return {**dataclasses.asdict(self), "resize": _RESIZE, "color_order": _COLOR_ORDER}
