"""docs/settings.md against the data plane's settings."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from anomaly_dataplane.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_of_a_pod_is_documented_with_its_default() -> None:
    """Name, default and meaning, as the program's own help says them."""
    section = PAGE.read_text().partition("## Data plane")[2]
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`|empty) \| (.*) \|$", section, re.MULTILINE)
    defaults = Settings()

    def shown(value: object) -> str:
        return ",".join(value) if isinstance(value, tuple) else str(value)

    assert rows == [
        (field.metadata["env"], shown(getattr(defaults, field.name)), field.metadata["help"])
        for field in dataclasses.fields(Settings)
    ]
