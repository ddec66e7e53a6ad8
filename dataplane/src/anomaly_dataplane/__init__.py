"""Data plane: ingest -> buffer -> workers -> score -> commit -> answer."""

import os
from pathlib import Path

from anomaly_dataplane.compiled import choose

KERNELS = choose(Path(__file__).parent, os.environ)
"""What runs in this process."""
