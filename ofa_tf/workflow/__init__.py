"""The steps after training, one file each, and the run that they belong to.

Read `run` first: a training run with its workdir, and all that is done with it; the tools call it. `accuracy`,
`latency`, `search` and `export` are the steps; they take plain values and know no workdir. `export_plan` checks what
an export will write. `quickstart` goes the whole way in one call; `lowering_benchmark` measures what rewrites gain.
"""
