"""Judges the evidence of a run: names every message lost, doubled, altered or unexplained.

Invariants of decision 0041: I1 acknowledged = stored or refused with a letter; I2 nothing twice;
I3 nothing invented; I4 nothing altered; I5 the order of the patient; I6 no unexplained offset;
I7 timelines and notifications = the naive reference; I8 rebuilt = live; I11 erased is erased;
I14 metrics tell the truth.

Findings name messages by place, messageId or stream; never by INS.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tests.system.judge.case import Case
from tests.system.judge.evidence import Answered, Evidence, Fed, Place, Sent, Stored
from tests.system.judge.reference import act_day, act_moment, stream_of

STATUSES: Final = ("ACCEPTED", "DUPLICATE", "UNCHANGED", "REJECTED")
NO_FLAGS: Final[frozenset[str]] = frozenset()
CLOSED: Final = {"accepted": "ACCEPTED", "duplicate": "DUPLICATE", "unchanged": "UNCHANGED"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `kind`: lost, doubled, altered, reordered, invented, unexplained,
    unexpected, uncounted, shown, flags, notified, rebuilt, unbalanced, erased,
    untrue.
    """

    invariant: str
    kind: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.kind}: {self.subject}: {self.detail}"


def check(evidence: Evidence, now: datetime) -> list[Finding]:
    """Everything that is wrong, in the order of the invariants. Empty: the guarantee held."""
    case = Case(evidence)
    return [finding for judge in JUDGES for finding in judge(case, now)]


Findings = Iterator[Finding]
Judge = Callable[[Case, datetime], Findings]


def acknowledged(case: Case, now: datetime) -> Findings:
    """I1. What a producer got an acknowledgement for is on the feed, and has one outcome with what
    belongs to it: its events, or a letter.
    """
    for sent in case.evidence.sent:
        may_be_refused = any(status == "REFUSED" for status, _ in sent.expected)
        if sent.refused is not None and not may_be_refused:
            detail = f"the publisher refused it: {sent.refused}"
            yield Finding("I1", "unexpected", f"message {sent.message_id}", detail)
        if sent.place is None:
            continue
        fed = case.fed.get(sent.place)
        if fed is None:
            yield Finding("I1", "lost", str(sent.place), "acknowledged, but not on the feed")
        elif fed.sha256 != sent.sha256:
            yield Finding("I4", "altered", str(sent.place), "the feed holds other bytes")
        elif sent.place not in case.answers:
            yield Finding("I1", "lost", str(sent.place), "it has no outcome")
        else:
            yield from _as_foreseen(case, sent, sent.place)


def _as_foreseen(case: Case, sent: Sent, place: Place) -> Findings:
    attempts = case.answers[place]
    if 1 not in attempts:
        yield Finding("I1", "unexplained", str(place), "its first outcome was never published")
        return
    first, last = attempts[1], case.last(place)
    if (first.status, first.code) in sent.then:
        return  # it waited for its document within its batch, and was no dead letter
    if (first.status, first.code) not in sent.expected:
        foreseen = sorted(sent.expected, key=str)
        detail = f"{first.status} {first.code} (fault {sent.fault}), foreseen {foreseen}"
        yield Finding("I1", "unexpected", str(place), detail)
    elif first.status != "REJECTED":
        return
    elif sent.then and last.attempt == 1:
        yield Finding("I1", "unexplained", str(place), "it waited and was never decided again")
    elif sent.then and (last.status, last.code) not in sent.then:
        detail = f"then {last.status} {last.code}, foreseen {sorted(sent.then, key=str)}"
        yield Finding("I1", "unexpected", str(place), detail)


def outcomes(case: Case, now: datetime) -> Findings:
    """I1. Each outcome has what belongs to it, and there is one for each attempt."""
    ids: dict[str, Answered] = {}
    for answer in case.evidence.answered:
        if ids.setdefault(answer.outcome_id, answer) != answer:
            yield Finding("I2", "altered", str(answer.place), "one outcome id, two answers")
        if case.answers[answer.place][answer.attempt] != answer:
            yield Finding("I2", "doubled", str(answer.place), f"attempt {answer.attempt} twice")
    for place, attempts in case.answers.items():
        fed = case.fed.get(place)
        if fed is None:
            yield Finding("I3", "invented", str(place), "an outcome of nothing on the feed")
            continue
        if sorted(attempts) != list(range(1, len(attempts) + 1)):
            yield Finding("I1", "unexplained", str(place), f"attempts {sorted(attempts)}")
        yield from _consequence(case, fed, case.last(place))
        yield from _letter(case, place, attempts)


