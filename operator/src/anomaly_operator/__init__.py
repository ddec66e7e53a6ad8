"""Operator: spec.py -> desired/ -> apply -> observe -> status/."""
