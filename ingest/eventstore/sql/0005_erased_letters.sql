-- A dead letter of an erased person stays as a row that says nothing of him: a letter for every
-- rejection can then be proved for ever (DESIGN 6.7), and nothing waits that can't be opened.
ALTER TABLE dead_letter DROP CONSTRAINT dead_letter_status_check;
ALTER TABLE dead_letter ADD CONSTRAINT dead_letter_status_check CHECK (status IN
    ('waiting', 'accepted', 'duplicate', 'unchanged', 'discarded', 'erased'));

-- Refused after the erasure of their record, before there was a status for that.
UPDATE dead_letter SET status = 'erased', decided_at = received_at, path = NULL, message_id = NULL,
    software_id = '', record = NULL, subject = NULL, waits_for = NULL, fingerprint = NULL
WHERE status = 'waiting' AND raw IS NULL;

ALTER TABLE dead_letter ADD CONSTRAINT dead_letter_erased_is_empty CHECK (status <> 'erased' OR
    num_nonnulls(raw, record, subject, message_id, waits_for, fingerprint, discard_reason) = 0);
