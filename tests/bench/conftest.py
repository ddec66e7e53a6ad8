"""The benchmark is a package of the checkout, not an installed one."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
