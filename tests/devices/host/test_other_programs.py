"""How busy other programs keep the computer."""

import subprocess
import sys
import time

import pytest

from ofa_tf.devices.host.other_programs import ProcessorTimes, reason_to_doubt

# Uses half a second of processor time, says so, and waits to be ended.
_BUSY_PROGRAM = """
import time
while time.process_time() < 0.5:
    pass
print("done", flush=True)
input()
"""


def test_others_have_used_what_is_neither_idle_nor_own() -> None:
    before = ProcessorTimes(total=100.0, busy=40.0, own=10.0)
    after = ProcessorTimes(total=120.0, busy=52.0, own=13.0)
    assert after.share_of_others_since(before) == pytest.approx((12 - 3) / 20)


@pytest.mark.parametrize(
    ("after", "share"),
    [
        (ProcessorTimes(total=100.0, busy=40.0, own=10.0), 0.0),  # no tick of the clock in between
        (ProcessorTimes(total=110.0, busy=43.0, own=14.0), 0.0),  # clocks of unlike resolution
    ],
)
def test_the_share_is_never_below_0(after: ProcessorTimes, share: float) -> None:
    before = ProcessorTimes(total=100.0, busy=40.0, own=10.0)
    assert after.share_of_others_since(before) == share


def test_a_program_that_is_still_running_is_another_one_until_it_was_waited_for() -> None:
    before = ProcessorTimes.now()
    with subprocess.Popen(
        [sys.executable, "-c", _BUSY_PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        meanwhile = ProcessorTimes.now()
        others = meanwhile.share_of_others_since(before) * (meanwhile.total - before.total)
        assert others > 0.4  # seconds; more if something else is busy, too
        program.communicate("\n")
    assert ProcessorTimes.now().own - meanwhile.own > 0.4


def test_time_of_this_process_is_its_own() -> None:
    before = ProcessorTimes.now()
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    after = ProcessorTimes.now()
    assert after.own - before.own > 0.4
    assert after.busy - before.busy > 0.4


def test_latencies_are_doubtful_where_others_took_more_than_a_quarter() -> None:
    assert reason_to_doubt(0.25) is None
    assert reason_to_doubt(0.49) == "other programs kept 49% of this computer's processors busy meanwhile"
