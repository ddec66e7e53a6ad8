"""Influx line protocol: one parser, and the dialects of InfluxDB 1, 2 and 3."""
