"""What `benchmark_model` prints, as numbers.

Two programs carry that name: TensorFlow Lite's, in many builds, and LiteRT's for
compiled models. Both print a line of statistics for the warm-up and one for the
runs that count, and then a summary; what they print besides differs.
"""

import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ofa_tf.base.errors import InputError

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_PREFIX = re.compile(r"^(?:(?:INFO|WARN|WARNING|VERBOSE|ERROR): ?)?(?:\[[^\]]*:\d+\] ?)?")
_STATISTICS = ("first", "curr", "min", "max", "avg", "std", "p5", "median", "p95")
_SUMMARY = re.compile(r"Inference \(avg\): *(\S+?)(?: ms \((\d+) runs\))?$")  # in microseconds, or in ms
_DELEGATION = re.compile(r"Replacing \d+ out of \d+ node\(s\) with delegate \((\w+)\)(?:.* yielding (\d+) partitions)?")
_REFUSAL = re.compile("will not be executed by the delegate|is unsupported on this platform")
_REGULAR_RUNS = "Profiling Info for Regular Benchmark Runs:"


@dataclasses.dataclass(frozen=True)
class Operator:
    """A row of the operator profile.

    Args:
        kind: Type of the operator.
        name: Its name.
        mean_ms: Mean time a run, milliseconds.
        is_in_delegate: Whether it is part of a delegate's row, in whose time its
            own is contained.
    """

    kind: str
    name: str
    mean_ms: float
    is_in_delegate: bool


@dataclasses.dataclass(frozen=True)
class BenchmarkOutput:
    """What a run of `benchmark_model` found; times in microseconds.

    Args:
        num_runs: Number of runs that count.
        mean_us: Their mean.
        median_us: Their median; `None` if the build does not print it. A few slow
            runs move the mean, so then it takes several calls.
        p5_us: 5th percentile; `None` likewise.
        p95_us: 95th percentile; `None` likewise.
        peak_ram_bytes: Peak of the process' memory, if it was asked for.
        num_partitions: Parts that the graph was divided into; `None` if it is not
            printed.
        delegates: Names of the delegates that took operators, as far as it is printed.
        refusal: The line, if one says that a delegate did not take the model.
        operators: The operator profile, if it was asked for.
    """

    num_runs: int
    mean_us: float
    median_us: float | None = None
    p5_us: float | None = None
    p95_us: float | None = None
    peak_ram_bytes: int | None = None
    num_partitions: int | None = None
    delegates: tuple[str, ...] = ()
    refusal: str | None = None
    operators: tuple[Operator, ...] = ()


def parse_benchmark_output(text: str, needed_flags: Collection[str] = ()) -> BenchmarkOutput:
    """Read what `benchmark_model` printed on stdout and stderr.

    Args:
        text: All of it.
        needed_flags: Names of flags without which the result would be of
            something else, such as `"use_gpu"`.

    Raises:
        InputError: If the benchmark failed, ended early, does not know a needed
            flag, or printed what is not understood; the line is quoted.
    """
    lines = [_PREFIX.sub("", line.rstrip("\r"), count=1) for line in text.split("\n")]
    _check_flags(lines, needed_flags)
    failure = next((index for index, line in enumerate(lines) if line.startswith("Benchmarking failed")), None)
    if failure is not None:
        errors = [line.strip().removeprefix("ERROR: ") for line in text.splitlines() if line.startswith("ERROR")]
        reason = errors[0] if errors else _last_line(lines[:failure])  # old builds print no severities
        raise InputError(f"Expected the benchmark to run the model. Received: {reason or 'no reason'}")
    statistics = [(line, _parse_statistics(line)) for line in lines if line.startswith("count=")]
    if len(statistics) != 2:
        raise InputError(
            "Expected two lines of statistics, of the warm-up and of the runs, from benchmark_model. "
            f"Received: {len(statistics)}; the output ends with {_last_line(lines)!r}."
        )
    line, values = statistics[1]
    num_runs, mean_us = int(values["count"]), values.get("avg", values.get("curr", 0.0))
    _check_summary(lines, line, num_runs, mean_us)
    if num_runs < 1 or not mean_us > 0:
        raise InputError(f"Expected a positive time from benchmark_model. Received: {line!r}.")
    delegations = [match.groups() for line in lines if (match := _DELEGATION.search(line))]
    num_partitions = [int(number) for _, number in delegations if number is not None]
    is_constant = "avg" not in values  # the one number is all of them
    spread = dict.fromkeys(("median", "p5", "p95"), mean_us) if is_constant else values
    return BenchmarkOutput(
        num_runs=num_runs,
        mean_us=mean_us,
        median_us=spread.get("median"),
        p5_us=spread.get("p5"),
        p95_us=spread.get("p95"),
        peak_ram_bytes=_parse_peak_ram(lines),
        num_partitions=num_partitions[-1] if num_partitions else None,
        delegates=tuple(dict.fromkeys(name for name, _ in delegations)),
        refusal=next((line.strip() for line in lines if _REFUSAL.search(line)), None),
        operators=tuple(_parse_operators(lines)),
    )


