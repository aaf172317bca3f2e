"""`AccuracyTable`: measured accuracies of a sample of subnets."""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class AccuracyTable:
    """Archs and their measured top-1 accuracies, each after BN calibration.

    Args:
        space: Search space of the archs.
        genes: int32 `(n, num_genes)`.
        top1: float `(n,)`, in [0, 1].
        split: Split of the data set that was measured on.
        network: What identifies the supernet, such as its file's hash.
    """

    space: SearchSpace
    genes: np.ndarray
    top1: np.ndarray
    split: str
    network: str

    def save(self, path: str | Path) -> None:
        """Write the table as JSON, atomically."""
        entries = [
            {"arch": arch.to_dict(), "top1": float(top1)}
            for arch, top1 in zip(self.space.decode(self.genes), self.top1, strict=True)
        ]
        payload = {"space": self.space.name, "split": self.split, "network": self.network, "entries": entries}
        files.write_json(path, "accuracy_table", payload)

    @classmethod
    def load(cls, path: str | Path, space: SearchSpace) -> "AccuracyTable":
        """Read a table.

        Raises:
            InputError: If there is none, it is damaged or of another space.
        """
        document = files.read_json(path, "accuracy_table", hint="Build one with tools/build_accuracy_table.py.")
        try:
            archs = [Arch.from_dict(entry["arch"]) for entry in document["entries"]]
            top1 = np.array([entry["top1"] for entry in document["entries"]], float)
            split, network = document["split"], document["network"]
            genes = space.encode(archs)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Expected {path} to be a complete accuracy table of {space.name}. Received: {error!r}. "
                "Build it again with tools/build_accuracy_table.py."
            ) from error
        return cls(space, genes, top1, split, network)


def sample_archs(space: SearchSpace, num_archs: int, seed: int) -> list[Arch]:
    """Archs worth measuring: the largest and smallest at the ends of the image sizes, then random ones.

    Raises:
        InputError: If `num_archs` is below 1.
    """
    if num_archs < 1:
        raise InputError(f"Expected `num_archs` to be at least 1. Received: num_archs={num_archs}.")
    ends = [
        arch(size) for size in (space.image_sizes[0], space.image_sizes[-1]) for arch in (space.largest, space.smallest)
    ]
    genes = space.sample_genes(np.random.default_rng(seed), max(0, num_archs - len(ends)))
    return [*ends, *space.decode(space.canonical_genes(genes))][:num_archs]


def build_accuracy_table(
    space: SearchSpace,
    archs: Iterable[Arch],
    measure: Callable[[Arch], float],
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
    """
    results: dict[tuple, float] = {}
    if known is not None and (known.network, known.split) == (network, split):
        results = {tuple(row): float(top1) for row, top1 in zip(known.genes, known.top1, strict=True)}

    def table() -> AccuracyTable:
        return AccuracyTable(space, np.array(list(results), np.int32), np.array(list(results.values())), split, network)

    for arch in archs:
        key = tuple(space.encode(arch).tolist())
        if key not in results:
            results[key] = measure(arch)
        if on_measured is not None:
            on_measured(table())
    return table()
