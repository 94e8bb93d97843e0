"""Random life cycles, out of order and repeated, cut into random batches, against a naive model."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events import DocumentFlags, DocumentStatus
from schemas.forms.identity import matricule_key
from schemas.forms.stream_ids import document_stream
from tests.ingest.batch.test_batch import heads_are_folds
from tests.ingest.feed_messages import deposit, mask, operation, patient, stranger, unique_id
from tests.ingest.ingest_site import Site

Message = tuple[str, dict[str, Any]]
DOCUMENTS = 4
_numbers = itertools.count(1)


@dataclass
class Doc:
    replaces: int | None
    status: str = "APPROVED"
    mask: bool = False
    patients: bool = False


@dataclass
class Model:
    """What should come of it, said as simply as possible: one patient, one laboratory."""

    docs: dict[int, Doc] = field(default_factory=dict)
    waiting: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    done: set[bytes] = field(default_factory=set)

    def arrive(self, kind: str, number: int, detail: Any, message_id: bytes) -> None:
        if kind == "deposit":
            if number not in self.docs:
                self.deposit(number, detail)
        elif message_id not in self.done:
            if number in self.docs:
                self.done.add(message_id)
                self.change(kind, number, detail)
            else:
                self.waiting[number].append((kind, number, detail, message_id))

    def deposit(self, number: int, replaces: int | None) -> None:
        old = self.docs.get(replaces) if replaces is not None else None
        if old is not None and old.status == "DELETED":
            return
        self.docs[number] = new = Doc(replaces)
        if old is not None:
            old.status = "DEPRECATED"
            new.mask = new.patients = old.patients
        if any(doc.replaces == number for doc in self.docs.values()):
            new.status = "DEPRECATED"
        if new.patients:
            self.mask_successors(number, True)
        for waiting in self.waiting.pop(number, []):
            self.arrive(*waiting)

    def change(self, kind: str, number: int, detail: Any) -> None:
        doc = self.docs[number]
        if kind == "delete":
            doc.status = "DELETED"
        elif doc.status == "DELETED":
            return
        elif kind == "archive":
            if doc.status in ("APPROVED", "ARCHIVED"):
                doc.status = "ARCHIVED" if detail else "APPROVED"
        elif kind == "mask":
            doc.mask = doc.patients = detail
            self.mask_successors(number, detail)
        elif kind == "professional mask" and doc.mask is not detail:
            doc.mask, doc.patients = detail, False

    def mask_successors(self, number: int, on: bool) -> None:
        for other, doc in self.docs.items():
            if doc.replaces == number:
                if doc.status != "DELETED":
                    doc.mask = doc.patients = on
                self.mask_successors(other, on)


def message_of(kind: str, number: int, detail: Any, base: int, matricule: str) -> Message:
    """The message of one step, with a message id of its own."""
    at = base + number
    match kind:
        case "deposit":
            replaces = None if detail is None else unique_id(base + detail)
            return deposit(at, matricule=matricule, replaces=replaces)
        case "mask":
            return mask(at, detail, by=patient(matricule), matricule=matricule)
        case "professional mask":
            return mask(at, detail, by=stranger(), matricule=matricule)
        case "archive":
            name = "ArchiveDocument" if detail else "UnarchiveDocument"
            return operation(name, at, matricule=matricule)
        case _:
            return operation("DeleteDocument", at, matricule=matricule)


numbers = st.integers(1, DOCUMENTS)
operations = st.one_of(
    st.tuples(st.sampled_from(["mask", "professional mask", "archive"]), numbers, st.booleans()),
    st.tuples(st.just("delete"), numbers, st.none()),
)
parents = st.tuples(*(st.none() | st.integers(1, n) for n in range(1, DOCUMENTS)))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, int, Any]], list[int], list[int]]:
    """Steps, the order they arrive in (some twice), and where the batches are cut."""
    steps: list[tuple[str, int, Any]] = [("deposit", 1, None)]
    steps += [("deposit", n, parent) for n, parent in enumerate(draw(parents), start=2)]
    steps += draw(st.lists(operations, max_size=8))
    again = draw(st.lists(st.integers(0, len(steps) - 1), max_size=4))
    order = draw(st.permutations([*range(len(steps)), *again]))
    cuts = draw(st.lists(st.integers(1, len(order)), max_size=4, unique=True))
    return steps, order, sorted(cuts)


@given(history=histories())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def random_life_cycles(site: Site, history: Any) -> None:
    steps, order, cuts = history
    person = next(_numbers)
    body = f"1790351215{person:03d}"
    matricule = body + matricule_key(body)
    base = 1000 * person
    messages = [message_of(kind, number, detail, base, matricule) for kind, number, detail in steps]
    model = Model()
    for at in order:
        kind, number, detail = steps[at]
        model.arrive(kind, number, detail, messages[at][1]["messageId"])
    for start, end in itertools.pairwise([0, *cuts, len(order)]):
        if end > start:
            site.write(*(messages[at] for at in order[start:end]))
    streams = {n: document_stream(unique_id(base + n)) for n in range(1, DOCUMENTS + 1)}
    heads = site.store.reading.heads(streams.values())
    found = {
        n: (
            DocumentStatus(heads[stream].status).name,
            bool(heads[stream].flags & DocumentFlags.MASQUE_PS),
            bool(heads[stream].flags & DocumentFlags.MASQUE_PS_BY_PATIENT),
        )
        for n, stream in streams.items()
        if stream in heads
    }
    assert found == {n: (doc.status, doc.mask, doc.patients) for n, doc in model.docs.items()}


def test_random_life_cycles(site: Site) -> None:
    random_life_cycles(site)
    heads_are_folds(site)
    balance = site.balance()
    kinds = ("accepted", "duplicate", "unchanged", "rejected")
    assert balance["fetched"] == sum(balance[kind] for kind in kinds)
    assert balance["events"] == len(site.events())
