"""What native code writes to stderr is withheld, and stderr is itself again afterwards, whoever overlaps."""

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ofa_tf.base import native_output
from ofa_tf.base.native_output import withheld_stderr
from tests.support.repository import ROOT

_PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def _stderr_is_itself_afterwards() -> Iterator[None]:
    before, num_open = _stderr_file(), _num_open_files()
    yield
    assert _stderr_file() == before
    assert _num_open_files() == num_open


def _stderr_file() -> tuple[int, int]:
    """Which file stderr leads to."""
    status = os.fstat(2)
    return status.st_dev, status.st_ino


def _num_open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _write(text: str) -> None:
    """As native code does, past `sys.stderr`."""
    os.write(2, text.encode())


def _write_and_fail(text: str, error: BaseException) -> None:
    with withheld_stderr():
        _write(text)
        raise error


class _Block(threading.Thread):
    """A withheld block in a thread of its own that begins, writes and ends when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(daemon=True)
        self._error = error
        self._has_begun, self._may_end = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            with withheld_stderr():
                self._has_begun.set()
                assert self._may_end.wait(_PATIENCE_S)
                if self._error is not None:
                    raise self._error
        except RuntimeError:
            pass

    def begin(self) -> "_Block":
        self.start()
        assert self._has_begun.wait(_PATIENCE_S)
        return self

    def end(self) -> None:
        self._may_end.set()
        self.join(_PATIENCE_S)
        assert not self.is_alive()


def test_output_of_a_block_that_succeeds_is_withheld(capfd: pytest.CaptureFixture[str]) -> None:
    _write("before ")
    with withheld_stderr():
        _write("inside ")
    _write("after")
    assert capfd.readouterr().err == "before after"


def test_output_of_a_block_that_fails_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        _write_and_fail("why it broke", RuntimeError("broken"))
    assert capfd.readouterr().err == "why it broke"


@pytest.mark.parametrize("error", [ValueError("says enough itself"), KeyboardInterrupt()])
def test_errors_that_say_enough_and_interrupts_show_nothing(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(error)):
        _write_and_fail("noise", error)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_blocks_of_two_threads_may_end_in_either_order(first_to_end: int, capfd: pytest.CaptureFixture[str]) -> None:
    blocks = [_Block().begin(), _Block().begin()]
    _write("both ")
    blocks[first_to_end].end()
    _write("one ")
    blocks[1 - first_to_end].end()
    _write("none")
    assert capfd.readouterr().err == "none"


@pytest.mark.parametrize("first_to_end", [0, 1])
@pytest.mark.parametrize("failing", [0, 1])
def test_all_since_the_failing_block_began_is_shown_once(
    failing: int, first_to_end: int, capfd: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError("broken")
    first = _Block(error if failing == 0 else None).begin()
    _write("first ")
    second = _Block(error if failing == 1 else None).begin()
    _write("both ")
    blocks = (first, second)
    blocks[first_to_end].end()
    _write("one ")
    assert capfd.readouterr().err == ""  # another block is still at work
    blocks[1 - first_to_end].end()
    expected = "first both one " if failing == 0 else "both one "
    assert capfd.readouterr().err == expected


def test_two_blocks_that_fail_show_everything_once(capfd: pytest.CaptureFixture[str]) -> None:
    first = _Block(RuntimeError("a")).begin()
    _write("first ")
    second = _Block(RuntimeError("b")).begin()
    _write("both ")
    second.end()
    first.end()
    assert capfd.readouterr().err == "first both "


def test_nested_blocks_withhold_until_the_outer_one_ends(capfd: pytest.CaptureFixture[str]) -> None:
    with withheld_stderr():
        with withheld_stderr():
            _write("inner ")
        _write("outer ")
    _write("after")
    assert capfd.readouterr().err == "after"


def test_a_failure_is_forgotten_with_its_blocks(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        _write_and_fail("", RuntimeError("broken"))
    capfd.readouterr()
    with withheld_stderr():
        _write("noise")
    assert capfd.readouterr().err == ""


def test_a_block_that_cannot_begin_leaves_stderr_to_the_others(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    with withheld_stderr():
        with monkeypatch.context() as patches:
            patches.setattr(native_output, "_flush", fail)
            with pytest.raises(OSError, match="No space left"), withheld_stderr():
                pass
        _write("withheld ")
    _write("after")
    assert capfd.readouterr().err == "after"


def test_a_program_without_stderr_has_nothing_to_withhold() -> None:
    program = "from ofa_tf.base.native_output import withheld_stderr\nwith withheld_stderr():\n    print('ran')"
    command = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(program)} 2>&-"
    finished = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (finished.returncode, finished.stdout) == (0, "ran\n")
