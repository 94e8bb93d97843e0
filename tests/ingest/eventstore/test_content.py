"""Document bytes: whole or absent, verified, de-duplicated within a record, swept with care."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from ingest.eventstore import EventStore, LostRace, NewContent
from ingest.eventstore.content.homes import ContentHome, ObjectHome, open_home
from ingest.eventstore.content.sealed import ContentDamaged, ContentMissing, ContentStore
from ingest.eventstore.keys.key_ring import Keys
from ingest.eventstore.keys.sealing import SealBroken, content_name
from tests.ingest.eventstore.store_batches import Batch, Place, content_added, records, submitted

DATA = b"%PDF-1.7 " + bytes(range(256)) * 50
SHA = sha256(DATA).digest()
DAY = timedelta(days=1)


def keys(records: Iterable[int]) -> Keys:
    return {record: bytes([record]) * 32 for record in records}


@pytest.fixture(params=["folder", "file-url", "object-store"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> ContentHome:
    if request.param == "folder":
        return open_home(str(tmp_path / "content"))
    if request.param == "file-url":
        return open_home(f"file://{tmp_path}/content")
    return ObjectHome(f"memory://{tmp_path.name}")


def content(record: int, data: bytes = DATA) -> NewContent:
    return NewContent(record, sha256(data).digest(), data)


def test_bytes_come_back_verified_and_sealed_between(home: ContentHome, tmp_path: Path) -> None:
    contents = ContentStore(home, keys)
    contents.put([content(1), content(1), content(2), content(1, b"")])
    assert contents.get(1, SHA) == contents.get(2, SHA) == DATA
    assert contents.get(1, sha256(b"").digest()) == b""
    with pytest.raises(ContentMissing):
        contents.get(3, SHA)
    names = [content_name(bytes([record]) * 32, SHA) for record in (1, 2)]
    assert names[0] != names[1], "a name tells which document it is"
    stored = home.read(f"record/1/{names[0]}")
    assert stored is not None
    assert DATA[:64] not in stored


def test_what_is_there_stays_as_it_is(home: ContentHome) -> None:
    contents = ContentStore(home, keys)
    contents.put([content(1)])
    path = f"record/1/{content_name(bytes([1]) * 32, SHA)}"
    before = home.read(path)
    contents.put([content(1)])
    assert home.read(path) == before


def test_moved_or_changed_bytes_are_never_given_out(tmp_path: Path) -> None:
    contents = ContentStore(open_home(str(tmp_path)), keys)
    other = b"another document"
    contents.put([content(1), content(1, other)])
    path, from_ = (
        tmp_path / "record" / "1" / content_name(bytes([1]) * 32, sha256(data).digest())
        for data in (DATA, other)
    )
    path.write_bytes(from_.read_bytes())
    with pytest.raises(SealBroken):
        contents.get(1, SHA)
    lying = ContentStore(open_home(str(tmp_path / "b")), keys)
    lying.put([NewContent(1, SHA, other)])
    with pytest.raises(ContentDamaged):
        lying.get(1, SHA)


def test_a_crash_before_the_rename_leaves_no_file_and_the_next_try_succeeds(
    tmp_path: Path,
) -> None:
    class Died(Exception):
        pass

    home = open_home(str(tmp_path))

    def die() -> bytes:
        raise Died

    with pytest.raises(Died):
        home.write({"record/1/a": lambda: b"whole", "record/1/b": die})
    assert list((tmp_path / "record" / "1").iterdir()) == []
    torn = tmp_path / "record" / "1" / "a.123.456.half"
    torn.write_bytes(b"wh")  # what a kill -9 in mid-write leaves
    assert home.read("record/1/a") is None
    home.write({"record/1/a": lambda: b"whole"})
    assert home.read("record/1/a") == b"whole"


def test_more_files_than_a_process_may_open_are_one_batch(tmp_path: Path) -> None:
    home = open_home(str(tmp_path))
    home.write({f"record/{at % 50}/{at}": lambda: b"x" for at in range(1500)})
    assert sum(1 for _ in (tmp_path / "record").rglob("*")) == 1550
    assert home.read("record/7/1007") == b"x"


def test_a_content_folder_is_private(tmp_path: Path) -> None:
    contents = ContentStore(open_home(str(tmp_path / "content")), keys)
    contents.put([content(1)])
    for path in (tmp_path / "content").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "content").stat().st_mode & 0o077 == 0


def sweep(contents: ContentStore, kept: set[bytes], *, days: int = 2) -> int:
    now = datetime.now(UTC) + days * DAY
    return contents.sweep(now - DAY, lambda records: dict.fromkeys(records, frozenset(kept)))


def test_an_orphan_goes_in_two_steps_and_what_is_referred_to_stays(home: ContentHome) -> None:
    contents = ContentStore(home, keys)
    orphan = b"orphan"
    contents.put([content(1), content(1, orphan)])
    young = sweep(contents, set(), days=0)
    assert young == 0
    assert contents.get(1, sha256(orphan).digest()) == orphan
    assert sweep(contents, {SHA}) == 0
    assert contents.get(1, sha256(orphan).digest()) == orphan, "set aside, still readable"
    assert sweep(contents, {SHA}) == 1
    assert contents.get(1, SHA) == DATA
    with pytest.raises(ContentMissing):
        contents.get(1, sha256(orphan).digest())


def test_an_orphan_that_is_needed_again_meanwhile_is_kept(home: ContentHome) -> None:
    contents = ContentStore(home, keys)
    contents.put([content(1)])
    sweep(contents, set())
    contents.put([content(1)])  # a deposit comes between the two steps
    assert sweep(contents, {SHA}) == 0
    assert contents.get(1, SHA) == DATA
    contents.put([content(2)])
    sweep(contents, set())
    assert sweep(contents, {SHA}) == 0, "put back: an event refers to it now"
    assert contents.get(2, SHA) == DATA


def test_the_store_sweeps_what_a_refused_batch_left(store: EventStore, place: Place) -> None:
    kept, orphan = records(store, 2)
    first = Batch()
    first.add("1.2.3.1", kept, name="document_content_added", state=content_added("1.2.3.1", DATA))
    told = b"told by the deposit itself"
    state = submitted("1.2.3.3", sha256(told).digest())
    first.add("1.2.3.3", kept, name="document_submitted", state=state)
    first.contents = [NewContent(kept, SHA, DATA), content(kept, told)]
    store.append(first)
    second = Batch()
    second.add("1.2.3.2", orphan)
    second.absent = {first.events[0].stream}
    second.contents = [NewContent(orphan, SHA, DATA)]
    with pytest.raises(LostRace):
        store.append(second)
    assert store.contents.get(orphan, SHA) == DATA

    def at(day: int) -> datetime:
        return datetime.now(UTC) + day * DAY

    assert store.sweep_contents(at(0) - DAY) == 0
    assert store.sweep_contents(at(1)) == 0
    assert store.sweep_contents(at(2)) == 1
    assert store.contents.get(kept, SHA) == DATA
    assert store.contents.get(kept, sha256(told).digest()) == told
    with pytest.raises(ContentMissing):
        store.contents.get(orphan, SHA)
    store.erase(kept)
    assert os.listdir(place.content / "record") == [str(orphan)]
