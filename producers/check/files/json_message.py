"""A message of the feed as JSON: encoded in Avro, so that it is checked as one.

JSON is the record with every field, bytes in hexadecimal (`messageId` as a UUID too, `content` in
base64), either alone or as `{"name": RECORD, "datum": {...}}`. Only the name tells records with
equal fields apart.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import orjson

from schemas.codec.messages import EncodeError, encode
from schemas.feed.messages import TOPIC_OF
from schemas.versions.avro_types import Array, AvroType, Fixed, Primitive, RecordType, Union
from schemas.versions.catalogue import schema_catalogue

BOM: Final = b"\xef\xbb\xbf"
_DEPTH_MAX: Final = 32


class NotAMessage(Exception):
    """JSON that is no message; the sentences name fields, never values."""

    def __init__(self, english: str, french: str, path: str | None = None) -> None:
        super().__init__(english)
        self.english = english
        self.french = french
        self.path = path


def avro_of_json(data: bytes) -> bytes:
    """The message in Avro. Raises NotAMessage for what is no message."""
    try:
        parsed = orjson.loads(data.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        raise NotAMessage(
            f"Not JSON at line {error.lineno}, column {error.colno}.",
            f"Ce n'est pas du JSON, ligne {error.lineno}, colonne {error.colno}.",
        ) from None
    name, datum = _named(parsed)
    tree = schema_catalogue().tree(schema_catalogue().newest(name))
    try:
        return encode(name, _typed(tree, datum, "", 0))
    except EncodeError as error:
        raise NotAMessage(
            "A field is missing, unknown or not of the type of the schema.",
            "Un champ manque, est inconnu ou n'a pas le type du schéma.",
            error.field or None,
        ) from None


def _named(parsed: Any) -> tuple[str, Any]:
    """The record that this JSON is, and its fields."""
    if isinstance(parsed, dict) and set(parsed) == {"name", "datum"}:
        if parsed["name"] in TOPIC_OF:
            return parsed["name"], parsed["datum"]
        raise NotAMessage("name is no record of the feed.", "name n'est pas un message du flux.")
    fields = set(parsed) if isinstance(parsed, dict) else set()
    fit = [name for name in TOPIC_OF if fields == _fields(name)]
    if len(fit) == 1:
        return fit[0], parsed
    if fit:
        raise NotAMessage(
            f'It may be {", ".join(fit)}: write {{"name": RECORD, "datum": {{...}}}}.',
            "Plusieurs messages ont ces champs : donnez name et datum.",
        )
    raise NotAMessage(
        'No message has exactly these fields; {"name": RECORD, "datum": {...}} tells more.',
        "Aucun message n'a exactement ces champs ; donnez name et datum pour en savoir plus.",
    )


def _fields(name: str) -> set[str]:
    tree = schema_catalogue().tree(schema_catalogue().newest(name))
    return {field.name for field in tree.fields}


def _typed(kind: AvroType, value: Any, at: str, depth: int) -> Any:
    """The value as Avro has it: bytes from their text. What does not fit is left to the encoder."""
    if depth > _DEPTH_MAX:
        return value
    match kind:
        case RecordType() if isinstance(value, Mapping):
            types = {field.name: field.type for field in kind.fields}
            return {
                name: _typed(types[name], inner, name, depth + 1) if name in types else inner
                for name, inner in value.items()
            }
        case Array() if isinstance(value, list):
            return [_typed(kind.items, item, at, depth + 1) for item in value]
        case Union() if value is not None:
            others = [b for b in kind.branches if b != Primitive("null")]
            return _typed(others[0], value, at, depth + 1) if len(others) == 1 else value
        case Fixed() | Primitive(kind="bytes") if isinstance(value, str):
            return _bytes(value, at)
    return value


def _bytes(text: str, at: str) -> bytes:
    try:
        if at == "content":
            return base64.b64decode("".join(text.split()), validate=True)
        return bytes.fromhex(text.replace("-", ""))
    except (ValueError, binascii.Error):
        how = "base64" if at == "content" else "hexadecimal"
        raise NotAMessage(
            f"The field {at} is not {how}.", f"Le champ {at} n'est pas en {how}.", at
        ) from None
