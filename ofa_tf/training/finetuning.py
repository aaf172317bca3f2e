"""`Finetuning`: which subnet a run trains alone, and where that comes from. Plain data."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ofa_tf.space.arch import Arch

# What a fine-tuning has as its run has it, by the name in `TrainConfig`; what it is of, and the share of the images
# that the supernet has not seen either.
FIXED_SETTINGS = frozenset(
    {
        "dataset",
        "finetuning",
        "include_smallest",
        "method",
        "phases",
        "space",
        "validation_fraction",
        "num_validation_images",
        "workdir",
    }
)


@dataclasses.dataclass(frozen=True)
class Finetuning:
    """Which subnet a run trains alone, and where that comes from.

    Args:
        arch: The subnet, at its own image size.
        run: Workdir of the training run or import that it is of.
        from_scratch: Whether it begins with drawn weights, rather than with those that the
            run's supernet has for it.

    Reference: Once-for-All, section 4.2 (25 and 75 epochs of fine-tuning).
    """

    arch: Arch
    run: str
    from_scratch: bool = False

    def __post_init__(self) -> None:
        # The training may go on from another folder.
        object.__setattr__(self, "run", str(Path(self.run).absolute()))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Finetuning":
        """Reverse `dataclasses.asdict`.

        Raises:
            InputError: If the arch is not one.
            TypeError: If a field is unknown or missing.
        """
        return cls(**{**values, "arch": Arch.from_dict(values["arch"])})
