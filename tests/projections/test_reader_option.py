"""Who reads, as written on a command line, and what rights that gives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.runtime.console import CommandError, Exit
from ingest.runtime.settings import Settings, SettingsError
from projections.access.person import PersonAccess, person_access
from projections.access.row import Matter, Permission
from projections.commands.reader_option import (
    NamedReader,
    ReadingRules,
    named_reader,
    reader_named,
    reading_rules,
)
from schemas.policy.habilitation import COLUMNS, parse_matrix
from schemas.policy.may_see import WITHOUT_END, Reader, ReaderKind
from tests.schemas.policy.test_habilitation import MADE_UP_FILE

DOCTOR = "1.2.250.1.71.4.2.1^899700000001"
INTERNAL = "1.2.250.1.71.4.2.1^3750100125/1453"
CLINIC = "1.2.250.1.71.4.2.2^1750000001"
TODAY = date(2026, 6, 15)
RULES = ReadingRules(TODAY)
JULY, AUGUST = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
PROFESSIONAL = ReaderKind.PROFESSIONAL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("patient", NamedReader(ReaderKind.PATIENT, False)),
        ("representative", NamedReader(ReaderKind.REPRESENTATIVE, False)),
        ("professional", NamedReader(PROFESSIONAL, True)),
        ("professional/10", NamedReader(PROFESSIONAL, True, role="10")),
        ("regulation", NamedReader(ReaderKind.REGULATION, False)),
        (f"author:{DOCTOR}", NamedReader(PROFESSIONAL, True, DOCTOR)),
        (f"professional:{DOCTOR}", NamedReader(PROFESSIONAL, False, DOCTOR)),
        (f"professional:{DOCTOR}@{CLINIC}", NamedReader(PROFESSIONAL, False, DOCTOR, CLINIC)),
        (
            f"professional:{DOCTOR}@{CLINIC}/21",
            NamedReader(PROFESSIONAL, False, DOCTOR, CLINIC, "21"),
        ),
        (f"secret:{DOCTOR}/10", NamedReader(ReaderKind.SECRET, False, DOCTOR, None, "10")),
        (f"break-glass:{DOCTOR}", NamedReader(ReaderKind.BREAK_GLASS, False, DOCTOR)),
        (f"regulation:{DOCTOR}/10", NamedReader(ReaderKind.REGULATION, False, DOCTOR, None, "10")),
        (f"professional:{INTERNAL}", NamedReader(PROFESSIONAL, False, INTERNAL)),
        (f"professional:{INTERNAL}/60", NamedReader(PROFESSIONAL, False, INTERNAL, None, "60")),
        # An internal number that looks like a profession: the slash at its end says that it is not.
        (
            "professional:1.2.250.1.71.4.2.1^3750100125/10/",
            NamedReader(PROFESSIONAL, False, "1.2.250.1.71.4.2.1^3750100125/10"),
        ),
    ],
)
def test_the_words_of_the_command_line(text: str, expected: NamedReader) -> None:
    assert named_reader(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "author",
        "secret",
        "break-glass",
        "patient/10",
        f"patient:{DOCTOR}",
        "professional:",
        "professional:someone",
        f"professional:{DOCTOR}@",
        f"professional:@{CLINIC}",
        f"professional:{DOCTOR}@nowhere",
        "professional/999",
        "author:1.2.250.1.213.1.4.8^279035121518989",
    ],
)
def test_other_words_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(CommandError) as refused:
        named_reader(text)
    assert refused.value.code is Exit.USAGE
    for part in text.replace("@", ":").split(":")[1:]:
        assert not part or part not in f"{refused.value} {refused.value.repair}"


def access(*words: Permission, motive: str = "") -> PersonAccess:
    return person_access(words, {DOCTOR: motive} if motive else {})


def word(matter: Matter, subject: str, until: datetime | None = None) -> Permission:
    return Permission(1, matter, subject, said=1, until=until)


def rights(text: str, said: PersonAccess, rules: ReadingRules = RULES) -> Reader:
    return named_reader(text).reader(said, rules)


def test_a_named_professional_has_what_the_person_gave_him_or_his_organisation() -> None:
    here = f"professional:{DOCTOR}@{CLINIC}"
    assert rights(here, access()).authorised_until is None
    said = access(
        word(Matter.AUTHORISED, DOCTOR, JULY),
        word(Matter.AUTHORISED, CLINIC, AUGUST),
    )
    assert rights(here, said).authorised_until == AUGUST
    assert rights(f"professional:{DOCTOR}", said).authorised_until == JULY
    assert rights("professional", access()).authorised_until == WITHOUT_END
    assert rights("regulation", access()).authorised_until is None


@pytest.mark.parametrize("blocked", [DOCTOR, CLINIC])
@pytest.mark.parametrize("word_given", ["professional", "author", "secret", "break-glass"])
def test_a_block_of_him_or_of_his_organisation_is_his(blocked: str, word_given: str) -> None:
    said = access(word(Matter.BLOCKED, blocked), word(Matter.AUTHORISED, DOCTOR, AUGUST))
    assert rights(f"{word_given}:{DOCTOR}@{CLINIC}", said).blocked
    assert rights(f"{word_given}:{DOCTOR}", said).blocked is (blocked == DOCTOR)


def test_the_attending_physician_is_he_and_not_his_organisation() -> None:
    said = access(word(Matter.ATTENDING, DOCTOR))
    sees = ReadingRules(TODAY, attending_sees_masked=True)
    reader = rights(f"professional:{DOCTOR}", said, sees)
    assert (reader.attending, reader.attending_sees_masked) == (True, True)
    assert not rights(f"professional:{INTERNAL}@{CLINIC}", said).attending
    assert not rights("professional", access()).attending


def test_a_break_glass_has_the_motive_that_was_recorded() -> None:
    said = access(motive="unconscious")
    assert rights(f"break-glass:{DOCTOR}", said).motive == "unconscious"
    assert rights(f"break-glass:{INTERNAL}@{CLINIC}", said).motive == ""


def test_the_matrix_restricts_by_role_and_refuses_without_one() -> None:
    matrix = parse_matrix("\t".join(COLUMNS) + "\n2026-01-01\t21\tclass:43\tread")
    rules = ReadingRules(TODAY, matrix)
    types = rights(f"professional:{DOCTOR}/21", access(), rules).readable_types
    assert types is not None
    assert "60593-1" in types
    assert "11502-2" not in types
    assert rights(f"professional:{DOCTOR}", access(), rules).readable_types == frozenset()
    assert rights("patient", access(), rules).readable_types is None


def test_patient_and_representative_are_known_at_once() -> None:
    assert reader_named("patient", RULES) == Reader(ReaderKind.PATIENT)
    assert reader_named("representative", RULES) == Reader(ReaderKind.REPRESENTATIVE)


def test_secret_connections_must_be_enabled() -> None:
    """SPEC h.3: only if the function is enabled."""
    with pytest.raises(CommandError, match="not enabled"):
        reader_named(f"secret:{DOCTOR}", RULES)
    assert callable(reader_named(f"secret:{DOCTOR}", ReadingRules(TODAY, secret_access=True)))


def test_the_rules_come_from_the_settings(tmp_path: Path) -> None:
    late = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)  # the new year has begun in Paris
    settings = Settings(habilitation_file=MADE_UP_FILE, attending_physician_sees_masked=True)
    rules = reading_rules(settings, late)
    assert rules.today == date(2026, 1, 1)
    assert rules.attending_sees_masked
    assert rules.matrix is not None
    assert reading_rules(Settings(), late) == ReadingRules(date(2026, 1, 1))
    bad = tmp_path / "matrix.tsv"
    bad.write_text("\t".join(COLUMNS) + "\n2026-01-01\t21\t*\twrite")
    for given, said in (
        (settings.model_copy(update={"environment": "production"}), "made up"),
        (Settings(habilitation_file=bad), "line 2: 'write'"),
        (Settings(habilitation_file=tmp_path / "none.tsv"), "No such file"),
    ):
        with pytest.raises(SettingsError, match="HISTOIRE_HABILITATION_FILE") as refused:
            reading_rules(given, late)
        assert said in str(refused.value)
