"""An installation whose processes each have a database user of their own, run as real commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from producers.simulator.population.population import Population

USERS = {
    "ingestor": ("histoire_ingest", "histoire_feed"),
    "relay": ("histoire_relay", "histoire_feed"),
    "projector": ("histoire_project", "histoire_feed"),
    "producer": ("histoire_feed",),
    "reader": ("histoire_read",),
    "auditor": ("histoire_audit", "histoire_feed"),
    "library": ("histoire_library",),
    "eraser": ("histoire_erase",),
    "keeper": ("histoire_housekeep", "histoire_feed"),
}
"""Login users, and the roles each is a member of."""
SEED, PATIENTS = 11, 2
SIMULATION = (
    *("simulate", "--sector", "lab,gp", "--patients", str(PATIENTS)),
    *("--documents", "20", "--seed", str(SEED)),
)
TIMELINE = ("timeline", "--ins", "-", "--json")
MAKER = "maker"
"""Migrates; owns the database; no superuser, but may create roles."""


@dataclass
class RoleSite:
    """`dsn`: of the database, without a user. `passwords` by user; empty where none is asked."""

    home: Path
    dsn: str
    passwords: dict[str, str] = field(default_factory=dict)

    def dsn_of(self, user: str, **other: str) -> str:
        """The DSN of one user."""
        given = {"user": user, **other}
        if user in self.passwords:
            given.setdefault("password", self.passwords[user])
        return conninfo.make_conninfo(self.dsn, **given)

    def connect(self, user: str) -> psycopg.Connection[tuple[object, ...]]:
        """A session of one user."""
        return psycopg.connect(self.dsn_of(user), autocommit=True)

    def run(self, user: str, *arguments: str, **other: str) -> subprocess.CompletedProcess[str]:
        """`histoire ARGUMENTS` with the DSN of this user."""
        return self.run_with(self.dsn_of(user, **other), *arguments)

    def run_with(
        self, dsn: str, *arguments: str, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """`histoire ARGUMENTS` with this DSN."""
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HISTOIRE_", "PG"))},
            "HISTOIRE_HOME": str(self.home),
            "HISTOIRE_DATABASE_DSN": dsn,
            "HISTOIRE_TOPIC_PARTITIONS": "4",
            "HISTOIRE_METRICS_PORT": "0",
            "COLUMNS": "200",
        }
        return subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, user: str, *arguments: str) -> str:
        """What the command printed; it must have ended well."""
        ended = self.run(user, *arguments)
        assert ended.returncode == 0, f"{arguments}: {ended.returncode}\n{ended.stderr}"
        return ended.stdout

    def make_users(self, superuser: str) -> None:
        """Every login user exists; their roles must, too."""
        with psycopg.connect(superuser, autocommit=True) as conn:
            for user, roles in USERS.items():
                make_user(conn, user, self.passwords.get(user))
                for role in roles:
                    conn.execute(
                        sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(user))
                    )


def make_user(
    conn: psycopg.Connection[tuple[object, ...]],
    user: str,
    password: str | None = None,
    *,
    create_role: bool = False,
) -> None:
    """A login user."""
    made = sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
        sql.Identifier(user),
        sql.SQL("CREATEROLE" if create_role else "NOCREATEROLE"),
        sql.Literal(password),
    )
    conn.execute(made)


def make_database(conn: psycopg.Connection[tuple[object, ...]], name: str, owner: str) -> None:
    """An empty database of this owner."""
    conn.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
    )


def whole_path(site: RoleSite) -> int:
    """Producer, ingestion, relay, projections, audit, each as its own user; how many documents the
    reader then sees in the timelines of all patients.
    """
    site.done("producer", *SIMULATION)
    site.done("ingestor", "ingest", "--until-idle")
    site.done("relay", "relay", "--until-idle")
    site.done("projector", "project", "--until-idle")
    site.done("auditor", "audit", "--at-end")
    site.done("reader", "statistics")
    shown = 0
    for number in range(PATIENTS):
        ins = Population(SEED, PATIENTS)[number].key.decode()
        seen = site.run_with(site.dsn_of("reader"), *TIMELINE, stdin=f"{ins}\n")
        assert seen.returncode == 0, seen.stderr
        shown += sum(1 for _ in re.finditer('"uniqueId"', seen.stdout))
    return shown
