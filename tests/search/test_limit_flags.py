import pytest
from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.search.constraints import Limits
from ofa_tf.search.limit_flags import define_limit_flags, limits_from_flags


def _parsed(*arguments: str) -> list[Limits]:
    values = flags.FlagValues()
    define_limit_flags(values)
    values(["program", *arguments])
    return limits_from_flags(values)


def test_limits_are_those_of_the_flags() -> None:
    assert _parsed("--max_macs=2e6", "--max_latency_ms=0.5") == [Limits(macs=2e6, latency_ms=0.5)]
    assert _parsed("--limits=macs=2e6") == [Limits(macs=2e6)]
    assert _parsed() == []


def test_several_values_make_several_searches_with_the_other_limits_in_each() -> None:
    limits = _parsed("--max_macs=2e6", "--max_latency_ms=0.5,1,2")
    assert limits == [Limits(macs=2e6, latency_ms=latency_ms) for latency_ms in (0.5, 1, 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max_macs=many"], r"Expected --max_macs to be a number\. Received: --max_macs=many\. Write it in digits,"),
        (["--max_macs=0"], r"Expected --max_macs to be a finite number above 0\. Received: --max_macs=0\."),
        (["--max_macs=nan"], r"Expected --max_macs to be a finite number above 0\. Received: --max_macs=nan\."),
        (["--max_macs=-1"], r"Expected --max_macs to be a finite number above 0\. Received: --max_macs=-1\."),
        (["--max_macs=inf"], r"above 0\. Received: --max_macs=inf\. Leave it out where nothing is to be limited\."),
        (
            ["--limits=macs=inf"],
            r"Expected --limits=macs to be a finite number above 0\. Received: --limits=macs=inf\.",
        ),
        (
            ["--limits=macs"],
            r"Expected --limits to be like NAME=VALUE\. Received: --limits=macs\. Write, for",
        ),
        (["--limits=macs=1e6,two"], r"like NAME=VALUE\. Received: --limits=macs=1e6,two\. Write, for example, "),
        (
            ["--limits=macs=3e6,"],
            r"Expected NAME=VALUE before and after each comma of --limits\. .*: --limits=macs=3e6,\. L",
        ),
        (["--limits=macs="], r"Expected --limits=macs to be a number\. Received: --limits=macs=\. Write it in digits,"),
        (["--max_macs=1e6,"], r"Expected a number before and after each comma of --max_macs\. .*: --max_macs=1e6,\. L"),
        (["--max_macs=,1e6"], r"Expected a number before and after each comma of --max_macs\. .*: --max_macs=,1e6\. L"),
        (["--max_macs=1e6,2,1000000"], r"numbers of --max_macs to differ\. Received: --max_macs=1e6,2,1000000\."),
        (["--max_macs=1,2", "--max_latency_ms=1,2"], r"Received: several of --max_latency_ms and of --max_macs\."),
        (["--max_macs=1", "--limits=macs=2"], "Received: another one of macs in --limits=macs=2."),
        (["--limits=width=2"], r"Received: width\."),
    ],
)
def test_what_is_no_limit_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _parsed(*arguments)
