"""What operator and data plane agree on: the config document, ports, paths, key and metric names.

The only part of the data plane that the operator may import. Standard library only, so that it
costs nobody a dependency. CRD, chart, dashboards and docs are checked against it by tests/contract.
"""
