"""HL7 literals: read as written, never shifted, ordered (TRAP 8 to TRAP 10, SPEC c.2)."""

# ruff: noqa: DTZ001  # readings of a clock, before any zone is known

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from schemas.forms.time_order import day_as_written, is_earlier_day, same_time
from schemas.forms.times import (
    ClinicalTime,
    four_times_exist,
    local_day,
    parse_time,
    time_exists,
    time_flaw,
)

PARIS = ZoneInfo("Europe/Paris")
MICRO = timedelta(microseconds=1)
# In the first and last days of the calendar some offsets leave it.
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))
offsets = st.integers(-14 * 60, 14 * 60)


def zone(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def read(literal: str) -> ClinicalTime:
    found = parse_time(literal)
    assert found is not None
    assert found.literal == literal
    return found


@given(st.text(max_size=40) | st.text("0123456789+-.Z", max_size=32))
def test_any_text_is_answered(text: str) -> None:
    found = parse_time(text)
    assert found is None or found.literal == text


@given(moments, offsets)
def test_instants_are_exact(moment: datetime, offset: int) -> None:
    moment = moment.replace(microsecond=0)
    found = read(f"{moment.year:04}{moment:%m%d%H%M%S}{zone(offset)}")
    expected = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert found.instant == expected
    assert found.instant.tzinfo is UTC
    assert found.sort_key == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // MICRO
    assert (found.precision, found.date, found.offset_minutes) == ("second", None, offset)
    assert not found.lenient


@given(st.dates())
def test_dates_are_never_shifted(day: date) -> None:
    found = read(f"{day.year:04}{day:%m%d}")
    assert (found.date, found.instant, found.precision) == (day, None, "day")
    assert not found.lenient


@given(st.dates(), st.dates())
def test_dates_are_in_order(one: date, other: date) -> None:
    keys = [read(f"{d.year:04}{d:%m%d}").sort_key for d in (one, other)]
    assert (keys[0] < keys[1]) == (one < other)
    assert (keys[0] == keys[1]) == (one == other)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(hours=4)),
)
def test_times_without_offset_are_in_order(one: datetime, later: timedelta) -> None:
    keys = [read(f"{t:%Y%m%d%H%M%S}").sort_key for t in (one, one + later)]
    assert keys[0] <= keys[1]


@pytest.mark.parametrize("night", [date(2024, 3, 31), date(2024, 10, 27), date(1940, 6, 14)])
def test_nights_when_the_clocks_change_are_in_order(night: date) -> None:
    begin = datetime(night.year, night.month, night.day)
    times = [begin + timedelta(minutes=number) for number in range(26 * 60)]
    keys = [read(f"{t:%Y%m%d%H%M}").sort_key for t in times]
    assert keys == sorted(keys)


@given(moments)
def test_date_sorts_with_the_beginning_of_its_day_in_paris(moment: datetime) -> None:
    day = f"{moment.year:04}{moment:%m%d}"
    assert read(day).sort_key == read(f"{day}000000").sort_key <= read(f"{day}235959").sort_key
    assert read(day[:4]).sort_key <= read(day[:6]).sort_key <= read(day).sort_key


@pytest.mark.parametrize(
    ("literal", "precision", "day"),
    [
        ("1979", "year", date(1979, 1, 1)),
        ("197903", "month", date(1979, 3, 1)),
        ("19790328", "day", date(1979, 3, 28)),
        ("20240229", "day", date(2024, 2, 29)),
        ("0001", "year", date(1, 1, 1)),
        ("99991231", "day", date(9999, 12, 31)),
    ],
)
def test_dates(literal: str, precision: str, day: date) -> None:
    found = read(literal)
    assert (found.precision, found.date, found.instant) == (precision, day, None)


@pytest.mark.parametrize(
    ("literal", "instant", "precision", "lenient"),
    [
        ("20240104160527+0100", "2024-01-04T15:05:27", "second", False),
        ("202101040735+0100", "2021-01-04T06:35:00", "minute", False),
        ("20200701134745", "2020-07-01T11:47:45", "second", True),  # summer in Paris
        ("20200101134745", "2020-01-01T12:47:45", "second", True),
        ("20240106113623+100", "2024-01-06T10:36:23", "second", True),
        ("20240106113623+01", "2024-01-06T10:36:23", "second", True),
        ("20240106113623Z", "2024-01-06T11:36:23", "second", True),
        ("2024010611+0400", "2024-01-06T07:00:00", "hour", True),  # Réunion
        ("20240106003000+0400", "2024-01-05T20:30:00", "second", False),
        ("20240106223000-0400", "2024-01-07T02:30:00", "second", False),  # never hour 26
        ("20240106113623.1234567+0100", "2024-01-06T10:36:23.123456", "second", False),
        ("20241027023000", "2024-10-27T00:30:00", "second", True),  # the first of two
        ("20240331023000", "2024-03-31T01:00:00", "second", True),  # there was no such time
    ],
)
def test_times(literal: str, instant: str, precision: str, lenient: bool) -> None:
    found = read(literal)
    assert found.instant == datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert (found.precision, found.lenient, found.date) == (precision, lenient, None)


def test_date_with_an_offset_is_not_shifted() -> None:
    found = read("19790328+0100")
    assert (found.date, found.lenient) == (date(1979, 3, 28), True)


@pytest.mark.parametrize(
    "literal",
    [
        "",
        "197",
        "19791",
        "19791301",
        "20230229",
        "00000101",
        "2024010125",
        "202401012460",
        "20240101235960+0100",  # a leap second: no clock of ours has it
        "20240101120000+1500",
        "20240101120000+0160",
        "20240101120000 +0100",
        "2024-01-01",
        "\u0661\u0669\u0667\u0669",  # digits, but not ours
        "1979\n",
        "00010101000000+0100",  # before year 1
        "99991231235959-0100",  # after year 9999
        "2024" * 10_000,
    ],
)
def test_what_is_no_time(literal: str) -> None:
    assert parse_time(literal) is None


