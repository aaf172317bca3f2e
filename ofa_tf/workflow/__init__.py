"""The steps after training, one file each, and the run that they belong to.

Read `run.py` first: all that is done with a training run; the tools call it. It is built on `searched_run.py`
(searches), `measured_run.py` (latency tables), `sampled_run.py` (the accuracy table), `trained_run.py` (what the
training left) and `run_folder.py` (what lies where). `accuracy.py`, `evaluation.py`, `latency.py`, `search.py`,
`front.py`, `finetuning.py`, `export.py` and `elastic_export.py` are the steps; they take plain values and know no
workdir. `search_measurements.py` and `measured_once.py` measure for searches and keep it, `many_searches.py` makes
several in one call, `found_costs.py` saves what they found with its costs, `next_commands.py` says how to go on.
`table_checks.py` checks the tables that a search needs, `export_plan.py` what an export will write; `model_cards.py`
makes the cards of models again. `quickstart.py` goes the whole way in one call, with sizes from
`quickstart_settings.py`, the network of `plain_network.py` for comparison, and models from `quickstart_export.py`;
`lowering_benchmark.py` measures what rewrites gain. `report_data.py` gathers what the HTML report shows, from files
(`report_files.py`), fronts and archs (`report_subnets.py`), tables (`report_tables.py`) and the training and its models
(`report_training.py`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "elastic_export": ["export_elastic"],
        "arch_names": ["parse_arch_list", "parse_archs"],
        "evaluation": ["describe_evaluation"],
        "export": ["export_model"],
        "export_plan": [
            "PlannedExport",
            "check_model_output",
            "plan_elastic",
            "plan_exports",
            "plan_file_limit",
            "plan_limits",
            "search_facts",
            "searched_for_such",
            "warn_of_other_form",
        ],
        "family": ["FamilyRequest", "save_family"],
        "finetuning": ["FinetuneSettings", "finetune_config"],
        "found_costs": ["save_and_measure"],
        "front": ["FrontRequest", "plot_path", "save_front"],
        "latency": ["held_out_report", "measure_networks"],
        "latency_settings": ["NETWORK_SETTINGS", "LatencyTableSettings"],
        "lowering_benchmark": ["format_measurements", "measure_lowerings"],
        "many_searches": [
            "PlannedFront",
            "PlannedSearch",
            "SearchedDevice",
            "check_devices",
            "check_each",
            "compare_devices",
            "plan_fronts",
            "plan_searches",
        ],
        "model_cards": ["update_model_card"],
        "next_commands": ["NextCommands"],
        "quickstart": ["run_quickstart"],
        "quickstart_settings": ["QUICKSTART_MODELS", "QuickstartSettings"],
        "report_data": ["ReportSettings", "save_report"],
        "run": ["Run", "open_run"],
        "run_folder": ["RunFolder"],
        "search": ["SearchSettings"],
        "table_checks": ["announce_other_hardware", "opened"],
    },
)
