"""`AccuracyTable`: measured accuracies of a sample of subnets, and how they are written.

The first line of a table's file says what all measurements have in common; then there is a line for each subnet. How
such a file grows, `accuracy_table_file.py` says.
"""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import BUILD_AGAIN, Origin, TableHeader, read_header, read_table, whole_lines
from ofa_tf.search.accuracy_lines import decode_lines, encode_line
from ofa_tf.search.noise import estimate_noise_std
from ofa_tf.search.shards import Shard
from ofa_tf.space.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class Correction:
    """How accuracies of a table were computed from those of other models, such as an int8 model's from float ones.

    Args:
        genes: Canonical genes of the archs whose accuracies were computed so; those of the others were measured.
        std: Standard deviation of the true accuracies from the computed ones, beside that of any measurement.
    """

    genes: frozenset[tuple[int, ...]]
    std: float


@dataclasses.dataclass(frozen=True)
class AccuracyTable:
    """Archs and what they get right, each after BN calibration.

    Args:
        space: Search space of the archs.
        genes: int32 `(n, num_genes)`.
        num_correct: int64 `(n, 2)`: images that each gets right, in two halves of them, see `AccuracyCount`.
        num_images: Images in each half.
        split: See `Origin`.
        network: See `Origin`.
        shard: See `Origin`.
        correction: Which accuracies were not measured but computed; `None`: all were measured. It is not saved.
        known_noise_std: What `noise_std` was found to be, for a part of a table, or one with further archs; `None`: it
            is estimated from these archs.

    Raises:
        InputError: If there are no images, or more are right than there are.
    """

    space: SearchSpace
    genes: np.ndarray
    num_correct: np.ndarray
    num_images: tuple[int, int]
    split: str
    network: str
    shard: Shard | None = None
    correction: Correction | None = None
    known_noise_std: float | None = None

    def __post_init__(self) -> None:
        AccuracyCount((0, 0), self.num_images)  # raises if there are no images
        is_possible = (self.num_correct >= 0) & (self.num_correct <= np.asarray(self.num_images))
        if not is_possible.all():
            row = int(np.argmin(is_possible.all(axis=1)))
            raise InputError(
                "Expected `num_correct` to be from 0 to the number of images. "
                f"Received: num_correct={self.num_correct[row].tolist()}, num_images={self.num_images}."
            )

    def __len__(self) -> int:
        return len(self.genes)

    @property
    def top1(self) -> np.ndarray:
        """Measured top-1 accuracies in [0, 1], float `(n,)`."""
        return self.num_correct.sum(axis=1) / sum(self.num_images)

    @functools.cached_property
    def noise_std(self) -> float:
        """How far a measured accuracy is from the true one by chance, see `estimate_noise_std`."""
        if self.known_noise_std is not None:
            return self.known_noise_std
        return estimate_noise_std(self.num_correct, self.num_images)

    def rows(self, index: np.ndarray) -> "AccuracyTable":
        """A table of some of the archs; `index` is anything that indexes an array."""
        return dataclasses.replace(
            self,
            genes=self.genes[index],
            num_correct=self.num_correct[index],
            known_noise_std=self.noise_std,
        )

    def of_first_half(self) -> "AccuracyTable":
        """The same archs, as if the second half of the images were not there.

        The noise counts as small as that of both halves: who learns from the table trusts it as much.
        """
        num_correct = self.num_correct.copy()
        num_correct[:, 1] = 0
        return dataclasses.replace(
            self,
            num_correct=num_correct,
            num_images=(self.num_images[0], 0),
            known_noise_std=self.noise_std,
        )

    def extended_by(self, genes: np.ndarray, measurements: Sequence[AccuracyCount]) -> "AccuracyTable":
        """A table with further archs.

        Its noise is that of this table. Further archs are often near-clones of each other, which have most of their
        noise in common, and that `estimate_noise_std` takes for what is hard for all archs.

        Args:
            genes: Of the archs, `(m, num_genes)`.
            measurements: What each gets right, of as many images as the archs of this table.

        Raises:
            InputError: If a measurement is of another number of images.
        """
        for measurement in measurements:
            check_num_images(measurement, self.num_images)
        num_correct = [measurement.num_correct for measurement in measurements]
        return dataclasses.replace(
            self,
            genes=np.concatenate([self.genes, genes]),
            num_correct=np.concatenate([self.num_correct, num_correct]),
            known_noise_std=self.noise_std,
        )

    @property
    def is_computed(self) -> np.ndarray:
        """Whose accuracies were not measured but computed, see `Correction`: bool `(n,)`."""
        if self.correction is None:
            return np.zeros(len(self), bool)
        canonical = self.space.canonical_genes(self.genes).tolist()
        return np.array([tuple(row) in self.correction.genes for row in canonical], bool)

    def with_measured(self, genes: np.ndarray, measurements: Sequence[AccuracyCount]) -> "AccuracyTable":
        """The table with measurements in the place of accuracies that were computed.

        Args:
            genes: Canonical genes of archs of the table, `(m, num_genes)`.
            measurements: What each gets right, of as many images as the archs of this table.

        Raises:
            InputError: If a measurement is of another number of images.
        """
        num_correct = self.num_correct.copy()
        canonical = self.space.canonical_genes(self.genes)
        for row_of_genes, measurement in zip(genes, measurements, strict=True):
            check_num_images(measurement, self.num_images)
            num_correct[np.all(canonical == row_of_genes, axis=1)] = measurement.num_correct

        correction = self.correction
        if correction is not None:
            still_computed = correction.genes - set(map(tuple, genes.tolist()))
            correction = dataclasses.replace(correction, genes=still_computed)
        return dataclasses.replace(self, num_correct=num_correct, correction=correction)

    @property
    def origin(self) -> Origin:
        """What decided the measurements."""
        return Origin(self.split, self.network, self.shard)

    def measurement(self, row: int) -> AccuracyCount:
        """What was measured of an arch."""
        first, second = self.num_correct[row].tolist()
        return AccuracyCount((first, second), self.num_images)

    def save(self, path: str | Path) -> None:
        """Write the whole table, atomically."""
        lines = [TableHeader(self.space.name, self.num_images, self.origin).encode()]
        archs = self.space.decode(self.genes)
        for arch, num_correct in zip(archs, self.num_correct, strict=True):
            lines.append(encode_line(arch, num_correct))
        files.write_bytes(path, "".join(lines).encode())

    @classmethod
    def load(cls, path: str | Path, space: SearchSpace) -> "AccuracyTable":
        """Read a table. A last line that was not written to its end is left out.

        Raises:
            InputError: If there is none, it is damaged or of another space; the message names the line.
        """
        path = Path(path)
        return cls.parse(read_table(path), space, path)

    @classmethod
    def parse(cls, content: bytes, space: SearchSpace, path: Path, advice: str = BUILD_AGAIN) -> "AccuracyTable":
        """Read a table from the content of a file; see `load`.

        Args:
            content: The content.
            space: Search space of the table.
            path: Where it comes from, for messages.
            advice: What to do about one that cannot be read.
        """
        header_line, *lines = whole_lines(content, path, advice)
        header = read_header(header_line, path, advice)
        if header.space != space.name:
            raise InputError(
                f"Expected {path} to be an accuracy table of {space.name}. Received: one of {header.space!r}. "
                "Use it with the workdir that it was measured for."
            )
        counts = decode_lines(lines, space, header.num_images, path)
        return cls(
            space=space,
            genes=counts.genes,
            num_correct=counts.num_correct,
            num_images=header.num_images,
            split=header.origin.split,
            network=header.origin.network,
            shard=header.origin.shard,
        )


def check_num_images(measurement: AccuracyCount, num_images: tuple[int, int], table: str | Path = "the table") -> None:
    """Check that a measurement is of as many images as those before.

    Args:
        measurement: The measurement.
        num_images: Images in each half of those before.
        table: What holds these, for the message.

    Raises:
        InputError: If it is not.
    """
    if measurement.num_images != num_images:
        raise InputError(
            f"Expected the subnets of a table to be measured on {sum(num_images)} images, as those that it has. "
            f"Received: {sum(measurement.num_images)} images. The data set has changed since; delete {table} to "
            "build it anew."
        )
