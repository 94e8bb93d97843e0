"""HL7 v2: MDM and ORU messages that carry a CDA are read, fed and acknowledged.

The rules are those of the volet "Transmission d'un document CDA en HL7 v2" (SPEC c.4, d.3, d.4).
The room imports send, publish and outcomes.
"""
