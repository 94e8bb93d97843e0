"""Small elements of a CDA: codes, ids, addresses, organisations."""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from producers.simulator.population.organisation import Organisation
from producers.simulator.population.patient import Patient
from schemas import valuesets

UNKNOWN_PLACE: Final = '<addr nullFlavor="NASK"/><telecom nullFlavor="NASK"/>'


def coded(tag: str, code: str, system: str, display: str) -> str:
    """An element with code, codeSystem and displayName."""
    shown = quoteattr(display)
    return f'<{tag} code="{code}" codeSystem="{system}" displayName={shown}/>'


def identified(root: str, extension: str) -> str:
    """An id element."""
    return f'<id root="{root}" extension="{extension}"/>'


def address(place: Organisation | Patient) -> str:
    """Where an organisation or a person is."""
    return (
        f"<addr><houseNumber>{place.house}</houseNumber>"
        f"<streetName>{escape(place.street)}</streetName>"
        f"<postalCode>{place.postcode}</postalCode><city>{escape(place.city)}</city></addr>"
    )


def telecom(organisation: Organisation) -> str:
    """The number of an organisation."""
    return f'<telecom value="tel:{organisation.phone}" use="WP"/>'


def organisation_id(organisation: Organisation) -> str:
    """The id element of an organisation; the root alone where it has no number."""
    if not organisation.id:
        return f'<id root="{organisation.root}"/>'
    return identified(organisation.root, organisation.id)


def organisation_inside(organisation: Organisation) -> str:
    """The content of an organisation element: id, name, telecom, address."""
    return (
        f"{organisation_id(organisation)}<name>{escape(organisation.name)}</name>"
        f"{telecom(organisation)}{address(organisation)}"
    )


def frame_of_care(organisation: Organisation) -> str:
    """The practice setting of an organisation (J04)."""
    entry = valuesets.PRACTICE_SETTINGS[organisation.practice_setting]
    return coded("standardIndustryClassCode", entry.code, entry.system, entry.label)
