"""`make demo`: real data through a real pipeline, and what it finds, in about a minute.

The flow: `target/` starts or finds a pipeline -> `sources/` give samples -> `replay` sends them by
HTTP -> `findings` puts the pipeline's answers into words -> `console` shows them. `burst` makes the
load that the pipeline is to find. Nothing here detects anything: that is the pipeline's job.
"""
