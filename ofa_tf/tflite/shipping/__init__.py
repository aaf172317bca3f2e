"""Shipping: no model gets its name that does not compute what the network it was made from computes.

Read `ship_subnet.py` first: it converts a subnet, lets the model through the gate (`gate.py`), tries remedies where it
does not pass (`remedies.py`, then `mixed_precision.py`, which asks `layer_errors.py` where the error comes from) and
writes the file with its sidecar (`sidecar.py`) and a card for people (`model_card.py`, in the words of
`card_words.py`), and the names of the classes (`labels_file.py`). `elastic_file.py` merges several shipped models,
`compiled_file.py` compiles one for a chip.
`model_summary.py` says in ten lines what a file is. `export.py` holds the subnet on its way, `export_data.py` the
images that it is judged on, `references.py` what the network says of them, `preprocessing.py` what is done to them, and
`origin.py` where the model comes from.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "card_words": ["guessing_in_words", "left_by_npus_in_words"],
        "compiled_file": ["check_compiled_replaceable", "compile_shipped", "compiled_path"],
        "elastic_file": ["check_elastic_replaceable", "is_elastic", "save_elastic"],
        "export_data": ["ExportData"],
        "model_summary": ["read_facts", "summarize"],
        "origin": ["Origin"],
        "preprocessing": ["Preprocessing"],
        "references": ["References"],
        "ship_subnet": ["ship"],
        "sidecar": [
            "card_path",
            "check_model_replaceable",
            "load_sidecar",
            "remove_model",
            "save_facts",
            "sidecar_path",
        ],
    },
)
