"""Codes of imaging: modalities, anatomical regions, and the SOP classes of their images.

Value sets JDV_ModaliteAcquisition_CISIS and JDV_RegionAnatomique_CISIS, and DICOM PS3.4 annex B.
"""

from collections.abc import Mapping
from typing import Any, Final

from producers.simulator.tables.cells import load
from schemas.valuesets import ListedCode

_DICOM: Final = "1.2.840.10008.2.16.4"
_SNOMED: Final = "2.16.840.1.113883.6.96"
_TABLE: Final[dict[str, Any]] = load("dicom")

MODALITIES: Final[Mapping[str, ListedCode]] = {
    code: ListedCode(code, _DICOM, label) for code, label in _TABLE["modalities"].items()
}
REGIONS: Final[Mapping[str, ListedCode]] = {
    code: ListedCode(code, _SNOMED, label) for code, label in _TABLE["regions"].items()
}
IMAGE_CLASSES: Final[Mapping[str, str]] = _TABLE["images"]
"""The SOP class of the images of a modality."""
