"""HL7 v2: MDM and ORU messages that carry a CDA, as in the volet "Transmission d'un document CDA en
HL7 v2" (SPEC c.4, d.3, d.4), read, turned into feed messages, and acknowledged.
"""
