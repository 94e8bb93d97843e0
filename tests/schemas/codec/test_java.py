"""A Java program with nothing but the schema files writes and reads the same bytes.

Apache Avro's BinaryMessageEncoder and Decoder, and plain kafka-clients: fingerprints, bytes and
partitions must be those of our side.
"""

import hashlib
import io
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

import schemas
from ingest.feed.partitioning import partition_of
from ingest.runtime.folders import exclusive
from schemas.codec.messages import Decoded, decode, encode
from schemas.versions.catalogue import schema_catalogue
from tests.missing import need_java
from tests.schemas.codec.test_codec import datums_of

pytestmark = pytest.mark.java

SOURCES = Path(__file__).resolve().parent / "java"
AVRO = Path(schemas.__file__).parent / "avro"
DEPOSIT = AVRO / "feed" / "DepositDocument.1.avsc"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
PARTITIONS = 24


class Java:
    """The compiled program."""

    def __init__(self, classpath: str) -> None:
        self._classpath = classpath

    def run(self, *arguments: str, lines: list[str] | None = None) -> list[str]:
        """The lines it prints for these lines of input."""
        done = subprocess.run(
            ["java", "-cp", self._classpath, "-Dfile.encoding=UTF-8", "Interop", *arguments],
            input="\n".join(lines or []),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture(scope="session")
def java(pytestconfig: pytest.Config) -> Java:
    """Jars and classes are kept between runs, until a source changes."""
    need_java()
    source, pom = SOURCES / "Interop.java", SOURCES / "pom.xml"
    digest = hashlib.sha256(source.read_bytes() + pom.read_bytes()).hexdigest()[:16]
    folder = pytestconfig.cache.mkdir("java")
    with exclusive(folder.with_name("java.lock")):
        return Java(_built(folder / digest, source, pom))


def _built(home: Path, source: Path, pom: Path) -> str:
    """The class path of what is built there."""
    classpath = f"{home}/classes:{home}/lib/*"
    if not (home / "complete").exists():
        shutil.rmtree(home.parent, ignore_errors=True)
        fetch = ["mvn", "-B", "-q", "-ntp", "-f", str(pom), f"{PLUGIN}:copy-dependencies"]
        _build([*fetch, f"-DoutputDirectory={home}/lib"])
        compile_ = ["javac", "-encoding", "UTF-8", "-cp", f"{home}/lib/*"]
        _build([*compile_, "-d", f"{home}/classes", str(source)])
        (home / "complete").touch()
    return classpath


def _build(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def java_deposit() -> dict[str, Any]:
    """What Interop.java builds, field by field."""
    author = dict.fromkeys(
        ("name", "functionCode", "specialtyCode", "organisationId", "organisationName")
    )
    return {
        "messageId": bytes(range(16)),
        "provenance": {
            "software": {
                "id": "1.2.250.1.999.7",
                "name": "Java LIS",
                "version": "4.2",
                "approval": "DMP-2024-7",
            },
            "actor": {
                "id": "1.2.250.1.71.4.2.1^899700000001",
                "name": "Zoë Ünïcode",
                "roleCode": None,
                "organisationId": None,
                "organisationName": None,
                "sectorCode": "SA25",
            },
            "authenticationMode": "PRO_SANTE_CONNECT",
            "purposeOfUse": "normal",
            "channel": "HISTORICAL",
            "occurredAt": 1_730_000_000_123,
        },
        "ins": {
            "oid": "1.2.250.1.213.1.4.10",
            "matricule": "279035121518989",
            "status": "QUALIFIEE",
        },
        "visibilityOnly": True,
        "submissionSet": None,
        "document": {
            "uniqueId": "1.2.250.1.999.7.42",
            "replaces": "1.2.250.1.999.7.41",
            "setId": None,
            "versionNumber": -3,
            "typeCode": "11502-2",
            "classCode": "10",
            "formatCode": "urn:ihe:lab:xd-lab:2008",
            "mimeType": "text/xml",
            "hash": bytes(range(20)),
            "sha256": bytes(range(32)),
            "size": 5_000_000_000,
            "languageCode": "fr-FR",
            "title": "Compte rendu d'examens biologiques, partiel, de la journée du 6 janvier 2024",
            "comments": None,
            "sourcePatientId": None,
            "sourcePatientInfo": None,
            "authors": [
                {"id": "1^2", **author, "isDevice": False},
                {"id": "3^4", **author, "name": "", "isDevice": True},
            ],
            "legalAuthenticatorId": "1.2.250.1.71.4.2.1^899700000001",
            "legalAuthenticatorName": None,
            "legalAuthenticationTime": None,
            "custodianId": None,
            "creationTime": "20240106113623+0100",
            "serviceStartTime": "20240106",
            "serviceStopTime": None,
            "healthcareFacilityTypeCode": "SA25",
            "practiceSettingCode": "BIO",
            "confidentialityCode": "R",
            "masquePs": True,
            "invisiblePatient": False,
            "invisibleRepresentantsLegaux": True,
            "eventCodeList": [{"code": "TSH", "system": "2.16.840.1.113883.6.1"}],
            "referenceIdList": [],
        },
        "content": "<ClinicalDocument>é€𝄞</ClinicalDocument>".encode(),
    }


def deposits(count: int) -> list[dict[str, Any]]:
    """Different valid deposits, the same in all of one run."""
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(datums_of("DepositDocument"))
    def collect(datum: dict[str, Any]) -> None:
        found.append(datum)

    collect()
    return found


def test_fingerprints_of_every_schema(java: Java) -> None:
    files = {path.name: str(path) for path in AVRO.rglob("*.avsc")}
    ours = [schema for schema in schema_catalogue().all() if schema.file in files]
    assert len(ours) == len(files)
    theirs = java.run("fingerprints", *(files[schema.file] for schema in ours))
    assert theirs == [schema.fingerprint.hex() for schema in ours]


def test_java_writes_our_bytes(java: Java) -> None:
    [line] = java.run("write", str(DEPOSIT))
    message = bytes.fromhex(line)
    assert message == encode("DepositDocument", java_deposit())
    found = decode(message)
    assert isinstance(found, Decoded)
    assert found.datum == java_deposit()


def test_java_reads_our_bytes(java: Java) -> None:
    sent = [java_deposit(), *deposits(40)]
    messages = [encode("DepositDocument", datum).hex() for datum in sent]
    answers = java.run("read", str(DEPOSIT), lines=messages)
    schema = fastavro.parse_schema(json.loads(DEPOSIT.read_text(encoding="utf-8")))
    read = [
        next(fastavro.json_reader(io.StringIO(bytes.fromhex(line).decode()), schema))
        for line in answers
    ]
    assert read == sent


def keys(count: int) -> list[bytes]:
    oid = "1.2.250.1.213.1.4.10"
    return [f"{oid}|{number:013}{97 - number % 97:02}".encode() for number in range(count)]


def test_java_gives_keys_our_partitions(java: Java) -> None:
    # Other lengths too: the last one to three bytes are hashed by a path of their own.
    tried = [*keys(1000), *(b"x" * length for length in range(1, 9)), "é|ü".encode()]
    theirs = java.run("partitions", str(PARTITIONS), lines=[key.hex() for key in tried])
    assert theirs == [str(partition_of(key, PARTITIONS)) for key in tried]


@contextmanager
def topic_on(bootstrap: str) -> Iterator[str]:
    name = f"interop-{uuid.uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1)])
        yield name
        admin.delete_topics([name])
    finally:
        admin.close()


def rows_of(java: Java, count: int) -> list[tuple[bytes, bytes]]:
    messages = [encode("DepositDocument", datum) for datum in deposits(count)]
    return list(zip(keys(len(messages)), messages, strict=True))


@pytest.mark.kafka
def test_what_java_sends_we_read(java: Java, broker: str) -> None:
    sent = rows_of(java, 20)
    with topic_on(broker) as topic:
        lines = [f"{key.hex()} {value.hex()}" for key, value in sent]
        acknowledged = java.run("produce", broker, topic, lines=lines)
        consumer = KafkaConsumer(
            topic,
            bootstrap_servers=broker,
            auto_offset_reset="earliest",
            consumer_timeout_ms=20_000,
        )
        try:
            records = [record for _, record in zip(sent, consumer, strict=False)]
        finally:
            consumer.close()
    assert {(r.key, r.value) for r in records} == set(sent)
    assert all(r.partition == partition_of(r.key, PARTITIONS) for r in records)
    assert acknowledged == [str(partition_of(key, PARTITIONS)) for key, _ in sent]
    assert all(isinstance(decode(r.value), Decoded) for r in records)


@pytest.mark.kafka
def test_what_we_send_java_reads(java: Java, broker: str) -> None:
    sent = rows_of(java, 20)
    with topic_on(broker) as topic:
        producer = KafkaProducer(bootstrap_servers=broker, compression_type="lz4")
        for sent_key, sent_value in sent:
            producer.send(topic, key=sent_key, value=sent_value)
        producer.flush(30)
        producer.close(10)
        lines = java.run("consume", broker, topic, str(len(sent)))
    found = [line.split(" ") for line in lines]
    assert {(bytes.fromhex(key), bytes.fromhex(value)) for _, key, value in found} == set(sent)
    for partition, key, _ in found:
        assert int(partition) == partition_of(bytes.fromhex(key), PARTITIONS)
