"""Prometheus as most clusters have it: the Prometheus operator, a Prometheus, an Alertmanager.

`apply.ensure` puts them into a cluster: programs (`programs.py`) into images, objects
(`stack.yaml` and what the operator's own module brings) into the API server.
"""
