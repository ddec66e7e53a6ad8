"""Questions that people, pages and the operator ask of a pipeline; all read the store."""
