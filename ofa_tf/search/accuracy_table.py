"""`AccuracyTable`: measured accuracies of a sample of subnets, and its file.

The file grows by a line with each subnet that is measured, so that a table of a hundred thousand takes no longer to
be continued than one of ten, and a process that is killed loses the line it was writing. Its first line says what all
measurements have in common.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_lines import decode_lines, encode_line
from ofa_tf.search.noise import estimate_noise_std
from ofa_tf.search.shards import Shard
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

_SCHEMA = "ofa_tf/accuracy_table/2"
# What reading a first line that is something else raises.
_HEADER_ERRORS = (ValueError, TypeError, KeyError, AttributeError)

_HINT = "Build one with tools/build_accuracy_table.py."


@dataclasses.dataclass(frozen=True)
class Origin:
    """What decides the measurements of a table.

    Args:
        split: Name of the images that were measured on, see `ofa_tf.data.shares`.
        network: What identifies the supernet, such as its file's hash.
        shard: Which subnets these are, if others measure the rest of them.
    """

    split: str
    network: str
    shard: Shard | None = None


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
    def origin(self) -> Origin:
        """What decided the measurements."""
        return Origin(self.split, self.network, self.shard)

    def measurement(self, row: int) -> AccuracyCount:
        """What was measured of an arch."""
        first, second = self.num_correct[row].tolist()
        return AccuracyCount((first, second), self.num_images)

    def save(self, path: str | Path) -> None:
        """Write the whole table, atomically."""
        lines = [_Header(self.space.name, self.num_images, self.origin).encode()]
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
        header_line, *lines = _read_whole_lines(path)
        header = _read_header(header_line, path)
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


@dataclasses.dataclass(frozen=True)
class _Header:
    """The first line of a table's file.

    Args:
        space: Name of the search space.
        num_images: Images in each half.
        origin: What decided the measurements.
    """

    space: str
    num_images: tuple[int, int]
    origin: Origin

    def encode(self) -> str:
        """The line, with its end."""
        values: dict[str, Any] = {
            "schema": _SCHEMA,
            "versions": files.versions(),
            "space": self.space,
            "split": self.origin.split,
            "network": self.origin.network,
            "num_images": list(self.num_images),
        }
        if self.origin.shard is not None:
            values["shard"] = self.origin.shard.to_dict()
        return json.dumps(values) + "\n"

    @classmethod
    def decode(cls, line: str) -> "_Header":
        """Reverse `encode`.

        Raises:
            ValueError: Or another of `_HEADER_ERRORS`: if the line is something else.
        """
        values = json.loads(line)
        if values["schema"] != _SCHEMA:
            raise InputError(f"the schema {values['schema']!r}")
        first, second = values["num_images"]
        num_images = (int(first), int(second))
        AccuracyCount((0, 0), num_images)  # raises if there can be no such images
        shard = values.get("shard")
        if shard is not None:
            shard = Shard.from_dict(shard)
        return cls(str(values["space"]), num_images, Origin(values["split"], values["network"], shard))


class AccuracyTableFile:
    """The file of a table that grows.

    Args:
        path: The file; need not be there.
        space: Search space of the table.
        origin: What decides the measurements. Those of another network or other images that the file may
            hold are not continued, but replaced.

    Attributes:
        known: What the file holds of the same origin; `None` if nothing.

    Raises:
        InputError: If the file is damaged, or of the same network and another sample of subnets.
    """

    def __init__(self, path: Path, space: SearchSpace, origin: Origin) -> None:
        self._path = path
        self._space = space
        self._origin = origin
        self.known = self._load_known()
        self._num_images = None if self.known is None else self.known.num_images

    def append(self, arch: Arch, measurement: AccuracyCount) -> None:
        """Write a measurement.

        Raises:
            InputError: If it is of another number of images than those before.
        """
        line = encode_line(arch, measurement.num_correct)
        if self._num_images is None:
            self._num_images = measurement.num_images
            header = _Header(self._space.name, measurement.num_images, self._origin).encode()
            files.write_bytes(self._path, (header + line).encode())
            return
        check_num_images(measurement, self._num_images)
        with self._path.open("rb+") as stream:
            _cut_unfinished_line(stream)
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())

    def _load_known(self) -> AccuracyTable | None:
        if not self._path.exists():
            return None
        known = AccuracyTable.load(self._path, self._space)
        if (known.split, known.network) != (self._origin.split, self._origin.network):
            return None
        if known.shard != self._origin.shard:
            raise InputError(
                f"Expected {self._path} to be {_describe(self._origin.shard)}. "
                f"Received: {_describe(known.shard)}. Pass the same --num_archs and --seed, or delete the file."
            )
        return known


def check_num_images(measurement: AccuracyCount, num_images: tuple[int, int]) -> None:
    """Check that a measurement is of as many images as those before.

    Raises:
        InputError: If it is not.
    """
    if measurement.num_images != num_images:
        raise InputError(
            f"Expected the subnets of a table to be measured on {sum(num_images)} images, as those that it has. "
            f"Received: {sum(measurement.num_images)} images. The data set has changed since; delete the table to "
            "build it anew."
        )


def _describe(shard: Shard | None) -> str:
    if shard is None:
        return "no shard"
    return f"--shard={shard.number}/{shard.count} --num_archs={shard.num_archs} --seed={shard.seed}"


def _cut_unfinished_line(stream: Any) -> None:
    """Go to the end of a file, without what a killed process left of a line there."""
    end = stream.seek(0, os.SEEK_END)
    if end == 0:
        return
    stream.seek(end - 1)
    if stream.read(1) == b"\n":
        return
    stream.seek(0)
    whole = stream.read().rfind(b"\n") + 1
    stream.truncate(whole)
    stream.seek(whole)


def _read_whole_lines(path: Path) -> list[str]:
    """The lines that were written to their end, at least one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"Expected a file at {path}. Received: no such file. {_HINT}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Expected {path} to be an accuracy table. Received: {error}. {_HINT}") from error
    whole, end, _ = text.rpartition("\n")
    if not end:
        raise InputError(
            f"Expected {path} to be an accuracy table. Received: a file without a whole line. Delete it. {_HINT}"
        )
    return whole.split("\n")


def _read_header(line: str, path: Path) -> _Header:
    try:
        return _Header.decode(line)
    except _HEADER_ERRORS as error:
        fault = str(error)
        if isinstance(error, KeyError):
            fault = f"no {error}"
        raise InputError(
            f"Expected line 1 of {path} to be the head of an accuracy table, with the schema {_SCHEMA!r}. "
            f"Received: {fault}. Delete the file, and build the table again with tools/build_accuracy_table.py."
        ) from error
