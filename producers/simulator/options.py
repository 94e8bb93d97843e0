"""The options of `histoire simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from producers.simulator.faults.rates import FAULTS
from producers.simulator.tables.rows import TOGETHER
from producers.simulator.tables.sectors import all_sectors

_FAULT_HELP: Final = (
    "Faults put in on purpose: a share for all together (0.01) or name=share,... with "
    + "; ".join(f"{name}: {words}" for name, words in FAULTS.items())
    + "."
)
DOCUMENTS: Final = 2000
PATIENTS: Final = 1000
SCALE: Final = 0.01

Sectors = Annotated[
    str | None,
    typer.Option(
        help="Sectors, comma-separated, or all: "
        + ", ".join(all_sectors())
        + f". Without it {','.join(TOGETHER)}; all with --day.",
        show_default=False,
    ),
]
Patients = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="How many test persons (Zipf: a few have many documents). Without it "
        f"{PATIENTS}; a third of the documents with --day.",
        show_default=False,
    ),
]
Documents = Annotated[
    int | None,
    typer.Option(
        min=0,
        help=f"How many deposits, replacing ones included; {DOCUMENTS} without it.",
        show_default=False,
    ),
]
Rate = Annotated[float, typer.Option(min=0, help="Messages a second; 0: at full speed.")]
Day = Annotated[
    bool,
    typer.Option(
        "--day",
        help="Publish one national working day at its moments: 320 messages a second from 10 to "
        "11, 9.5 on the mean of the other hours, times --scale, at --speed.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        min=0.000001,
        help=f"With --day: this share of the nation; {SCALE} without it.",
        show_default=False,
    ),
]
Speed = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        help="With --day: so many times as fast; 60 is a day in 24 min, 1 without it.",
        show_default=False,
    ),
]
Seed = Annotated[
    int,
    typer.Option(help="Same seed, same bytes, on every machine; also the same message ids."),
]
Faults = Annotated[str | None, typer.Option(help=_FAULT_HELP)]
MetadataOnly = Annotated[
    bool,
    typer.Option(
        "--metadata-only",
        help="Deposits without bytes, with made-up hashes: use another seed than with bytes.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        help="Write the documents as files into this folder (CDA; references to images as "
        "DICOM) and publish nothing.",
        file_okay=False,
    ),
]
LedgerFile = Annotated[
    Path | None,
    typer.Option(
        help="Append intents and acknowledgements to this file (JSON lines).", dir_okay=False
    ),
]
ReferenceOnly = Annotated[
    bool,
    typer.Option(
        "--reference",
        help="Publish only what references the software and companies of this run (topic registry);"
        " ingest it before the run itself, since no order holds between topics.",
    ),
]
