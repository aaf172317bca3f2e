import pytest
from absl import flags

from ofa_tf.base.flag_errors import describe_flag_error


class _EvenParser(flags.ArgumentParser):
    """A type of flag that is none of absl's."""

    def parse(self, argument: str) -> int:
        if int(argument) % 2:
            raise ValueError("it is odd")
        return int(argument)


@pytest.fixture
def values() -> flags.FlagValues:
    values = flags.FlagValues()
    flags.DEFINE_string("arch", None, "Arch file. Or a name.", required=True, flag_values=values)
    flags.DEFINE_string("workdir", None, "Folder.", required=True, flag_values=values)
    flags.DEFINE_integer("count", 1, "How many.", flag_values=values)
    flags.DEFINE_integer("seed", 0, "Decides.", lower_bound=0, flag_values=values)
    flags.DEFINE_float("rate", 1.0, "How fast.", flag_values=values)
    flags.DEFINE_boolean("resume", False, "Go on.", flag_values=values)
    flags.DEFINE_enum("split", "train", ["train", "test"], "Images.", flag_values=values)
    flags.DEFINE(_EvenParser(), "even", 2, "Half of it is whole.", flag_values=values)
    return values


def _describe(values: flags.FlagValues, *arguments: str) -> str:
    with pytest.raises((flags.Error, ValueError)) as caught:
        values(["program", *arguments])
    return describe_flag_error(caught.value, values)


@pytest.mark.parametrize(
    ("argument", "rule"),
    [
        ("--count=abc", "an integer"),
        ("--count=1.5", "an integer"),
        ("--count=", "an integer"),
        ("--count=a: b", "an integer"),
        ("--seed=-1", "a non-negative integer"),
        ("--seed=x", "a non-negative integer"),
        ("--rate=fast", "a number"),
        ("--resume=perhaps", "true or false"),
        ("--split=none", "one of train, test"),
    ],
)
def test_a_value_of_another_type_is_named_with_what_is_expected(
    argument: str, rule: str, values: flags.FlagValues
) -> None:
    name = argument.partition("=")[0]
    expected = f"Expected {name} to be {rule}. Received: {argument}. See --helpshort."
    assert _describe(values, "--arch=a", "--workdir=w", argument) == expected


def test_a_value_of_an_unknown_type_is_named_with_the_reason(values: flags.FlagValues) -> None:
    expected = "Expected another value of --even: it is odd. Received: --even=3. See --helpshort."
    assert _describe(values, "--arch=a", "--workdir=w", "--even=3") == expected


def test_a_missing_flag_is_named_with_its_meaning(values: flags.FlagValues) -> None:
    expected = "Expected --arch. Received: none. --arch: Arch file. See --helpshort."
    assert _describe(values, "--workdir=w") == expected


def test_all_missing_flags_are_named(values: flags.FlagValues) -> None:
    assert _describe(values) == "Expected --arch and --workdir. Received: none of them. See --helpshort."


def test_what_absl_says_clearly_is_kept(values: flags.FlagValues) -> None:
    assert _describe(values, "--cuont=3") == (
        "Unknown command line flag 'cuont'. Did you mean: count ? (see --helpshort)"
    )
    assert _describe(values, "--count") == "Missing value for flag --count (see --helpshort)"
    assert _describe(values, "--noresume=3") == "--noresume=3 does not take an argument (see --helpshort)"