def _check_flags(lines: Sequence[str], needed: Collection[str]) -> None:
    for line in lines:
        if not line.startswith("Unconsumed cmdline flags:"):
            continue
        unknown = [flag.split("=")[0].lstrip("-") for flag in line.partition(":")[2].split()]
        missed = [name for name in unknown if name in needed]
        if missed:
            raise InputError(
                f"Expected benchmark_model to know --{missed[0]}. Received: {line!r}. Take another build of it."
            )


def _parse_statistics(line: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for part in line.replace("(all same)", "").split():
        name, _, number = part.partition("=")
        if (name != "count" and name not in _STATISTICS) or name in values:
            raise _not_understood(line)
        values[name] = _parse_number(number, line)
    is_complete = {"first", "min", "max", "avg"} <= values.keys() or values.keys() == {"count", "curr"}
    if not is_complete and values.get("count") != 0:
        raise _not_understood(line)
    return values


def _check_summary(lines: Sequence[str], statistics: str, num_runs: int, mean_us: float) -> None:
    """The summary says that the benchmark came to its end, and must agree with the statistics."""
    found = [(line, match) for line in lines if (match := _SUMMARY.search(line.rstrip()))]
    if not found:
        raise InputError(
            "Expected a summary with 'Inference (avg)' at the end of what benchmark_model prints. "
            f"Received: {_last_line(lines)!r}."
        )
    line, match = found[-1]
    number, runs = _parse_number(match.group(1), line), match.group(2)
    if runs is None:
        agrees = abs(number - mean_us) <= 1e-4 * mean_us
    else:
        agrees = abs(1000 * number - mean_us) <= 5.01 + 1e-4 * mean_us and int(runs) == num_runs
    if not agrees:
        raise InputError(
            "Expected the statistics and the summary of benchmark_model to agree. "
            f"Received: {statistics!r} and {line!r}."
        )


def _parse_peak_ram(lines: Sequence[str]) -> int | None:
    for line in lines:
        if line.startswith("Overall peak memory footprint (MB)"):
            return round(_parse_number(line.rpartition(":")[2].strip(), line) * 2**20)
    return None


def _parse_operators(lines: Sequence[str]) -> Iterator[Operator]:
    """The rows of the first table of the regular runs, by the names of its columns."""
    start = next((index for index, line in enumerate(lines) if line.rstrip().endswith(_REGULAR_RUNS)), None)
    if start is None:
        return
    columns: list[str] | None = None
    for line in lines[start + 1 :]:
        if not line.startswith("\t"):
            if columns:
                return
            continue
        cells = [cell.strip() for cell in line[1:].split("\t")]
        if columns is None:
            columns = [cell.strip("[]").lower() for cell in cells]
            missing = {"node type", "avg ms", "name"} - set(columns)
            if missing:
                raise _not_understood(line)
        elif len(cells) != len(columns):
            raise _not_understood(line)
        else:
            row: dict[str, Any] = dict(zip(columns, cells, strict=True))
            name = row["name"]
            yield Operator(
                row["node type"], name, _parse_number(row["avg ms"], line), name.strip("[]").startswith("Delegate/")
            )


def _parse_number(text: str, line: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _not_understood(line)
    return float(text)


def _not_understood(line: str) -> InputError:
    return InputError(f"Expected a line as benchmark_model prints them. Received: {line.strip()!r}.")


def _last_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
