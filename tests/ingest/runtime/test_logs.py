"""What gets into a log line, and what does not."""

from __future__ import annotations

import io
import itertools
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ingest.runtime.kafka_logs import RateLimit
from ingest.runtime.log_privacy import BLANK
from ingest.runtime.logs import configure_logs, get_logger
from schemas.forms.identity import MATRICULE_LIKE

MATRICULES = st.from_regex(
    r"[1-478][0-9]{2}(0[1-9]|1[0-2])([0-9]{2}|2[AB])[0-9]{8}", fullmatch=True
)


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.dropped: list[int] = []

    def read(self) -> list[dict[str, object]]:
        return [orjson.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("kafka").level)
    found = Lines()
    configure_logs(process="ingest", stream=found.stream, on_dropped=found.dropped.append)
    yield found
    root.handlers[:], root.level = before[0], before[1]
    logging.getLogger("kafka").setLevel(before[2])
    structlog.reset_defaults()


def test_a_line_is_one_json_object_in_utc_with_its_event_name(lines: Lines) -> None:
    get_logger().info("batch_stored", records=2000, seconds=0.05)
    [line] = lines.read()
    assert line["event"] == "batch_stored"
    assert (line["records"], line["seconds"]) == (2000, 0.05)
    assert (line["level"], line["process"]) == ("info", "ingest")
    assert str(line["timestamp"]).endswith("Z")
    assert lines.dropped == []


def test_unknown_fields_are_dropped_and_counted(lines: Lines) -> None:
    get_logger().info("batch_stored", name="DURAND", ins="x", records=1)
    [line] = lines.read()
    assert line["fields_dropped"] == 2
    assert lines.dropped == [2]
    assert "DURAND" not in lines.stream.getvalue()


def test_free_text_is_no_event_name(lines: Lines) -> None:
    get_logger().warning("could not store DURAND Marie")
    assert lines.read()[0]["event"] == "unnamed_event"


def test_an_exception_is_told_by_class_and_place_without_its_message(lines: Lines) -> None:
    try:
        raise ValueError("patient DURAND")
    except ValueError:
        get_logger().exception("batch_failed")
    [line] = lines.read()
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["at"])
    assert "DURAND" not in lines.stream.getvalue()


def test_library_lines_come_the_same_way(lines: Lines) -> None:
    logging.getLogger("somelib").warning("seen %s", "185057800608436")
    logging.getLogger("somelib").debug("not this one")
    [line] = lines.read()
    assert (line["logger"], line["event"]) == ("somelib", f"seen {BLANK}")


@given(MATRICULES, st.text(st.characters(exclude_categories=["Nd"]), max_size=5))
def test_whatever_looks_like_a_matricule_is_blanked(matricule: str, around: str) -> None:
    cuts = (0, 1, 3, 5, 7, 10, 13, 15)
    grouped = " ".join(matricule[start:end] for start, end in itertools.pairwise(cuts))
    for shape in (matricule, grouped, matricule[:13], f"1.2.250.1.213.1.4.8|{matricule}"):
        assert shape not in MATRICULE_LIKE.sub(BLANK, f"{around}{shape}{around}")


def test_matricules_are_blanked_in_numbers_lists_and_mappings_too(lines: Lines) -> None:
    number = 185057800608436
    get_logger().info(
        "batch_stored", codes={str(number): [number, b"185057800608436"]}, count=number
    )
    assert str(number) not in lines.stream.getvalue()


def test_kafka_lines_are_limited_and_the_next_one_says_how_many_are_missing() -> None:
    now = [0.0]
    limit = RateLimit("kafka", lines=2, seconds=10.0, monotonic=lambda: now[0])

    def passes(name: str) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, "f", 1, "away %s", ("x",), None)
        return record.getMessage() if limit.filter(record) else None

    assert [passes("kafka.net") for _ in range(5)] == ["away x", "away x", None, None, None]
    assert passes("kafkaesque") == "away x"
    now[0] = 10.0
    assert passes("kafka") == "away x (3 lines suppressed)"


def test_without_configuration_nothing_is_written_on_stdout(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    get_logger().warning("batch_stored", name="DURAND", records=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert orjson.loads(err)["records"] == 1
    assert "DURAND" not in err
