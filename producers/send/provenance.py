"""The provenance of messages that commands send: software, actor and organisation."""

from __future__ import annotations

from ingest.runtime.settings import Settings
from schemas.cda import Author, CdaDocument
from schemas.feed.messages import Actor, Provenance, Software


def provenance_of(
    settings: Settings,
    found: CdaDocument | None,
    actor: str | None,
    organisation: str | None,
    occurred_at: float,
) -> Provenance:
    """The provenance of a message about this CDA; `found` is None for a message about none.

    `actor`, `organisation`: those that the options name. `occurred_at`: seconds since 1970.
    """
    software: Software = {
        "id": settings.sender_software_id,
        "name": settings.sender_software_name,
        "version": settings.sender_software_version,
        "approval": settings.sender_software_approval,
    }
    return {
        "software": software,
        "actor": _actor(settings, found, actor, organisation),
        "authenticationMode": settings.sender_authentication_mode,
        "purposeOfUse": settings.sender_purpose,
        "channel": "DIRECT",
        "occurredAt": int(occurred_at * 1000),
    }


def actor_of(found: CdaDocument) -> Author | None:
    """The first author that is a person: he answers for the message when nobody else is named."""
    return next((a for a in found.authors if a.device is None and a.id is not None), None)


def _actor(
    settings: Settings, found: CdaDocument | None, actor: str | None, organisation: str | None
) -> Actor:
    """Whom the options name, else whom the settings name, else the author of the document."""
    author = None if found is None else actor_of(found)
    named = actor is not None or "sender_actor_id" in settings.model_fields_set
    if not named and found is not None and author is not None and author.id is not None:
        return {
            "id": author.id,
            "name": author.name,
            "roleCode": profession_of(author.specialty) or settings.sender_actor_role,
            "organisationId": organisation or author.organisation,
            "organisationName": author.organisation_name,
            "sectorCode": found.facility_type,
        }
    own = organisation is None
    return {
        "id": actor or settings.sender_actor_id,
        "name": settings.sender_actor_name if actor is None else None,
        "roleCode": settings.sender_actor_role,
        "organisationId": organisation or settings.sender_organisation_id,
        "organisationName": settings.sender_organisation_name if own else None,
        "sectorCode": settings.sender_sector,
    }


def profession_of(specialty: str | None) -> str | None:
    """The profession (J65) in an author's specialty (J01): `10` of `G15_10/SM26`."""
    if specialty is None or not specialty.startswith("G15_"):
        return None
    return specialty.removeprefix("G15_").partition("/")[0]
