"""A naive timeline, from the messages of the feed alone: one document at a time, plain dicts.

It takes from the system only which messages were accepted, and knows nothing of events, positions,
batches or tables. Written from the specification (decision 0007, decision 0018, decision 0024;
SPEC c.4, c.5, d.1, d.2, h.2) and not from the product's code.

What it does not judge: messages about one document under two INS of one person, whose order is
nobody's (they lie on different partitions); it takes them key after key.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

from tests.system.judge.evidence import Fed, Seen

PARIS: Final = ZoneInfo("Europe/Paris")
TECHNICAL: Final = frozenset({"E1762", "IMG-KOS"})
APPROVED, ARCHIVED, DELETED = "approved", "archived", "deleted"


@dataclass(frozen=True, slots=True)
class Decided:
    """A message with what finally became of it."""

    fed: Fed
    status: str


@dataclass(slots=True)
class Paper:
    """A document as the messages on it leave it. `lineage`: stream of the content's first version.

    `replaced_by`: uniqueIds of those that replace it. `shown`: it was visible to the patient once.
    """

    uid: str
    key: str
    datum: Mapping[str, Any]
    lineage: str
    masked: bool
    masked_by_patient: bool
    hidden: bool
    hidden_from_representatives: bool
    status: str = APPROVED
    replaced_by: list[str] = field(default_factory=list)

    @property
    def type_code(self) -> str:
        return str(self.datum["document"]["typeCode"])

    @property
    def flags(self) -> frozenset[str]:
        """Names of the flags that are on."""
        on = {
            "MASQUE_PS": self.masked,
            "INVISIBLE_PATIENT": self.hidden,
            "INVISIBLE_REPRESENTANTS_LEGAUX": self.hidden_from_representatives,
        }
        return frozenset(name for name, value in on.items() if value)

    @property
    def authors(self) -> frozenset[str]:
        """Identifiers of all authors and of their organisations."""
        authors = self.datum["document"]["authors"]
        return frozenset(a[f] for a in authors for f in ("id", "organisationId") if a[f])


@dataclass(slots=True)
class Folder:
    """What the messages on a record leave of it. Birth dates as they were written."""

    closed: bool = False
    ever_closed: bool = False
    identity_error: bool = False
    birth_date: str | None = None
    claimed: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)


def stream_of(uid: str) -> str:
    """The stream of a document, for the plain OIDs that the simulator gives."""
    return str(uuid5(NAMESPACE_OID, uid))


class Reference:
    """Made of all messages of a run, in any order.

    `told`: lineages of which the patient is told, as they are known then, with the key. `broken`:
    how often the glass was broken and the record shown, by key.
    """

    def __init__(self, messages: Iterable[Decided]) -> None:
        self.papers: dict[str, Paper] = {}
        self.folders: dict[str, Folder] = defaultdict(Folder)
        self.unexplained: list[tuple[Fed, str]] = []
        self.told: dict[str, str] = {}
        self.broken: Counter[str] = Counter()
        self._announced: set[str] = set()
        self._waiting: dict[str, list[Decided]] = defaultdict(list)
        self._replacing: dict[str, list[str]] = defaultdict(list)
        by_key: dict[str, list[Decided]] = defaultdict(list)
        for message in messages:
            fed = message.fed
            if fed.datum is not None and message.status == "ACCEPTED":
                by_key[fed.key.decode()].append(message)
        for key in sorted(by_key):
            for message in sorted(by_key[key], key=lambda m: m.fed.place):
                self._take(key, message)
        self.unexplained += [
            (message.fed, "accepted though its document never came")
            for waiting in self._waiting.values()
            for message in waiting
        ]

    def person(self, key: str) -> frozenset[str]:
        """All keys of the person, by links made and not undone."""
        found, todo = {key}, [key]
        while todo:
            new = self.folders[todo.pop()].links - found
            found |= new
            todo += new
        return frozenset(found)

    def timeline(self, key: str, reader: str, now: datetime) -> Seen:
        """What this reader sees of the person: `patient`, `representative`, `professional`,
        `author:ID`. The newest act first.
        """
        keys = self.person(key)
        papers = [p for p in self.papers.values() if p.key in keys]
        seen = [p for p in papers if self._may_see(p, reader, now, keys)]
        seen.sort(key=lambda p: (act_day(p.datum), act_moment(p.datum)), reverse=True)
        return Seen(
            tuple(p.uid for p in seen if p.status == APPROVED),
            tuple(p.uid for p in seen if p.status == ARCHIVED),
            {p.uid: p.flags for p in seen if p.flags},
        )

    def never_closed(self, key: str) -> bool:
        """Whether the record was open all the time: then no order between topics matters to it."""
        return not any(self.folders[k].ever_closed for k in self.person(key))

    def _may_see(self, paper: Paper, reader: str, now: datetime, person: frozenset[str]) -> bool:
        replaced = any(
            successor in self.papers and self.papers[successor].key in person
            for successor in paper.replaced_by
        )
        if replaced or paper.status == DELETED or paper.type_code in TECHNICAL:
            return False
        if reader == "patient":
            return not paper.hidden
        if self._is_closed(paper.key, person):
            return False
        if reader == "representative":
            free = not paper.hidden and not paper.hidden_from_representatives
            return free and _is_minor([self.folders[key] for key in person], now)
        if reader.startswith("author:"):
            who = reader.removeprefix("author:")
            if any(who in self.folders[key].blocked for key in person):
                return False
            return who in paper.authors or not paper.masked
        assert reader == "professional"
        return not paper.masked

    def _is_closed(self, key: str, person: frozenset[str]) -> bool:
        """Closed for an error of identity, a record hides its own documents, else the person's."""
        return self.folders[key].closed or any(
            self.folders[other].closed and not self.folders[other].identity_error
            for other in person
        )

    def _take(self, key: str, message: Decided) -> None:
        schema = message.fed.schema
        assert schema is not None
        datum = message.fed.datum
        assert datum is not None
        if schema == "DepositDocument":
            self._deposit(key, datum)
        elif schema in _ON_DOCUMENTS:
            uid = datum["uniqueId"]
            if uid in self.papers:
                self._operate(message)
            else:  # it waited, as a dead letter or within its batch
                self._waiting[uid].append(message)
        elif schema == "RecordAccess":
            self.broken[key] += (datum["mode"], datum["outcome"]) == ("BREAK_GLASS", "GRANTED")
        else:
            _ON_RECORDS.get(schema, _nothing)(self.folders, key, datum)

    def _deposit(self, key: str, datum: Mapping[str, Any]) -> None:
        document = datum["document"]
        uid, target = document["uniqueId"], document["replaces"]
        if uid in self.papers:  # bytes for what was known by its metadata
            return
        by_patient = document["masquePs"] and _is_patient(datum)
        paper = self.papers[uid] = Paper(
            *(uid, key, datum, stream_of(uid), document["masquePs"], by_patient),
            *(document["invisiblePatient"], document["invisibleRepresentantsLegaux"]),
        )
        if document["sourcePatientInfo"]:
            self.folders[key].claimed.append(document["sourcePatientInfo"]["birthDate"])
        if target is not None and target in self.papers:
            old = self.papers[target]
            old.replaced_by.append(uid)
            if datum["visibilityOnly"]:
                paper.lineage = old.lineage
            if old.masked_by_patient:
                paper.masked = paper.masked_by_patient = True
        elif target is not None:
            self._replacing[target].append(uid)
        self._replaced_at_once(paper)
        self._announce(paper)
        for message in self._waiting.pop(uid, ()):
            self._operate(message)

    def _replaced_at_once(self, late: Paper) -> None:
        for uid in self._replacing.pop(late.uid, ()):
            successor = self.papers[uid]
            if not _entitled(successor.datum, late) or late in self._line(successor):
                continue  # in a circle all would hide each other
            late.replaced_by.append(uid)
            if successor.datum["visibilityOnly"]:
                self._root(successor, late.lineage)
            if late.masked_by_patient:
                for paper in (successor, *self._line(successor)):
                    paper.masked = paper.masked_by_patient = True

    def _root(self, paper: Paper, lineage: str) -> None:
        old = paper.lineage
        if old in self._announced:  # what he was told under the old name stays so
            self._announced.add(lineage)
        for other in self.papers.values():
            if other.lineage == old:
                other.lineage = lineage

    def _operate(self, message: Decided) -> None:
        datum = message.fed.datum
        assert datum is not None
        paper = self.papers[datum["uniqueId"]]
        if message.fed.schema == "ChangeVisibility":
            self._flags(paper, datum)
        elif message.fed.schema == "DeleteDocument":
            paper.status = DELETED
        elif message.fed.schema == "ArchiveDocument":
            paper.status = ARCHIVED
        elif message.fed.schema == "UnarchiveDocument":
            paper.status = APPROVED

    def _flags(self, paper: Paper, datum: Mapping[str, Any]) -> None:
        mask = datum["masquePs"]
        if mask is not None:
            own = _is_patient(datum) or _is_representative(datum)
            if own:
                for one in (paper, *self._line(paper)):
                    if one.status != DELETED:
                        one.masked = one.masked_by_patient = mask
            elif paper.masked is not mask:
                paper.masked, paper.masked_by_patient = mask, False
        if datum["invisibleRepresentantsLegaux"] is not None:
            paper.hidden_from_representatives = datum["invisibleRepresentantsLegaux"]
        if datum["invisiblePatient"] is not None:
            paper.hidden = datum["invisiblePatient"]
            self._announce(paper)

    def _line(self, paper: Paper) -> Iterator[Paper]:
        """All that replace it, directly or not."""
        todo, met = list(paper.replaced_by), {paper.uid}
        while todo:
            uid = todo.pop(0)
            if uid not in met:
                met.add(uid)
                yield self.papers[uid]
                todo += self.papers[uid].replaced_by

    def _announce(self, paper: Paper) -> None:
        """The patient is told when it becomes visible to him: once for one content."""
        gone = paper.hidden or paper.replaced_by or paper.status == DELETED
        if not gone and paper.type_code not in TECHNICAL and paper.lineage not in self._announced:
            self._announced.add(paper.lineage)
            self.told[paper.lineage] = paper.key


