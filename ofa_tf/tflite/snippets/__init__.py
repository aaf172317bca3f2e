"""Programs that use a model: written for one model file, from its own metadata, to be pasted into somebody's project.

Read `model_use.py` first: what a program has to know of a model, and `elastic_use.py`: of a file of several.
`python_program.py`, `kotlin_program.py` and those beside them for elastic files fill it into the texts in `templates`;
`python_text.py` and `kotlin_text.py` are what both of a language share. `programs.py` has the languages by name.
`c_array.py` makes an array of a model.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "c_array": ["check_c_array_output", "header_path", "write_c_array"],
        "elastic_use": ["ElasticUse"],
        "model_use": ["ModelUse"],
        "programs": ["PROGRAM_KINDS", "ProgramKind", "write_program"],
    },
)
