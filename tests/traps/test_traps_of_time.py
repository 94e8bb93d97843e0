"""Traps 8 to 10: when it was."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from projections.timeline.query import day_of
from schemas.forms.times import parse_time
from tests.ingest.feed_messages import deposit
from tests.traps.space import Space


class TestTrap08:
    """Falling in: `1979` becomes 1 January 1979 at midnight, then, shifted to another zone, 31
    December 1978; or an odd literal is refused though it can be read.
    """

    @pytest.mark.parametrize(
        ("literal", "precision", "day"),
        [
            ("1979", "year", "1979"),
            ("197903", "month", "1979-03"),
            ("19790328", "day", "1979-03-28"),
            ("202101040735+0100", "minute", "2021-01-04"),
            ("20200701134745", "second", "2020-07-01"),
            ("20240106113623+100", "second", "2024-01-06"),
        ],
    )
    def test_a_date_is_kept_as_precise_as_it_was_written(
        self, literal: str, precision: str, day: str
    ) -> None:
        space = Space()
        assert space.say(deposit(1, serviceStartTime=literal)) == ["accepted"]
        row = space.row(1)
        assert row.act == literal
        assert day_of(row.act) == day
        time = parse_time(literal)
        assert time is not None
        assert time.precision == precision

    def test_a_calendar_date_is_no_moment_and_is_never_shifted(self) -> None:
        born = parse_time("19790328")
        assert born is not None
        assert born.instant is None
        assert born.date == date(1979, 3, 28)
        assert parse_time("19790231") is None


class TestTrap09:
    """Falling in: the offset is subtracted from the digits (hour 25, day 0), everybody is on the
    clock of Paris, or an act overseas is shown on the day it was in UTC.
    """

    def test_zones_are_calendar_arithmetic_done_once(self) -> None:
        night = parse_time("20240101003000+0100")
        assert night is not None
        assert night.instant == datetime(2023, 12, 31, 23, 30, tzinfo=UTC)
        assert night.offset_minutes == 60

    def test_acts_are_ordered_by_moment_and_shown_on_their_own_day(self) -> None:
        space = Space()
        reunion, guadeloupe = "20240105010000+0400", "20240104203000-0400"
        space.say(deposit(1, serviceStartTime=guadeloupe), deposit(2, serviceStartTime=reunion))
        assert space.sees() == [1, 2], "01:00 at la Réunion is before 20:30 in Guadeloupe"
        assert [day_of(row.act) for row in space.rows()] == ["2024-01-04", "2024-01-05"]


class TestTrap10:
    """Falling in: the timeline is in order of arrival, so that a letter of 2009 deposited today is
    on top; or what is new is told by the date of the act, so that nobody hears of it.
    """

    def test_acts_sort_and_arrival_is_what_is_new(self) -> None:
        space = Space()
        today = deposit(1, serviceStartTime="20240104150000+0100")
        old = deposit(2, serviceStartTime="20090611", creationTime="20240301090000+0100")
        later_made = deposit(3, serviceStartTime="20230101", creationTime="20251231090000+0100")
        space.say(today)
        told = len(space.told())
        space.say(old, later_made)
        assert space.sees() == [1, 3, 2]
        assert len(space.told()) == told + 2
