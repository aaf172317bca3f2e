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
        (["--max_macs=many"], "Expected --max_macs to be a number. Received: --max_macs=many."),
        (["--max_macs=0"], "Expected the limit of macs to be above 0. Received: 0."),
        (["--max_macs=nan"], "Expected the limit of macs to be above 0. Received: nan."),
        (["--max_macs=1,2", "--max_latency_ms=1,2"], "Received: several of latency_ms and of macs."),
        (["--max_macs=1", "--limits=macs=2"], "Received: another one of macs in --limits=macs=2."),
        (["--limits=width=2"], r"Received: width\."),
    ],
)
def test_what_is_no_limit_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _parsed(*arguments)
