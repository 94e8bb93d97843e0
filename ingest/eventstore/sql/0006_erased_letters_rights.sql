-- Erasure empties dead letters and keeps their rows. May be repeated; see 0004_rights.sql.
DO $$
BEGIN
    IF to_regrole('histoire_erase') IS NULL THEN
        RETURN;
    END IF;
    GRANT UPDATE (status, decided_at, path, message_id, software_id, record, subject, waits_for,
        fingerprint, discard_reason, discarded_by, raw) ON dead_letter TO histoire_erase;
    -- 0004 grants it each time it is repeated.
    REVOKE DELETE ON dead_letter FROM histoire_erase;
END
$$;
