"""The system account the embedded PostgreSQL runs under: the server refuses to run as root.

For root there is the account `pgserver`, made on first use. The folders on its way get the right to
be passed through (not listed); nothing else of home is opened.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ingest.runtime.folders import TRAVERSE
from ingest.runtime.logs import get_logger

ACCOUNT = "pgserver"
COMMAND_SECONDS = 120


class EmbeddedPostgresError(RuntimeError):
    """The embedded server can't be had; the sentence says why and what to do."""


@dataclass(frozen=True)
class Account:
    """Who runs the server's programs; `switch` when that is not ourselves."""

    uid: int
    gid: int
    switch: bool

    def run(self, program: Path, *arguments: str) -> tuple[int, str]:
        """Exit code and output of `program`, run under this account with an empty environment."""
        # Output goes to a file: a server started by pg_ctl would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                [str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"LANG": "C.UTF-8", "PATH": os.defpath},
                cwd="/",
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
                timeout=COMMAND_SECONDS,
                check=False,
            )
            output.seek(0)
            return done.returncode, output.read()

    def write(self, path: Path, text: str) -> None:
        """`path` has exactly `text`, is this account's, and nobody else can read it."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o600)
        if self.switch:
            os.chown(fresh, self.uid, self.gid)
        fresh.replace(path)


def server_account(root: Path, programs: Path) -> Account:
    """The account for the server below `root`; it can reach `root` and run `programs` afterwards.

    Raises EmbeddedPostgresError when we are root and no account can be made.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    entry = _pgserver()
    account = Account(entry.pw_uid, entry.pw_gid, switch=True)
    _open_way(root)
    if not _runs(account, programs):
        _open_way(programs)
        package = programs.parent.parent
        for folder in (programs.parent, package.with_name(package.name + ".libs")):
            _open_tree(folder)
    return account


def _pgserver() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root and `useradd` is missing; run as another user, or "
            f"create the system user {ACCOUNT}"
        )
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    # Fails harmlessly when another process was faster.
    subprocess.run(command, capture_output=True, check=False, timeout=30)
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise EmbeddedPostgresError(
            f"PostgreSQL refuses to run as root and the system user {ACCOUNT} could not be "
            "created; run as another user"
        ) from None


def _open_way(path: Path) -> None:
    """Every parent of `path` can be passed through by all; none becomes readable. It is logged."""
    for parent in path.parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | (TRAVERSE & 0o011))
            if parent != path.parent:  # home is ours; a folder above it may not be
                get_logger().warning("folder_opened_for_server", folder=str(parent))


def _runs(account: Account, programs: Path) -> bool:
    try:
        return all(
            account.run(programs / name, "--version")[0] == 0
            for name in ("postgres", "initdb", "pg_ctl")
        )
    except PermissionError:
        return False


def _open_tree(folder: Path) -> None:
    """All may read and run what the wheel installed, as under the usual umask."""
    for path in (folder, *folder.rglob("*")) if folder.exists() else ():
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0))
