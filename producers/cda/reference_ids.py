"""Kinds of identifiers a document refers to, for `referenceIdList` (value set J231, SPEC c.1)."""

from typing import Final

ORDER: Final = "urn:ihe:iti:xds:2013:order"
ACCESSION: Final = "urn:ihe:iti:xds:2013:accession"
STUDY: Final = "urn:ihe:iti:xds:2016:studyInstanceUID"
