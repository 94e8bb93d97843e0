"""Who sends a message: the participant (PRT) with participation SB."""

from __future__ import annotations

from producers.hl7v2.message.segments import Hl7Message
from schemas.feed.messages import Actor


def read_sender(message: Hl7Message) -> Actor | None:
    """The sender (SPEC d.3 and the official sample messages); None when no PRT names one."""
    for prt in message.all("PRT"):
        person, root = prt.text(5), prt.text(5, 9, 2)
        if prt.text(4) != "SB" or not person or not root:
            continue
        organisation, issuer = prt.text(8, 10), prt.text(8, 6, 2)
        name = " ".join(part for part in (prt.text(5, 3), prt.text(5, 2)) if part)
        return {
            "id": f"{root}^{person}",
            "name": name or None,
            "roleCode": None,
            "organisationId": f"{issuer}^{organisation}" if organisation and issuer else None,
            "organisationName": prt.text(8) or None,
            "sectorCode": None,
        }
    return None
