"""Every link between the pages of this repository leads to a file and a heading that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "operator/*.md", "charts/**/*.md", "tests/**/*.md")
    for page in ROOT.glob(pattern)
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The names by which the headings of a page are linked to."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {name.replace(" ", "-") for name in plain}


def dead(page: Path) -> list[str]:
    """The links of a page that lead nowhere; those to other hosts are not looked at."""
    found = []
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    """A reader who follows it must arrive."""
    assert not dead(page)


def test_the_readme_leads_to_every_page_of_docs() -> None:
    """What nobody links to, nobody reads."""
    linked = set(_LINK.findall(prose(ROOT / "README.md")))
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert not pages - linked


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    """A file that is not there, and a heading that is not."""
    (tmp_path / "there.md").write_text("# A `b`, c\n")
    page = tmp_path / "page.md"
    page.write_text("[1](there.md) [2](there.md#a-b-c) [3](gone.md) [4](there.md#gone) [5](#gone)")
    assert dead(page) == ["gone.md", "there.md#gone", "#gone"]
