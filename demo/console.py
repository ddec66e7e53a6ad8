"""All that people see: steps, progress bars, the table, the closing words. Nobody else prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console as Screen
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from demo.findings import Finding, Group, number, why
from demo.tally import Tally

_WIDTH_OF_FILES = 120
"""Where there is no terminal whose width could be asked."""


class Bar:
    """One progress bar."""

    def __init__(self, bars: Progress, task: TaskID, tally: Tally) -> None:
        self._bars = bars
        self._task = task
        self._tally = tally

    def advance(self) -> None:
        """One request more is done."""
        self._bars.update(self._task, advance=1, seen=_seen(self._tally))

    def extend(self) -> None:
        """One request more is to do."""
        self._bars.update(self._task, total=(self._bars.tasks[self._task].total or 0) + 1)


class Console:
    """Standard output, in colour where it is a terminal."""

    def __init__(self, screen: Screen | None = None) -> None:
        self._screen = screen or Screen(highlight=False)
        if screen is None and not self._screen.is_terminal:
            self._screen = Screen(highlight=False, width=_WIDTH_OF_FILES)

    def title(self, text: str) -> None:
        """The first line."""
        self._screen.print(f"[bold]{escape(text)}[/bold]")

    def step(self, name: str, text: str) -> None:
        """One thing that was done, and what is to know about it."""
        self._screen.print(f"[cyan]{escape(name):<11}[/cyan] {escape(text)}", soft_wrap=True)

    def note(self, text: str) -> None:
        """A remark."""
        self._screen.print(escape(text), soft_wrap=True)

    def failure(self, text: str) -> None:
        """Why the demo ends here."""
        self._screen.print(f"[red]The demo failed:[/red] {escape(text)}", soft_wrap=True)

    def verbatim(self, command: str, output: str) -> None:
        """A command and what it printed."""
        self._screen.print(f"\n[bold]$ {escape(command)}[/bold]", soft_wrap=True)
        self._screen.print(escape(output.rstrip()), soft_wrap=True)

    @contextmanager
    def progress(self, what: str, total: int, tally: Tally) -> Iterator[Bar]:
        """A progress bar over requests that shows what a tally has counted so far."""
        columns = (
            TextColumn("[cyan]{task.description}[/cyan]"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[seen]}"),
        )
        with Progress(*columns, console=self._screen, refresh_per_second=8) as bars:
            task = bars.add_task(f"{what:<11}", total=total, seen="")

            yield Bar(bars, task, tally)

    def findings(self, groups: Iterable[Group], mark: Callable[[Finding], str]) -> None:
        """The table of what was found; `mark` may add a word to a row."""
        table = Table(
            title="What the pipeline found: anomalies, strongest first of each source",
            title_style="bold",
            title_justify="left",
            header_style="bold",
            box=SIMPLE_HEAD,
            pad_edge=False,
        )
        table.add_column("series")
        table.add_column("when (UTC)")
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("expected", justify="right", min_width=9)
        table.add_column("z", justify="right", no_wrap=True)
        table.add_column("why", min_width=24, ratio=1)
        for group in groups:
            for found in group.shown:
                table.add_row(*_row(found, mark(found)))
            table.add_row(_rest(group), style="dim", end_section=True)
        self._screen.print()
        self._screen.print(table)


def _rest(group: Group) -> str:
    if group.weaker:
        return escape(f"and {group.weaker} weaker")
    return "" if group.shown else escape(f"{group.device}: none")


def _row(found: Finding, mark: str) -> tuple[str, ...]:
    low, high = found.expected
    words = escape(why(found))
    return (
        escape(f"{found.metric}\n{found.device}"),
        _when(found),
        number(found.value),
        f"{number(low)} to {number(high)}",
        ("+" if found.z > 0 else "") + number(found.z),
        f"{words}\n[yellow]{escape(mark)}[/yellow]" if mark else words,
    )


def _when(found: Finding) -> str:
    if found.time.microsecond:
        return found.time.strftime("%H:%M:%S.%f")[:-5]
    return found.time.strftime("%Y-%m-%d %H:%M")


def _seen(tally: Tally) -> str:
    return (
        f"{tally.requests_per_second:.0f} requests/s, {tally.outliers} outliers, "
        f"{tally.anomalies} anomalies"
    )
