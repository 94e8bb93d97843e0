-- Projections: clear text, disposable, excluded from exports and logs (decision 0038).
CREATE SCHEMA IF NOT EXISTS projection;

CREATE TABLE IF NOT EXISTS projection.build (
    projection text NOT NULL,
    number integer NOT NULL,
    version integer NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    recorded_at timestamptz,
    complete boolean NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, number)
) WITH (fillfactor = 50);

-- The build that serves: changed by one statement on one row. previous: the instant way back.
CREATE TABLE IF NOT EXISTS projection.live (
    projection text PRIMARY KEY,
    build integer NOT NULL,
    previous integer,
    switched_at timestamptz,
    FOREIGN KEY (projection, build) REFERENCES projection.build (projection, number)
);

-- Records erased: a batch read before an erasure must not bring their rows back after it.
CREATE TABLE IF NOT EXISTS projection.forgotten (
    record bigint PRIMARY KEY,
    forgotten_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
