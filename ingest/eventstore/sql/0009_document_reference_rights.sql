-- Ingestion looks up what serves a report, and adds. May be repeated; see 0004_rights.sql.
DO $$
BEGIN
    IF to_regrole('histoire_ingest') IS NULL OR to_regrole('histoire_audit') IS NULL THEN
        RETURN;
    END IF;
    GRANT SELECT, INSERT ON document_reference TO histoire_ingest;
    GRANT SELECT ON document_reference TO histoire_audit;
END
$$;
