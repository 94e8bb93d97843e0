-- The head of a record says that an identity was declared on it (bit 128 of flags, decision 0042).
-- Heads written before this migration do not say so: their events do. Without the bit a document of
-- another person would be compared with nothing.
UPDATE stream SET flags = flags | 128
WHERE flags & 128 = 0 AND stream IN (
    SELECT event.stream FROM event JOIN event_name ON event_name.id = event.name
    WHERE event_name.name = 'identity_declared'
);
