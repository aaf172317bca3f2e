import os
import signal

import pytest

from ofa_tf.base.stop_request import Interruption


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request_that_is_acknowledged_and_the_second_one_stops(
    sent: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(sent)
    with Interruption() as interruption:
        assert not interruption.is_requested
        os.kill(os.getpid(), sent)
        assert interruption.is_requested
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
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGINT)
            assert interruption.is_requested
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(writer)
