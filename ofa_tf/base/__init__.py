"""What every other folder stands on, and what knows nothing of networks.

Read `errors.py` first: its one exception is what a user's mistake becomes everywhere. Then `command_line.py` (how every
program runs and ends), `flag_groups.py` (its flags and help), `flag_errors.py` and `flagfile_order.py` (mistakes in
them), `files.py` (files that are complete or absent), `folder_lock.py` (one writer at a time) and `registry.py` (things
that are known by a name). The others are looked up when needed: `progress.py` (what a program says while it works),
`interrupts.py` (Ctrl-C where it must not strike), `native_output.py` (what C++ code writes to the terminal),
`plugins.py` (files of a user's own), `shell_commands.py` (commands that messages name), `correlation.py` (of ranks),
`counts.py` and `numbers_in_words.py` (numbers as text), `markdown.py` (tables), `shares.py` (how sure a share is),
`cpu_model.py` and `hardware.py` (what there is to compute on), `linear_algebra_threads.py` (with how many threads NumPy
does), `compute_precision.py` (half precision, and who has it), `cluster.py` and `distribution_flag.py` (how many
devices, and which worker this process is), `replicas.py` (the copies of a network that compute together) and
`tensorflow_setup.py` (how the programs set TensorFlow up). Nothing here but `replicas.py` loads TensorFlow by being
imported.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["command_line", "files"],
    submod_attrs={
        "cluster": ["Distribution", "check_batch_size"],
        "compute_precision": [
            "COMPUTE_PRECISIONS",
            "check_compute_precision",
            "check_replicas",
            "get_compute_precision",
        ],
        "cpu_model": ["read_cpu_model"],
        "counts": ["count_in_words"],
        "correlation": ["kendall_tau", "rank_correlation"],
        "distribution_flag": [
            "check_cluster",
            "define_distribution_flag",
            "distribution_from_flags",
            "has_other_workers",
        ],
        "errors": ["InputError"],
        "flag_groups": ["FlagGroup", "define_in_group"],
        "folder_lock": [
            "check_no_writer",
            "check_no_writer_of_file",
            "find_writer",
            "locked",
            "locked_file",
            "waited_for_file",
        ],
        "hardware": ["describe_hardware", "find_unused_gpu"],
        "interrupts": ["StopRequest", "delayed_interrupts"],
        "linear_algebra_threads": ["one_thread_of_linear_algebra"],
        "markdown": ["markdown_table"],
        "native_output": ["withheld_stderr"],
        "numbers_in_words": [
            "accuracy_in_words",
            "correlation_in_words",
            "limit_in_words",
            "limits_in_words",
            "points_in_words",
            "share_in_words",
            "short_number",
        ],
        "plugin_flags": ["PLUGINS_HELP", "define_plugins_flag", "load_plugins_from_flags"],
        "plugins": ["PLUGIN_HINT", "absolute_plugin", "load_plugins"],
        "progress": ["announce", "on_progress", "paused", "progress_bar", "tell"],
        "registry": ["Registry"],
        "replicas": ["Batches", "Replicas", "assign_here"],
        "shares": ["is_clearly_above", "standard_error_of_share"],
        "shell_commands": ["shell_command"],
        "tensorflow_setup": ["configure_tensorflow"],
    },
)
