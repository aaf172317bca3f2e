"""Every number that `benchmark_model` prints is read right, and what is not understood is refused."""

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.printed_output import (
    check_flags_are_known,
    check_success,
    parse_benchmark_output,
)

WARM_UP = (
    "INFO: count=9 first=91020 curr=55300 min=54900 max=91020 avg=60125.5 std=11800 p5=54950 median=55400 p95=91020"
)
RUNS = "INFO: count=50 first=58154 curr=53809 min=53077 max=60727 avg=55043.2 std=1562 p5=53201 median=54890 p95=58002"
SUMMARY = (
    "INFO: Inference timings in us: Init: 18777, First inference: 91020, "
    "Warmup (avg): 60125.5, Inference (avg): 55043.2"
)
NEW = f"""INFO: STARTING!
INFO: Graph: [/data/local/tmp/m.tflite]
VERBOSE: Replacing 58 out of 60 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 3 partitions for x.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
{WARM_UP}

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
{RUNS}

{SUMMARY}
INFO: Memory footprint delta from the start of the tool (MB): init=8.97656 overall=18.7227
INFO: Overall peak memory footprint (MB) via periodic monitoring: 23.5
"""
OLD = """STARTING!
count=12 first=156677 curr=33205 min=32578 max=156677 avg=43268.1 std=34197

count=50 first=33228 curr=33130 min=32687 max=33239 avg=33071.8 std=129

Inference timings in us: Init: 3501, First inference: 156677, Warmup (avg): 43268.1, Inference (avg): 33071.8
"""


def test_a_new_build_prints_median_percentiles_memory_and_partitions() -> None:
    output = parse_benchmark_output(NEW)
    assert (output.num_runs, output.mean_us, output.median_us) == (50, 55043.2, 54890)
    assert (output.p5_us, output.p95_us) == (53201, 58002)
    assert output.peak_ram_bytes == 23.5 * 2**20
    assert output.num_partitions == 3
    assert output.delegates == ("TfLiteXNNPackDelegate",)
    assert output.refusal is None
    assert output.operators == ()


def test_an_old_build_prints_no_median() -> None:
    output = parse_benchmark_output(OLD)
    assert (output.num_runs, output.mean_us, output.median_us, output.p5_us) == (50, 33071.8, None, None)
    assert (output.peak_ram_bytes, output.num_partitions) == (None, None)


def test_carriage_returns_of_old_phones_do_not_matter() -> None:
    assert parse_benchmark_output(NEW.replace("\n", "\r\n")) == parse_benchmark_output(NEW)


@pytest.mark.parametrize(
    ("runs", "mean", "expected"),
    [
        ("count=1 curr=64791", "64791", (1, 64791, 64791)),
        ("count=5 curr=70(all same)", "70", (5, 70, 70)),
        ("count=5 curr=70(all same) p5=70 median=70 p95=70", "70", (5, 70, 70)),
        (
            "count=3 first=1007660 curr=1007660 min=1.00766e+06 max=1.2e+06 avg=1.00766e+06 std=5 median=1.0076e+06",
            "1.00766e+06",
            (3, 1007660, 1007600),
        ),
    ],
)
def test_other_forms_of_numbers(
    runs: str,
    mean: str,
    expected: tuple,
) -> None:
    output = parse_benchmark_output(
        NEW.replace(RUNS, runs).replace("Inference (avg): 55043.2", f"Inference (avg): {mean}")
    )
    assert (output.num_runs, output.mean_us, output.median_us) == expected


