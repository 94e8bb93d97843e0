"""The tables: complete, closed under their own references, and the maps that matter."""

from itertools import pairwise

import pytest

from schemas import valuesets
from schemas.forms.times import time_exists


def test_every_class_of_a_type_is_in_the_list_of_classes() -> None:
    assert set(valuesets.CLASS_OF_TYPE.values()) <= set(valuesets.CLASSES)
    assert set(valuesets.CLASS_OF_TYPE) <= valuesets.TYPE_CODES


def test_every_type_of_the_dmp_has_a_class() -> None:
    today = {c for c in valuesets.TYPE_CODES_DMP if not valuesets.TYPES[c].has_ended("20261125")}
    assert len(today) == 108
    assert set(valuesets.CLASS_OF_TYPE) >= valuesets.TYPE_CODES_DMP


def test_no_template_gives_two_formats_on_one_day() -> None:
    owners: dict[str, list[valuesets.FormatCode]] = {}
    for entry in valuesets.FORMATS.values():
        for template in entry.templates:
            if entry.n1_media_type is None:
                owners.setdefault(template, []).append(entry)
    assert valuesets.UNSTRUCTURED_TEMPLATE not in owners
    for entries in owners.values():
        in_order = sorted(entries, key=lambda entry: entry.start)
        for older, younger in pairwise(in_order):
            assert older.end, f"{older.code} never ends"
            assert older.end <= younger.start


def test_codes_outside_the_dmp_are_known_but_not_accepted() -> None:
    assert "ESSMS" in valuesets.PRACTICE_SETTING_CODES
    assert "ESSMS" not in valuesets.PRACTICE_SETTING_CODES_DMP
    assert not valuesets.is_dmp_type("11526-1")
    assert valuesets.class_of("11526-1") is None


def test_levels_and_flags_are_apart() -> None:
    assert {"N", "R", "V"} == valuesets.CONFIDENTIALITY_LEVELS
    assert len(valuesets.CONFIDENTIALITY_FLAGS) == 3


@pytest.mark.parametrize(
    ("templates", "type_code", "media_type", "expected"),
    [
        (("1.2.250.1.213.1.1.1.55",), "11502-2", None, "urn:ihe:lab:xd-lab:2008"),
        (("1.3.6.1.4.1.19376.1.2.20",), "11502-2", "text/rtf", "urn:ihe:iti-fr:xds-sd:rtf:2010"),
        (("1.3.6.1.4.1.19376.1.2.20",), "11502-2", "application/zip", None),
        (("1.2.250.1.213.1.1.1.51",), "74207-2", None, "urn:ihe:pcc:ips:2020"),
        (("1.2.3",), "11502-2", None, None),
    ],
)
def test_format_follows_template_or_media_type(
    templates: tuple[str, ...], type_code: str, media_type: str | None, expected: str | None
) -> None:
    found = valuesets.format_of(templates, type_code, media_type)
    assert (found.code if found else None) == expected


def test_the_disputed_template_can_be_set() -> None:
    found = valuesets.format_of(
        ("1.2.250.1.213.1.1.1.51",), "74207-2", None, overrides=valuesets.DLU_2024_OVERRIDE
    )
    assert found is not None
    assert found.code == "urn:asip:ci-sis:dlu:2024"


def test_labels_come_from_the_lists() -> None:
    assert valuesets.type_label("11502-2") == "CR d'examens biologiques"
    assert valuesets.class_label("31") == "Imagerie médicale"
    assert valuesets.AUTHOR_ROLES["PCP"].label == "Médecin traitant"
    assert len(valuesets.AUTHOR_SPECIALTIES) == 396


# Validity: an event keeps the code and the label of its own day (TRAP 22)


@pytest.mark.parametrize(
    ("code", "at", "ended"),
    [
        ("ATTEST-VITALE", "20240126120000+0100", False),  # its last day
        ("ATTEST-VITALE", "20240127", True),
        ("ATTEST-VITALE", "2024", False),  # nobody knows: not a reason to refuse
        ("ATTEST-VITALE", "202402", True),
        ("ATTEST-VITALE", "2025", True),
        ("11502-2", "20991231", False),
    ],
)
def test_a_code_ends_after_its_last_day(code: str, at: str, ended: bool) -> None:
    assert valuesets.TYPES[code].has_ended(at) is ended


def test_a_label_is_that_of_the_day() -> None:
    before = valuesets.facility_label("SA63", "20250522235959+0200")
    after = valuesets.facility_label("SA63", "20250523")
    assert before is not None
    assert before.startswith("Communauté professionnelle")
    assert after == "Structures de coordination et d'orientation"
    assert valuesets.facility_label("SA63") == after
    assert valuesets.facility_label("SA63", "19990101") == before  # older than the code itself
    assert valuesets.type_label("ATTEST-VITALE", "2023") == "Attestation de carte vitale"
    assert valuesets.type_label("nothing", "2023") is None


def test_a_template_keeps_the_format_of_its_time() -> None:
    maternity = ("1.2.250.1.213.1.1.1.12.1",)
    old = valuesets.format_of(maternity, "57055-6", None, at="20220101")
    new = valuesets.format_of(maternity, "57055-6", None, at="20240101")
    assert old is not None
    assert new is not None
    assert (old.code, new.code) == ("urn:asip:ci-sis:sap:2012", "urn:asip:ci-sis:obp-sap:2023")
    assert valuesets.format_of(maternity, "57055-6", None) == new
    assert valuesets.formats_of(maternity, "57055-6", None) == {old.code, new.code}


def test_where_sources_disagree_both_formats_are_admitted() -> None:
    assert valuesets.formats_of(("1.2.250.1.213.1.1.1.51",), "74207-2", None) == {
        "urn:ihe:pcc:ips:2020",
        "urn:asip:ci-sis:dlu:2024",
    }
    assert valuesets.formats_of(("1.2.250.1.213.1.1.1.51",), "60591-5", None) == {
        "urn:ihe:pcc:ips:2020"
    }
    assert valuesets.formats_of(("1.2.3",), None, None) == frozenset()


def test_days_of_validity_are_days() -> None:
    for listed in (valuesets.TYPES, valuesets.FORMATS, valuesets.FACILITIES):
        for code in listed:
            for day in (listed[code].start, listed[code].end):
                assert day == "" or time_exists(day)
    assert {"SA25", "EXP_PATIENT", "03"} <= valuesets.CONTENT_TYPE_CODES
    assert not {"SA01", "SNR", "SA66"} & valuesets.CONTENT_TYPE_CODES
