"""Searches of a run whose measurements are made up, so that no supernet is loaded."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.data.shares import REPORT_SHARE, SEARCH_SHARE
from ofa_tf.networks.file_names import find_supernet
from ofa_tf.report.front_words import stop_reason_in_words
from ofa_tf.search import constraint_kinds, constraints
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_sampling import sample_archs
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraint_kinds import ConstraintKind
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front.measured_front import StopReason
from ofa_tf.search.front_search import FrontSettings
from ofa_tf.space.arch import Arch
from ofa_tf.workflow import archs_request
from ofa_tf.workflow.front import FrontRequest
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.search import SearchSettings
from ofa_tf.workflow.search_measurements import SearchMeasurements
from ofa_tf.workflow.trained_run import hash_file
from tests.support.repository import FIXTURES
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO

_SETTINGS = SearchSettings(evolution=EvolutionSettings(10, 3), num_finalists=1, predictor="linear")


class _MadeUpRun(Run):
    """A run that measures by a formula, on any number of images."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.network_id = hash_file(find_supernet(path))
        self.num_images = {SEARCH_SHARE: (50, 50), REPORT_SHARE: (50, 49)}

    def measure(self, arch: Arch, split: str = "validation") -> AccuracyCount:
        first, second = self.num_images[split]
        return AccuracyCount((first // 2, second // 2), (first, second))

    def keep_table(self, num_images: tuple[int, int]) -> None:
        """Write an accuracy table of so many images."""
        genes = SimulatedSupernet(MICRO).table(20).genes
        num_correct = np.full((len(genes), 2), 3)
        AccuracyTable(MICRO, genes, num_correct, num_images, SEARCH_SHARE, self.network_id).save(
            self.accuracy_table_path
        )

    def find(self) -> SearchResult:
        """Search."""
        return self.search(Limits(macs=1e12), settings=_SETTINGS)


@pytest.fixture
def run(tmp_path: Path) -> _MadeUpRun:
    run = _MadeUpRun(shutil.copytree(FIXTURES / "earlier_state", tmp_path / "run"))
    run.keep_table((50, 50))
    return run


# --- costs of a front ---------------------------------------------------------------


def _find_front(run: _MadeUpRun, cost: str) -> None:
    run.check_front(FrontRequest([cost], search=_SETTINGS))


def test_a_cost_that_is_not_above_0_is_refused_before_anything_is_measured(
    run: _MadeUpRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = copy.deepcopy(constraint_kinds.CONSTRAINT_KINDS)
    for module in (constraint_kinds, constraints, archs_request):
        monkeypatch.setattr(module, "CONSTRAINT_KINDS", kinds)
    zeros = lambda context: lambda genes: np.zeros(len(genes))  # noqa: E731
    ones = lambda context: lambda genes: np.ones(len(genes))  # noqa: E731
    kinds.register("nothing", ConstraintKind("Nothing.", zeros))
    kinds.register("unknown", ConstraintKind("Unknown.", lambda context: None, needs="crystal ball"))
    kinds.register("exactly_one", ConstraintKind("One.", zeros, make_exact_measure=ones))
    with pytest.raises(InputError, match=r"Expected costs of a front to be above 0. Received: 0 as nothing of"):
        _find_front(run, "nothing")
    with pytest.raises(InputError, match=r"Expected a crystal ball for unknown. Received: none."):
        _find_front(run, "unknown")
    _find_front(run, "exactly_one")
    _find_front(run, "macs")


# --- a latency table that is named --------------------------------------------------


@pytest.mark.parametrize(
    ("table", "device", "message"),
    [
        ("archs/found.json", "host", "to have the schema 'ofa_tf/latency_table/"),
        ("latency_tables/host_float32.json", "adb:SERIAL", "to be a latency table of adb:SERIAL, float32. Received: "),
    ],
)
def test_a_latency_table_that_is_named_must_be_one_of_the_device_though_no_latency_is_limited(
    run: _MadeUpRun, table: str, device: str, message: str
) -> None:
    path = run.path / table
    with pytest.raises(InputError, match=rf"Expected {path} {message}"):
        run.check_search(Limits(macs=1e12), device, _SETTINGS, path)
    with pytest.raises(InputError, match=rf"Expected {path} {message}"):
        run.check_front(FrontRequest(["macs"], search=_SETTINGS), device, path)


# --- what is told meanwhile ---------------------------------------------------------


def test_subnets_that_are_measured_for_the_report_of_a_front_move_a_bar(
    run: _MadeUpRun, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = FrontSettings(2, evolution=EvolutionSettings(10, 3))
    found = run.front(FrontRequest(["macs"], search=_SETTINGS, settings=settings))
    told = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert any(line.startswith(f"reports of the front: {len(found.best)}subnet") for line in told)


def test_it_is_said_beside_the_bar_of_a_front_why_it_measured_no_more(
    run: _MadeUpRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for num_measurements in (1, 100):
        settings = FrontSettings(num_measurements, evolution=EvolutionSettings(10, 3))
        found = run.front(FrontRequest(["macs"], search=_SETTINGS, settings=settings))
        told = capsys.readouterr().err
        assert stop_reason_in_words(found.stop_reason) in told
        assert (found.stop_reason is StopReason.ALL_MEASURED) == (num_measurements == 1)


def test_only_before_the_first_measurement_it_is_told_that_it_takes_longer(
    run: _MadeUpRun, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = "measuring the first subnet, which takes longer than others ..."
    run.find()
    assert longer in capsys.readouterr().err
    for share in (SEARCH_SHARE, REPORT_SHARE):
        run.search_measurements_path(share, "float32", run.network_id).unlink()
    run.evaluator = None  # type: ignore[assignment]  # there is one, as if it had measured
    run.find()
    assert longer not in capsys.readouterr().err


# --- a supernet that changes meanwhile ----------------------------------------------


def test_searches_of_two_supernets_at_the_same_time_measure_nothing_twice(
    run: _MadeUpRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """One began before a phase of the training ended, the other after it."""
    num_images = (50, 50)
    old = SearchMeasurements(run, _SETTINGS, num_images).measurers()
    run.network_id = "of the next phase"
    new = SearchMeasurements(run, _SETTINGS, num_images).measurers()
    archs = sample_archs(MICRO, 6, seed=0)
    for arch in archs:
        assert old.choose(arch) == new.choose(arch)
    capsys.readouterr()

    def refuse(arch: Arch, split: str) -> AccuracyCount:
        raise AssertionError((arch, split))

    run.measure = refuse  # type: ignore[method-assign]
    again = SearchMeasurements(run, _SETTINGS, num_images).measurers()
    for arch in archs:
        again.choose(arch)
        old.choose(arch)
    assert capsys.readouterr().err == ""
    assert len(list((run.path / "search_measurements").iterdir())) == 2


@pytest.mark.parametrize("is_same", [True, False])
def test_what_an_earlier_version_measured_counts_if_it_is_of_the_same_supernet(run: _MadeUpRun, is_same: bool) -> None:
    run.find()
    earlier = run.path / "search_measurements" / "report_float32.jsonl"
    run.search_measurements_path(REPORT_SHARE, "float32", run.network_id).rename(earlier)
    if not is_same:
        earlier.write_text(earlier.read_text().replace(run.network_id, "another"))
    before = earlier.read_bytes()
    run.find()
    assert run.search_measurements_path(REPORT_SHARE, "float32", run.network_id).exists() != is_same
    assert earlier.read_bytes() == before


@pytest.mark.parametrize("content", ["", "\xff\n", "{}\n"])
def test_measurements_that_cannot_be_read_are_to_be_deleted_and_not_built(run: _MadeUpRun, content: str) -> None:
    path = run.search_measurements_path(REPORT_SHARE, "float32", run.network_id)
    path.parent.mkdir()
    path.write_bytes(content.encode("latin-1"))
    for _ in ("a file of this version", "a file of an earlier version"):
        with pytest.raises(InputError, match=rf"{path} .*Delete the file; a search measures anew\.$"):
            run.find()
        path = path.rename(run.earlier_search_measurements_path(REPORT_SHARE, "float32"))


# --- a data set that changed --------------------------------------------------------


@pytest.mark.parametrize("num_report_images", [(50, 50), (50, 49)])
def test_what_was_measured_before_is_taken_as_long_as_the_images_are_the_same(
    run: _MadeUpRun, num_report_images: tuple[int, int]
) -> None:
    run.num_images[REPORT_SHARE] = num_report_images
    assert run.find().reported == run.find().reported == run.measure(MICRO.smallest(), REPORT_SHARE)


@pytest.mark.parametrize("share", [SEARCH_SHARE, REPORT_SHARE])
def test_measurements_on_images_that_changed_are_refused_by_their_file(run: _MadeUpRun, share: str) -> None:
    run.find()
    for other in {SEARCH_SHARE, REPORT_SHARE} - {share}:
        run.search_measurements_path(other, "float32", run.network_id).unlink()
    run.num_images = {SEARCH_SHARE: (5, 5), REPORT_SHARE: (5, 5)}
    run.keep_table((5, 5))
    stale = run.search_measurements_path(share, "float32", run.network_id)
    message = rf"Expected the measurements in {stale} to be on .*10 images.* delete the file to measure anew"
    with pytest.raises(InputError, match=message):
        run.find()


def test_an_accuracy_table_on_other_images_than_there_are_now_is_named(run: _MadeUpRun) -> None:
    run.num_images = {SEARCH_SHARE: (5, 5), REPORT_SHARE: (5, 5)}
    with pytest.raises(InputError, match=rf"on 100 images, .* Received: 10 images.* delete {run.accuracy_table_path}"):
        run.find()
    assert not run.search_measurements_path(SEARCH_SHARE, "float32", run.network_id).exists()
