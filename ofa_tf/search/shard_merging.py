"""`merge_shards`: the tables of several processes become one, the same that one process would have measured."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked_file
from ofa_tf.base.progress import tell
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.search.accuracy_sampling import build_accuracy_table, sample_archs
from ofa_tf.search.accuracy_table import AccuracyTable, check_num_images
from ofa_tf.search.accuracy_table_file import AccuracyTableFile, keep_other
from ofa_tf.search.shards import Shard
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

_PROGRAM = "tools/build_accuracy_table.py"

# Shards that are missing, of which an error names so many.
_NUM_SHARDS_SHOWN = 5


def merge_shards(paths: Sequence[Path], path: Path, space: SearchSpace, network: str) -> AccuracyTable:
    """Put the shards of a sample together; continues a table begun before.

    Args:
        paths: The shards' files.
        path: The file of the table; need not be there.
        space: Search space.
        network: What identifies the supernet that they must be of.

    Returns:
        The table, as it was written.

    Raises:
        InputError: If a shard is missing, unfinished, of another network, other images or another sample, or has other
            counts of a subnet than the table, or another program writes the table.
    """
    if not paths:
        command = shell_command(_PROGRAM, f"--workdir={path.parent}", "--num_archs=100", "--shard=1/2")
        raise InputError(
            f"Expected shards of an accuracy table in {path.parent}. Received: none. Measure them first, with "
            f"{command} in one process and --shard=2/2 in another."
        )
    tables: dict[Path, AccuracyTable] = {}
    shards: dict[Path, Shard] = {}
    for shard_path in paths:
        table = AccuracyTable.load(shard_path, space)
        tables[shard_path] = table
        shards[shard_path] = _shard_of(table, shard_path)
    _check_network(tables, network)
    _check_agreement(tables, shards)
    _check_all_there(shards, path.parent)

    first = next(iter(shards.values()))
    archs = sample_archs(space, first.num_archs, first.seed)
    measured: dict[Arch, AccuracyCount] = {}
    for shard_path, table in tables.items():
        measured |= _measurements(table, shards[shard_path].select(archs), shard_path)

    any_table = next(iter(tables.values()))
    origin = Origin(any_table.split, network)
    with locked_file(path):
        known = AccuracyTableFile(path, space, origin).known
        if known is not None:
            check_num_images(AccuracyCount((0, 0), any_table.num_images), known.num_images, path)
            _check_same_counts(known, path, tables)
        keep_other(path, origin)
        table = build_accuracy_table(space, archs, measured.__getitem__, origin=origin, known=known)
        table.save(path)
    if known is not None:
        subnets = count_in_words(len(known), "subnet")
        tell(f"{path} had {subnets}; the shards add {len(table) - len(known)}")
    return table


def _shard_of(table: AccuracyTable, path: Path) -> Shard:
    if table.shard is None:
        raise InputError(f"Expected {path} to be a shard. Received: a whole table. Move that file away.")
    return table.shard


def _check_network(tables: Mapping[Path, AccuracyTable], network: str) -> None:
    for path, table in tables.items():
        if table.network != network:
            raise InputError(
                f"Expected {path} to be of the supernet beside it. Received: one of another supernet. "
                "Delete it, and measure that shard again."
            )


def _check_agreement(tables: Mapping[Path, AccuracyTable], shards: Mapping[Path, Shard]) -> None:
    """Check that all are of the same images and the same sample."""
    facts: dict[Path, dict[str, Any]] = {}
    for path, table in tables.items():
        shard = shards[path]
        facts[path] = {
            "split": table.split,
            "images": sum(table.num_images),
            "shards": shard.count,
            "--num_archs": shard.num_archs,
            "--seed": shard.seed,
        }
    first_path, *others = facts
    for name, expected in facts[first_path].items():
        for path in others:
            found = facts[path][name]
            if found != expected:
                raise InputError(
                    f"Expected all shards to be of the same {name}. Received: {expected} in {first_path}, {found} in "
                    f"{path}. Delete the one that does not belong, and measure that shard again."
                )


def _check_same_counts(known: AccuracyTable, path: Path, shards: Mapping[Path, AccuracyTable]) -> None:
    """Check that shards have the counts of a table, of those subnets that it has, too.

    Args:
        known: The table.
        path: Its file, for the message.
        shards: By their files.

    Raises:
        InputError: If a count differs; it names the shard.
    """
    counts = _counts_by_genes(known)
    for shard_path, shard in shards.items():
        num_different = 0
        for genes, count in _counts_by_genes(shard).items():
            if counts.get(genes, count) != count:
                num_different += 1
        if num_different:
            subnets = count_in_words(num_different, "subnet")
            raise InputError(
                f"Expected {path} and {shard_path} to have the same counts of each subnet. Received: different ones of "
                f"{subnets}. Delete the one that is wrong, and measure it again."
            )


def _counts_by_genes(table: AccuracyTable) -> dict[tuple[int, ...], AccuracyCount]:
    """What each network of a table gets right, by its canonical genes."""
    canonical = table.space.canonical_genes(table.genes).tolist()
    return {tuple(genes): table.measurement(row) for row, genes in enumerate(canonical)}


def _check_all_there(shards: Mapping[Path, Shard], workdir: Path) -> None:
    """Check that each shard has one file.

    Args:
        shards: By their files, shards of one sample.
        workdir: The run's `--workdir`, for the message.

    Raises:
        InputError: If one has none, or several.
    """
    by_number: dict[int, Path] = {}
    for path, shard in shards.items():
        if shard.number in by_number:
            raise InputError(
                f"Expected each shard of the accuracy table once. Received: --shard={shard.number}/{shard.count} in "
                f"{by_number[shard.number]} and in {path}. Move one of them away."
            )
        by_number[shard.number] = path

    any_shard = next(iter(shards.values()))
    missing = []
    for number in range(1, any_shard.count + 1):
        if number not in by_number:
            missing.append(dataclasses.replace(any_shard, number=number))
    if missing:
        shown = [f"{shard.number}/{shard.count}" for shard in missing[:_NUM_SHARDS_SHOWN]]
        raise InputError(
            f"Expected all {any_shard.count} shards of the accuracy table. Received: no file of {', '.join(shown)}. "
            f"Bring it here, or measure it: {_command(missing[0], workdir)}."
        )


def _measurements(table: AccuracyTable, expected: Sequence[Arch], path: Path) -> dict[Arch, AccuracyCount]:
    """What a shard measured, after checking that it is whole."""
    archs = table.space.decode(table.genes)
    command = _command(_shard_of(table, path), path.parent)
    expected_subnets = count_in_words(len(expected), "subnet")
    strangers = set(archs) - set(expected)
    if strangers:
        others = count_in_words(len(strangers), "other")
        raise InputError(
            f"Expected {path} to hold the {expected_subnets} of its shard. Received: {others}. "
            f"Delete it, and measure that shard again: {command}."
        )
    if len(archs) < len(expected):
        raise InputError(
            f"Expected {path} to hold the {expected_subnets} of its shard. Received: {len(archs)} of them. "
            f"Measure the others: {command}."
        )
    return {arch: table.measurement(row) for row, arch in enumerate(archs)}


def _command(shard: Shard, workdir: Path) -> str:
    """What measures a shard."""
    return shell_command(_PROGRAM, f"--workdir={workdir}", *shard.flags.split())
