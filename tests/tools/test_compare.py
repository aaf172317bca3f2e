import json
from pathlib import Path

import pytest

from tests.support.images import write_class_folders
from tests.support.spaces import MICRO, PLUGINS_FLAG
from tests.tools.conftest import Run

# More than any network takes: every one may be found.
_BUDGET_MS = "1000"


@pytest.mark.long
def test_all_methods_are_compared_for_one_budget_and_nothing_is_done_twice(run: Run, tmp_path: Path) -> None:
    photos = write_class_folders(tmp_path / "photos", {"ant": 40, "bee": 40})
    training = (
        PLUGINS_FLAG,
        f"--space={MICRO.name}",
        f"--dataset=folder:{photos}",
        "--method=sandwich",
        "--batch_size=16",
        "--num_calibration_images=32",
        "--sandwich_epochs=1",
        "--sandwich_warmup_epochs=0",
        "--sandwich_num_subnets=2",
    )
    recipe = tmp_path / "recipe.cfg"
    recipe.write_text("\n".join(training))
    workdir = tmp_path / "compare"
    arguments = (
        f"--workdir={workdir}",
        f"--recipe={recipe}",
        f"--max_latency_ms={_BUDGET_MS}",
        "--num_archs=10",
    )
    result = run("tools/compare.py", *arguments, timeout=1800)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "processor time than" in result.stdout

    methods = json.loads((workdir / "comparison.json").read_text())["seeds"]["0"]["methods"]
    assert list(methods) == ["once_for_all", "sampled", "relaxed", "random"]
    for method, described in methods.items():
        (row,) = described["budgets"]
        assert row["find_processor_seconds"] > 0
        assert (row["train_processor_seconds"] > 0) == (method != "once_for_all")
        assert row["measured_ms"] > 0
    records = {path: path.read_text() for path in (workdir / "seed_0" / "steps").iterdir()}

    again = run("tools/compare.py", *arguments)
    assert again.stdout == result.stdout
    assert {path: path.read_text() for path in records} == records


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods=sampled"], "Expected `methods` to be once_for_all and others"),
        (["--methods=once_for_all,guessed"], "Expected `methods` to be once_for_all and others"),
        (["--methods=once_for_all,random"], "random_processor_seconds"),
        (["--max_latency_ms=fast"], "Expected --max_latency_ms to be numbers"),
        (["--max_latency_ms=0"], "Expected `budgets_ms` to be above 0"),
        (["--seeds=one"], "Expected --seeds to be numbers from 0"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused_in_one_line(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = run("tools/compare.py", f"--workdir={tmp_path / 'compare'}", *arguments)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert message in line
    assert not (tmp_path / "compare").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max_latency_ms=1", "--epochs=0"], "epochs"),
        (["--max_latency_ms=1"], "Train first"),
        (["--max_latency_ms=1", "--max_processor_seconds=9"], "Expected --max_processor_seconds only with --method"),
    ],
)
def test_a_search_that_cannot_begin_is_refused_in_one_line(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    output = tmp_path / "arch.json"
    result = run("tools/find_arch.py", f"--from={tmp_path / 'run'}", f"--output={output}", *arguments)
    assert result.returncode == 1
    assert message in result.stderr
    assert not output.exists()
