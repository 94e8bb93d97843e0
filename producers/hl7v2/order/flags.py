"""The flags of a message (OBX of MetaDMPMSS): who is not to see the document, where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.segments import Hl7Message

from .document import FLAGS_SYSTEM

MASQUE_PS: Final = "MASQUE_PS"
INVISIBLE_PATIENT: Final = "INVISIBLE_PATIENT"
INVISIBLE_REP_LEGAUX: Final = "INVISIBLE_REP_LEGAUX"
MODIF_CONF_CODE: Final = "MODIF_CONF_CODE"
DESTDMP: Final = "DESTDMP"
_BY_MAIL: Final = ("DESTMSSANTEPS", "DESTMSSANTEPAT")
COMPULSORY_FLAGS: Final = (
    MASQUE_PS,
    INVISIBLE_PATIENT,
    INVISIBLE_REP_LEGAUX,
    "CONNEXION_SECRETE",
    MODIF_CONF_CODE,
    DESTDMP,
    *_BY_MAIL,
)
"""A message has all of these, in this order (SPEC c.4)."""
_YES_NO: Final = {"Y": True, "N": False}


def read_flags(message: Hl7Message, *, may_be_absent: bool) -> tuple[dict[str, bool], list[str]]:
    """The flags by name, and the names of the rules they break and that refuse nothing.

    Each flag stands once, Y or N; eight are compulsory. `may_be_absent`: a message without any flag
    is right as well. Raises Hl7Error.
    """
    flags: dict[str, bool] = {}
    for obx in message.all("OBX"):
        if obx.text(3, 3) != FLAGS_SYSTEM or obx.text(2) == "ED":
            continue
        location = f"OBX^{obx.number}^5"
        value = _YES_NO.get(obx.text(5).upper())
        name = obx.text(3)
        if value is None:
            raise Hl7Error("hl7_flag_value", location, 103)
        if flags.setdefault(name, value) is not value:
            raise Hl7Error("hl7_flag_value", location, 198)
    if may_be_absent and not flags:
        return flags, []
    for name in COMPULSORY_FLAGS:
        if name not in flags:
            raise Hl7Error("hl7_flag_missing", "OBX^1^3", 101)
    remarks = []
    if [name for name in flags if name in COMPULSORY_FLAGS] != list(COMPULSORY_FLAGS):
        remarks.append("hl7_flags_order")
    if any(flags[name] for name in _BY_MAIL) and not _may_be_mailed(flags):
        remarks.append("hl7_flags_mail")
    return flags, remarks


def _may_be_mailed(flags: Mapping[str, bool]) -> bool:
    """The three combinations of SPEC c.4. Others are remarked, not refused: mail is not ours."""
    masked, hidden = flags[MASQUE_PS], flags[INVISIBLE_PATIENT]
    hidden_from_representatives = flags[INVISIBLE_REP_LEGAUX]
    to_professionals, to_patient = (flags[name] for name in _BY_MAIL)
    if to_professionals:
        legal = not masked and not hidden_from_representatives
        return legal and not (to_patient and hidden)
    return to_patient and not hidden and not flags["CONNEXION_SECRETE"] and not flags[DESTDMP]