def act_day(datum: Mapping[str, Any]) -> str:
    """The day of the act as written: days stand together, whatever their time zones."""
    literal: str = datum["document"]["serviceStartTime"]
    return literal.replace("-", "+").partition("+")[0][:8]


def act_moment(datum: Mapping[str, Any]) -> datetime:
    """When the act began, for literals of the simulator: to the second with an offset, or a day."""
    literal = datum["document"]["serviceStartTime"]
    place = max(literal.find("+"), literal.find("-"))
    digits, zone = (literal, "") if place < 0 else (literal[:place], literal[place:])
    begin = f"{digits[:4]}{digits[4:6] or '01'}{digits[6:8] or '01'}{digits[8:]}".ljust(14, "0")
    local = datetime.strptime(begin, "%Y%m%d%H%M%S")  # noqa: DTZ007  # zone below
    if not zone or len(digits) <= 8:
        return local.replace(tzinfo=PARIS).astimezone(UTC)
    away = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    return local.replace(tzinfo=timezone(-away if zone[0] == "-" else away)).astimezone(UTC)


def _is_patient(datum: Mapping[str, Any]) -> bool:
    return bool(datum["provenance"]["actor"]["roleCode"] == "PATIENT")


def _is_representative(datum: Mapping[str, Any]) -> bool:
    return bool(datum["provenance"]["actor"]["roleCode"] == "REPRESENTANT")