def _consequence(case: Case, fed: Fed, last: Answered) -> Findings:
    message_id = fed.message_id
    if message_id is None or fed.datum is None:
        if last.status != "REJECTED":
            yield Finding("I1", "unexplained", str(fed.place), "unreadable, and not rejected")
        return
    deposit = fed.schema == "DepositDocument"
    events = case.events_of.get(message_id, [])
    known = (
        stream_of(fed.datum["document"]["uniqueId"]) in case.submitted
        if deposit
        else message_id in case.evidence.applied
    )
    if last.status == "ACCEPTED" and not events:
        yield Finding("I1", "lost", str(fed.place), f"accepted, but no event of {message_id}")
    elif last.status != "REJECTED" and not known:
        detail = f"{last.status}, but {message_id} was never applied"
        yield Finding("I1", "lost", str(fed.place), detail)


def _letter(case: Case, place: Place, attempts: dict[int, Answered]) -> Findings:
    letters = case.letters.get(place, [])
    rejected = 1 in attempts and attempts[1].status == "REJECTED"
    if len(letters) != int(rejected):
        kind = "lost" if rejected and not letters else "doubled"
        yield Finding("I1", kind, str(place), f"{len(letters)} dead letters")
        return
    for letter in letters:
        last = attempts[max(attempts)]
        status = CLOSED.get(letter.status, "REJECTED")
        same = (letter.attempt, status) == (last.attempt, last.status)
        if not same or (status == "REJECTED" and letter.code != last.code):
            detail = (
                f"the letter says attempt {letter.attempt} {letter.status} {letter.code},"
                f" the outcome {last.attempt} {last.status} {last.code}"
            )
            yield Finding("I1", "unexplained", str(place), detail)


def doubled(case: Case, now: datetime) -> Findings:
    """I2. No effect twice: positions, versions, first events, events of one message."""
    seen: dict[tuple[object, ...], int] = {}
    versions: dict[str, int] = defaultdict(int)
    position = 0
    for event in case.evidence.stored:
        if event.position <= position:
            yield Finding("I2", "doubled", f"position {event.position}", "twice in the log")
        position = event.position
        versions[event.stream] += 1
        if event.version != versions[event.stream]:
            detail = f"version {event.version} where {versions[event.stream]} follows"
            kind = "doubled" if event.version < versions[event.stream] else "lost"
            yield Finding("I2", kind, f"stream {event.stream}", detail)
            versions[event.stream] = event.version
        effect = (event.message_id, event.stream, event.name, _flag(event))
        before = seen.setdefault(effect, event.position)
        if before != event.position:
            detail = f"{event.name} at {before} and {event.position}"
            yield Finding("I2", "doubled", f"message {event.message_id}", detail)
    for stream, events in case.submitted.items():
        if len(events) > 1:
            yield Finding("I2", "doubled", f"stream {stream}", f"submitted {len(events)} times")
    yield from _accepted_once(case)


def _flag(event: Stored) -> object:
    datum = event.datum or {}
    return datum.get("flag"), datum.get("replacedBy")


def _accepted_once(case: Case) -> Findings:
    times = Counter(
        fed.message_id
        for place, fed in case.fed.items()
        if place in case.answers and case.last(place).status == "ACCEPTED"
    )
    for message_id, count in times.items():
        if count > 1:
            yield Finding("I2", "doubled", f"message {message_id}", f"accepted {count} times")


def invented(case: Case, now: datetime) -> Findings:
    """I3. What is stored was sent; what is on the feed is in a ledger."""
    accepted = {
        fed.message_id
        for place, fed in case.fed.items()
        if place in case.answers and case.last(place).status == "ACCEPTED"
    }
    for event in case.evidence.stored:
        if event.message_id not in accepted:
            detail = f"{event.name} of a message that was not accepted"
            yield Finding("I3", "invented", f"position {event.position}", detail)
    if not case.evidence.sent:
        return
    intended = {sent.sha256 for sent in case.evidence.sent}
    for fed in case.evidence.fed:
        if fed.sha256 not in intended:
            yield Finding("I3", "invented", str(fed.place), "on the feed, in no ledger")


