"""The computer that runs this program, as a device.

Models are measured by a process of its own, which takes nothing along if a model
crashes it. What both processes do, in the order of reading: `host_device` decides
what is measured, and again; `job` is what a measuring process is given to do;
`runner_process` starts it and takes note of what it tells; `collected_runs` puts
together what several processes told. In the other process, `runner` works through
the job with the `interpreters`. `host_facts` says what the computer is, and
`host_kind` how a user names it.
"""
