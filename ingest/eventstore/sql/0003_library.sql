-- Tracking of applications and projections written with the eventsourcing library alone.
CREATE TABLE library_tracking (
    tracker text NOT NULL,
    application_name text NOT NULL,
    notification_id bigint NOT NULL,
    PRIMARY KEY (tracker, application_name)
) WITH (fillfactor = 50);
