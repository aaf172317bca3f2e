"""`Axis`: what a property of a part can be, and the gene that chooses."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Axis:
    """What a property of a part can be, and the gene that chooses.

    Args:
        values: The choices, in the order of the gene's indices.
        gene: Index of the gene; `None` for a property that has one value only.
    """

    values: tuple[Any, ...]
    gene: int | None

    @classmethod
    def fixed(cls, value: Any) -> "Axis":
        """A property that is not elastic."""
        return cls((value,), None)
