"""CSV files of every shape, and what is told of those that cannot be read."""

from __future__ import annotations

import pytest

from anomaly_dataplane.backtest.table import BadTable, Samples, read
from anomaly_dataplane.series import SeriesTable


def parse(text: str, metric: str = "file") -> Samples:
    """The samples of a CSV text."""
    return read(text.splitlines(keepends=True), SeriesTable(4), metric)


def rows(samples: Samples) -> list[tuple[str, float, float]]:
    """The samples as people write them."""
    names = [series.name for series in samples.series]
    return list(zip(names, samples.times, samples.values, strict=True))


def test_two_columns_are_one_series_named_after_the_file() -> None:
    """The shape of NAB, whose times have no zone and mean UTC."""
    samples = parse("timestamp,value\n2014-01-01 00:00:00,1.5\n2014-01-01 00:05:00,2\n", "cpu")
    assert rows(samples) == [("cpu", 1388534400000.0, 1.5), ("cpu", 1388534700000.0, 2.0)]


def test_further_columns_are_labels() -> None:
    """An empty cell is no label."""
    samples = parse(
        "timestamp,metric,device,site,value\n1388534400,temp,b1,,20\n1388534400,temp,b2,x,21\n"
    )
    assert [name for name, _, _ in rows(samples)] == [
        'temp{device="b1"}',
        'temp{device="b2",site="x"}',
    ]


def test_without_a_value_column_each_column_is_a_metric() -> None:
    """An empty cell is no sample, and no fault either."""
    samples = parse("time,cpu,memory\n1388534400,1,2\n1388534460,,3\n")
    assert [(name, value) for name, _, value in rows(samples)] == [
        ("cpu", 1.0),
        ("memory", 2.0),
        ("memory", 3.0),
    ]
    assert not samples.bad


def test_samples_come_in_the_order_of_time() -> None:
    """Files are often grouped by series; live senders are not."""
    samples = parse("timestamp,metric,value\n20,a,1\n30,a,2\n20,b,3\n10,b,4\n")
    assert [value for _, _, value in rows(samples)] == [4.0, 1.0, 3.0, 2.0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("yesterday,1", "cannot be read"),
        ("10", "1 cells, the header has 2"),
        ("10,1,2", "3 cells, the header has 2"),
        ("10,warm", "'warm' of file is not a finite number"),
        ("10,", "'' of file is not a finite number"),
        ("10,nan", "not a finite number"),
        ("10,1e300", "not a finite number"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_used(line: str, reason: str) -> None:
    """One broken line must not cost the file."""
    samples = parse(f"timestamp,value\n1,1\n{line}\n3,3\n")
    assert [value for _, _, value in rows(samples)] == [1.0, 3.0]
    assert [bad.line for bad in samples.bad] == [3]
    assert reason in samples.bad[0].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has nothing"),
        ("1388534400,1\n", "one of them timestamp; it has '1388534400', '1'"),
        ("timestamp\n1\n", "no column beside the timestamp"),
    ],
)
def test_a_file_without_a_header_is_refused(text: str, reason: str) -> None:
    """The message says which columns there should be."""
    with pytest.raises(BadTable, match=reason):
        parse(text)


@pytest.mark.parametrize(
    "text", ["2014-01-01", "2014-01-01 00:00", "2014-01-01T00:00:00Z", "2014-01-01T01:00:00+01:00"]
)
def test_a_time_is_taken_as_files_have_it(text: str) -> None:
    """A day alone begins at midnight, and without a zone UTC is meant."""
    assert parse(f"timestamp,value\n{text},1\n").times == [1388534400000.0]


def test_a_bad_time_is_shown_as_it_stands_in_the_file() -> None:
    """Not with what was added to it before it was read."""
    bad = parse("timestamp,value\nyesterday,1\n").bad[0]
    assert bad.reason.startswith("timestamp 'yesterday' cannot be read; write 2026-")
