"""Operator: spec.py -> desired/ -> apply -> observe -> status/."""

from importlib.metadata import version

__version__ = version("anomaly-operator")
