import os
import signal

import pytest

from ofa_tf.base.interrupts import held_back


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


def test_without_a_signal_the_block_ends_as_it_would_and_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ValueError, match="its own"), held_back():
        raise ValueError("its own")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
