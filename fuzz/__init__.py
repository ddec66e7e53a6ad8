"""Generated inputs for everything that reads what strangers send: `make fuzz`, and a test.

`targets.py` is the one seam: each parser behind the same check, found through the registry of
protocols, so that a new protocol is fuzzed as soon as it is listed. `seeds.py` has valid inputs,
made by encoders of its own, `mutations.py` spoils them, `run.py` counts.
"""
