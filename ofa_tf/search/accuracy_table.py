"""`AccuracyTable`: measured accuracies of a sample of subnets, and how one comes to be."""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.search.noise import estimate_noise_std
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class AccuracyTable:
    """Archs and their measured top-1 accuracies, each after BN calibration.

    Args:
        space: Search space of the archs.
        genes: int32 `(n, num_genes)`.
        num_correct: Images that each gets right in the two halves, see `Measurement`: int `(n, 2)`.
        num_images: Images in the two halves, int `(2,)`.
        split: Split of the data set that was measured on.
        network: What identifies the supernet, such as its file's hash.
    """

    space: SearchSpace
    genes: np.ndarray
    num_correct: np.ndarray
    num_images: np.ndarray
    split: str
    network: str

    @property
    def top1(self) -> np.ndarray:
        """Measured top-1 accuracies in [0, 1], float `(n,)`."""
        return self.num_correct.sum(axis=1) / self.num_images.sum()

    @property
    def noise_std(self) -> float:
        """How far a measured accuracy is from the true one by chance, see `estimate_noise_std`."""
        return estimate_noise_std(self.num_correct, self.num_images)

    def rows(self, index: np.ndarray) -> "AccuracyTable":
        """A table of some of the archs; `index` is anything that indexes an array."""
        return dataclasses.replace(self, genes=self.genes[index], num_correct=self.num_correct[index])

    def save(self, path: str | Path) -> None:
        """Write the table as JSON, atomically."""
        archs = self.space.decode(self.genes)
        entries = []
        for arch, top1 in zip(archs, self.top1, strict=True):
            entries.append({"arch": arch.to_dict(), "top1": float(top1)})
        payload = {
            "space": self.space.name,
            "split": self.split,
            "network": self.network,
            "entries": entries,
        }
        files.write_json(path, "accuracy_table", payload)

    @classmethod
    def load(cls, path: str | Path, space: SearchSpace) -> "AccuracyTable":
        """Read a table.

        Raises:
            InputError: If there is none, it is damaged or of another space.
        """
        document = files.read_json(path, "accuracy_table", hint="Build one with tools/build_accuracy_table.py.")
        try:
            entries = document["entries"]
            archs = [Arch.from_dict(entry["arch"]) for entry in entries]
            top1 = np.array([entry["top1"] for entry in entries], float)
            return cls(
                space=space,
                genes=space.encode(archs),
                top1=top1,
                split=document["split"],
                network=document["network"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Expected {path} to be a complete accuracy table of {space.name}. Received: {error!r}. "
                "Build it again with tools/build_accuracy_table.py."
            ) from error


def sample_archs(space: SearchSpace, num_archs: int, seed: int) -> list[Arch]:
    """Archs worth measuring: the largest and smallest at the ends of the image sizes, then random ones.

    Args:
        space: Search space.
        num_archs: Number of archs.
        seed: Decides the random ones.

    Raises:
        InputError: If `num_archs` is below 1.
    """
    if num_archs < 1:
        raise InputError(f"Expected `num_archs` to be at least 1. Received: num_archs={num_archs}.")

    smallest_size = space.image_sizes[0]
    largest_size = space.image_sizes[-1]
    ends = [
        space.largest(smallest_size),
        space.smallest(smallest_size),
        space.largest(largest_size),
        space.smallest(largest_size),
    ]

    num_random = max(0, num_archs - len(ends))
    genes = space.sample_genes(np.random.default_rng(seed), num_random)
    randoms = space.decode(space.canonical_genes(genes))
    return [*ends, *randoms][:num_archs]


def build_accuracy_table(
    space: SearchSpace,
    archs: Iterable[Arch],
    measure: Callable[[Arch], float],
    *,
    split: str,
    network: str,
    known: AccuracyTable | None = None,
    on_measured: Callable[[AccuracyTable], None] | None = None,
) -> AccuracyTable:
    """Measure archs one by one, leaving out those that `known` holds already.

    Args:
        space: Search space.
        archs: What to measure.
        measure: Arch -> top-1 accuracy in [0, 1].
        split: Split that `measure` uses.
        network: What identifies the supernet.
        known: A table to continue; one of another network or split is ignored.
        on_measured: Called with the table so far after each arch.

    Returns:
        The table of all archs of `known` that count, then of the others.
    """
    top1_by_genes: dict[tuple[int, ...], float] = {}
    if known is not None and (known.network, known.split) == (network, split):
        for row, top1 in zip(known.genes.tolist(), known.top1.tolist(), strict=True):
            top1_by_genes[tuple(row)] = top1

    def table_so_far() -> AccuracyTable:
        rows = np.array(list(top1_by_genes), np.int32)
        accuracies = np.array(list(top1_by_genes.values()))
        return AccuracyTable(space, rows, accuracies, split, network)

    for arch in archs:
        genes = tuple(space.encode(arch).tolist())
        if genes not in top1_by_genes:
            top1_by_genes[genes] = measure(arch)
        if on_measured is not None:
            on_measured(table_so_far())
    return table_so_far()
