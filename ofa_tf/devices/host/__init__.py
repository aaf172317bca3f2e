"""The computer that runs this program, as a device.

Models are measured by a process of its own, which takes nothing along if a model crashes it. What both processes do,
in the order of reading: `host_device.py` decides what is measured, and again; `job.py` is what a measuring process is
given to do; `runner_process.py` starts it and takes note of what it tells; `collected_runs.py` puts together what
several processes told, and `other_programs.py` whether something else kept the computer busy. In the other process,
`runner.py` works through the job with the `interpreters.py`. `host_facts.py` says what the computer is, and
`host_kind.py` how a user names it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "host_facts": ["HOST_ID"],
        "host_kind": ["HOST_KIND"],
    },
)