@pytest.mark.parametrize(
    ("literal", "fault"),
    [
        ("1979", None),
        ("19790328", None),
        ("202101040735+0100", None),
        ("20240104160527.123+0100", None),
        ("20200701134745", "offset_missing"),
        ("20240106113623+100", "offset_malformed"),
        ("20240101+0100", "offset_malformed"),
        ("20240106113623+2500", "malformed"),
        ("20241301", "malformed"),
        ("1979-03-28", "malformed"),
        ("", "malformed"),
    ],
)
def test_what_the_texts_object_to(literal: str, fault: str | None) -> None:
    assert time_flaw(literal) == fault


def test_an_offset_never_moves_the_local_day() -> None:
    early, plain = parse_time("20240101003000+0400"), parse_time("20240101")
    assert early is not None
    assert plain is not None
    assert local_day(early) == local_day(plain) is not None


_LITERALS = st.sampled_from(
    ["20240101073512+0100", "202401010735+0100", "20240101", "20240230", "00010101", "2024", ""]
) | st.text("0123456789+-.Z ", max_size=20)


@given(
    st.from_regex(r"[0-9]{4}[01][0-9][0-3][0-9][0-2][0-9][0-6][0-9][0-6][0-9][+-][01][0-9]{3}")
    | st.text("0123456789+-.Z", max_size=20)
)
@example("00010101000000+1200")
@example("99991231235959-1200")
@example("20230229000000+0100")
def test_the_fast_question_has_the_same_answer(literal: str) -> None:
    assert time_exists(literal) == (parse_time(literal) is not None)


@given(st.lists(_LITERALS, min_size=4, max_size=4))
@example(["20240101073512+0100", "20240101", "20240101", "202401010735+0100"])
@example(["20240101", "20240101 20240101", "", "20240101"])
@example(["00010101", "20240101", "20240101", "20240101"])
@example(["20240101", "20240101", "20230229", "20240101"])
@example(["20240101", "20240101", "20240101", "20240101073512+9900"])
def test_four_times_exist_only_if_each_does(literals: list[str]) -> None:
    first, second, third, fourth = literals
    if four_times_exist(first, second, third, fourth):
        assert all(map(time_exists, literals))


def test_four_usual_times_are_known_by_one_look() -> None:
    assert four_times_exist(
        "20240101073512+0100", "202401010735+0100", "20231231", "20240101073512-0400"
    )


# Two literals of one time: what a producer wrote in the metadata and in the document


@given(moments, offsets, offsets)
def test_an_instant_is_the_same_in_every_zone(moment: datetime, one: int, other: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    local = [moment.astimezone(timezone(timedelta(minutes=offset))) for offset in (one, other)]
    first, second = (
        f"{t.year:04}{t:%m%d%H%M%S}{zone(offset)}"
        for t, offset in zip(local, (one, other), strict=True)
    )
    assert same_time(first, second)
    later = local[1] + timedelta(seconds=1)
    assert not same_time(first, f"{later.year:04}{later:%m%d%H%M%S}{zone(other)}")


literals = st.builds(
    lambda moment, length, offset: (
        f"{moment.year:04}{moment:%m%d%H%M%S}"[:length] + (zone(offset) if length > 8 else "")
    ),
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from([4, 6, 8, 12, 14]),
    offsets,
)


@given(literals, st.sampled_from([4, 6, 8, 12]))
def test_a_literal_cut_short_is_the_same_time(literal: str, length: int) -> None:
    digits = literal.partition("+")[0].partition("-")[0]
    offset = literal[len(digits) :]
    short = digits[:length] + (offset if length > 8 else "")
    assume(length <= len(digits))
    assert same_time(literal, short)
    assert same_time(short, literal)


@given(literals, literals)
def test_order_of_days_as_written(one: str, other: str) -> None:
    assert not (is_earlier_day(one, other) and is_earlier_day(other, one))
    assert not is_earlier_day(one, one)
    first, second = read(one), read(other)
    days = local_day(first), local_day(second)
    if days[0] is not None and days[1] is not None:
        assert is_earlier_day(one, other) == (days[0] < days[1])
    if len(one) == len(other) == 4:
        assert is_earlier_day(one, other) == (one < other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("20240104160527+0100", "20240104150527+0000", True),
        ("20240104160527+0100", "20240104160527", True),  # Paris, in winter
        ("20240704160527+0200", "20240704160527", True),  # and in summer
        ("20240104160527+0100", "20240104150527", False),  # UTC without a mark, as XDS prints it
        ("20240104160527+0100", "202401041605+0100", True),
        ("20240104160527.250+0100", "20240104160527+0100", True),
        ("20240104", "20240104160527+0100", True),
        ("20240103", "20240104000500+0400", False),  # never shifted
        ("1979", "19790328", True),
        ("1978", "19790328", False),
        ("20240106113623+100", "20240106113623+0100", True),
        ("yesterday", "yesterday", False),
    ],
)
def test_same_times(one: str, other: str, same: bool) -> None:
    assert same_time(one, other) is same
    assert same_time(other, one) is same


@pytest.mark.parametrize(
    ("literal", "day"),
    [
        ("1979", "1979"),
        ("197903", "197903"),
        ("19790328", "19790328"),
        ("20240104160527+0100", "20240104"),
        ("1979+0100", "1979"),
        ("197903-0400", "197903"),
        ("1979Z", "1979"),
        ("202101040735+0100", "20210104"),
    ],
)
def test_days_as_written(literal: str, day: str) -> None:
    assert day_as_written(literal) == day
