"""HL7 v2 messages made for tests: the shape of the volet around any document."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FLAGS = (
    "MASQUE_PS",
    "INVISIBLE_PATIENT",
    "INVISIBLE_REP_LEGAUX",
    "CONNEXION_SECRETE",
    "MODIF_CONF_CODE",
    "DESTDMP",
    "DESTMSSANTEPS",
    "DESTMSSANTEPAT",
)
ACTIONS = {"new": ("T02", "NW", "F"), "replace": ("T10", "RO", "C"), "delete": ("T04", "CA", "D")}
TEST_OID = "1.2.250.1.213.1.4.10"


@dataclass
class Written:
    """A message to be written. What a test changes, it changes here."""

    matricule: str
    type_code: str
    content: bytes | None
    action: str = "new"
    unique_id: str = ""
    parent: str = ""
    kind: str = "MDM"
    control_id: str = "015"
    oid: str = TEST_OID
    status: str = "VALI"
    charset: str = "UNICODE UTF-8"
    version: str = "2.6"
    event: str | None = None
    order: str | None = None
    result: str | None = None
    flags: dict[str, str] = field(default_factory=dict)
    flag_names: Sequence[str] = FLAGS
    encoding: str = "Base64"
    author: str = ""
    organisation: str = ""

    def segments(self) -> list[str]:
        """The segments, without their ends."""
        event, order, result = ACTIONS[self.action]
        event = self.event or (event if self.kind == "MDM" else "R01")
        lines = [
            f"MSH|^~\\&|RIS|Clinique|PFI|Clinique|20261125090000||{self.kind}^{event}"
            f"^{self.kind}_{event}|{self.control_id}|P|{self.version}|||||FRA|{self.charset}",
            f"PID|||IPP1^^^&1.2.250.1.999^PI~{self.matricule}^^^INS&{self.oid}&ISO^INS||"
            f"TEST^PERSONNE|||F{'|' * 24}{self.status}",
            f"ORC|{self.order if self.order is not None else order}|",
            f"OBR|1|||{self.type_code}^^LN|",
        ]
        if self.kind == "MDM":
            lines.append(
                f"TXA|1|{self.type_code}|TEXT|||||||||{self.unique_id}|{self.parent}||||AU|"
            )
        if self.content is not None:
            data = b64encode(self.content).decode()
            lines.append(
                f"OBX|1|ED|{self.type_code}^^LN||^TEXT^XML^{self.encoding}^{data}||||||"
                f"{self.result if self.result is not None else result}|"
            )
        if self.author:
            person, root = self.author.split("^")[1], self.author.split("^")[0]
            where = ""
            if self.organisation:
                issuer, number = self.organisation.split("^")
                where = f"HOPITAL^^^^^ST&{issuer}&ISO^FINEG^^^{number}"
            lines.append(
                f"PRT||UC||SB^^participation|{person}^NOM^Prenom^^^^^^PS&{root}&ISO^D|||{where}"
            )
        lines += [
            f"OBX|{number}|CWE|{name}^^MetaDMPMSS||{self.flags.get(name, _usual(name))}||||||F|"
            for number, name in enumerate(self.flag_names, 2)
        ]
        return lines

    def bytes(self, line_end: str = "\r", codec: str = "utf-8") -> bytes:
        """The message."""
        return (line_end.join(self.segments()) + line_end).encode(codec)


def _usual(name: str) -> str:
    return "Y" if name == "DESTDMP" else "N"


def fields_of(ack: bytes) -> Mapping[str, list[str]]:
    """The segments of an ACK by name, split into fields."""
    lines = ack.decode().strip("\r").split("\r")
    return {line.split("|")[0]: line.split("|") for line in lines}
