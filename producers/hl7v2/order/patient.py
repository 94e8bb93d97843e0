"""The patient of a message: his INS in PID-3, its status in PID-32."""

from __future__ import annotations

from typing import Final

from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.segments import Hl7Message
from schemas.feed.messages import Ins
from schemas.forms.identity import INS_OIDS

_QUALIFIED: Final = "VALI"
_STATUSES: Final = frozenset({_QUALIFIED, "PROV"})


def read_ins(message: Hl7Message) -> Ins:
    """The repetition of PID-3 under an INS root; PROV in PID-32: not qualified (SPEC a.4).

    Raises Hl7Error for none, or several.
    """
    pid = message.first("PID")
    if pid is None:
        raise Hl7Error("hl7_segment_missing", "PID^1", 100)
    statuses = {pid.text(32, repeat=repeat) for repeat in pid.repeats(32)} - {""}
    if not statuses <= _STATUSES:
        raise Hl7Error("hl7_value", "PID^1^32", 103)
    found = {
        (oid, pid.text(3, 1, repeat=repeat))
        for repeat in pid.repeats(3)
        if (oid := pid.text(3, 4, 2, repeat)) in INS_OIDS
    }
    if not found:
        raise Hl7Error("hl7_ins_missing", "PID^1^3")
    if len(found) > 1:
        raise Hl7Error("hl7_ins_several", "PID^1^3")
    oid, matricule = found.pop()
    qualified = statuses <= {_QUALIFIED}
    return {
        "oid": oid,
        "matricule": matricule,
        "status": "QUALIFIEE" if qualified else "PROVISOIRE",
    }
