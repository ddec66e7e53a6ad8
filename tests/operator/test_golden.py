"""What `render` prints for every example, kept in files so that a reviewer sees each change.

To write them anew: GOLDEN=update uv run pytest tests/operator/test_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anomaly_operator.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("golden")
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_renders_as_recorded(
    example: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every change of the objects shows as a diff of YAML."""
    for name in [name for name in os.environ if name.startswith("ANOMALY_OPERATOR_")]:
        monkeypatch.delenv(name)

    assert main(["render", str(example)]) == 0

    recorded = GOLDEN / example.name
    printed = capsys.readouterr().out
    if os.environ.get("GOLDEN") == "update":
        recorded.write_text(printed)
    assert printed == recorded.read_text()


def test_no_recording_is_left_over() -> None:
    """Each belongs to an example that exists."""
    assert {path.name for path in GOLDEN.glob("*.yaml")} == {path.name for path in EXAMPLES}