def altered(case: Case, now: datetime) -> Findings:
    """I4. Stored deposits are the received bytes without content; documents come back as sent."""
    for place, fed in case.fed.items():
        if fed.schema != "DepositDocument" or place not in case.answers or fed.datum is None:
            continue
        if case.last(place).status != "ACCEPTED":
            continue
        uid = fed.datum["document"]["uniqueId"]
        for event in case.submitted.get(stream_of(uid), []):
            ours = event.message_id == fed.message_id
            if ours and event.sha256 is not None and event.sha256 != fed.submitted_sha256:
                yield Finding("I4", "altered", str(place), "stored with other bytes than sent")
        if uid not in case.evidence.contents:
            continue
        given_back = case.evidence.contents[uid]
        if given_back is None:
            yield Finding("I4", "lost", str(place), "the document does not come back")
        elif given_back != fed.datum["content_sha256"]:
            yield Finding("I4", "altered", str(place), "the document comes back changed")


def order(case: Case, now: datetime) -> Findings:
    """I5. Of one patient and topic, events stand in the order of the feed; what waited comes after
    what it waited for, in the order of receipt.
    """
    last: dict[tuple[bytes, str], tuple[int, Place]] = {}
    for place in sorted(case.answers):
        fed = case.fed.get(place)
        if fed is None or fed.message_id is None or case.last(place).status != "ACCEPTED":
            continue
        events = case.events_of.get(fed.message_id)
        if not events:
            continue
        first = min(event.position for event in events)
        late = len(case.answers[place]) > 1 or place < case.deposited.get(_target(fed), place)
        line = (fed.key, f"waiting for {_target(fed)}" if late else place.topic)
        position, other = last.get(line, (0, place))
        if first <= position:
            detail = f"stored at {first}, though after {other} at {position}"
            yield Finding("I5", "reordered", str(place), detail)
        last[line] = (max(first, position), place)
        submitted = case.submitted.get(_target(fed), [])
        if late and submitted and first < submitted[0].position:
            yield Finding("I5", "reordered", str(place), "stored before its document")


def _target(fed: Fed) -> str:
    assert fed.datum is not None
    uid = fed.datum.get("uniqueId")
    return stream_of(uid) if uid else ""


def offsets(case: Case, now: datetime) -> Findings:
    """I6. Every offset up to the end of the log is counted, and has an outcome that agrees."""
    for (topic, number), end in case.evidence.log_ends.items():
        row = case.evidence.counted.get((topic, number))
        name = f"{topic}/{number}"
        if row is None:
            if end:
                yield Finding("I6", "uncounted", name, f"{end} records, and no position")
            continue
        if row.next_offset != end:
            yield Finding("I6", "uncounted", name, f"read up to {row.next_offset} of {end}")
        fetched = row.accepted + row.duplicate + row.unchanged + row.rejected
        if row.next_offset - row.first_offset != fetched + row.holes or row.holes:
            detail = f"{row.next_offset - row.first_offset} offsets, {fetched} messages"
            yield Finding("I6", "uncounted", name, f"{detail}, {row.holes} holes")
        first: Counter[str] = Counter()
        for offset in range(row.first_offset, row.next_offset):
            attempts = case.answers.get(Place(topic, number, offset), {})
            if 1 not in attempts:
                yield Finding("I6", "unexplained", f"{name}/{offset}", "it has no outcome")
            else:
                first[attempts[1].status] += 1
        counts = (row.accepted, row.duplicate, row.unchanged, row.rejected)
        published = tuple(first[status] for status in STATUSES)
        if counts != published:
            yield Finding("I6", "uncounted", name, f"counted {counts}, published {published}")
    events = sum(row.events for row in case.evidence.counted.values())
    if events != len(case.evidence.stored):
        detail = f"{events} counted, {len(case.evidence.stored)} in the log"
        yield Finding("I6", "uncounted", "events", detail)


def timelines(case: Case, now: datetime) -> Findings:
    """I7. Each timeline is the one of the naive reference, newest act first."""
    for fed, why in case.reference.unexplained:
        yield Finding("I7", "unexplained", str(fed.place), why)
    for (key, reader), seen in case.evidence.timelines.items():
        record = f"record {case.evidence.records.get(key)} for {reader.partition(':')[0]}"
        wanted = case.reference.timeline(key, reader, now)
        for part in ("documents", "archived"):
            shown, right = getattr(seen, part), getattr(wanted, part)
            for uid in sorted(set(right) - set(shown)):
                yield Finding("I7", "shown", record, f"{stream_of(uid)} lacks in {part}")
            for uid in sorted(set(shown) - set(right)):
                yield Finding("I7", "shown", record, f"{stream_of(uid)} should not be in {part}")
            if len(set(shown)) != len(shown):
                yield Finding("I7", "doubled", record, f"a document stands twice in {part}")
            if set(shown) == set(right) and not _is_newest_first(case, shown):
                yield Finding("I7", "reordered", record, f"{part} are not sorted by their acts")
        for uid in sorted({*seen.documents, *seen.archived}):
            on, right_ones = seen.flags.get(uid, NO_FLAGS), wanted.flags.get(uid, NO_FLAGS)
            if uid in case.reference.papers and on != right_ones:
                detail = f"{stream_of(uid)} has {sorted(on)}, not {sorted(right_ones)}"
                yield Finding("I7", "flags", record, detail)


