"""`anomaly-dataplane backtest`: what a pipeline would have said of a file of samples.

The data flow is that of the pods: pipeline_file -> table -> replay (the workers themselves, on the
store in memory) -> report and page. Called by `__main__.py`.
"""
