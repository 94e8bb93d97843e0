"""`histoire schemas list | show | check` as programs and people meet them."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from schemas.versions import command as schema_commands
from schemas.versions.catalogue import schema_catalogue

AVRO = Path(schema_commands.__file__).parent.parent / "avro"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    schema_commands.register(app)
    return app


def run(app: typer.Typer, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["schemas", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_list_has_a_line_for_every_schema(app: typer.Typer) -> None:
    code, out, _ = run(app, "list", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["fingerprint"] for row in rows] == [
        s.fingerprint.hex() for s in schema_catalogue().all()
    ]
    topics = {row["name"]: row["topic"] for row in rows}
    assert topics["DepositDocument"] == "documents"
    assert topics["LinkIns"] == "patients"
    assert topics["Outcome"] == "outcomes"
    assert topics["RecordLinked"] is None
    code, out, _ = run(app, "list")
    assert code == 0
    assert all(row["fingerprint"] in out for row in rows)


def test_show_prints_the_file(app: typer.Typer) -> None:
    text = (AVRO / "feed" / "LinkIns.1.avsc").read_text(encoding="utf-8")
    assert run(app, "show", "LinkIns")[:2] == (0, text)
    assert run(app, "show", "LinkIns", "--version", "1")[:2] == (0, text)
    for arguments, words in (
        (("LinkIns", "--version", "9"), "LinkIns has version 1 only."),
        (("Nothing",), "There is no such schema."),
    ):
        code, out, err = run(app, "show", *arguments)
        assert (code, out) == (6, "")
        assert words in err
        assert err.count("\n") == 1


def test_check_of_the_schemas_in_use(app: typer.Typer) -> None:
    assert run(app, "check")[:2] == (
        0,
        f"{len(schema_catalogue().all())} schemas fit:"
        " each can be read by every newer version of it.\n",
    )
    assert run(app, "check", "--json")[:2] == (0, "")


def test_check_says_which_field_and_why(app: typer.Typer, tmp_path: Path) -> None:
    shutil.copy(AVRO / "feed" / "LinkIns.1.avsc", tmp_path)
    schema = json.loads((tmp_path / "LinkIns.1.avsc").read_text(encoding="utf-8"))
    schema["fields"].append({"name": "since", "doc": "Since when.", "type": "long"})
    (tmp_path / "LinkIns.2.avsc").write_text(json.dumps(schema))
    reason = (
        "what version 1 wrote cannot be read: it is not in the older version and has no default"
    )
    code, out, err = run(app, "check", str(tmp_path))
    assert (code, out) == (1, f"LinkIns.2.avsc, field since: {reason}.\n")
    assert err.startswith("error: 1 problem")
    code, out, err = run(app, "check", str(tmp_path), "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {"file": "LinkIns.2.avsc", "field": "since", "reason": reason}


def test_check_of_a_folder_without_schemas(app: typer.Typer, tmp_path: Path) -> None:
    code, out, _ = run(app, "check", str(tmp_path))
    assert code == 1
    assert "there is no schema file in this folder" in out
    assert run(app, "check", str(tmp_path / "missing"))[0] == 2
