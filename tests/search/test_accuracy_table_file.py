import builtins
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.accuracy_table_file import AccuracyTableFile, keep_other
from ofa_tf.search.shards import Shard
from tests.support.spaces import MICRO

_NUM_IMAGES = (10, 9)


def _table() -> AccuracyTable:
    """A table of six archs."""
    rng = np.random.default_rng(0)
    genes = np.unique(MICRO.canonical_genes(MICRO.sample_genes(rng, 12)), axis=0)[:6]
    num_correct = rng.integers(0, _NUM_IMAGES, (len(genes), 2), endpoint=True)
    return AccuracyTable(MICRO, genes, num_correct, _NUM_IMAGES, "search", "net")


def _append(path: Path, table: AccuracyTable, rows: range) -> None:
    file = AccuracyTableFile(path, table.space, table.origin)
    for row in rows:
        file.append(table.space.decode_one(table.genes[row]), table.measurement(row))


def test_a_table_that_grew_is_the_same_as_one_that_was_written_at_once(tmp_path: Path) -> None:
    table = _table()
    table.save(tmp_path / "whole.jsonl")
    for rows in (range(1), range(1, 4), range(4, 6)):
        _append(tmp_path / "grown.jsonl", table, rows)
    assert (tmp_path / "grown.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_line_is_appended_without_reading_or_writing_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _table()
    path = tmp_path / "table.jsonl"
    _append(path, table, range(4))
    file = AccuracyTableFile(path, MICRO, table.origin)
    before = path.read_bytes()
    inode = path.stat().st_ino

    real_open = io.open

    def open_for_writing(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        assert "r" not in mode, "A file is read."
        assert "+" not in mode, "A file may be read."
        return real_open(file, mode, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", open_for_writing)
        patch.setattr(io, "open", open_for_writing)  # which a `Path` calls
        file.append(MICRO.decode_one(table.genes[4]), table.measurement(4))
    assert path.read_bytes()[: len(before)] == before
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("num_lost", [1, 20])
def test_a_process_killed_in_a_line_loses_that_line_only(tmp_path: Path, num_lost: int) -> None:
    table = _table()
    path = tmp_path / "table.jsonl"
    table.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-num_lost])
    assert len(AccuracyTable.load(path, MICRO)) == 5
    _append(path, table, range(5, 6))
    assert path.read_bytes() == whole


def test_a_table_of_another_network_or_split_is_replaced_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    kept = tmp_path / "table.jsonl.of_net"
    for origin, what in (
        (Origin("search", "other"), "another supernet"),
        (Origin("validation", "net"), "the images 'search'"),
    ):
        table.save(path)
        before = path.read_bytes()
        file = AccuracyTableFile(path, MICRO, origin)
        assert file.known is None
        assert len(AccuracyTable.load(path, MICRO)) == 6  # until something is measured
        file.append(MICRO.smallest(), AccuracyCount((3, 4), (5, 5)))
        replaced = AccuracyTable.load(path, MICRO)
        assert (len(replaced), replaced.origin, replaced.num_images) == (1, origin, (5, 5))
        assert kept.read_bytes() == before
        told = f"{path} is begun anew: it was of {what} (6 subnets), and is kept as {kept.name}\n"
        assert capsys.readouterr().err == told


def test_nothing_that_was_kept_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    contents = []
    for rows in ([0, 1], [0, 1, 2], [3], [4, 5]):  # the second one has what the first one has, too
        table.rows(np.array(rows)).save(path)
        contents.append(path.read_bytes())
        keep_other(path, Origin("search", "other"))
    kept = [tmp_path / f"table.jsonl.of_net{suffix}" for suffix in ("", "_2", "_3")]
    assert [file.read_bytes() for file in kept] == contents[1:]
    assert sorted(tmp_path.iterdir()) == [path, *kept]


def test_a_table_of_the_same_origin_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    keep_other(path, Origin("search", "net"))
    _table().save(path)
    keep_other(path, Origin("search", "net", Shard(1, 2, num_archs=6, seed=0)))
    assert list(tmp_path.iterdir()) == [path]


def test_a_shard_is_not_continued_as_another_sample(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    shard = Shard(1, 2, num_archs=6, seed=0)
    file = AccuracyTableFile(path, MICRO, Origin("search", "net", shard))
    file.append(MICRO.smallest(), AccuracyCount((3, 4), (5, 5)))
    assert AccuracyTable.load(path, MICRO).shard == shard
    message = (
        "to be of --num_archs=8 --seed=0 --shard=1/2. Received: of --num_archs=6 --seed=0 --shard=1/2. Pass the same"
    )
    with pytest.raises(InputError, match=message):
        AccuracyTableFile(path, MICRO, Origin("search", "net", Shard(1, 2, num_archs=8, seed=0)))


# --- several programs ---------------------------------------------------------------


def _file(path: Path) -> AccuracyTableFile:
    return AccuracyTableFile(path, MICRO, Origin("search", "net"))


def test_what_another_program_wrote_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    ours = _file(path)
    assert ours.read_new() is None
    _append(path, table, range(2))
    new = ours.read_new()
    assert new is not None
    np.testing.assert_array_equal(new.genes, table.genes[:2])
    assert ours.read_new() is None
    _append(path, table, range(2, 5))
    new = ours.read_new()
    assert new is not None
    np.testing.assert_array_equal(new.genes, table.genes[2:5])
    np.testing.assert_array_equal(new.num_correct, table.num_correct[2:5])
    ours.append(MICRO.decode_one(table.genes[5]), table.measurement(5))
    assert ours.read_new() is None
    assert len(AccuracyTable.load(path, MICRO)) == 6


def test_a_line_that_another_program_is_writing_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    table.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    ours = _file(path)
    assert ours.known is not None
    num_known = len(ours.known)
    assert num_known < 6
    path.write_bytes(whole[:-1])
    ours.read_new()
    path.write_bytes(whole)
    new = ours.read_new()
    assert new is not None
    np.testing.assert_array_equal(new.genes[-1], table.genes[-1])


def test_a_file_that_another_program_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    _append(path, table, range(3))
    ours = _file(path)
    table.rows(np.arange(6)[::-1]).save(path)
    new = ours.read_new()
    assert new is not None
    np.testing.assert_array_equal(new.genes[-3:], table.genes[2::-1])

    theirs = AccuracyTableFile(path, MICRO, Origin("search", "other"))
    theirs.append(MICRO.smallest(), AccuracyCount((3, 4), (5, 5)))
    assert ours.read_new() is None
    assert AccuracyTable.load(path, MICRO).network == "other"


def test_lines_that_others_wrote_and_that_are_wrong_are_named_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    _append(path, _table(), range(3))
    ours = _file(path)
    with path.open("a") as stream:
        stream.write("7\n")
    with pytest.raises(InputError, match=rf"Expected line 5 of {path} to hold an arch"):
        ours.read_new()


def test_a_measurement_on_other_images_is_refused_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    _append(path, table, range(3))
    before = path.read_bytes()
    for num_images in ((5, 5), (100, 100)):
        with pytest.raises(InputError, match=rf"on 19 images, .* Received: {sum(num_images)} .*; delete {path} to"):
            _file(path).append(MICRO.decode_one(table.genes[4]), AccuracyCount((3, 4), num_images))
    assert path.read_bytes() == before
