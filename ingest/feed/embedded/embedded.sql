-- The embedded feed: a partitioned log in PostgreSQL, in a schema of its own.
create schema if not exists feed;

create table if not exists feed.cluster (
    single boolean primary key default true check (single),
    id uuid not null default gen_random_uuid()
);
insert into feed.cluster default values on conflict do nothing;

-- A topic that is dropped and created again gets another number and another topic_id.
create table if not exists feed.topic (
    number integer generated always as identity primary key,
    name text not null unique,
    topic_id uuid not null default gen_random_uuid(),
    partitions integer not null check (partitions > 0)
);

-- next_offset is changed only under this row's lock, held to the commit: offsets have no holes,
-- and a reader that sees an offset has seen all before it.
create table if not exists feed.partition (
    topic integer not null references feed.topic on delete cascade,
    number integer not null,
    next_offset bigint not null default 0,
    low_watermark bigint not null default 0,
    primary key (topic, number)
) with (fillfactor = 25);

-- No foreign key to feed.partition: its check would cost a look-up for each record.
create table if not exists feed.record (
    topic integer not null,
    partition integer not null,
    "offset" bigint not null,
    timestamp_ms bigint not null,
    size integer not null,
    key bytea not null,
    value bytea not null,
    headers bytea not null,
    primary key (topic, partition, "offset")
);
-- Documents are mostly compressed already (PDF), and pglz is slow.
alter table feed.record alter column value set storage external;
