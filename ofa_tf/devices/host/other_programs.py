"""How busy other programs keep this computer while models are measured on it.

Runs that something interrupts do not count (`run_statistics.py`). But a program on another core slows models down
without interrupting them: it takes part of the memory's bandwidth, of the caches and of the processor's clock.
Where that lasts for the whole measurement, its runs agree with each other, and are all too slow.
"""

import dataclasses

import psutil

# Measured on two cores: one other program, which takes half of all processor time, costs models a quarter if it streams
# through the memory, and nothing if it computes in its caches; two cost a quarter in any case.
_MAX_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class ProcessorTimes:
    """Processor time since the computer started, of all cores together, seconds.

    Args:
        total: That passed.
        busy: That was used, or taken away from this virtual machine.
        own: That this process used, with those that it started and waited for.
    """

    total: float
    busy: float
    own: float

    @classmethod
    def now(cls) -> "ProcessorTimes":
        """As they are at the moment."""
        times = psutil.cpu_times()
        # Linux counts the time of virtual machines that run here (`guest`) as `user`, too.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        total = sum(times) - guests
        waiting = times.idle + getattr(times, "iowait", 0.0)
        own = psutil.Process().cpu_times()
        return cls(
            total=total,
            busy=total - waiting,
            own=own.user + own.system + own.children_user + own.children_system,
        )

    def share_of_others_since(self, before: "ProcessorTimes") -> float:
        """The share of all processor time that other programs used in between; 0 if no time has passed."""
        total = self.total - before.total
        if total <= 0:
            return 0.0
        others = (self.busy - before.busy) - (self.own - before.own)
        return min(max(others / total, 0.0), 1.0)


def reason_to_doubt(share: float) -> str | None:
    """Why latencies are not to be trusted; `None` if they are.

    Args:
        share: Of all processor time, what other programs used meanwhile.
    """
    if share <= _MAX_SHARE:
        return None
    return f"other programs kept {share:.0%} of this computer's processors busy meanwhile"
