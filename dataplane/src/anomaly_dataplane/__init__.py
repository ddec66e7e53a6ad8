"""Data plane: ingest -> buffer -> workers -> score -> commit -> answer."""
