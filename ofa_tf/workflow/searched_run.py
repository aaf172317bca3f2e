"""`SearchedRun`: a run with its tables, and the searches that are made from them."""

from pathlib import Path

from ofa_tf.base.numbers_in_words import points_in_words
from ofa_tf.base.progress import progress_bar, tell
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.devices.device import Device
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraints import Limits, check_feasible
from ofa_tf.search.family.measured_family import Family
from ofa_tf.search.front.measured_front import Front
from ofa_tf.search.predictors.accuracy_predictor import check_table
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor, fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU, ModelForm, all_forms, as_model_form
from ofa_tf.workflow.archs_request import ArchsRequest
from ofa_tf.workflow.family import FamilyRequest, check_family_fits, search_family
from ofa_tf.workflow.front import FrontRequest, check_costs, search_front
from ofa_tf.workflow.measured_run import MeasuredRun
from ofa_tf.workflow.next_commands import form_flags
from ofa_tf.workflow.run_folder import device_id
from ofa_tf.workflow.search import SearchSettings, constraints_within, cost_context, search_within
from ofa_tf.workflow.search_measurements import SearchMeasurements
from ofa_tf.workflow.table_checks import check_name_of_missing, check_present, opened


class SearchedRun(MeasuredRun):
    """A run, and searches of its subnets; for the arguments see `TrainedRun`."""

    def search(
        self,
        limits: Limits,
        device: Device | str = "host",
        settings: SearchSettings | None = None,
        latency_table: str | Path | None = None,
        predictor: FittedPredictor | None = None,
    ) -> SearchResult:
        """Find the most accurate arch within limits, from the run's tables.

        Args:
            limits: What the arch must keep within.
            device: Device of the latency limit, or its id.
            settings: How to search.
            latency_table: The device's table; by default that at `latency_table_path`.
            predictor: From `fit_predictor`, where several searches share it.

        Returns:
            The arch, with its accuracies and what it costs.

        Raises:
            InputError: If a table is missing, that of the host is of another computer
                or runtime, or not even the smallest subnet is within the limits.
        """
        settings = settings or SearchSettings()
        self.check_search(limits, device, settings, latency_table)
        model = None
        if limits.latency_ms is not None:
            model = self.latency_model(device, settings.form, latency_table)
        predictor = predictor or self.fit_predictor(settings)
        return search_within(
            limits,
            self.num_classes,
            predictor=predictor,
            latency_model=model,
            measurers=SearchMeasurements(self, settings, predictor.table.num_images).measurers(),
            settings=settings,
        )

    def front(
        self,
        request: FrontRequest | None = None,
        device: Device | str = "host",
        latency_table: str | Path | None = None,
        predictor: FittedPredictor | None = None,
    ) -> Front:
        """Find the front of accuracy against costs, from the run's tables; measures subnets on the way.

        What is measured is kept: a search that was interrupted goes on where it was, and one for another device
        measures no subnet again.

        Args:
            request: Which front; that of latency by default.
            device: Device of the latencies, or its id.
            latency_table: The device's table; by default that at `latency_table_path`.
            predictor: From `fit_predictor`, where several searches share it.

        Raises:
            InputError: See `check_front`; and if not even the smallest subnet is within the limits.
        """
        request = request or FrontRequest()
        self.check_front(request, device, latency_table)
        predictor, model = self._predictors(request, device, latency_table, predictor)
        return search_front(
            request,
            self.num_classes,
            predictor=predictor,
            latency_model=model,
            measurers=SearchMeasurements(self, request.search, predictor.table.num_images).measurers(),
        )

    def family(
        self,
        request: FamilyRequest | None = None,
        device: Device | str = "host",
        latency_table: str | Path | None = None,
        predictor: FittedPredictor | None = None,
    ) -> Family:
        """Find subnets for several budgets that share their widths, from the run's tables; measures some on the way.

        Args:
            request: Which family; three int8 members by default.
            device: Device of the latencies, or its id.
            latency_table: The device's table; by default that at `latency_table_path`.
            predictor: From `fit_predictor`, where several searches share it.

        Raises:
            InputError: See `check_family`; and if no family was found whose file keeps its limit.
        """
        request = request or FamilyRequest()
        self.check_family(request, device, latency_table)
        predictor, model = self._predictors(request, device, latency_table, predictor)
        return search_family(
            request,
            self.num_classes,
            predictor=predictor,
            latency_model=model,
            measurers=SearchMeasurements(self, request.search, predictor.table.num_images).measurers(),
        )

    def _predictors(
        self,
        request: ArchsRequest,
        device: Device | str,
        latency_table: str | Path | None,
        predictor: FittedPredictor | None,
    ) -> tuple[FittedPredictor, LatencyModel | None]:
        """Of accuracies, the one that is given or a new one, and of latencies, if they count."""
        model = None
        if request.needs_latency:
            model = self.latency_model(device, request.search.form, latency_table)
        return predictor or self.fit_predictor(request.search), model

    def fit_predictor(self, settings: SearchSettings | None = None) -> FittedPredictor:
        """Fit the accuracy predictor of searches to the accuracy table.

        In an integer precision, some subnets of the table are measured first, as the models that will be
        shipped, which corrects the table.

        Args:
            settings: Which predictor, and the precision.

        Raises:
            InputError: If there is no accuracy table, it is too small, or several workers share the work.
        """
        settings = settings or SearchSettings()
        self.check_one_worker()
        table = self._accuracies(settings)
        return fit_predictor(table, settings.predictor)

    def check_front(
        self,
        request: FrontRequest,
        device: Device | str = "host",
        latency_table: str | Path | None = None,
    ) -> None:
        """Check, without loading TensorFlow, that a front has its tables and costs, and can keep its limits.

        Args:
            request: See `front`.
            device: See `front`.
            latency_table: See `front`.

        Raises:
            InputError: If a table is missing or of something else, also a latency table that is named without need, a
                cost cannot be told or is not above 0, not even the smallest subnet keeps the limits, or several
                workers share the work.
        """
        self._check_tables_and_limits(request, device, latency_table)

    def check_family(
        self,
        request: FamilyRequest,
        device: Device | str = "host",
        latency_table: str | Path | None = None,
    ) -> None:
        """Check, without loading TensorFlow, that a family has its tables, and can keep its limits.

        Args:
            request: See `family`.
            device: See `family`.
            latency_table: See `family`.

        Raises:
            InputError: See `check_front`; and if no family can keep the limit of its file.
        """
        self._check_tables_and_limits(request, device, latency_table)
        check_family_fits(request, self.space, self.num_classes)

    def _check_tables_and_limits(
        self, request: ArchsRequest, device: Device | str, latency_table: str | Path | None
    ) -> None:
        """Check what a search for several archs needs."""
        search = request.search
        self.check_one_worker()
        self.check_supernet()
        self.check_tables(request.needs_latency, device, search.form, latency_table)
        model = self._checked_latency_model(request.needs_latency, device, search, latency_table)
        if request.limits is not None:
            self._check_feasible(request.limits, model, search)
        table = self.accuracy_table()
        check_table(table)
        check_costs(request.costs, search.form, self.num_classes, table=table, latency_model=model)
        SearchMeasurements(self, search, table.num_images).check()

    def _checked_latency_model(
        self, is_needed: bool, device: Device | str, settings: SearchSettings, latency_table: str | Path | None
    ) -> LatencyModel | None:
        """The latency model that a search needs, or of the table that was named for it, to be told in the end."""
        if is_needed or latency_table is not None:
            return self.latency_model(device, settings.form, latency_table)
        return None

    def _check_feasible(self, limits: Limits, latency_model: LatencyModel | None, settings: SearchSettings) -> None:
        """Check, without loading TensorFlow, that the smallest subnet keeps limits."""
        context = cost_context(self.space, self.num_classes, settings.form, latency_model)
        check_feasible(self.space, constraints_within(context, limits, latency_model, settings.confidence))

    def _accuracies(self, settings: SearchSettings) -> AccuracyTable:
        """The accuracy table, corrected for the precision of a search."""
        table = self.accuracy_table()
        if not settings.measures_shipped_models:
            return table
        from ofa_tf.workflow.shipped_accuracy import correct_table

        measurers = SearchMeasurements(self, settings, table.num_images).measurers()
        num_archs = settings.num_shipped_archs
        num_measured = min(num_archs, len(table))
        with progress_bar(num_measured, f"subnets of the table as {settings.form.name} models", "subnet") as bar:

            def measure(arch: Arch) -> AccuracyCount:
                measured = measurers.choose(arch)
                bar.update()
                return measured

            table, loss = correct_table(table, measure, num_archs)
        comparative = "less" if loss >= 0 else "more"
        tell(f"{settings.form.name} models are {points_in_words(abs(loss))} points {comparative} accurate on average")
        return table

    def check_search(
        self,
        limits: Limits,
        device: Device | str = "host",
        settings: SearchSettings | None = None,
        latency_table: str | Path | None = None,
    ) -> None:
        """Check, without loading TensorFlow, that a search has its tables and can keep its limits.

        Args:
            limits: See `search`.
            device: See `search`.
            settings: See `search`.
            latency_table: See `search`.

        Raises:
            InputError: See `check_tables` and `search`; and if a latency table that is named is of something else, the
                accuracy table is damaged or too small, or several workers share the work.
        """
        settings = settings or SearchSettings()
        self.check_one_worker()
        self.check_supernet()
        self.check_tables(limits.latency_ms is not None, device, settings.form, latency_table)
        needs_latency = limits.latency_ms is not None
        model = self._checked_latency_model(needs_latency, device, settings, latency_table)
        self._check_feasible(limits, model, settings)
        table = self.accuracy_table()
        check_table(table)
        SearchMeasurements(self, settings, table.num_images).check()

    def check_tables(
        self,
        needs_latency: bool,
        device: Device | str,
        form: ModelForm | str = FLOAT32_ON_CPU,
        latency_table: str | Path | None = None,
    ) -> None:
        """Check, without loading TensorFlow, that the tables that a search needs are there.

        Args:
            needs_latency: Whether a latency table is needed, too.
            device: Device of the latency table, or its id.
            form: Form of its models, or the name of its precision.
            latency_table: The table, which must be there in any case; by default that at `latency_table_path`.

        Raises:
            InputError: If there is no training run, there are no such models or no such
                device; else names each table that is missing and the command that
                builds it.
        """
        self.check()
        form = as_model_form(form)
        self.check_accuracy_table()
        workdir = f"--workdir={self.path}"
        commands = {self.accuracy_table_path: shell_command("tools/build_accuracy_table.py", workdir)}
        hint = ""
        if needs_latency or latency_table is not None:
            opened(device, form.target)  # raises if there can be none of that id
            path = self.latency_table_path(device, form, latency_table)
            options = [f"--device={device_id(device)}", *form_flags(form)]
            if latency_table is not None:
                check_name_of_missing(path)
                options.append(f"--output={latency_table}")
            commands[path] = shell_command("tools/build_latency_table.py", *options, workdir)
            hint = self._hint_at_other_form(path, device, form)
        check_present(commands, hint)

    def _hint_at_other_form(self, path: Path, device: Device | str, form: ModelForm) -> str:
        """That there is a latency table of the device, though of other models than the one that is missing."""
        if path.exists():
            return ""
        others = [other for other in all_forms() if other.name != form.name]
        others.sort(key=lambda other: other.target != form.target)  # those for the same target first
        for other in others:
            if self.latency_table_path(device, other).exists():
                flags = form_flags(other)
                if other.target == CPU and form.target != CPU:
                    flags.insert(0, f"--target={CPU.name}")
                return f"There is one of {other.name} models: {' '.join(flags)} takes it."
        return ""
