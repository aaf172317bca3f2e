"""Neural processors of phones: the chips that there are, what their compilers take, and compiling ahead of time.

Read `compiler.py` first. `socs.py` names the chips, `operators.py` what each vendor's processors are known to take,
and `litert_plugins.py` calls the program of LiteRT that loads the vendors' compilers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "compiler": ["Partitions", "check_compiler", "compile_model", "partition"],
        "operators": ["find_left"],
        "socs": ["Soc", "VENDORS", "split_target"],
    },
)
