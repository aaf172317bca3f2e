from absl import flags

from ofa_tf.base.flag_groups import FlagGroup, define_in_group, describe_flags


def test_help_shows_the_program_s_own_flags_first_and_then_the_groups_in_their_order() -> None:
    values = flags.FlagValues()
    define_in_group(FlagGroup.DEVICES, flags.DEFINE_integer, "threads", 2, "How many.", values=values)
    define_in_group(FlagGroup.DATA, flags.DEFINE_list, "images", [], "Which.", values=values)
    define_in_group(FlagGroup.DATA, flags.DEFINE_boolean, "download", False, "Whether.", values=values)
    flags.DEFINE_string("output", None, "Where to.", flag_values=values, module_name="program.py")

    assert describe_flags("program.py", values) == (
        "Flags:\n  --output: Where to.\n\n"
        "Data:\n  --images: Which.\n  --[no]download: Whether. (default: false)\n\n"
        "Devices that compute:\n  --threads: How many. (default: 2)"
    )


def test_flags_of_groups_are_parsed_like_others() -> None:
    values = flags.FlagValues()
    threads = define_in_group(
        FlagGroup.DEVICES, flags.DEFINE_integer, "threads", 2, "How many.", values=values, lower_bound=1
    )

    values(["program.py", "--threads=3"])

    assert threads.value == 3
