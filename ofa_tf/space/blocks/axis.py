"""`Axis`: what a property of a part can be, and the gene that chooses."""

import dataclasses
from typing import Any

from ofa_tf.base.errors import InputError


@dataclasses.dataclass(frozen=True)
class Axis:
    """What a property of a part can be, and the gene that chooses.

    Args:
        values: The choices, in the order of the gene's indices.
        gene: Index of the gene; `None` for a property that has one value only.

    Raises:
        InputError: If there are several values, or none, and no gene.
    """

    values: tuple[Any, ...]
    gene: int | None

    def __post_init__(self) -> None:
        if self.gene is None and len(self.values) != 1:
            raise InputError(
                f"Expected a gene that chooses among several values. Received: values={self.values}, gene=None. "
                "Give one value where the space has no such gene."
            )

    @classmethod
    def fixed(cls, value: Any) -> "Axis":
        """A property that is not elastic."""
        return cls((value,), None)
