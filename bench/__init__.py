"""`make bench`: what a sample costs, against the usual Go service, on the machine it runs on.

`plan.py` says what is run, `run.py` does one run, `report.py` judges by `targets.py`.
"""
