"""The command `anomaly-dataplane purge`: removes all that a pipeline has in Redis."""
