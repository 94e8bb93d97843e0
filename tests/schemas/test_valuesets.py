"""The tables: complete, closed under their own references, and the maps that matter."""

import pytest

from schemas import valuesets


def test_every_class_of_a_type_is_in_the_list_of_classes() -> None:
    assert set(valuesets.CLASS_OF_TYPE.values()) <= set(valuesets.CLASSES)
    assert set(valuesets.CLASS_OF_TYPE) <= valuesets.TYPE_CODES


def test_every_type_of_the_dmp_has_a_class() -> None:
    assert len(valuesets.TYPE_CODES_DMP) == 108
    assert set(valuesets.CLASS_OF_TYPE) >= valuesets.TYPE_CODES_DMP


def test_no_template_gives_two_formats() -> None:
    owners: dict[str, str] = {}
    for entry in valuesets.FORMATS.values():
        for template in entry.templates:
            if entry.n1_media_type is None:
                assert owners.setdefault(template, entry.code) == entry.code
    assert valuesets.UNSTRUCTURED_TEMPLATE not in owners


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
