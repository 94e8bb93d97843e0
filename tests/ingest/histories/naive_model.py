"""What should come of a history, said as simply as possible: a few dicts, one message at a time.

Written from the words of SPEC c.4, c.5, d.1, d.2, d.5, g, h.2, j.29, of the traps, decision 0007
and decision 0018. It imports nothing of the product and knows no events, batches or tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

SIGNATURE, KOS, REPORT, IMAGING = "signature", "kos", "report", "imaging report"
TECHNICAL: Final = frozenset({SIGNATURE, KOS})
CURRENT, ARCHIVED, DELETED = "current", "archived", "deleted"
MASK, HIDDEN, HIDDEN_FROM_PARENTS = "mask", "hidden", "hidden from parents"
FLAGS: Final = (MASK, HIDDEN, HIDDEN_FROM_PARENTS)
IDENTITY_ERROR = "IDENTITY_ERROR"


@dataclass(frozen=True)
class Speaker:
    """Who asks. `kind`: professional, machine, patient, representative. `who` of a patient: the
    person whose patient he is.
    """

    kind: str
    who: str
    organisation: str | None = None


@dataclass(frozen=True)
class House:
    """What the installation decided (SPEC j.29)."""

    author_only: bool = False
    patients_delete_own_only: bool = False
    others_do_not_mask: bool = False


@dataclass(frozen=True)
class Deposit:
    number: int
    person: str
    by: Speaker
    authors: tuple[tuple[str, str | None], ...]
    replaces: int | None = None
    flags: frozenset[str] = frozenset()
    flags_only: bool = False
    kind: str = REPORT
    study: str | None = None
    title: str = "title"
    content: str = "content"
    brought: bool = False


@dataclass(frozen=True)
class Change:
    """Flags named on or off; those not named stay."""

    id: int
    number: int
    person: str
    by: Speaker
    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Shelve:
    """`what`: archive, unarchive, delete."""

    id: int
    number: int
    person: str
    by: Speaker
    what: str


@dataclass(frozen=True)
class OnRecord:
    """`what`: open, close, oppose, withdraw, revoke, declare, link, unlink. `asked`: when INSi
    answered what is declared, 0 when it was not asked.
    """

    id: int
    person: str
    what: str
    other: str = ""
    motive: str = ""
    asked: int = 0


Message = Deposit | Change | Shelve | OnRecord


@dataclass
class Paper:
    first: Deposit
    flags: set[str]
    patients_mask: bool
    has_content: bool
    shelf: str = CURRENT
    replaced_by: list[int] = field(default_factory=list)


@dataclass
class Folder:
    opened: bool = False
    closed: bool = False
    motive: str = ""
    opposed: bool = False
    revoked: bool = False
    declared: bool = False
    asked: int = 0


class Naive:
    """Take the messages in the order of receipt. `answers`: the last one to each copy."""

    def __init__(self, house: House, minors: frozenset[str]) -> None:
        self.house = house
        self.minors = minors
        self.papers: dict[int, Paper] = {}
        self.folders: dict[str, Folder] = {}
        self.links: set[frozenset[str]] = set()
        self.applied: dict[int, Message] = {}
        self.waiting: list[tuple[int, Change | Shelve]] = []
        self.answers: dict[int, str] = {}

    # Persons

    def folder(self, person: str) -> Folder:
        return self.folders.setdefault(person, Folder())

    def same(self, one: str, other: str) -> bool:
        """One person, by links made and not undone (decision 0028)."""
        return other in self.all_of(one)

    def all_of(self, person: str) -> set[str]:
        found = {person}
        while True:
            more = {p for link in self.links if link & found for p in link} | found
            if more == found:
                return found
            found = more

    # Messages

    def take(self, place: int, message: Message) -> None:
        """One more message, as number `place` of those received."""
        if isinstance(message, Deposit):
            self.answers[place] = self.deposit(message)
            if self.answers[place] == "accepted":
                self.decide_waiting(message.number)
            return
        known = self.applied.get(message.id)
        if known is not None:
            self.answers[place] = "duplicate" if known == message else "message_id_conflict"
        elif isinstance(message, OnRecord):
            self.answers[place] = self.settle(message, self.on_record(message))
        elif message.number not in self.papers:
            self.answers[place] = "target_unknown"
            self.waiting.append((place, message))
        else:
            self.answers[place] = self.settle(message, self.on_paper(message))

    def settle(self, message: Message, answer: str) -> str:
        """What had an effect, or needed none, is applied once (decision 0017)."""
        assert not isinstance(message, Deposit)
        if answer in ("accepted", "unchanged"):
            self.applied[message.id] = message
        return answer

    def decide_waiting(self, number: int) -> None:
        """In order of receipt, after the document came (decision 0018)."""
        ready = [one for one in self.waiting if one[1].number == number]
        self.waiting = [one for one in self.waiting if one[1].number != number]
        for place, message in ready:
            self.take(place, message)

    # Deposits

    def deposit(self, new: Deposit) -> str:
        if new.number in self.papers:
            return self.again(new, self.papers[new.number])
        folder = self.folder(new.person)
        for forbids, code in (
            (folder.closed, "record_closed"),
            (folder.opposed, "opposed"),
            (folder.revoked, "identity_revoked"),
        ):
            if forbids:
                return code
        target = None if new.replaces is None else self.papers.get(new.replaces)
        if target is not None:
            if not self.same(new.person, target.first.person):
                return "target_of_other_person"
            if not self.may_replace(new.by, new.person, target):
                return "not_entitled"
            if target.shelf == DELETED:
                return "target_deleted"
        folder.opened = True
        own = MASK in new.flags and new.by == Speaker("patient", new.person)
        self.papers[new.number] = paper = Paper(new, set(new.flags), own, new.brought)
        if target is not None:
            target.replaced_by.append(new.number)
            if target.patients_mask:
                self.mask_as_patient(paper, True)
        for other in list(self.papers.values()):
            if other.first.replaces == new.number and other is not paper:
                self.replace_late(paper, other)
        self.kos_follow(paper, just_came=True)
        return "accepted"

    def again(self, new: Deposit, paper: Paper) -> str:
        first = paper.first
        if new.content != first.content:
            return "unique_id_conflict"
        if new.person != first.person:
            return "metadata_conflict"
        fields = ("authors", "replaces", "flags", "kind", "study", "title")
        if any(getattr(new, name) != getattr(first, name) for name in fields):
            return "metadata_conflict"
        if new.brought and not paper.has_content and paper.shelf != DELETED:
            paper.has_content = True
            return "accepted"
        return "duplicate"

    def replace_late(self, late: Paper, by: Paper) -> None:
        """The version came before what it replaces (decision 0018, TRAP 15)."""
        if late.shelf == DELETED or by.first.number in late.replaced_by:
            return
        if not self.same(late.first.person, by.first.person):
            return
        first = by.first
        if not self.may_replace(first.by, first.person, late):
            return
        if late in self.line(by, of_anybody=True):
            return  # they would hide each other
        late.replaced_by.append(by.first.number)
        if late.patients_mask:
            for paper in (by, *self.line(by)):
                self.mask_as_patient(paper, True)

    # Operations on papers

    def on_paper(self, message: Change | Shelve) -> str:
        paper = self.papers[message.number]
        if not self.same(message.person, paper.first.person):
            return "target_of_other_person"
        if not self.may(message, paper):
            return "not_entitled"
        if message.by.kind == "representative" and self.is_minor(message.person) is False:
            return "person_not_minor"
        if paper.shelf == DELETED and getattr(message, "what", "") != "delete":
            return "target_deleted"
        before = self.picture()
        if isinstance(message, Change):
            self.change(message, paper)
        elif message.what == "delete":
            paper.shelf = DELETED
        elif not self.is_replaced(paper):
            paper.shelf = {"archive": ARCHIVED, "unarchive": CURRENT}[message.what]
        if isinstance(message, Shelve) and self.picture() != before:
            self.kos_follow(paper)
        return "unchanged" if self.picture() == before else "accepted"

    def change(self, message: Change, paper: Paper) -> None:
        for flag in message.on | message.off:
            on = flag in message.on
            if flag == MASK and message.by.kind in ("patient", "representative"):
                for one in (paper, *self.line(paper)):
                    self.mask_as_patient(one, on)
            elif on is not (flag in paper.flags):
                paper.flags ^= {flag}
                if flag == MASK:
                    paper.patients_mask = False

    def mask_as_patient(self, paper: Paper, on: bool) -> None:
        """Explicitly, on each version; one that was deleted stays as it was."""
        if paper.shelf != DELETED:
            paper.flags = paper.flags | {MASK} if on else paper.flags - {MASK}
            paper.patients_mask = on

    def picture(self) -> object:
        return {n: (p.shelf, set(p.flags), p.patients_mask) for n, p in self.papers.items()}

    def line(self, paper: Paper, of_anybody: bool = False) -> Iterator[Paper]:
        """All versions that replace it, directly or not, by way of documents of its person."""
        todo, met = [paper], {paper.first.number}
        while todo:
            for number in todo.pop(0).replaced_by:
                other = self.papers[number]
                if number not in met and (of_anybody or self.are_of_one(paper, other)):
                    met.add(number)
                    todo.append(other)
                    yield other

    def is_replaced(self, paper: Paper) -> bool:
        """By a document of the same person: once a link is undone, it is current again."""
        successors = [self.papers[number].first.person for number in paper.replaced_by]
        return any(self.same(paper.first.person, person) for person in successors)

    def kos_follow(self, changed: Paper, just_came: bool = False) -> None:
        """A KOS is what the reports of its study are (SPEC g, TRAP 25): deleted when all of them
        are that are not replaced, archived when none of them is current.
        """
        if changed.first.study is None:
            return
        named = (changed.first.person, changed.first.study)
        study = [p for p in self.papers.values() if (p.first.person, p.first.study) == named]
        for kos in study:
            if kos.first.kind != KOS or (kos is changed and not just_came):
                continue
            if kos.shelf == DELETED or self.is_replaced(kos):
                continue
            reports = [paper for paper in study if paper.first.kind == IMAGING]
            shelves = {p.shelf for p in reports if p.shelf == DELETED or not self.is_replaced(p)}
            for shelf in (CURRENT, ARCHIVED, DELETED):
                if shelf in shelves:
                    kos.shelf = shelf
                    break

    # Rights

    def is_author(self, by: Speaker, paper: Paper) -> bool:
        return any(by.who == who for who, _ in paper.first.authors)

    def is_of_house(self, by: Speaker, paper: Paper) -> bool:
        """An author, or of the organisation of one."""
        names = {name for author in paper.first.authors for name in author if name}
        return by.who in names or by.organisation in names

    def may_replace(self, by: Speaker, person: str, paper: Paper) -> bool:
        if by.kind == "representative" or (by.kind == "patient" and by.who != person):
            return False
        if by.kind == "patient" or self.house.author_only:
            return self.is_author(by, paper)
        return self.is_of_house(by, paper)

    def may(self, message: Change | Shelve, paper: Paper) -> bool:
        by = message.by
        if by.kind == "patient" and by.who != message.person:
            return False
        of_house = self.is_of_house(by, paper)
        if isinstance(message, Change):
            return all(self.may_flag(flag, by, of_house) for flag in message.on | message.off)
        if message.what == "delete":
            if by.kind == "patient" and not self.house.patients_delete_own_only:
                return True
            return self.may_replace(by, message.person, paper)
        if by.kind == "professional":
            return True
        return by.kind != "representative" and of_house

    def may_flag(self, flag: str, by: Speaker, of_house: bool) -> bool:
        if by.kind in ("patient", "representative"):
            return flag == MASK
        if by.kind == "machine":
            return of_house
        return of_house or flag != MASK or not self.house.others_do_not_mask

    def is_minor(self, person: str) -> bool | None:
        """By the earliest birth date declared; None: none is."""
        declared = [p for p in self.all_of(person) if self.folder(p).declared]
        return self.minors.issuperset(declared) if declared else None

    # Records

    def on_record(self, message: OnRecord) -> str:
        if message.what in ("link", "unlink"):
            return self.link(message)
        folder = self.folder(message.person)
        before = (folder.opened, folder.closed, folder.opposed, folder.revoked)
        if message.what == "open":
            if folder.opposed:
                return "opposed"
            if folder.revoked:
                return "identity_revoked"
            folder.opened, folder.closed, folder.motive = True, False, ""
        elif message.what == "close":
            if not folder.closed:
                folder.closed, folder.motive = True, message.motive
        elif message.what in ("oppose", "withdraw"):
            folder.opposed = message.what == "oppose"
        elif message.what == "revoke":
            folder.revoked = True
        else:
            # Only a newer answer of INSi qualifies again (SPEC a.4).
            if message.asked > folder.asked:
                folder.revoked = False
            folder.declared, folder.asked = True, max(folder.asked, message.asked)
            return "accepted"
        after = (folder.opened, folder.closed, folder.opposed, folder.revoked)
        return "unchanged" if after == before else "accepted"

    def link(self, message: OnRecord) -> str:
        pair = frozenset({message.person, message.other})
        if (pair in self.links) is (message.what == "link"):
            return "unchanged"
        if message.what == "unlink":
            self.links.remove(pair)
            return "accepted"
        apart = [one for one in self.versions() if not self.are_of_one(*one)]
        self.links.add(pair)
        for target, paper in apart:  # versions that waited for the link
            if not self.are_of_one(target, paper):
                continue
            if paper.first.number not in target.replaced_by:
                self.replace_late(target, paper)
            elif target.patients_mask:
                for one in (paper, *self.line(paper)):
                    self.mask_as_patient(one, True)
        return "accepted"

    def versions(self) -> list[tuple[Paper, Paper]]:
        """Each paper that names another it replaces: that one, and itself."""
        named = [(self.papers.get(p.first.replaces or 0), p) for p in self.papers.values()]
        return [(target, paper) for target, paper in named if target is not None]

    def are_of_one(self, one: Paper, other: Paper) -> bool:
        return self.same(one.first.person, other.first.person)

    # What is seen

    def seen(self, person: str, reader: str) -> tuple[set[int], set[int]]:
        """Current and archived documents that a reader sees of a person (SPEC h.2): `patient`,
        `representative`, `professional`, or the name of an author or his organisation.
        """
        all_of = self.all_of(person)
        found: tuple[set[int], set[int]] = (set(), set())
        for number, paper in self.papers.items():
            if paper.first.person in all_of and self.sees(reader, paper, all_of):
                found[paper.shelf == ARCHIVED].add(number)
        return found

    def sees(self, reader: str, paper: Paper, all_of: set[str]) -> bool:
        if paper.shelf == DELETED or self.is_replaced(paper) or paper.first.kind in TECHNICAL:
            return False
        if reader == "patient":
            return HIDDEN not in paper.flags
        shut = self.folder(paper.first.person).closed or any(
            self.folder(p).closed and self.folder(p).motive != IDENTITY_ERROR for p in all_of
        )
        if shut:
            return False
        if reader == "representative":
            is_minor = self.is_minor(paper.first.person)
            return bool(is_minor) and not paper.flags & {HIDDEN, HIDDEN_FROM_PARENTS}
        wrote = any(reader in author for author in paper.first.authors)
        return wrote or MASK not in paper.flags
