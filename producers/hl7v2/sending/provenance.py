"""The provenance of what an HL7 v2 message feeds: its sender (PRT), or whom options name."""

from __future__ import annotations

from ingest.runtime.settings import Settings
from producers.hl7v2.order.order import Order
from producers.send.file_sender import Request
from producers.send.provenance import profession_of, provenance_of
from schemas.cda import CdaDocument
from schemas.feed.messages import Actor, Provenance


def provenance_of_order(
    settings: Settings, order: Order, found: CdaDocument | None, request: Request, now: float
) -> Provenance:
    """Software, actor and organisation of the message, and when it was made (MSH-7).

    `request`: the actor and the organisation of the options. `now`: seconds since 1970.
    """
    provenance = provenance_of(settings, found, request.actor, request.organisation, now)
    actor = provenance["actor"]
    if order.actor is not None and request.actor is None:
        actor = _with_role(order.actor, found, actor)
        if request.organisation is not None:  # who set up the door knows whose door it is
            actor = {
                **actor,
                "organisationId": request.organisation,
                "organisationName": None,
            }
    return {**provenance, "channel": "HL7V2", "actor": actor, "occurredAt": order.sent_at}


def _with_role(sender: Actor, found: CdaDocument | None, fallback: Actor) -> Actor:
    """The sender in PRT, with the role of the author he is in the CDA, else that of the settings.

    An organisation that the message does not name is not taken from elsewhere: it gives rights.
    """
    authors = found.authors if found is not None else ()
    author = next((one for one in authors if one.id == sender["id"]), None)
    role = fallback["roleCode"]
    if author is not None:
        role = profession_of(author.specialty) or role
    return {**sender, "roleCode": role, "sectorCode": fallback["sectorCode"]}
