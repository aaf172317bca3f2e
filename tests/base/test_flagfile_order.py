"""Of a flag that is given twice the last counts, so that a flagfile behind it would undo what was typed."""

from pathlib import Path

import pytest
from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.base.flagfile_order import check_flagfiles_come_first


@pytest.fixture
def values() -> flags.FlagValues:
    values = flags.FlagValues()
    flags.DEFINE_string("dataset", "digits", "Data.", flag_values=values)
    flags.DEFINE_integer("epochs", 1, "How many.", flag_values=values)
    flags.DEFINE_boolean("resume", False, "Go on.", flag_values=values)
    flags.DEFINE_string("notes", "", "A name that begins as a negation does.", flag_values=values)
    return values


@pytest.fixture
def flagfile(tmp_path: Path) -> Path:
    inner = tmp_path / "inner.cfg"
    inner.write_text("--resume\n--notes=short\n")
    path = tmp_path / "recipe.cfg"
    path.write_text(f"# A recipe.\n--dataset=digits\n--flagfile={inner}\n")
    return path


@pytest.mark.parametrize("typed", ["--dataset=folder:mine", "-dataset=folder:mine", "--noresume", "--notes=long"])
def test_a_flagfile_that_undoes_a_flag_is_refused(typed: str, values: flags.FlagValues, flagfile: Path) -> None:
    for form in ([f"--flagfile={flagfile}"], ["--flagfile", str(flagfile)]):
        with pytest.raises(InputError) as caught:
            check_flagfiles_come_first(["--epochs=3", typed, *form], values)
        assert f"Received: {typed} before --flagfile={flagfile}, which says --" in str(caught.value)
        assert str(caught.value).endswith("Put --flagfile first.")


@pytest.mark.parametrize("typed", ["--dataset=digits", "--epochs=7", "--resume", "--epochs 7"])
def test_other_flags_may_stand_before_a_flagfile(typed: str, values: flags.FlagValues, flagfile: Path) -> None:
    check_flagfiles_come_first([*typed.split(), f"--flagfile={flagfile}"], values)


def test_a_flag_behind_a_flagfile_counts(values: flags.FlagValues, flagfile: Path) -> None:
    arguments = [f"--flagfile={flagfile}", "--dataset=folder:mine", "--noresume"]
    check_flagfiles_come_first(arguments, values)
    values(["program", *arguments])
    assert (values.dataset, values.resume) == ("folder:mine", False)


def test_a_flag_between_two_flagfiles_is_looked_at_for_the_second(
    values: flags.FlagValues, flagfile: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second.cfg"
    second.write_text("--dataset=cifar10\n")
    with pytest.raises(InputError, match="which says --dataset=cifar10"):
        check_flagfiles_come_first([f"--flagfile={flagfile}", "--dataset=mine", f"--flagfile={second}"], values)
