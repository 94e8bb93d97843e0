"""Small schematrons and schemas of our own, written into a folder for the tests of `check`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NAMESPACE: Final = 'xmlns="http://purl.oclc.org/dsdl/schematron"'

MAIN: Final = f"""<?xml version="1.0" encoding="UTF-8"?>
<schema {NAMESPACE} queryBinding="xslt2" defaultPhase="all">
  <title>Rules of the house</title>
  <ns prefix="h" uri="urn:hl7-org:v3"/>
  <ns prefix="v" uri="urn:vocabulary"/>
  <include href="../abstract/listed.sch"/>
  <include href="../en-tête/titre.sch"/>
  <phase id="all"><active pattern="variables"/><active pattern="title"/>
    <active pattern="language"/><active pattern="gone"/></phase>
  <pattern id="variables"><let name="languages" value="'../lists/languages.xml'"/></pattern>
  <pattern id="language" is-a="listed">
    <param name="element" value="h:ClinicalDocument/h:languageCode"/>
    <param name="list" value="$languages"/>
  </pattern>
  <pattern id="gone" is-a="listed">
    <param name="element" value="h:ClinicalDocument/h:code"/>
    <param name="list" value="'../lists/gone.xml'"/>
  </pattern>
  <pattern id="asleep"><rule context="h:ClinicalDocument">
    <assert test="false()">never looked at in the phase by default</assert></rule></pattern>
</schema>
"""
LISTED: Final = f"""<pattern {NAMESPACE} id="listed" abstract="true"><rule context="$element">
  <let name="code" value="@code"/>
  <assert test="document($list)//v:item[@code = $code]">The code <value-of select="$code"/>
     is not in the list.</assert></rule></pattern>
"""
TITLE: Final = f"""<pattern {NAMESPACE} id="title">
  <rule context="h:ClinicalDocument/h:title">
    <extends href="length.sch"/>
    <assert id="T-1" role="warning" test="not(contains(., '!'))">A title does not shout.</assert>
    <report id="T-2" test="contains(., '?')">A title that asks.</report>
  </rule></pattern>
"""
LENGTH: Final = f"""<rule {NAMESPACE} abstract="true" id="length">
  <assert id="T-0" test="string-length(.) &lt; 200">A title is short.</assert></rule>
"""
LANGUAGES: Final = '<list xmlns="urn:vocabulary"><item code="fr-FR"/></list>'

XSD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3"
    xmlns:h="urn:hl7-org:v3" elementFormDefault="qualified">
  <xs:include schemaLocation="parts/code.xsd"/>
  <xs:element name="ClinicalDocument"><xs:complexType><xs:sequence>
    <xs:element name="realmCode" type="h:Code"/>
    <xs:any namespace="##any" processContents="skip" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""
CODE_XSD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3">
  <xs:complexType name="Code"><xs:attribute name="code" use="required">
    <xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="FR"/></xs:restriction>
    </xs:simpleType></xs:attribute></xs:complexType>
</xs:schema>
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def schematron_in(folder: Path) -> Path:
    """The main file of a schematron in several folders, one of them of a name that is not ASCII."""
    write(
        folder,
        {
            "profils/main.sch": MAIN,
            "abstract/listed.sch": LISTED,
            "en-tête/titre.sch": TITLE,
            "en-tête/length.sch": LENGTH,
            "lists/languages.xml": LANGUAGES,
        },
    )
    return folder / "profils" / "main.sch"


def xsd_in(folder: Path) -> Path:
    """A schema that includes another."""
    write(folder, {"document.xsd": XSD, "parts/code.xsd": CODE_XSD})
    return folder / "document.xsd"


def skeleton_stylesheet(folder: Path) -> Path:
    """An XSLT as the ISO skeleton makes them, which finds every title."""
    text = """<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
        xmlns:svrl="http://purl.oclc.org/dsdl/svrl" xmlns:h="urn:hl7-org:v3">
      <xsl:template match="/"><svrl:schematron-output>
        <svrl:failed-assert test="x" location="/*:ClinicalDocument[namespace-uri()='urn:hl7-org:v3'][1]/*:title[namespace-uri()='urn:hl7-org:v3'][1]">
          <svrl:text>Title of the patient 279035121518989 found.</svrl:text></svrl:failed-assert>
      </svrl:schematron-output></xsl:template></xsl:stylesheet>"""  # noqa: E501
    write(folder, {"ready.xsl": text})
    return folder / "ready.xsl"
