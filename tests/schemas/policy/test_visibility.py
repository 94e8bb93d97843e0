"""What deposits and changes of visibility do to the flags of a document."""

from itertools import product
from typing import Any, cast

import pytest

from schemas.events import DocumentFlags, DocumentVisibilityChanged
from schemas.feed.messages import Document
from schemas.policy.visibility import BIT_OF, flags_after, metadata_flags
from tests.samples.deposit import deposit

MASK = DocumentFlags.MASQUE_PS
MASK_OF_PATIENT = DocumentFlags.MASQUE_PS | DocumentFlags.MASQUE_PS_BY_PATIENT
FIELD_OF = {
    "MASQUE_PS": "masquePs",
    "INVISIBLE_PATIENT": "invisiblePatient",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "invisibleRepresentantsLegaux",
}


def change(flag: str, on: bool, by_patient: bool = False) -> DocumentVisibilityChanged:
    changed: dict[str, Any] = {"flag": flag, "on": on, "byPatient": by_patient}
    return cast(DocumentVisibilityChanged, changed)


@pytest.mark.parametrize("given", list(product([False, True], repeat=3)))
def test_the_metadata_give_three_flags_and_no_other(given: tuple[bool, ...]) -> None:
    named = dict(zip(FIELD_OF, given, strict=True))
    document = deposit(**{FIELD_OF[flag]: on for flag, on in named.items()})["document"]
    expected = sum(DocumentFlags[flag] for flag, on in named.items() if on)
    assert metadata_flags(cast(Document, document)) == expected


@pytest.mark.parametrize("flag", BIT_OF)
@pytest.mark.parametrize("by_patient", [False, True])
def test_a_flag_turned_on_and_off_leaves_the_others(flag: str, by_patient: bool) -> None:
    mask = MASK_OF_PATIENT if by_patient else MASK
    own = mask if flag == "MASQUE_PS" else DocumentFlags[flag]
    others = sum(DocumentFlags) & ~(MASK_OF_PATIENT if flag == "MASQUE_PS" else own)
    shown = flags_after(others, change(flag, True, by_patient))
    assert shown == others | own
    assert flags_after(shown, change(flag, True, by_patient)) == shown, "again changes nothing"
    assert flags_after(shown, change(flag, False, by_patient)) == others


def test_the_last_mask_says_whose_it_is() -> None:
    of_patient = flags_after(0, change("MASQUE_PS", True, by_patient=True))
    assert of_patient == MASK_OF_PATIENT
    assert flags_after(of_patient, change("MASQUE_PS", True)) == MASK


def test_hiding_leaves_the_mask_of_the_patient() -> None:
    hidden = flags_after(MASK_OF_PATIENT, change("INVISIBLE_PATIENT", True, by_patient=True))
    assert hidden == MASK_OF_PATIENT | DocumentFlags.INVISIBLE_PATIENT
