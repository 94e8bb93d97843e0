"""Messages that a simulated practice sends too rarely: two test persons, told by another software.

Written with plain fastavro and the published schemas, and noted in a ledger as the simulator's are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID, uuid5

import orjson

from ingest.feed import open_publisher
from ingest.feed.types import Acknowledgement, OutgoingRecord, PublishFailure
from ingest.runtime.settings import Settings
from tests.system.running.avro_folder import AvroFolder
from tests.system.running.system_under_load import System

Judgements = list[tuple[str, str | None]]
NAMES: Final = UUID("5b0fb8a6-0d0c-4b0e-9a52-3f7b3a1c9f10")
UID_ROOT: Final = "1.2.250.1.999.7"
ACCEPTED: Final[Judgements] = [("ACCEPTED", None)]
DUPLICATE: Final[Judgements] = [("DUPLICATE", None)]
UNCHANGED: Final[Judgements] = [("UNCHANGED", None)]
UNKNOWN: Final[Judgements] = [("REJECTED", "registry_entry_unknown")]
CONFLICT: Final[Judgements] = [("REJECTED", "metadata_conflict")]
MISPLACED: Final[Judgements] = [("REJECTED", "partition_mismatch")]
EARLIER: Final = "20240105101500+0400"
LATER: Final = "20240105081500+0100"
"""An hour after it, though its digits say otherwise."""
_PARTITIONERS: Final = (
    "ingest.feed.embedded.publisher.partition_of",
    "ingest.feed.kafka.publisher.partition_of",
)


def matricule(body: str) -> str:
    """With its key, of the 13 characters before it (Corsica: 2A counts as 19, 2B as 18)."""
    return f"{body}{97 - int(body.replace('2A', '19').replace('2B', '18')) % 97:02}"


def uid(name: str) -> str:
    """The uniqueId of a document of the story."""
    return f"{UID_ROOT}.{int(uuid5(NAMES, name)) % 10**12}"


class Storyteller:
    """Publishes, one message after the other, and keeps the ledger."""

    def __init__(self, system: System, ledger: Path) -> None:
        """`system` has a simulated deposit on its feed, which lends its form."""
        self._avro = AvroFolder()
        self._system = system
        self._ledger = ledger
        self._seq = 0
        self._form = self._a_deposit()
        born = self._form["ins"]["matricule"][:10]
        self.one, self.other = (matricule(f"{born}{number}") for number in ("901", "902"))

    def tell(self) -> None:
        """All that stands on the one person; bytes come with the first document."""
        with self._publishing() as say:
            for name, datum, expected in self._scenes():
                self._say(say, name, datum, expected)
        with misplaced(), self._publishing() as say:
            self._say(say, "DepositDocument", self._deposit("elsewhere", self.one), MISPLACED)

    def link(self) -> None:
        """The records of both turn out to be one person's."""
        with self._publishing() as say:
            self._say(say, "LinkIns", self._of_records("link"), ACCEPTED)

    def unlink(self) -> None:
        """They were not."""
        with self._publishing() as say:
            self._say(say, "UnlinkIns", self._of_records("unlink"), ACCEPTED)

    def _scenes(self) -> Iterator[tuple[str, dict[str, Any], Judgements]]:
        deposit, flags = self._deposit, self._flags
        yield "DepositDocument", deposit("earlier", self.one, serviceStartTime=EARLIER), ACCEPTED
        yield "DepositDocument", deposit("later", self.one, serviceStartTime=LATER), ACCEPTED
        first = flags("mask", "earlier", masquePs=True)
        yield "ChangeVisibility", first, ACCEPTED
        yield "ChangeVisibility", flags("unmask", "earlier", masquePs=False), ACCEPTED
        yield "ChangeVisibility", first, DUPLICATE
        yield "ChangeVisibility", flags("mask it", "later", masquePs=True), ACCEPTED
        yield "DepositDocument", deposit("hidden", self.one, invisiblePatient=True), ACCEPTED
        for turn, hidden in enumerate((False, True, False)):
            changed = flags(f"hide {turn}", "hidden", invisiblePatient=hidden)
            yield "ChangeVisibility", changed, ACCEPTED
        replaced = {"replaces": uid("earlier"), "serviceStartTime": EARLIER}
        same = deposit("same content", self.one, masquePs=True, **replaced)
        yield "DepositDocument", {**same, "visibilityOnly": True}, ACCEPTED
        yield "DepositDocument", deposit("new", self.one, replaces=uid("hidden")), ACCEPTED
        again = self._deposit("hidden", self.one, masquePs=True, invisiblePatient=True)
        yield "DepositDocument", {**again, "messageId": _id("hidden again")}, CONFLICT
        yield "DepositDocument", deposit("other's", self.other), ACCEPTED
        yield from self._services()

    def _services(self) -> Iterator[tuple[str, dict[str, Any], Judgements]]:
        """A service of the catalogue: nobody feeds by it, so no other topic depends on it."""
        days = {"referencedFrom": "20240101", "referencedUntil": None}
        track = {"track": None, "certificateNumber": None}
        referenced = self._of_service("service", publisher="P", name="N", **track, **days)
        yield "ReferenceService", referenced, ACCEPTED
        yield "ReferenceService", {**referenced, "messageId": _id("service again")}, UNCHANGED
        found = {"conclusion": "COMPLIANT", "correctBefore": None, "report": None}
        evaluated = self._of_service("evaluated", evaluatedOn="20240601", **found)
        yield "EvaluateService", evaluated, ACCEPTED
        yield "EvaluateService", evaluated, DUPLICATE
        unknown = self._of_service("evaluated too", evaluatedOn="20240601", **found)
        yield "EvaluateService", {**unknown, "id": "story-unknown"}, UNKNOWN
        gone = {"kind": "SERVICE", "withdrawnFrom": "20250101", "reason": "R"}
        yield "WithdrawReference", self._of_service("withdrawn", **gone), ACCEPTED

    def _of_service(self, step: str, /, **said: Any) -> dict[str, Any]:
        head = {"messageId": _id(step), "provenance": self._form["provenance"]}
        return {**head, "id": "story-service", **said}

    def _deposit(self, name: str, whose: str, **document: Any) -> dict[str, Any]:
        datum = deepcopy(self._form)
        datum["messageId"], datum["ins"]["matricule"] = _id(f"deposit {name}"), whose
        datum["document"] |= {"uniqueId": uid(name), "replaces": None, **document}
        return datum

    def _flags(self, name: str, document: str, **flags: bool) -> dict[str, Any]:
        fields = ("masquePs", "invisiblePatient", "invisibleRepresentantsLegaux")
        target = {"uniqueId": uid(document), "reason": None}
        changes = {field: flags.get(field) for field in fields}
        return {**self._head(name, self.one), **target, **changes}

    def _of_records(self, name: str) -> dict[str, Any]:
        other = {"otherOid": self._form["ins"]["oid"], "otherMatricule": self.other}
        return {**self._head(name, self.one), **other, "reason": None}

    def _head(self, name: str, whose: str) -> dict[str, Any]:
        ins = {**self._form["ins"], "matricule": whose}
        return {"messageId": _id(name), "provenance": self._form["provenance"], "ins": ins}

    def _a_deposit(self) -> dict[str, Any]:
        for raw in self._system.feed.records(("documents",)):
            read = self._avro.read(raw.value)
            if read is None or read[0] != "DepositDocument":
                continue
            datum = read[1]
            plain = not any(datum["document"][flag] for flag in ("masquePs", "invisiblePatient"))
            right = raw.key.decode().endswith(datum["ins"]["matricule"])
            if plain and right and datum["document"]["replaces"] is None:
                return {**datum, "content": None}
        raise AssertionError("there is no deposit on the feed")

    @contextmanager
    def _publishing(self) -> Iterator[Callable[..., None]]:
        settings = Settings.load(self._system.installation.environ())
        publisher = open_publisher(settings, client_id="a-strange-software")

        def say(record: OutgoingRecord, done: Callable[[Any], None]) -> None:
            publisher.publish(record, done)
            assert publisher.flush(30)

        try:
            yield say
        finally:
            publisher.close()

    def _say(
        self, say: Callable[..., None], name: str, datum: dict[str, Any], expected: Judgements
    ) -> None:
        self._seq += 1
        seq, message_id = self._seq, str(UUID(bytes=datum["messageId"]))
        value = self._avro.write(name, datum)
        noted = {"fault": None, "expected": expected, "then": []}
        intent = {"id": message_id, "sha256": sha256(value).hexdigest(), **noted}
        self._note({"line": "intent", "seq": seq, **intent})

        def done(answer: Acknowledgement | PublishFailure) -> None:
            assert isinstance(answer, Acknowledgement), answer
            at = {"topic": answer.partition.topic, "partition": answer.partition.number}
            self._note({"line": "acked", "seq": seq, **at, "offset": answer.offset})

        key, topic = _place(datum)
        headers = (("ce_id", message_id.encode()), ("ce_type", name.encode()))
        say(OutgoingRecord(topic, key, value, headers), done)

    def _note(self, line: Mapping[str, Any]) -> None:
        with self._ledger.open("ab") as file:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _place(datum: Mapping[str, Any]) -> tuple[bytes, str]:
    if "ins" not in datum:
        return datum["id"].encode(), "registry"
    key = f"{datum['ins']['oid']}|{datum['ins']['matricule']}".encode()
    return key, "patients" if "otherOid" in datum else "documents"


def _id(name: str) -> bytes:
    return uuid5(NAMES, name).bytes


@contextmanager
def misplaced() -> Iterator[None]:
    """Publishers of this process, as a client with another partitioner would, choose wrongly."""
    from ingest.feed import partition_of

    def next_to_it(key: bytes, partitions: int) -> int:
        return (partition_of(key, partitions) + 1) % partitions

    with ExitStack() as stack:
        for name in _PARTITIONERS:
            stack.enter_context(patch(name, next_to_it))
        yield
