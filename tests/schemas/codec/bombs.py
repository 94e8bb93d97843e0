"""A program of its own: decodes hostile messages under a limit of memory, prints what it cost.

One JSON object per message: name, code (null when accepted), milliseconds of processor time, MiB
at the peak. Run by test_bombs.py; a process of its own because a bomb may kill it.
"""

import json
import resource
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

from schemas.codec.messages import Decoded, decode, encode
from tests.samples.deposit import deposit, provenance

MIB = 1 << 20
ROOM = 64 * MIB
ACTOR = {"id": "1.2.3^4"} | dict.fromkeys(
    ("name", "roleCode", "organisationId", "organisationName", "sectorCode")
)


def varint(value: int) -> bytes:
    rest, out = (value << 1) ^ (value >> 63), bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*out, rest])


def heaviest() -> bytes:
    """The message that costs most of those that are accepted."""
    item = {"value": "\U0001f9ec", "authority": "é", "typeCode": "\U0001f9ec"}
    author = {"id": "é", "isDevice": True} | dict.fromkeys(
        ("name", "functionCode", "specialtyCode", "organisationId", "organisationName"), "é"
    )
    document: dict[str, Any] = {"authors": [author] * 7_950, "referenceIdList": [item] * 2_000}
    return encode("DepositDocument", deposit(**document))


def bombs() -> dict[str, bytes]:
    """By name. A deposit begins with header (10), messageId (16) and the first string; it ends
    with the counts of eventCodeList and referenceIdList and the branch of content.
    """
    message = encode("DepositDocument", deposit(provenance=provenance(actor=ACTOR)))
    text, items, content = message[:26], message[:-2], message[:-1] + b"\x02"
    mode = message.index(b"1.2.3^4") + len(b"1.2.3^4") + 5  # five nulls of the actor
    out = {
        f"string of {length}": text + varint(length)
        for length in (2**40, 2**62, -1, 2_000_000_000, -(2**63))
    }
    out |= {f"array of {n}": items + varint(n) for n in (10**8, 10**12, 2**62, -1, -(2**63))}
    out |= {
        f"array of {n} smallest items": items + varint(n) + bytes(3 * n + 2)
        for n in (10_000, 80_000, 2_800_000)
    }
    return out | {
        "block with its size": items + varint(-5) + varint(15) + bytes(17),
        "many blocks": items + b"\x02\x00\x00\x00" * 2_000_000,
        "array of nulls, 5 bytes": message[:10] + varint(10**8),
        "endless varint": text + b"\xff" * (8 * MIB),
        "string of 8 MiB": text + varint(8 * MIB) + b"a" * (8 * MIB),
        "string of 8 MiB of symbols": text
        + varint(8 * MIB)
        + b"a" * (8 * MIB - 4)
        + "\U0001f9ec".encode(),
        "string that is no UTF-8": text + varint(200_000) + b"\xff" * 200_000,
        "content of 2^40": content + varint(2**40),
        "content of -1": content + varint(-1),
        "content over 8 MiB": content + varint(8 * MIB + 1) + bytes(8 * MIB + 1),
        "branch 99 of content": message[:-1] + varint(99),
        "branch -1 of content": message[:-1] + varint(-1),
        "symbol -1": message[:mode] + varint(-1) + message[mode + 1 :],
        "symbol 4 of 4": message[:mode] + varint(4) + message[mode + 1 :],
        "40 bytes after the end": message + bytes(40),
        "8 MiB after the end": message + bytes(8 * MIB),
        "8 MiB of zeros": message[:10] + bytes(8 * MIB),
        "8 MiB of ones": message[:10] + b"\x01" * (8 * MIB),
        "8 MiB of twos": message[:10] + b"\x02" * (8 * MIB),
        "100 MiB": message[:10] + bytes(100 * MIB),
    }


def cost(data: bytes) -> tuple[str | None, float, float]:
    """Code, milliseconds (best of three), MiB at the peak beside the message itself."""
    times = []
    for _ in range(3):
        begin = time.process_time()
        found = decode(data)
        times.append(time.process_time() - begin)
    code = None if isinstance(found, Decoded) else found.code
    del found
    tracemalloc.start()
    decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return code, min(times) * 1000, peak / MIB


def main() -> None:
    decode(encode("DepositDocument", deposit()))  # the reader is made once
    hostile = {**bombs(), "heaviest accepted": heaviest()}
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, data in hostile.items():
        code, milliseconds, mib = cost(data)
        row = {"name": name, "code": code, "milliseconds": milliseconds, "mib": mib}
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
