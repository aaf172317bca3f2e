from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked_file
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.accuracy import find_accuracies, measure_accuracies
from tests.support.spaces import MICRO


def _build(path: Path, is_writer: bool = True, num_archs: int = 6) -> AccuracyTable:
    def measure(arch: Arch) -> AccuracyCount:
        return AccuracyCount((int(MICRO.encode(arch).sum()), 1), (30, 29))

    return measure_accuracies(MICRO, measure, lambda: "net", path, num_archs=num_archs, is_writer=is_writer)


def test_a_table_is_read_once_and_before_the_network_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.jsonl"
    _build(path)
    steps: list[str] = []
    read_bytes = Path.read_bytes

    def read(file: Path) -> bytes:
        steps.append(f"read {file.name}")
        return read_bytes(file)

    def identify_network() -> str:
        steps.append("load")
        return "net"

    monkeypatch.setattr(Path, "read_bytes", read)
    measure_accuracies(MICRO, lambda arch: AccuracyCount((1, 1), (30, 29)), identify_network, path, num_archs=6)
    assert steps == ["read table.jsonl", "load"]


@pytest.mark.parametrize(
    ("num_before", "told"),
    [(0, ""), (4, "4 of 6 subnets already there\n"), (6, "6 of 6 subnets already there\n"), (9, "6 of 6 ")],
)
def test_what_is_there_already_is_told(
    tmp_path: Path, num_before: int, told: str, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "table.jsonl"
    if num_before:
        _build(path, num_archs=num_before)
    capsys.readouterr()
    _build(path)
    lines = capsys.readouterr().err
    assert lines.startswith(told)
    assert ("already" in lines) == bool(told)


@pytest.mark.parametrize(("num_before", "is_found"), [(0, False), (5, False), (6, True), (9, True)])
def test_a_table_is_found_if_it_has_the_whole_sample(tmp_path: Path, num_before: int, is_found: bool) -> None:
    path = tmp_path / "table.jsonl"
    if num_before:
        _build(path, num_archs=num_before)
    found = find_accuracies(MICRO, "net", path, num_archs=6)
    assert (found is not None) == is_found
    if found is not None:
        measured = _build(path)
        assert found.genes.tolist() == measured.genes.tolist()
        assert found.num_correct.tolist() == measured.num_correct.tolist()
    assert find_accuracies(MICRO, "other", path, num_archs=6) is None
    assert find_accuracies(MICRO, "net", path, num_archs=6, seed=1) is None


def test_two_programs_do_not_measure_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    message = rf"Expected {path} to have one writer at a time. Received: .* process .* there is --shard=i/n"
    with locked_file(path):
        with pytest.raises(InputError, match=message):
            _build(path)
        assert not path.exists()
        assert len(_build(path, is_writer=False)) == 6  # a worker whose first one has the lock
    assert len(_build(path)) == 6
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
