"""What `benchmark_model` prints, as numbers.

TensorFlow Lite's prints a line of statistics for the warm-up and one for the runs that count,
and then a summary. LiteRT's writes files, see `result_files.py`; its failures are read here, too.
"""

import re
from collections.abc import Collection, Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.android.benchmark_model.operator_profile import parse_operators
from ofa_tf.devices.android.benchmark_model.output_lines import last_line, not_understood, parse_number, split_lines

_STATISTICS = ("count", "first", "curr", "min", "max", "avg", "std", "p5", "median", "p95")
_STATISTICS_OF_DIFFERENT_RUNS = {"first", "min", "max", "avg"}
_STATISTICS_OF_EQUAL_RUNS = {"count", "curr"}  # the one number is all of them
_STATISTICS_OF_ALL_RUNS = {"p5", "median", "p95"}  # of builds that print them
_SUMMARY = re.compile(r"Inference \(avg\): *(\S+)$")  # in microseconds
_DELEGATION = re.compile(r"Replacing \d+ out of \d+ node\(s\) with delegate \((\w+)\)(?:.* yielding (\d+) partitions)?")
_REFUSAL = re.compile("will not be executed by the delegate|is unsupported on this platform")

_FAILURE = "Benchmarking failed"
_SEVERITIES_OF_ERRORS = ("ERROR:", "FATAL:")

# How far the means of statistics and summary may lie apart: six digits are printed.
_MAX_RELATIVE_ROUNDING = 1e-4


def parse_benchmark_output(text: str) -> BenchmarkOutput:
    """Read what `benchmark_model` printed on stdout and stderr.

    Args:
        text: All of it.

    Raises:
        InputError: If the benchmark ended early, or printed what is not understood; the line is quoted.
    """
    lines = split_lines(text)
    line, values = _statistics_of_regular_runs(lines)
    num_runs = int(values["count"])
    is_constant = "avg" not in values
    mean_us = values.get("curr", 0.0) if is_constant else values["avg"]
    _check_summary(lines, line, mean_us)
    if num_runs < 1 or not mean_us > 0:
        raise InputError(f"Expected a positive time from benchmark_model. Received: {line!r}.")

    if is_constant:
        values |= dict.fromkeys(_STATISTICS_OF_ALL_RUNS, mean_us)

    delegates, num_partitions = _parse_delegations(lines)
    return BenchmarkOutput(
        num_runs=num_runs,
        mean_us=mean_us,
        median_us=values.get("median"),
        p5_us=values.get("p5"),
        p95_us=values.get("p95"),
        peak_ram_bytes=_parse_peak_ram(lines),
        num_partitions=num_partitions,
        delegates=delegates,
        refusal=_find_refusal(lines),
        operators=parse_operators(lines),
    )


def check_flags_are_known(text: str, needed: Collection[str]) -> None:
    """Check that the program knew its flags: of others it says so, and goes on without them.

    Args:
        text: All that it printed.
        needed: Names of flags without which the result would be of something else, such as `"use_gpu"`.

    Raises:
        InputError: If it did not know a needed flag.
    """
    for line in split_lines(text):
        if not line.startswith("Unconsumed cmdline flags:"):
            continue
        _, _, flags = line.partition(":")
        for flag in flags.split():
            name = flag.split("=")[0].lstrip("-")
            if name in needed:
                raise InputError(
                    f"Expected benchmark_model to know --{name}. Received: {line!r}. Take another build of it."
                )


def check_success(text: str, hint: str = "") -> None:
    """Check that the program did not say that it failed.

    Args:
        text: All that it printed.
        hint: What may be the reason, if it does not say.

    Raises:
        InputError: If it failed; its reason is quoted.
    """
    lines = split_lines(text)
    for index, line in enumerate(lines):
        if line.startswith(_FAILURE):
            reason = first_error(text)
            if not reason:
                last = last_line(lines[:index]).rstrip(".") or "no reason"
                reason = f"{last}. {hint}".rstrip()
            raise InputError(f"Expected the benchmark to run the model. Received: {reason}")


def first_error(text: str) -> str:
    """The first line of that severity, or the one that a program ends itself with; empty if there is none."""
    for line in text.splitlines():
        for severity in _SEVERITIES_OF_ERRORS:
            if line.startswith(severity) and _FAILURE not in line:
                return line.removeprefix(severity).strip()
    return ""


def _statistics_of_regular_runs(lines: Sequence[str]) -> tuple[str, dict[str, float]]:
    """The line of statistics of the runs that count, and its numbers by their names."""
    statistics = [line for line in lines if line.startswith("count=")]
    parsed = [_parse_statistics(line) for line in statistics]
    if len(statistics) != 2:
        raise InputError(
            "Expected two lines of statistics, of the warm-up and of the runs, from benchmark_model. "
            f"Received: {len(statistics)}; the output ends with {last_line(lines)!r}."
        )
    return statistics[1], parsed[1]


def _parse_statistics(line: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for word in line.replace("(all same)", "").split():
        name, _, number = word.partition("=")
        if name not in _STATISTICS or name in values:
            raise not_understood(line)
        values[name] = parse_number(number, line)

    are_different = values.keys() >= _STATISTICS_OF_DIFFERENT_RUNS
    are_equal = values.keys() - _STATISTICS_OF_ALL_RUNS == _STATISTICS_OF_EQUAL_RUNS
    is_complete = are_different or are_equal
    is_empty = values.get("count") == 0
    if not is_complete and not is_empty:
        raise not_understood(line)
    return values


def _check_summary(
    lines: Sequence[str],
    statistics: str,
    mean_us: float,
) -> None:
    """The summary says that the benchmark came to its end, and must agree with the statistics."""
    summary = ""
    match = None
    for line in lines:
        match_of_line = _SUMMARY.search(line.rstrip())
        if match_of_line is not None:
            summary = line
            match = match_of_line
    if match is None:
        raise InputError(
            "Expected a summary with 'Inference (avg)' at the end of what benchmark_model prints. "
            f"Received: {last_line(lines)!r}."
        )
    summary_us = parse_number(match.group(1), summary)
    if abs(summary_us - mean_us) > _MAX_RELATIVE_ROUNDING * mean_us:
        raise InputError(
            "Expected the statistics and the summary of benchmark_model to agree. "
            f"Received: {statistics!r} and {summary!r}."
        )


def _parse_delegations(lines: Sequence[str]) -> tuple[tuple[str, ...], int | None]:
    """The delegates that took operators, each once, and the number of partitions that the last one left."""
    delegates: dict[str, None] = {}
    num_partitions = None
    for line in lines:
        match = _DELEGATION.search(line)
        if match is None:
            continue
        name, number = match.groups()
        delegates[name] = None
        if number is not None:
            num_partitions = int(number)
    return tuple(delegates), num_partitions


def _find_refusal(lines: Sequence[str]) -> str | None:
    for line in lines:
        if _REFUSAL.search(line):
            return line.strip()
    return None


def _parse_peak_ram(lines: Sequence[str]) -> int | None:
    for line in lines:
        if line.startswith("Overall peak memory footprint (MB)"):
            _, _, megabytes = line.rpartition(":")
            return round(parse_number(megabytes.strip(), line) * 2**20)
    return None
