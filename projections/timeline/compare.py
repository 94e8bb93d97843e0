"""Two builds of the timeline compared person by person, by a hash of all rows of the person."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from projections.projection import Comparison

from .tables import TimelineTables

Cursor = psycopg.Cursor[Any]

SHOWN: Final = 20


def compare_builds(cursor: Cursor, old: int, new: int) -> Comparison:
    """Compares two builds at the same position, by the columns that both have.

    Each build groups records into persons by its own links: another grouping is a difference.
    """
    before, after = TimelineTables(old), TimelineTables(new)
    documents = _shared_columns(cursor, before.document, after.document)
    records = _shared_columns(cursor, before.record, after.record)
    cursor.execute("set local work_mem = '256MB'")
    query = (
        f"with old as ({_hashes(before, documents, records)}),"
        f" new as ({_hashes(after, documents, records)}),"
        " both_builds as (select person, old.hash is distinct from new.hash as differs"
        " from old full join new using (person))"
        " select count(*), count(*) filter (where differs), array(select person from both_builds"
        f" where differs order by person limit {SHOWN}) from both_builds"
    )
    row = cursor.execute(query.encode()).fetchone()
    assert row is not None, "an aggregate has a row"
    return Comparison(row[0], row[1], [f"person {person}" for person in row[2]])


def _hashes(tables: TimelineTables, documents: list[str], records: list[str]) -> str:
    person = tables.persons.names[1]

    def contents(table: str, columns: list[str], kind: str) -> str:
        whole = ", ".join(f"t.{column}" for column in columns)
        return (
            f"select coalesce(p.person, t.record) as person, md5('{kind}' || row({whole})::text)"
            f" as content from {table} t left join {person} p on p.record = t.record"
        )

    return (
        "select person, md5(string_agg(content, '' order by content)) as hash from ("
        f"{contents(tables.document, documents, 'document')}"
        f" union all {contents(tables.record, records, 'record')}) s group by person"
    )


def _shared_columns(cursor: Cursor, old: str, new: str) -> list[str]:
    rows = cursor.execute(
        "select a.attname from pg_attribute a join pg_attribute b"
        " on b.attname = a.attname and b.atttypid = a.atttypid"
        " where a.attrelid = %s::regclass and b.attrelid = %s::regclass"
        " and a.attnum > 0 and b.attnum > 0 and not a.attisdropped and not b.attisdropped"
        " order by a.attname",
        (old, new),
    ).fetchall()
    return [name for (name,) in rows]
