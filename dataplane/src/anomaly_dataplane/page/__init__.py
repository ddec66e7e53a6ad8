"""The live page: one file of HTML with its style and script, which reads the query API."""
