"""Random histories in the words of the naive model, and the feed messages that say the same."""

from __future__ import annotations

import itertools
import random
import uuid
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st

from schemas.forms.identity import matricule_key
from schemas.policy.may_do import Policy
from tests.ingest import feed_messages as feed
from tests.ingest.histories.naive_model import (
    FLAGS,
    HIDDEN,
    HIDDEN_FROM_PARENTS,
    IDENTITY_ERROR,
    IMAGING,
    KOS,
    MASK,
    REPORT,
    SIGNATURE,
    Change,
    Deposit,
    House,
    Message,
    OnRecord,
    Shelve,
    Speaker,
)

PERSONS = ("anna", "bruno", "clara")
MINORS = frozenset({"clara"})
NUMBERS = range(1, 6)
_people = itertools.count(1)

DR_A, DR_B = Speaker("professional", "dr a", "lab"), Speaker("professional", "dr b", "lab")
STRANGER = Speaker("professional", "dr b", "hospital")
MACHINE = Speaker("machine", "lab", "lab")
MOTHER = Speaker("representative", "mother")
PATIENTS = tuple(Speaker("patient", person) for person in PERSONS)
IDS = {
    "dr a": feed.DR_A,
    "dr b": feed.DR_B,
    "lab": feed.LAB,
    "hospital": feed.HOSPITAL,
    "mother": "1.2.250.1.999.9^mother",
}
ROLES = {
    "professional": "10",
    "machine": "AUTOMATE",
    "patient": "PATIENT",
    "representative": "REPRESENTANT",
}
FIELDS = {
    MASK: "masquePs",
    HIDDEN: "invisiblePatient",
    HIDDEN_FROM_PARENTS: "invisibleRepresentantsLegaux",
}

LINKS = ("link", "unlink")
WHATS = ("open", "close", "oppose", "withdraw", "revoke", "declare")

# Drawing: one draw is one message out of a pool, so that examples are made and shrunk fast

ONE, LINKED, WILD, IMAGED = "one person", "linked records", "anything", "imaging"
MASKS = "masks over versions of linked records"
_PERSONS = {
    MASKS: ("anna", "anna", "bruno"),
    ONE: ("anna",),
    IMAGED: ("anna",),
    LINKED: ("anna", "anna", "bruno"),
    WILD: ("anna", "anna", *PERSONS),
}
_AUTHORS: Final[tuple[tuple[tuple[str, str | None], ...], ...]] = (
    (("dr a", "lab"),),
    (("dr b", "hospital"), ("dr a", "lab")),
    (("dr b", "hospital"),),
    (("anna", None), ("dr a", "lab")),
)
_SPEAKERS = {
    ONE: (DR_A, DR_A, PATIENTS[0], PATIENTS[0], DR_B, STRANGER, MACHINE, MOTHER),
    LINKED: (DR_A, DR_A, PATIENTS[0], PATIENTS[1], DR_B),
    IMAGED: (DR_A,),
    MASKS: (*PATIENTS[:2], *PATIENTS[:2], MOTHER, DR_A, DR_B),
    WILD: (DR_A, DR_B, STRANGER, MACHINE, MOTHER, *PATIENTS),
}


def _deposits(theme: str, number: int, made: random.Random) -> list[Deposit]:
    """Simple ones first: that is the way examples shrink."""
    found = [_deposit(theme, number, made) for _ in range(200)]
    return sorted(found, key=lambda d: (d.replaces is not None, len(d.flags), d.kind != REPORT))


