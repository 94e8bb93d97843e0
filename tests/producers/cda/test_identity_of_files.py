"""The patient of a file: nothing that is missing is passed over, nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.cda.metadata import metadata
from producers.cda.refused import Refused
from producers.cda.sendable import sendable_document
from producers.cda.visibility import RequestedVisibility
from schemas.feed.messages import Document

SOUND = (Path(__file__).parent / "sound.xml").read_text(encoding="utf-8")
SEEN = RequestedVisibility(False, False, False)
LOCAL = '<id root="2.25.250226157504112622511699982543936331145" extension="0824141668501"/>'
NATIONAL = {
    "social security": '<id root="1.2.250.1.213.1.4.13" extension="279035121518989"/>',
    "INS-C": '<id root="1.2.250.1.213.1.4.2" extension="0824141668501823142124"/>',
    "INS-A": '<id root="1.2.250.1.213.1.4.1" extension="279035121518989"/>',
    "under a root of its own": '<id root="1.2.250.1.999.4" extension="2 79 03 51 215 189 89"/>',
}


def of_file(text: str) -> Document:
    """The metadata of a file."""
    return metadata(sendable_document(text.encode(), "test", 10**7), SEEN)


def without(text: str, begin: str, end: str) -> str:
    """The text without what lies between, both included."""
    before, found, rest = text.partition(begin)
    assert found
    return before + rest.partition(end)[2]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("birthDate", without(SOUND, '<birthTime value="', "/>")),
        ("birthDate", SOUND.replace('<birthTime value="20100205"/>', '<birthTime value=" "/>')),
        (
            "birthDate",
            SOUND.replace('<birthTime value="20100205"/>', '<birthTime nullFlavor="UNK"/>'),
        ),
        ("sex", without(SOUND, "<administrativeGenderCode", "/>")),
        ("sex", SOUND.replace('code="F" codeSystem="2.16.840.1.113883.5.1"', 'code=""')),
        ("birthName", without(SOUND, '<family qualifier="BR">', "</family>")),
        ("birthName", SOUND.replace(">SANTONI<", "> <")),
        ("birthGivenName", without(SOUND, '<given qualifier="BR">', "</given>")),
        ("givenNames", without(SOUND, "<given>", "</given>")),
    ],
)
def test_a_strict_trait_that_is_missing_is_named(field: str, text: str) -> None:
    """What is not there could not be compared: another person's document would be filed."""
    with pytest.raises(Refused) as refused:
        of_file(text)
    assert refused.value.code == "traits_malformed"
    assert refused.value.path == f"document.sourcePatientInfo.{field}"


def test_the_sound_file_has_them_all() -> None:
    document = of_file(SOUND)
    traits = document["sourcePatientInfo"]
    assert traits is not None
    assert (traits["birthName"], traits["sex"], traits["birthDate"]) == ("SANTONI", "F", "20100205")
    assert document["sourcePatientId"] == (
        "2.25.250226157504112622511699982543936331145^0824141668501"
    )


@pytest.mark.parametrize("national", NATIONAL.values(), ids=NATIONAL)
def test_a_national_number_is_never_the_local_identifier(national: str) -> None:
    ins = "1.2.250.1.213.1.4.10^210028619499208"
    assert of_file(SOUND.replace(LOCAL, national))["sourcePatientId"] == ins
    both = of_file(SOUND.replace(LOCAL, national + LOCAL))["sourcePatientId"]
    assert both is not None
    assert both.endswith("^0824141668501")
