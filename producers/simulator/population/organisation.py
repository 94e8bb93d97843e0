"""Organisations that feed, each with its software."""

from dataclasses import dataclass

from producers.simulator.moments import Offset
from schemas.feed.messages import Software


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation (geographic entity) with its software; `patient_root`: root of its IPP.

    `id` is empty for the patients' space, which has no number.
    """

    number: int
    root: str
    id: str
    name: str
    zone: Offset
    house: int
    street: str
    postcode: str
    city: str
    phone: str
    patient_root: str
    software: Software
    facility_type: str
    practice_setting: str

    @property
    def identifier(self) -> str:
        """Struct_IdNat as root^extension; a root alone where there is no number."""
        return f"{self.root}^{self.id}" if self.id else self.root
