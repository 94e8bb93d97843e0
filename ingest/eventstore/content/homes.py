"""Where sealed document bytes lie: a local folder, or an object store through fsspec."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from typing import Any, Final, Protocol

import fsspec

ASIDE: Final = ".aside"
"""End of the name of an orphan set aside; removed at the next sweep unless it is needed."""
_HALF: Final = ".half"
THREADS: Final = 16
"""fsyncs at once."""

Files = Mapping[str, Callable[[], bytes]]
"""Path to what makes its bytes: only called for files that are not there yet."""


class ContentHome(Protocol):
    """Files by path `record/<record>/<name>`. Raises OSError for faults of the home."""

    def write(self, files: Files) -> None:
        """All files are durable and whole; existing ones stay."""
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes (also of a file set aside), None when absent."""
        ...

    def remove_folder(self, folder: str) -> None:
        """The folder and all in it are gone."""
        ...

    def folders(
        self, older_than: datetime, newer_than: datetime | None
    ) -> Iterator[tuple[str, list[str]]]:
        """Folders of records with the names of their files last written within the window."""
        ...

    def sweep_file(self, folder: str, name: str, kept: set[str]) -> int:
        """One step of the sweep for a file (see `ContentStore.sweep`); 1 when it was removed."""
        ...


def open_home(url: str) -> ContentHome:
    """A folder for a path or file:// URL (made when needed, mode 0700), else an object store."""
    if "://" not in url:
        return FolderHome(Path(url))
    if url.startswith("file://"):
        return FolderHome(Path(url.removeprefix("file://")))
    return ObjectHome(url)


class FolderHome:
    """A local folder. A file appears under its name only after its bytes are on the disk."""

    def __init__(self, root: Path) -> None:
        self._root: Final = root.expanduser().absolute()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._root / "record").mkdir(mode=0o700, exist_ok=True)

    def write(self, files: Files) -> None:
        """One group: bytes and their fsyncs side by side, then the names, then the folders."""
        folders = {path.rpartition("/")[0] for path in files}
        fresh = self._make_folders(folders)
        missing = {
            final: make
            for final, make in ((str(self._root / path), make) for path, make in files.items())
            if not os.path.exists(final)
        }
        halves = {final: f"{final}.{os.getpid()}.{get_ident()}{_HALF}" for final in missing}
        try:
            self._side_by_side(_write_half, halves.values(), missing.values())
        except BaseException:
            for half in halves.values():
                with suppress(FileNotFoundError):
                    os.unlink(half)
            raise
        for final, half in halves.items():
            os.rename(half, final)
        # Also where all files were there: their writer may have died before this.
        self._sync_folders({"record"} | folders if fresh else folders)

    def read(self, path: str) -> bytes | None:
        """The bytes, None when absent."""
        for name in (path, path + ASIDE):
            with suppress(FileNotFoundError):
                return (self._root / name).read_bytes()
        return None

    def remove_folder(self, folder: str) -> None:
        """Gone, and durably so."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._root / folder)
        self._sync_folders({"record"})

    def folders(
        self, older_than: datetime, newer_than: datetime | None
    ) -> Iterator[tuple[str, list[str]]]:
        """Walks the whole tree; files set aside are always in."""
        until = older_than.timestamp()
        since = newer_than.timestamp() if newer_than is not None else float("-inf")
        with os.scandir(self._root / "record") as records:
            for record in records:
                with os.scandir(record.path) as files:
                    names = [
                        file.name
                        for file in files
                        if file.name.endswith(ASIDE) or since <= file.stat().st_mtime < until
                    ]
                if names:
                    yield f"record/{record.name}", names

    def sweep_file(self, folder: str, name: str, kept: set[str]) -> int:
        """See ContentHome."""
        path = self._root / folder / name
        bare = name.removesuffix(ASIDE)
        with suppress(FileNotFoundError):
            if name.endswith(_HALF):
                path.unlink()
                return 1
            if name == bare and bare not in kept:
                path.rename(path.with_name(name + ASIDE))
            elif name != bare and bare in kept:
                _put_back(path, path.with_name(bare))
            elif name != bare:
                path.unlink()
                return 1
        return 0

    def _make_folders(self, folders: set[str]) -> bool:
        fresh = False
        for folder in folders:
            try:
                os.mkdir(self._root / folder, 0o700)
            except FileExistsError:
                continue
            fresh = True
        return fresh

    def _sync_folders(self, folders: set[str]) -> None:
        self._side_by_side(_sync_folder, [str(self._root / folder) for folder in folders])

    def _side_by_side(self, work: Callable[..., None], *columns: Collection[Any]) -> None:
        # Side by side the file system joins many fsyncs into few commits of its journal.
        if len(columns[0]) < 2:
            for arguments in zip(*columns, strict=True):
                work(*arguments)
            return
        with ThreadPoolExecutor(min(THREADS, len(columns[0]))) as pool:
            for _ in pool.map(work, *columns):
                pass


class ObjectHome:
    """An object store: writing an object is whole or not at all by itself."""

    def __init__(self, url: str, **options: Any) -> None:
        self._fs, root = fsspec.core.url_to_fs(url, **options)
        self._root: Final = root.rstrip("/")

    def write(self, files: Files) -> None:
        """One request each."""
        for path, make in files.items():
            if not self._fs.exists(self._at(path)):
                self._fs.makedirs(self._at(path).rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(self._at(path), make())

    def read(self, path: str) -> bytes | None:
        """The bytes, None when absent."""
        for name in (path, path + ASIDE):
            try:
                return bytes(self._fs.cat_file(self._at(name)))
            except FileNotFoundError:
                continue
        return None

    def remove_folder(self, folder: str) -> None:
        """All objects below it are gone."""
        if self._fs.exists(self._at(folder)):
            self._fs.rm(self._at(folder), recursive=True)

    def folders(
        self, older_than: datetime, newer_than: datetime | None
    ) -> Iterator[tuple[str, list[str]]]:
        """Lists record by record."""
        if not self._fs.exists(self._at("record")):
            return
        for record in self._fs.ls(self._at("record"), detail=False):
            number = record.rstrip("/").rpartition("/")[2]
            names = []
            for file in self._fs.ls(record, detail=True):
                name = file["name"].rpartition("/")[2]
                at = _modified(self._fs, file)
                within = at < older_than and (newer_than is None or at >= newer_than)
                if name.endswith(ASIDE) or within:
                    names.append(name)
            if names:
                yield f"record/{number}", names

    def sweep_file(self, folder: str, name: str, kept: set[str]) -> int:
        """See ContentHome."""
        path = self._at(f"{folder}/{name}")
        bare = name.removesuffix(ASIDE)
        with suppress(FileNotFoundError):
            if name == bare and bare not in kept:
                self._fs.mv(path, path + ASIDE)
            elif name != bare and bare in kept:
                self._fs.mv(path, path.removesuffix(ASIDE))
            elif name != bare:
                self._fs.rm_file(path)
                return 1
        return 0

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


def _write_half(half: str, make: Callable[[], bytes]) -> None:
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(make())
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_back(aside: Path, final: Path) -> None:
    if final.exists():
        aside.unlink()
    else:
        aside.rename(final)


def _modified(fs: Any, file: Mapping[str, Any]) -> datetime:
    at = file.get("mtime") or file.get("LastModified") or file.get("created")
    if at is None:
        at = fs.modified(file["name"])
    if isinstance(at, (int, float)):
        return datetime.fromtimestamp(at, UTC)
    moment: datetime = at
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
