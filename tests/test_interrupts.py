import os
import signal

import pytest

from ofa_tf.interrupts import held_back


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_strikes_after_the_block_although_the_block_catches_everything(sent: signal.Signals) -> None:
    before, steps = signal.getsignal(sent), []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 -- the whole block is what matters
        with held_back():
            try:
                os.kill(os.getpid(), sent)
                steps.append("went on")
            except BaseException:
                steps.append("swallowed")
        steps.append("not reached")
    assert steps == ["went on"]
    assert signal.getsignal(sent) is before


def test_without_a_signal_nothing_happens() -> None:
    with held_back():
        pass