def _is_newest_first(case: Case, uids: Iterable[str]) -> bool:
    data = [case.reference.papers[uid].datum for uid in uids]
    moments = [(act_day(datum), act_moment(datum)) for datum in data]
    return moments == sorted(moments, reverse=True)


def notifications(case: Case, now: datetime) -> Findings:
    """I7. The patient was told once of each content that became visible to him, of nothing else.

    Of a record that was closed at some time he may have been told or not: no order holds between
    the topics, and nobody is told while it is closed.
    """
    told: dict[tuple[str, str, str], str] = {}
    for trigger in case.evidence.notified:
        effect = (trigger.rule, trigger.lineage, trigger.audience)
        if told.setdefault(effect, trigger.notification_id) != trigger.notification_id:
            yield Finding("I2", "doubled", f"lineage {trigger.lineage}", "notified under two ids")
    lineages = {lineage for rule, lineage, _ in told if rule == "document_visible"}
    right = {
        lineage.replace("-", ""): case.reference.never_closed(key)
        for lineage, key in case.reference.told.items()
    }
    for lineage in sorted({name for name, sure in right.items() if sure} - lineages):
        yield Finding("I7", "notified", f"lineage {lineage}", "the patient was not told of it")
    for lineage in sorted(lineages - right.keys()):
        yield Finding("I7", "notified", f"lineage {lineage}", "told of what he never saw")
    yield from emergencies(case)


def emergencies(case: Case) -> Findings:
    """I7. The patient was told once of each time the glass was broken, and nobody else was."""
    told = {
        (trigger.record, trigger.lineage)
        for trigger in case.evidence.notified
        if trigger.rule == "emergency_access" and trigger.audience == "PATIENT"
    }
    counted = Counter(record for record, _ in told)
    for key, times in case.reference.broken.items():
        record = case.evidence.records.get(key)
        found = counted.pop(record, 0) if record is not None else 0
        if found != times:
            detail = f"the glass was broken {times} times, told {found} times"
            yield Finding("I7", "notified", f"record {record}", detail)
    for record in counted:
        yield Finding("I7", "notified", f"record {record}", "told of an access that was not")


def rebuilt(case: Case, now: datetime) -> Findings:
    """I8 light, and the audit's own word."""
    if case.evidence.rebuilt_equal is False:
        yield Finding("I8", "rebuilt", "timeline", "the rebuilt one differs from the live one")
    for (key, reader), seen in case.evidence.timelines_rebuilt.items():
        if seen != case.evidence.timelines.get((key, reader)):
            record = f"record {case.evidence.records.get(key)} for {reader.partition(':')[0]}"
            yield Finding("I8", "rebuilt", record, "another timeline after the replay")
    if case.evidence.audit_passed is False:
        yield Finding("I6", "unbalanced", "audit", "histoire audit says it does not balance")


def erased(case: Case, now: datetime) -> Findings:
    """I11 in part. Nothing is stored of a record after its erasure: it could never be read."""
    for position in case.evidence.after_erasure:
        detail = "recorded after its record was erased"
        yield Finding("I11", "erased", f"position {position}", detail)


def metrics(case: Case, now: datetime) -> Findings:
    """I14 light. The gauges of the balance sheet are its rows."""
    for (topic, number, kind), value in case.evidence.balance_gauges.items():
        row = case.evidence.counted.get((topic, number))
        right = getattr(row, kind.lower(), None)
        if row is not None and right is not None and value != right:
            name = f"{topic}/{number} {kind}"
            yield Finding("I14", "untrue", name, f"the metric says {value:g}, the store {right}")


JUDGES: Final[tuple[Judge, ...]] = (
    acknowledged,
    outcomes,
    doubled,
    invented,
    altered,
    order,
    offsets,
    timelines,
    notifications,
    rebuilt,
    erased,
    metrics,
)
