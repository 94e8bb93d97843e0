"""`python -m deploy.grafana [--out DIR]`: writes every dashboard as JSON."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from .feed import feed
from .projections import projections

DASHBOARDS: Final = {"feed": feed, "projections": projections}
FOLDER: Final = Path(__file__).parent / "dashboards"


def as_json(board: Dashboard) -> str:
    """The text Grafana provisions from a file."""
    built = board.build()
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def write(
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder that receives the files.")
    ] = FOLDER,
) -> None:
    """Write every dashboard as JSON, one file each."""
    out.mkdir(parents=True, exist_ok=True)
    for name, build in DASHBOARDS.items():
        (out / f"{name}.json").write_text(as_json(build()))
        typer.echo(out / f"{name}.json")


if __name__ == "__main__":
    typer.run(write)