def _deposit(theme: str, number: int, made: random.Random) -> Deposit:
    """Bytes go with a KOS only: those of others would have to be a CDA. A signature is hidden."""
    kind = made.choices((REPORT, KOS, SIGNATURE), (8, 1, 1))[0]
    study = None
    if theme == IMAGED and kind != SIGNATURE:
        kind, study = made.choice((IMAGING, IMAGING, KOS)), made.choice(("1", "1", "1", "2"))
    by, authors = DR_A, _AUTHORS[0]
    if theme in (ONE, WILD) and made.random() < 0.4:
        by = made.choice((MACHINE, STRANGER, PATIENTS[0]))
        authors = made.choice(_AUTHORS)
    others = [n for n in NUMBERS if n != number]
    flags = frozenset(made.choices(FLAGS, k=made.choice((0, 0, 1, 2))))
    return Deposit(
        *(number, made.choice(_PERSONS[theme]), by, authors),
        replaces=made.choice([*others, *others[:2]] if theme == MASKS else [None, *others]),
        flags=frozenset({MASK, HIDDEN}) if kind == SIGNATURE else flags,
        flags_only=made.random() < 0.3,
        kind=kind,
        study=study,
        brought=kind == KOS and made.random() < 0.5,
    )


def _operations(theme: str, made: random.Random) -> list[Change | Shelve]:
    found: list[Change | Shelve] = []
    for _ in range(600):
        by = made.choice(_SPEAKERS[theme])
        whose = by.who if by.kind == "patient" and made.random() < 0.8 else None
        about = (0, made.choice(NUMBERS), whose or made.choice(_PERSONS[theme]), by)
        if made.random() < {IMAGED: 0.2, MASKS: 0.8}.get(theme, 0.5):
            named = {MASK} if by.kind in ("patient", "representative") else set()
            named |= set(made.choices(FLAGS, k=0 if named else made.choice((1, 2))))
            on = frozenset(flag for flag in named if made.random() < 0.6)
            found.append(Change(*about, on, frozenset(named - on)))
        else:
            what = made.choices(("archive", "unarchive", "delete"), (3, 2, 2))[0]
            found.append(Shelve(*about, what))
    return sorted(found, key=lambda m: (m.number, isinstance(m, Shelve)))


