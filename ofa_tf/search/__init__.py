"""From measured subnets to the most accurate one within limits, without training.

Read `accuracy_count.py` (what a subnet gets right), `accuracy_table.py` (that of many, whose lines `accuracy_header.py`
and `accuracy_lines.py` read), `accuracy_table_file.py` (the file that they are kept in), `accuracy_sampling.py` (of
which ones; `shards.py` and `shard_merging.py` for several processes), `predictors/` (the accuracy of what was not
measured), `constraint_kinds.py` and `constraints.py` (what may be limited, and how that is checked), `evolution.py`
(how good archs are found), `finalists.py` (who is measured, and who wins), `leaders.py` (that who wins was measured)
and `constrained_search.py`, which puts them together; then `front/` and `front_search.py`, the same for several
objectives, and `family/` and `family_search.py` for subnets that share weights in one file. `noise.py` says what of a
measured difference is chance, `near_clones.py` which archs share it.

Nothing here knows devices, quantization or networks: latencies come in as a function of genes, accuracies as a
function of an arch, sizes as bytes per value.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "accuracy_count": ["AccuracyCount"],
        "accuracy_sampling": ["build_accuracy_table", "sample_archs"],
        "accuracy_header": ["Origin", "read_origin"],
        "accuracy_table": ["AccuracyTable", "Correction", "check_num_images"],
        "accuracy_table_file": ["AccuracyTableFile", "ending_of_network", "read_content"],
        "constrained_search": ["SearchResult", "search_arch"],
        "constraint_kinds": ["CONSTRAINT_KINDS", "CostContext"],
        "constraints": [
            "check_any_limit",
            "check_feasible",
            "Constraint",
            "is_exactly_feasible",
            "Limits",
            "make_constraint",
            "make_constraints",
        ],
        "evolution": ["EvolutionSettings"],
        "family_search": ["FamilySearch", "FamilySettings"],
        "finalists": ["Final", "FinalSettings"],
        "front.measured_front": ["Front", "FrontPoint"],
        "front_search": ["FrontSearch", "FrontSettings", "check_above_0"],
        "limit_flags": ["define_limit_flags", "limits_from_flags"],
        "shard_merging": ["merge_shards"],
        "shards": ["Shard"],
    },
)
