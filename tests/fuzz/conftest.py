"""Makes the fuzzer importable: it stands beside the tests, and is no package of ours."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
