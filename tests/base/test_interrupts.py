import os
import signal
import subprocess
import sys
import time

import pytest

from ofa_tf.base.interrupts import StopRequest, delayed_interrupts, ended_by_interrupts
from tests.support.repository import ROOT


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_strikes_after_the_block_although_the_block_catches_everything(sent: signal.Signals) -> None:
    before, steps = signal.getsignal(sent), []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 -- the whole block is what matters
        with delayed_interrupts():
            try:
                os.kill(os.getpid(), sent)
                steps.append("went on")
            except BaseException:
                steps.append("swallowed")
        steps.append("not reached")
    assert steps == ["went on"]
    assert signal.getsignal(sent) is before


def test_without_a_signal_the_block_ends_as_it_would_and_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ValueError, match="its own"), delayed_interrupts():
        raise ValueError("its own")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request_that_is_acknowledged_and_the_second_one_stops(
    sent: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(sent)
    with StopRequest() as stop_request:
        assert not stop_request.is_requested
        os.kill(os.getpid(), sent)
        assert stop_request.is_requested
        assert "stopping as soon as nothing is lost" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), sent)
    assert signal.getsignal(sent) is before


def test_a_request_counts_although_nobody_reads_stderr_any_more() -> None:
    kept = os.dup(2)
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 2)
    try:
        with StopRequest() as stop_request:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop_request.is_requested
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(writer)


def _work(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


def test_who_does_not_stop_in_time_is_stopped() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)]

    def hang() -> None:
        with StopRequest(grace_s=0.1):
            os.kill(os.getpid(), signal.SIGTERM)
            _work(60)

    with pytest.raises(KeyboardInterrupt, match=r"not finished within 0.1 s. Earlier checkpoints are intact"):
        hang()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_is_being_finished_may_take_longer() -> None:
    steps = []

    def finish_and_hang() -> None:
        with StopRequest(grace_s=0.1) as stop_request:
            os.kill(os.getpid(), signal.SIGTERM)
            with stop_request.finishing():
                _work(1.5)
                steps.append("finished")
            _work(60)

    with pytest.raises(KeyboardInterrupt):
        finish_and_hang()
    assert steps == ["finished"]


def test_who_stops_in_time_hears_nothing_of_the_time() -> None:
    with StopRequest(grace_s=0.05) as stop_request:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop_request.is_requested
    _work(0.2)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_ends_a_process_without_python_s_handler(name: str) -> None:
    code = (
        "import os, signal, sys\n"
        "from ofa_tf.base.interrupts import ended_by_interrupts\n"
        f"signal.signal(signal.{name}, signal.default_int_handler)\n"
        "try:\n"
        "    with ended_by_interrupts():\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(3)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert result.returncode == -signal.Signals[name]


def test_after_the_wait_python_handles_ctrl_c_again() -> None:
    with ended_by_interrupts():
        pass
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def _interrupted_program(name: str, work: str) -> subprocess.CompletedProcess:
    """A program that gets a signal where `work` calls `interrupt`, and then does nothing for a long time."""
    code = (
        "import os, signal, sys, time\n"
        "from ofa_tf.base import command_line\n"
        "def interrupt(*arguments):\n"
        "    global is_interrupted\n"
        "    if not is_interrupted:\n"
        "        is_interrupted = True\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        "is_interrupted = False\n"
        "def main(argv):\n"
        f"    {work}\n"
        "    assert is_interrupted\n"
        "    time.sleep(20)\n"
        "command_line.run(main)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )


_FREE_AN_OBJECT = "type('Freed', (), {'__del__': interrupt})()"

# A library calls back where weights are drawn, and catches what comes.
_DRAW_WEIGHTS = """
    from tensorflow.python.framework import dtypes
    finfo = dtypes.ml_dtypes.finfo
    dtypes.ml_dtypes.finfo = lambda dtype: interrupt() or finfo(dtype)
    from ofa_tf.latency.piece_models import make_piece_models
    from ofa_tf.latency.pieces import distinct_pieces
    from ofa_tf.space.presets import get_search_space
    space = get_search_space("mobilenet_v3_tiny")
    piece, (size, *_) = distinct_pieces(space, (32,))[0]
    make_piece_models(space, 2).convert(piece, size)
"""


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("SIGINT", _FREE_AN_OBJECT),
        ("SIGTERM", _FREE_AN_OBJECT),
        pytest.param("SIGTERM", _DRAW_WEIGHTS, marks=pytest.mark.slow),
    ],
    ids=["free_an_object_SIGINT", "free_an_object_SIGTERM", "draw_weights"],
)
def test_an_interrupt_that_others_catch_ends_the_program_all_the_same(name: str, work: str) -> None:
    result = _interrupted_program(name, work)
    assert result.returncode == 130, result.stderr[-2000:]
    assert result.stderr.splitlines()[-1] == "error: Interrupted. Earlier results are intact."
    assert "Exception ignored" not in result.stderr


def test_other_exceptions_that_python_ignores_are_reported_as_before() -> None:
    code = (
        "import time\n"
        "from ofa_tf.base.interrupts import repeat_lost_interrupts\n"
        "repeat_lost_interrupts()\n"
        "class Freed:\n"
        "    def __del__(self):\n"
        "        raise ValueError('its own')\n"
        "Freed()\n"
        "time.sleep(0.5)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0
    assert "ValueError: its own" in result.stderr
