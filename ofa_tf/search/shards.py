"""`Shard`: which subnets of an accuracy table one of several processes measures."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ofa_tf.base.errors import InputError

_Item = TypeVar("_Item")


@dataclasses.dataclass(frozen=True)
class Shard:
    """Every `count`-th subnet of a sample, for one of `count` processes that measure it together.

    Args:
        number: Which of the shards, from 1.
        count: Number of shards.
        num_archs: Number of subnets in the whole sample.
        seed: Decides the sample.

    Raises:
        InputError: If there is no such shard.
    """

    number: int
    count: int
    num_archs: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(
                "Expected --shard=i/n with i from 1 to n, such as --shard=1/2. "
                f"Received: --shard={self.number}/{self.count}."
            )

    @classmethod
    def parse(cls, text: str, num_archs: int, seed: int) -> "Shard":
        """The shard that `--shard` names.

        Args:
            text: Number and count, such as `"1/2"`.
            num_archs: See the class.
            seed: See the class.

        Raises:
            InputError: If it names none.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if match is None:
            raise InputError(
                "Expected --shard=i/n with whole numbers i, from 1 to n, and n, such as --shard=1/2. "
                f"Received: --shard={text}."
            )
        return cls(int(match[1]), int(match[2]), num_archs, seed)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Shard":
        """Rebuild a shard from `to_dict`'s data."""
        return cls(**values)

    def to_dict(self) -> dict[str, int]:
        """The shard as JSON-serialisable data."""
        return dataclasses.asdict(self)

    @property
    def flags(self) -> str:
        """What selects it on the command line, such as `--num_archs=100 --seed=0 --shard=1/2`."""
        return f"--num_archs={self.num_archs} --seed={self.seed} --shard={self.number}/{self.count}"

    def select(self, sample: Sequence[_Item]) -> list[_Item]:
        """The items of a whole sample that are this shard's, in order."""
        return list(sample[self.number - 1 :: self.count])
