"""`SearchMeasurements`: how searches of a run measure subnets, each once, and where they keep that."""

from pathlib import Path

from ofa_tf.base.progress import announce
from ofa_tf.data.shares import REPORT_SHARE, SEARCH_SHARE, possible_report_images
from ofa_tf.networks.file_names import find_supernet
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin, read_origin
from ofa_tf.search.accuracy_table import check_num_images
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.measured_once import MEASURE_ANEW, MeasuredOnce, check_measurements
from ofa_tf.workflow.search import Measurers, SearchSettings
from ofa_tf.workflow.trained_run import TrainedRun, hash_file


class SearchMeasurements:
    """What searches of a run measure.

    Args:
        run: The run.
        settings: How to search.
        num_images: Images in each half of those that the accuracy table was measured on.
    """

    def __init__(self, run: TrainedRun, settings: SearchSettings, num_images: tuple[int, int]) -> None:
        self._run = run
        self._settings = settings
        # By the share that a search measures on, how many images that can have in each half.
        self._possible_num_images = {
            SEARCH_SHARE: [num_images],
            REPORT_SHARE: possible_report_images(num_images),
        }

    def measurers(self) -> Measurers:
        """What measures subnets for a search; each once, over programs, too.

        Raises:
            InputError: If there is no supernet, or a file of earlier measurements is damaged, or of other images.
        """
        return Measurers(
            choose=self._measured_once(SEARCH_SHARE),
            report=self._measured_once(REPORT_SHARE),
        )

    def check(self) -> None:
        """Check, without loading TensorFlow, what searches before this one measured.

        Raises:
            InputError: If a file of it is damaged, or of other images.
        """
        network = hash_file(find_supernet(self._run.path))
        for share, possible in self._possible_num_images.items():
            origin = Origin(share, network)
            check_measurements(self._run.space, origin, self._path(origin), possible)

    def _path(self, origin: Origin) -> Path:
        """Where searches keep what they measure: where an earlier version did, if that is of the same supernet."""
        form = self._settings.measured_form
        earlier = self._run.earlier_search_measurements_path(origin.split, form.name)
        if earlier.exists() and read_origin(earlier, MEASURE_ANEW).network == origin.network:
            return earlier
        return self._run.search_measurements_path(origin.split, form.name, origin.network)

    def _measured_once(self, share: str) -> MeasuredOnce:
        possible_num_images = self._possible_num_images[share]

        def measure(arch: Arch) -> AccuracyCount:
            measured = self._measure(arch, share)
            if share == SEARCH_SHARE:
                (num_images,) = possible_num_images
                check_num_images(measured, num_images, self._run.accuracy_table_path)
            return measured

        origin = Origin(share, self._run.network_id)
        return MeasuredOnce(self._run.space, origin, self._path(origin), measure, possible_num_images)

    def _measure(self, arch: Arch, share: str) -> AccuracyCount:
        # One that is there has measured before, and has its images and its graphs.
        if not self._run.has_evaluator:
            announce("measuring the first subnet, which takes longer than others")
        if not self._settings.measures_shipped_models:
            return self._run.measure(arch, share)
        from ofa_tf.workflow.shipped_accuracy import measure_as_shipped

        return measure_as_shipped(self._run.evaluator, arch, share, self._settings.form)