def _on_records(theme: str, made: random.Random) -> list[OnRecord]:
    found = []
    for _ in range(60):
        what = made.choice(WHATS)
        motive = made.choice(("PERSON_ASKED", IDENTITY_ERROR)) if what == "close" else ""
        asked = made.randrange(5) if what == "declare" else 0
        person = made.choice(_PERSONS[theme])
        found.append(OnRecord(0, person, what, motive=motive, asked=asked))
    if theme in (LINKED, WILD, MASKS):
        pairs = itertools.permutations(sorted(set(_PERSONS[theme])), 2)
        both = [OnRecord(0, *pair) for pair in ((a, w, b) for a, b in pairs for w in LINKS)]
        found += both * (80 // len(both))
    return found


def _pools(theme: str) -> tuple[list[list[Deposit]], st.SearchStrategy[Message]]:
    made = random.Random(theme)
    deposits = [_deposits(theme, number, made) for number in NUMBERS]
    operations = st.sampled_from(_operations(theme, made))
    if theme in (ONE, IMAGED):
        return deposits, st.one_of(*[operations] * 5, st.sampled_from(_on_records(theme, made)))
    return deposits, st.one_of(
        *[operations] * (8 if theme == MASKS else 2), st.sampled_from(_on_records(theme, made))
    )


THEMES = (ONE, LINKED, WILD, IMAGED, MASKS)
_POOLS = {theme: _pools(theme) for theme in THEMES}
operations_of_one = st.sampled_from(_operations(ONE, random.Random(ONE)))
houses = st.builds(House, st.booleans(), st.booleans(), st.booleans())


@st.composite
def histories(draw: st.DrawFn, most: int = 14, themes: tuple[str, ...] = THEMES) -> list[Message]:
    """Messages in their order of receipt: out of order, some again, some twisted."""
    theme = draw(st.sampled_from(themes))
    pools, pool = _POOLS[theme]
    size = draw(st.integers(2, len(NUMBERS)))
    deposits = [draw(st.sampled_from(one)) for one in pools[:size]]
    messages: list[Message] = [*deposits, *draw(st.lists(pool, max_size=most))]
    messages = [numbered(message, at) for at, message in enumerate(messages)]
    if draw(st.booleans()):  # else in the order they were made
        messages = draw(st.permutations(messages))
    if theme in (LINKED, MASKS):
        drawn = draw(st.lists(places, min_size=1, max_size=3))
        at = sorted(place % (len(messages) + 1) for place in drawn)
        whats = ("link", "unlink", "link")
        for number, (place, what) in reversed(list(enumerate(zip(at, whats, strict=False)))):
            messages.insert(place, OnRecord(1000 + number, "anna", what, "bruno"))
    for twist, turn in draw(st.lists(st.tuples(st.sampled_from(TWISTS), places), max_size=4)):
        spot = turn % (len(messages) + 1)
        messages.insert(spot, twisted(twist, messages[turn % 97 % len(messages)]))
    return messages


@st.composite
def versions(draw: st.DrawFn) -> list[Message]:
    """Documents of one person by one laboratory that replace earlier ones, and what anybody does to
    them: whatever is refused here is refused in any order.
    """
    size = draw(st.integers(2, len(NUMBERS)))
    deposits = [
        replace(
            draw(st.sampled_from(_POOLS[ONE][0][number - 1])),
            by=DR_A,
            authors=_AUTHORS[0],
            replaces=draw(st.sampled_from([None, *range(1, number), *range(1, number)])),
        )
        for number in NUMBERS[:size]
    ]
    others = draw(st.lists(operations_of_one, max_size=10))
    known = [m for m in others if isinstance(m, OnRecord) or m.number <= size]
    return [*deposits, *(numbered(message, at) for at, message in enumerate(known))]


places = st.integers(0, 10_000)
TWISTS = ("copy", "copy", "copy", "bytes", "title", "content", "flags", "sender", "person")


def numbered(message: Message, at: int) -> Message:
    """With an identifier of its own."""
    return message if isinstance(message, Deposit) else replace(message, id=at)


def twisted(twist: str, first: Message) -> Message:
    """The same again, or under the same identifier something else."""
    if twist == "copy":
        return first
    if not isinstance(first, Deposit):
        person = "bruno" if first.person == "anna" else "anna"
        other: dict[str, Any] = {"other": "clara"} if getattr(first, "other", "") else {}
        return replace(first, person=person, **other)
    changes: dict[str, dict[str, Any]] = {
        "bytes": {"brought": first.kind == KOS},
        "title": {"title": "other title"},
        "content": {"content": "other content"},
        "flags": {"flags": first.flags ^ {HIDDEN_FROM_PARENTS}},
        "sender": {"by": STRANGER},
        "person": {"person": "bruno"},
    }
    return replace(first, **changes[twist])


@st.composite
def cut(draw: st.DrawFn, messages: list[Message]) -> list[list[Message]]:
    """The same in batches."""
    cuts = draw(st.lists(st.integers(1, max(1, len(messages) - 1)), max_size=8, unique=True))
    ends = [0, *sorted(cuts), len(messages)]
    return [messages[low:high] for low, high in itertools.pairwise(ends) if high > low]


# Saying it on the feed


@dataclass(frozen=True)
class Names:
    """Persons and documents that nobody else has."""

    base: int

    def matricule(self, person: str) -> str:
        body = f"1790{PERSONS.index(person) + 1}51{self.base:06d}"
        return body + matricule_key(body)

    def person(self, person: str) -> str:
        """The INS, as `oid|matricule`."""
        return f"{feed.OID}|{self.matricule(person)}"

    def number(self, number: int) -> int:
        return self.base * 100 + number

    def unique_id(self, number: int) -> str:
        return feed.unique_id(self.number(number))

    def message_id(self, number: int) -> bytes:
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{self.base}/{number}").bytes

    def identifier(self, name: str) -> str:
        """Of somebody or of an organisation; of a person: his INS as identifier."""
        return IDS[name] if name in IDS else f"{feed.OID}^{self.matricule(name)}"

    def said(self, message: Message) -> tuple[str, dict[str, Any]]:
        """The feed message."""
        if isinstance(message, Deposit):
            return self._deposit(message)
        given: dict[str, Any] = {
            "matricule": self.matricule(message.person),
            "message_id": self.message_id(message.id),
        }
        if isinstance(message, OnRecord):
            return self._on_record(message, given)
        given["by"] = self._actor(message.by)
        number = self.number(message.number)
        if isinstance(message, Change):
            for flag in message.on | message.off:
                given[FIELDS[flag]] = flag in message.on
            return feed.operation("ChangeVisibility", number, **given)
        name = {"archive": "Archive", "unarchive": "Unarchive", "delete": "Delete"}[message.what]
        return feed.operation(f"{name}Document", number, **given)

    def _actor(self, by: Speaker) -> dict[str, Any]:
        organisation = None if by.organisation is None else self.identifier(by.organisation)
        return feed.actor(self.identifier(by.who), ROLES[by.kind], organisation)

    def _deposit(self, message: Deposit) -> tuple[str, dict[str, Any]]:
        content = bytes(128) + f"DICM {self.base} {message.number} {message.content}".encode()
        changes: dict[str, Any] = {
            **feed.bytes_of(content),
            "mimeType": "text/xml",
            "title": message.title,
            "authors": [self._author(*author) for author in message.authors],
        }
        changes |= {field: flag in message.flags for flag, field in FIELDS.items()}
        if message.replaces is not None:
            changes["replaces"] = self.unique_id(message.replaces)
        changes |= CODES.get(message.kind, {})
        if message.kind in (KOS, IMAGING):
            changes["referenceIdList"] = self._references(message)
        return feed.deposit(
            self.number(message.number),
            matricule=self.matricule(message.person),
            by=self._actor(message.by),
            content=content if message.brought else None,
            visibility_only=message.flags_only,
            **changes,
        )

    def _references(self, message: Deposit) -> list[dict[str, Any]]:
        """Without a study in common: one of its own."""
        study = message.study or f"9.{message.number}"
        return [
            {"value": f"1.2.3.{self.base}.{study}", "authority": feed.ROOT, "typeCode": code}
            for code in REFERENCES
        ]

    def _author(self, who: str, organisation: str | None) -> dict[str, Any]:
        author = dict(feed.document(0)["authors"][0])
        author["id"] = self.identifier(who)
        author["organisationId"] = organisation and self.identifier(organisation)
        return author

    def _on_record(self, message: OnRecord, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if message.what in ("link", "unlink"):
            given["otherMatricule"] = self.matricule(message.other)
        elif message.what == "declare":
            born = "20200229" if message.person in MINORS else "19790328"
            given["traits"] = {**feed.TRAITS, "birthDate": born}
            given["insiRequestedAt"] = 1_700_000_000_000 + message.asked if message.asked else None
        elif message.what == "close":
            given["reasonCode"] = message.motive
        return feed.record_message(SCHEMAS[message.what], **given)


CODES: dict[str, dict[str, Any]] = {
    SIGNATURE: {
        "typeCode": "E1762",
        "classCode": "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1",
        "formatCode": "http://www.w3.org/2000/09/xmldsig#",
        "languageCode": "art",
    },
    KOS: {
        "typeCode": "IMG-KOS",
        "classCode": "31",
        "formatCode": "1.2.840.10008.5.1.4.1.1.88.59",
        "mimeType": "application/dicom",
    },
    IMAGING: {
        "typeCode": "18748-4",
        "classCode": "31",
        "formatCode": "urn:ihe:iti:xds-sd:pdf:2008",
    },
}
REFERENCES = (
    "urn:ihe:iti:xds:2013:accession",
    "urn:ihe:iti:xds:2013:order",
    "urn:ihe:iti:xds:2016:studyInstanceUID",
)
SCHEMAS = {
    "open": "OpenRecord",
    "close": "CloseRecord",
    "oppose": "OpposeFeeding",
    "withdraw": "WithdrawOpposition",
    "revoke": "RevokeIdentity",
    "declare": "DeclareIdentity",
    "link": "LinkIns",
    "unlink": "UnlinkIns",
}


def fresh_names() -> Names:
    return Names(next(_people))


def policy_of_house(house: House) -> Policy:
    return Policy(
        organisation_replaces=not house.author_only,
        patient_deletes=not house.patients_delete_own_only,
        professionals_mask=not house.others_do_not_mask,
    )
