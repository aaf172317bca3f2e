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
