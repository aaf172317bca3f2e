"""`TimeLimit`: how long a measurement on a phone may take."""

import time

from ofa_tf.devices.android.adb import Adb


class TimeLimit:
    """Time that a measurement may take, without that in which its phone was gone.

    Args:
        adb: The phone.
        seconds: The limit.
    """

    def __init__(self, adb: Adb, seconds: float) -> None:
        self.seconds = seconds
        self._adb = adb
        self._end_without_waiting = time.monotonic() + seconds - adb.waited_s

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self._end_without_waiting + self._adb.waited_s - time.monotonic()

    @property
    def is_reached(self) -> bool:
        """Whether the time is up."""
        return self.left_s <= 0

    def extend(self, seconds: float) -> None:
        """Add time in which the phone was gone though nobody waited for it."""
        self._end_without_waiting += seconds

    def describe(self) -> str:
        """What is said of a measurement that the limit ended."""
        return f"the time limit of {self.seconds:g} s was reached"
