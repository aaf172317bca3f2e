import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search import accuracy_lines
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.presets import get_search_space, list_search_spaces
from ofa_tf.space.search_space import SearchSpace
from tests.support.spaces import BOTTLENECKS, MICRO

_NUM_IMAGES = (10, 9)


def _table(space: SearchSpace = MICRO, num: int = 6) -> AccuracyTable:
    rng = np.random.default_rng(0)
    genes = np.unique(space.canonical_genes(space.sample_genes(rng, 2 * num)), axis=0)[:num]
    num_correct = rng.integers(0, _NUM_IMAGES, (len(genes), 2), endpoint=True)
    return AccuracyTable(space, genes, num_correct, _NUM_IMAGES, "search", "net")


def _assert_same(first: AccuracyTable, second: AccuracyTable) -> None:
    np.testing.assert_array_equal(first.genes, second.genes)
    np.testing.assert_array_equal(first.num_correct, second.num_correct)
    assert first.genes.dtype == second.genes.dtype
    assert (first.num_images, first.origin) == (second.num_images, second.origin)


def test_further_archs_and_parts_have_the_noise_of_the_table() -> None:
    table = _table(num=8)
    noise_std = table.noise_std
    further = table.extended_by(table.genes[:2], [table.measurement(0), table.measurement(0)])
    assert further.noise_std == table.rows(np.arange(3)).noise_std == table.of_first_half().noise_std == noise_std
    assert len(further) == 10


def test_the_first_half_of_the_images_is_a_table() -> None:
    table = _table()
    np.testing.assert_array_equal(table.of_first_half().top1, table.num_correct[:, 0] / _NUM_IMAGES[0])


@pytest.mark.parametrize(
    "space", [MICRO, BOTTLENECKS, *map(get_search_space, list_search_spaces())], ids=lambda s: s.name
)
def test_a_table_survives_its_file(tmp_path: Path, space: SearchSpace) -> None:
    table = _table(space)
    table.save(tmp_path / "table.jsonl")
    _assert_same(AccuracyTable.load(tmp_path / "table.jsonl", space), table)
    np.testing.assert_allclose(table.top1, [table.measurement(row).top1 for row in range(len(table))])


def test_more_lines_than_are_read_at_a_time_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy_lines, "_NUM_READ_TOGETHER", 4)
    for num in (4, 6):
        table = _table(num=num)
        table.save(tmp_path / "table.jsonl")
        _assert_same(AccuracyTable.load(tmp_path / "table.jsonl", MICRO), table)


def _change(change: Callable[[dict], object]) -> Callable[[str], str]:
    def change_line(line: str) -> str:
        entry = json.loads(line)
        change(entry)
        return json.dumps(entry)

    return change_line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line[:-9], "Expecting"),
        (lambda line: "7", "'7', which is no JSON object"),
        (lambda line: f"{line}, {line}", "Extra data"),
        (_change(lambda entry: entry.pop("arch")), "no 'arch'"),
        (_change(lambda entry: entry.pop("num_correct")), "no 'num_correct'"),
        (_change(lambda entry: entry.update(num_correct=[11, 0])), r"num_correct=\[11, 0\], of \[10, 9\] images"),
        (_change(lambda entry: entry.update(num_correct=[-1, 0])), r"num_correct=\[-1, 0\], of \[10, 9\] images"),
        (_change(lambda entry: entry.update(num_correct=[float("nan"), 0])), r"num_correct=\[nan, 0\], which are not"),
        (_change(lambda entry: entry.update(num_correct=[0.7, 0])), r"num_correct=\[0.7, 0\], which are not"),
        (_change(lambda entry: entry.update(num_correct=[1])), r"num_correct=\[1\], which are not"),
        (_change(lambda entry: entry.update(num_correct=7.3)), r"num_correct=7.3, which are not"),
        (_change(lambda entry: entry["arch"].update(image_size=17)), "image_size"),
        (_change(lambda entry: entry["arch"].update(depths=[1])), "depths"),
        (_change(lambda entry: entry["arch"].update(depths=["1", "1"])), "depths"),
        (_change(lambda entry: entry["arch"].update(width=3)), "Received also: \\['width'\\]"),
        (_change(lambda entry: entry["arch"].update(stem_depth=1)), "stem_depth"),
        (_change(lambda entry: entry["arch"].update(space="other")), "Received: one of 'other'"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    path = tmp_path / "table.jsonl"
    _table().save(path)
    lines = path.read_text().splitlines()
    lines[3] = change(lines[3])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=rf"Expected line 4 of {path} to hold .*Received: .*{message}"):
        AccuracyTable.load(path, MICRO)


def test_an_arch_written_by_hand_without_empty_fields_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    table.save(path)
    lines = path.read_text().splitlines()
    lines[2] = _change(lambda entry: entry["arch"].pop("width_multipliers"))(lines[2])
    path.write_text("\n".join(lines) + "\n")
    _assert_same(AccuracyTable.load(path, MICRO), table)


def test_an_arch_that_was_written_twice_counts_once_if_its_counts_are_equal(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table = _table()
    table.save(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], lines[2], *lines[5:]]) + "\n")
    _assert_same(AccuracyTable.load(path, MICRO), table)

    other = _change(lambda entry: entry.update(num_correct=[1, 1]))(lines[2])
    path.write_text("\n".join([*lines, other]) + "\n")
    message = rf"the same counts everywhere in {path}. Received: different ones of the same arch in lines 3 and 8"
    with pytest.raises(InputError, match=message):
        AccuracyTable.load(path, MICRO)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "a file without a whole line"),
        ('{"schema": "ofa_tf/accuracy_table/2"', "a file without a whole line"),
        ("[]\n", "line 1 of .* Received: list indices"),
        ('{"schema": "ofa_tf/accuracy_table/1"}\n', "line 1 of .* with the schema 'ofa_tf/accuracy_table/2'"),
        ('{"schema": "ofa_tf/accuracy_table/2", "space": "micro"}\n', "line 1 of .* Received: no 'num_images'"),
    ],
)
def test_a_file_without_the_head_of_a_table_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        AccuracyTable.load(path, MICRO)


@pytest.mark.parametrize("num_images", [[0, 0], [-1, 3], [2], [5.7, 3], ["5", 3], [float("inf"), 3], "ab", None])
def test_an_impossible_number_of_images_is_refused(tmp_path: Path, num_images: object) -> None:
    path = tmp_path / "table.jsonl"
    _table().save(path)
    header, *lines = path.read_text().splitlines()
    header = _change(lambda entry: entry.update(num_images=num_images))(header)
    path.write_text("\n".join([header, *lines]) + "\n")
    with pytest.raises(InputError, match=rf"line 1 of {path}"):
        AccuracyTable.load(path, MICRO)


def test_a_missing_table_or_one_of_another_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file. Build one with tools/build_accuracy_table.py"):
        AccuracyTable.load(tmp_path / "none.jsonl", MICRO)
    _table().save(tmp_path / "micro.jsonl")
    with pytest.raises(InputError, match=r"accuracy table of bottlenecks. Received: one of 'micro'"):
        AccuracyTable.load(tmp_path / "micro.jsonl", BOTTLENECKS)


def test_more_right_images_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match=r"Received: num_correct=\[11, 0\]"):
        AccuracyTable(MICRO, _table().genes[:1], np.array([[11, 0]]), _NUM_IMAGES, "search", "net")