def _entitled(datum: Mapping[str, Any], old: Paper) -> bool:
    actor = datum["provenance"]["actor"]
    return actor["id"] in old.authors or actor["organisationId"] in old.authors


def _is_minor(folders: list[Folder], now: datetime) -> bool:
    """Under 18 on the calendar of Paris; nobody is, whose birth date is unknown. The earliest date
    declared counts, and without any the earliest that documents claim.
    """
    declared = min((f.birth_date for f in folders if f.birth_date), default=None)
    born = declared or min((date for f in folders for date in f.claimed), default=None)
    if born is None:
        return False
    today = now.astimezone(PARIS)
    first = born.ljust(4, "0")[:4] + (born[4:6] or "01") + (born[6:8] or "01")
    return first > f"{today.year - 18:04}{today.month:02}{today.day:02}"


Folders = dict[str, Folder]


def _nothing(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    """Changes nothing that a timeline shows."""


def _open(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    folders[key].closed = False


def _close(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    folders[key].closed = folders[key].ever_closed = True
    folders[key].identity_error = datum["reasonCode"] == "IDENTITY_ERROR"


def _declare(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    folders[key].birth_date = datum["traits"]["birthDate"]


def _block(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    folders[key].blocked.add(datum["professionalId"])


def _unblock(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    folders[key].blocked.discard(datum["professionalId"])


def _link(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    other = f"{datum['otherOid']}|{datum['otherMatricule']}"
    folders[key].links.add(other)
    folders[other].links.add(key)


def _unlink(folders: Folders, key: str, datum: Mapping[str, Any]) -> None:
    other = f"{datum['otherOid']}|{datum['otherMatricule']}"
    folders[key].links.discard(other)
    folders[other].links.discard(key)


_ON_DOCUMENTS: Final = frozenset(
    {"ChangeVisibility", "ArchiveDocument", "UnarchiveDocument", "DeleteDocument"}
)
_ON_RECORDS: Final = {
    "OpenRecord": _open,
    "CloseRecord": _close,
    "DeclareIdentity": _declare,
    "LinkIns": _link,
    "UnlinkIns": _unlink,
    "BlockProfessional": _block,
    "UnblockProfessional": _unblock,
}
