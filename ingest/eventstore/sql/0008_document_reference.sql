-- Documents of imaging by the study or accession they refer to: a KOS follows its report (SPEC g).
-- reference: 16 bytes of a keyed hash.
CREATE TABLE document_reference (
    reference uuid NOT NULL,
    stream uuid NOT NULL,
    PRIMARY KEY (reference, stream)
);