def test_a_warm_up_without_runs_is_fine() -> None:
    assert parse_benchmark_output(NEW.replace(WARM_UP, "INFO: count=0")).num_runs == 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Received: 0; the output ends with ''"),
        (NEW[: NEW.index(RUNS)], "Received: 1; the output ends with 'Running benchmark for at least 50"),
        (NEW[: NEW.index(SUMMARY)], r"Expected a summary with 'Inference \(avg\)'.*Received: 'count=50 first"),
        (NEW.replace("avg=55043.2", "avg=55043,2"), "Received: 'count=50 .*avg=55043,2"),
        (NEW.replace("median=54890", "middle=54890"), "Received: 'count=50 .*middle=54890"),
        (NEW.replace("avg=55043.2", "avg=nan"), "avg=nan"),
        (NEW.replace("avg=55043.2", "avg=5504.32"), "statistics and the summary of benchmark_model to agree"),
        (NEW.replace(RUNS, "INFO: count=0").replace("(avg): 55043.2", "(avg): 0"), "a positive time"),
        (NEW.replace("max=60727 ", ""), "Received: 'count=50"),
        (NEW.replace("(MB) via periodic monitoring: 23.5", "(MB) via periodic monitoring: n/a"), "monitoring: n/a"),
    ],
)
def test_what_is_not_understood_is_an_error_that_quotes_it(
    text: str,
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        parse_benchmark_output(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Failed to apply delegate.\nBenchmarking failed.", "Failed to apply delegate. Perhaps so."),  # an old build
        ("ERROR: No XNNPACK delegate.\nINFO: So.\nERROR: Benchmarking failed.", "No XNNPACK delegate."),
        (
            "INFO: The last line\nERROR: Benchmarking failed.",
            "The last line. Perhaps so.",
        ),  # optimized builds of LiteRT's
        ("ERROR: Benchmarking failed.", "no reason. Perhaps so."),
    ],
)
def test_the_reason_of_a_failure_is_quoted(text: str, reason: str) -> None:
    with pytest.raises(InputError) as error:
        check_success(text, "Perhaps so.")
    assert str(error.value) == f"Expected the benchmark to run the model. Received: {reason}"
    check_success(NEW)


def test_an_unknown_flag_matters_if_the_result_depends_on_it() -> None:
    text = "WARN: Unconsumed cmdline flags: --use_gpu=true --colour=red\n" + NEW
    check_flags_are_known(text, ["graph"])
    with pytest.raises(InputError, match=r"Expected benchmark_model to know --use_gpu. Received: .*another build"):
        check_flags_are_known(text, ["graph", "use_gpu"])


COLUMNS = ("  [start]", "  [first]", " [avg ms]", "     [%]", "  [cdf%]", "  [mem KB]", "[times called]", "[Name]")
HEADER_OLD = "\t             [node type]\t" + "\t".join(COLUMNS)
HEADER_NEW = HEADER_OLD.replace("  [start]\t", "")
PROFILE = """
Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
{header}
\t         AllocateTensors\t{start}    0.147\t    0.147\t100.000%\t100.000%\t     0.000\t        1\tAllocateTensors/ld

Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
{header}
\t TfLiteXNNPackDelegate\t{start}    5.100\t    4.100\t 93.171%\t 93.171%\t     0.000\t        1\t[logits]:7
\t Conv (NHWC, F32) DWConv\t{start}    2.300\t    2.100\t 50.0%\t 50.0%\t     0.000\t        1\tDelegate/Conv:0
\t                    MEAN\t{start}    0.085\t    0.003\t  0.739%\t100.000%\t     0.000\t        1\t[mean]:8

============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t                    MEAN\t        1\t     0.382\t    93.171%\t    93.171%\t     0.000\t        1

Timings (microseconds): count=50 first=947 curr=406 min=390 max=947 avg=411.071 std=14
Memory (bytes): count=0
"""


@pytest.mark.parametrize(("header", "start"), [(HEADER_NEW, ""), (HEADER_OLD, "    0.000\t")], ids=["new", "old"])
def test_the_profile_is_read_by_the_names_of_its_columns(header: str, start: str) -> None:
    delegate, inner, mean = parse_benchmark_output(NEW + PROFILE.format(header=header, start=start)).operators
    assert (delegate.kind, delegate.name, delegate.mean_ms) == ("TfLiteXNNPackDelegate", "[logits]:7", 4.1)
    assert (inner.mean_ms, inner.is_in_delegate) == (2.1, True)
    assert (mean.kind, mean.mean_ms, mean.is_in_delegate) == ("MEAN", 0.003, False)


def test_a_profile_of_another_form_is_refused() -> None:
    for wrong in (HEADER_NEW.replace("[avg ms]", "[mean]"), HEADER_OLD):
        with pytest.raises(InputError, match="Expected a line as benchmark_model prints them"):
            parse_benchmark_output(NEW + PROFILE.format(header=wrong, start=""))
