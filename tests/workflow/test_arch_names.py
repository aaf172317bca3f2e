import json
import re
from pathlib import Path

import pytest

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.workflow.arch_names import parse_arch_list, parse_archs
from tests.support.spaces import MICRO


def test_archs_are_named_by_file_ends_or_number(tmp_path: Path) -> None:
    space = MICRO
    space.smallest().save(tmp_path / "mine.json")
    assert parse_archs(space, str(tmp_path / "mine.json")) == {"mine": space.smallest()}
    assert parse_archs(space, "max") == {"max": space.largest()}
    drawn = parse_archs(space, "random:3", seed=1)
    assert list(drawn) == ["random_0", "random_1", "random_2"]
    assert drawn == parse_archs(space, "random:3", seed=1) != parse_archs(space, "random:3", seed=2)
    with pytest.raises(
        InputError, match=r"Expected --arch=random:N with a whole number N of at least 1. Received: --arch=random:x"
    ):
        parse_archs(space, "random:x")
    with pytest.raises(InputError, match=r"Expected --arch to be an arch JSON file.*Received: --arch=gone.json"):
        parse_archs(space, "gone.json")


def test_the_archs_of_a_front_are_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    archs = [MICRO.smallest(), MICRO.largest()]
    entries = [{"arch": arch.to_dict(), "top1": 0.5} for arch in archs]
    path.write_text(json.dumps({"schema": "ofa_tf/front/1", "entries": entries}))
    assert parse_archs(MICRO, str(path)) == {"front_0": archs[0], "front_1": archs[1]}
    assert parse_archs(MICRO, f"{path}:1") == {"front_1": archs[1]}
    for wrong in ([{"top1": 0.5}], 7, [3]):
        path.write_text(json.dumps({"entries": wrong}))
        with pytest.raises(InputError, match=r"Expected each of the `entries` of .*front.json to have an `arch`"):
            parse_archs(MICRO, str(path))
    path.write_text(json.dumps({"entries": [{"arch": {**archs[0].to_dict(), "image_size": 17}}]}))
    with pytest.raises(InputError, match=r"front.json: Expected .*17"):
        parse_archs(MICRO, str(path))


@pytest.mark.parametrize("number", ["2", "a", "-1", "", "²"])
def test_a_number_that_no_arch_of_a_front_has_is_answered_with_those_that_there_are(
    number: str, tmp_path: Path
) -> None:
    path = tmp_path / "front.json"
    text = f"{path}:{number}"
    for num_archs, message in (
        (2, f"Expected --arch={path}:N with N from 0 to 1, as the front has 2 archs. Received: --arch={text}."),
        (1, f"Expected --arch={path}:N with N = 0, as the front has one arch. Received: --arch={text}."),
        (0, f"Expected a front with archs. Received: --arch={text}, and {path} has none."),
    ):
        entries = [{"arch": MICRO.smallest().to_dict()}] * num_archs
        path.write_text(json.dumps({"schema": "ofa_tf/front/1", "entries": entries}))
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            parse_archs(MICRO, text)


@pytest.mark.parametrize("number", ["0", "1", "a"])
def test_an_arch_of_its_own_file_has_no_number(number: str, tmp_path: Path) -> None:
    path = tmp_path / "arch_0.json"
    MICRO.smallest().save(path)
    message = rf"^Expected --arch={re.escape(str(path))}, without a number: .* Received: --arch=.*:{number}\. Leave out"
    with pytest.raises(InputError, match=message):
        parse_archs(MICRO, f"{path}:{number}")


def test_files_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    texts = []
    for folder, arch in (("a", MICRO.smallest()), ("b", MICRO.largest())):
        path = tmp_path / folder / "found.json"
        arch.save(path)
        texts.append(str(path))
    archs = parse_arch_list(MICRO, ["min", *texts])
    assert archs == {"min": MICRO.smallest(), "found": MICRO.smallest(), texts[1]: MICRO.largest()}
    MICRO.smallest().save(texts[1])
    assert len(parse_arch_list(MICRO, texts)) == 2  # also where they hold the same


def test_what_is_named_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    MICRO.smallest().save(path)
    roundabout = tmp_path / "x" / ".." / "found.json"
    (tmp_path / "x").mkdir()
    for texts in (["max", "min", "max"], [str(path), str(roundabout)], [str(path), str(tmp_path)], ["random:1"] * 2):
        message = rf"Expected --arch to name each arch once\. Received: --arch={re.escape(','.join(texts))}, with "
        with pytest.raises(InputError, match=message):
            parse_arch_list(MICRO, texts)


def test_a_folder_stands_for_its_arch_files_by_name_and_not_for_fronts(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    folder.mkdir()
    (folder / "front_host.json").write_text('{"schema": "ofa_tf/front/1", "entries": []}')
    (folder / "notes.txt").write_text("by hand")
    message = r"Expected --arch=.*found to be a folder with arch JSON files\. Received: none there\."
    with pytest.raises(InputError, match=message):
        parse_arch_list(MICRO, [str(folder)])
    with pytest.raises(InputError, match=r"Expected --arch to be an arch JSON file, .*found, which is no file\."):
        parse_archs(MICRO, str(folder))

    names = ["host_c", "host_a", "host_d", "host_b", "host_f", "host_e"]
    for name in names:
        MICRO.smallest().save(folder / f"{name}.json")
    several = parse_arch_list(MICRO, ["min", str(folder), "max"])
    assert list(several) == ["min", *sorted(names), "max"]


def test_what_else_lies_in_a_folder_of_archs_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arch = MICRO.smallest()
    arch.save(tmp_path / "found.json")
    (tmp_path / "by_hand.json").write_text(arch.to_json())
    (tmp_path / "settings.json").write_text('{"depths": [1]}')
    files.write_json(tmp_path / "model.json", "tflite_model", arch.to_dict())
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "cut.json").write_text(arch.to_json()[:-3])
    assert parse_arch_list(MICRO, [str(tmp_path)]) == {"by_hand": arch, "found": arch}
    told = capsys.readouterr().err
    assert f"passed over in --arch={tmp_path}: Expected {tmp_path}/cut.json to be a JSON file." in told
    assert f"passed over in --arch={tmp_path}: Expected {tmp_path}/list.json to hold a JSON object." in told
    assert "..." not in told


def test_min_and_max_are_words_also_where_folders_are_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "max").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_archs(MICRO, "max") == parse_arch_list(MICRO, ["max"]) == {"max": MICRO.largest()}
