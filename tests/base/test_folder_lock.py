import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ofa_tf.base import folder_lock
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import check_no_writer, find_writer, locked, locked_file

_HOLD = """
import sys, time
from ofa_tf.base.folder_lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""

_WAIT = """
import sys
from pathlib import Path
from ofa_tf.base.folder_lock import waited_for_file
print("waiting", flush=True)
with waited_for_file(sys.argv[1]):
    print(Path(sys.argv[1]).read_text())
"""

# Two processes that read the same number would both write the next one.
_COUNT = """
import sys
from pathlib import Path
from ofa_tf.base.folder_lock import waited_for_file
path = Path(sys.argv[1])
for _ in range(200):
    with waited_for_file(path):
        number = int(path.read_text()) if path.exists() else 0
        path.write_text(str(number + 1))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def writer(folder: Path) -> "subprocess.Popen[str]":
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("ask", [check_no_writer, lambda folder: locked(folder).__enter__()])
def test_a_second_writer_is_told_who_the_first_one_is(folder: Path, writer: subprocess.Popen, ask) -> None:
    message = rf"Expected {re.escape(str(folder))} to have one writer at a time. Received: .* process {writer.pid} on "
    with pytest.raises(InputError, match=message):
        ask(folder)


def test_the_writer_can_be_asked_for(folder: Path, writer: subprocess.Popen) -> None:
    found = find_writer(folder)
    assert found is not None
    assert found.startswith(f"process {writer.pid} on ")
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert (folder / ".lock").exists()
    assert find_writer(folder) is None


def test_asking_for_a_writer_leaves_nothing_and_keeps_nobody_from_writing(folder: Path) -> None:
    assert find_writer(folder) is None
    assert not folder.exists()
    with locked(folder):
        assert find_writer(folder) is not None
    assert find_writer(folder) is None
    with locked(folder):
        pass


def test_who_asks_for_a_writer_at_that_moment_keeps_nobody_from_writing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    asking = (folder / ".lock").open("w")
    fcntl.flock(asking, fcntl.LOCK_SH)  # as `find_writer` does, for a moment
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        asking.close()

    monkeypatch.setattr(folder_lock.time, "sleep", sleep)
    with locked(folder):
        assert len(naps) == 1


def test_the_lock_ends_with_its_process_however_that_ends(folder: Path, writer: subprocess.Popen) -> None:
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert (folder / ".lock").exists()
    check_no_writer(folder)
    with locked(folder):
        pass
    assert not list(folder.iterdir())  # it was there before


def test_a_folder_that_was_made_and_stays_empty_is_removed(folder: Path) -> None:
    with locked(folder):
        assert folder.is_dir()
    assert not folder.exists()
    with locked(folder):
        (folder / "kept").touch()
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_a_program_does_not_share_its_own_lock(folder: Path) -> None:
    with locked(folder), pytest.raises(InputError, match=f"process {os.getpid()} on"):
        check_no_writer(folder)
    check_no_writer(folder)


def test_a_folder_that_does_not_exist_has_no_writer(folder: Path) -> None:
    check_no_writer(folder)
    assert not folder.exists()


def test_the_lock_is_given_back_after_an_error(folder: Path) -> None:
    with pytest.raises(ValueError, match="its own"), locked(folder):
        raise ValueError("its own")
    with locked(folder):
        pass


def test_an_unreadable_lock_file_still_locks(folder: Path, writer: subprocess.Popen) -> None:
    del writer
    (folder / ".lock").write_text("{")
    with pytest.raises(InputError, match="it is being written by another program"):
        check_no_writer(folder)


# --- one file -----------------------------------------------------------------------


def test_a_file_has_one_writer_who_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.jsonl"
    message = rf"Expected {re.escape(str(path))} to have one writer at a time. .* process {os.getpid()} on .*Stop it."
    others = locked_file(path.with_name("other.jsonl"))
    with locked_file(path), others, pytest.raises(InputError, match=message), locked_file(path, "Stop it."):
        pass
    assert not list(path.parent.iterdir())


def test_who_waits_for_a_file_goes_on_when_its_writer_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    waiting = subprocess.Popen([sys.executable, "-c", _WAIT, str(path)], stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    with locked_file(path):
        assert waiting.stdout.readline() == "waiting\n"
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=0.3)
        path.write_text("written")
    output, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, output) == (0, "written\n")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_one_after_the_other_may_write_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    command = [sys.executable, "-c", _COUNT, str(path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    assert path.read_text() == "600"
