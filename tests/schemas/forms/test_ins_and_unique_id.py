"""INS and uniqueId: laws that hold for every value, and the known cases of SPEC a.6."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.forms.identity import (
    INS_NIA,
    INS_NIR,
    INS_NIR_DEMO,
    INS_NIR_TEST,
    INS_OIDS,
    InsError,
    accepted_oids,
    ins_key,
    is_well_formed,
    key_is_valid,
    matricule_key,
    parse_ins,
)
from schemas.forms.stream_ids import document_stream
from schemas.forms.unique_id import canonical_unique_id, unique_id_is_well_formed

FIRST_13 = st.from_regex(
    r"[1-478][0-9]{2}(0[1-9]|1[0-2]|[2-9][0-9])([0-9]{2}|2[AB])[0-9]{6}", fullmatch=True
)
OIDS = st.builds(
    lambda first, rest: ".".join(map(str, [first, *rest])),
    st.integers(0, 2),
    st.lists(st.integers(0, 999_999), min_size=1, max_size=8),
)
EXTENSIONS = st.none() | st.text("ABCabc019_.-/", min_size=1, max_size=30)
UUIDS = st.uuids().map(str)


@pytest.mark.parametrize(
    "matricule",
    [
        "279035121518989",
        "124018852493334",
        "277076322082910",
        "185057505612388",
        "185052A00412356",
        "270112B03304275",
        "160079710512357",
        "290019935045616",
        "100019912777778",
    ],
)
def test_published_test_matricules_are_right(matricule: str) -> None:
    assert key_is_valid(matricule)
    assert matricule_key(matricule[:13]) == matricule[13:]


@pytest.mark.parametrize(
    ("matricule", "right_key"),
    [
        ("221042545611404", "83"),
        ("223042545611404", "82"),
        ("222127505611201", "47"),
        ("224027511583555", "12"),
    ],
)
def test_published_wrong_keys_are_found(matricule: str, right_key: str) -> None:
    assert is_well_formed(matricule)
    assert not key_is_valid(matricule)
    assert matricule_key(matricule[:13]) == right_key


@given(FIRST_13, st.sampled_from(sorted(INS_OIDS)))
def test_exactly_one_key_fits_and_the_feed_key_reads_back(first13: str, oid: str) -> None:
    right = matricule_key(first13)
    fitting = [key for key in range(100) if key_is_valid(f"{first13}{key:02d}")]
    assert fitting == [int(right)]
    assert parse_ins(ins_key(oid, first13 + right)) == (oid, first13 + right)


@given(FIRST_13)
def test_corsican_departments_count_as_19_and_18(first13: str) -> None:
    start, end = first13[:5], first13[7:]
    assert matricule_key(f"{start}2A{end}") == matricule_key(f"{start}19{end}")
    assert matricule_key(f"{start}2B{end}") == matricule_key(f"{start}18{end}")


@given(FIRST_13)
def test_a_corsican_letter_is_a_nought_less_a_million_or_two(first13: str) -> None:
    """The other way of computing it that SPEC a.1 gives."""
    start, end = first13[:5], first13[7:]
    for letter, less in (("A", 1_000_000), ("B", 2_000_000)):
        number = int(f"{start}20{end}") - less
        assert matricule_key(f"{start}2{letter}{end}") == f"{97 - number % 97:02d}"


@pytest.mark.parametrize("matricule", ["185052A00412356", "270112B03304275"])
def test_corsican_matricules_keep_their_letter_and_are_no_numbers(matricule: str) -> None:
    """TRAP 1: the stored value keeps the letter; a digit in its place is another matricule."""
    assert parse_ins(ins_key(INS_NIR_TEST, matricule)) == (INS_NIR_TEST, matricule)
    assert not is_well_formed(matricule.lower())
    assert not key_is_valid(f"{matricule[:5]}20{matricule[7:]}")


BIRTHPLACES = st.one_of(
    st.from_regex(r"(0[1-9]|[1-8][0-9]|9[0-5])[0-9]{3}", fullmatch=True),  # metropolitan
    st.from_regex(r"2[AB][0-9]{3}", fullmatch=True),  # Corsica
    st.from_regex(r"97[1-6][0-9]{2}|98[4-8][0-9]{2}", fullmatch=True),  # overseas
    st.from_regex(r"99[0-9]{3}", fullmatch=True),  # abroad, by country
    st.from_regex(r"9[1-6][0-9]{3}", fullmatch=True),  # Algeria, Morocco, Tunisia before
)
MONTHS = st.integers(1, 12) | st.integers(20, 42) | st.integers(50, 99)
RANKS = st.integers(0, 999)


@given(st.sampled_from("123478"), st.integers(0, 99), MONTHS, BIRTHPLACES, RANKS)
def test_every_birth_there_is_gives_a_matricule(
    sex: str, year: int, month: int, place: str, rank: int
) -> None:
    """Corsica, overseas, births abroad, pseudo months of incomplete records (SPEC a.1)."""
    body = f"{sex}{year:02d}{month:02d}{place}{rank:03d}"
    key = matricule_key(body)
    assert key_is_valid(body + key)
    assert 1 <= int(key) <= 97


@pytest.mark.parametrize("month", ["00", "13", "19"])
def test_other_months_are_no_births(month: str) -> None:
    body = f"279{month}51215189"
    assert not is_well_formed(body + matricule_key(body))


@pytest.mark.parametrize("first", "0569")
def test_other_first_digits_are_no_births(first: str) -> None:
    body = f"{first}790351215189"
    assert not is_well_formed(body + matricule_key(body))


@given(FIRST_13, st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(first13: str, place: int, shift: int) -> None:
    matricule = first13 + matricule_key(first13)
    if not matricule[place].isdigit():
        return
    digit = str((int(matricule[place]) + shift) % 10)
    changed = matricule[:place] + digit + matricule[place + 1 :]
    assert not key_is_valid(changed)


@given(st.text() | st.from_regex(r"1\.2\.250\.1\.213\.1\.4\.1?[0-9]\|[0-9AB]{12,16}"))
def test_any_text_is_an_ins_or_an_error_that_does_not_repeat_it(text: str) -> None:
    try:
        oid, matricule = parse_ins(text)
    except InsError as error:
        sentence = str(error)
    else:
        sentence = ""
        assert text == ins_key(oid, matricule)
        assert key_is_valid(matricule)
    assert len(text) < 16 or text not in sentence


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("279035121518989", "shape"),
        (f"{INS_NIR_TEST}|279035121518989|1", "shape"),
        ("1.2.250.1.213.1.4.2|279035121518989", "oid"),
        (f"{INS_NIR_TEST}|279 03 51215 189 89", "form"),
        (f"{INS_NIR_TEST}|185052a00412356", "form"),
        (f"{INS_NIR_TEST}|٢79035121518989", "form"),
        (f"{INS_NIR_TEST}|279035121518988", "key"),
    ],
)
def test_each_flaw_has_its_name(text: str, flaw: str) -> None:
    with pytest.raises(InsError) as caught:
        parse_ins(text)
    assert caught.value.flaw == flaw


def test_an_environment_accepts_its_own_oids_only() -> None:
    assert accepted_oids("test") == {INS_NIR_TEST}
    assert accepted_oids("demo") == {INS_NIR_DEMO}
    assert accepted_oids("production") == {INS_NIR, INS_NIA}


@given(OIDS, EXTENSIONS)
def test_spellings_of_an_oid_are_one_document(oid: str, extension: str | None) -> None:
    plain = oid if extension is None else f"{oid}^{extension}"
    for text in (plain, f"urn:oid:{plain}", f"URN:OID:{plain}"):
        assert canonical_unique_id(text) == plain
        assert document_stream(text) == uuid.uuid5(uuid.NAMESPACE_OID, plain).bytes


@given(UUIDS, EXTENSIONS)
def test_spellings_of_a_uuid_are_one_document(root: str, extension: str | None) -> None:
    end = "" if extension is None else f"^{extension}"
    expected = f"urn:uuid:{root}{end}"
    for text in (root, root.upper(), f"urn:uuid:{root}", f"URN:UUID:{root.upper()}"):
        assert canonical_unique_id(text + end) == expected
        assert unique_id_is_well_formed(text + end)
    assert document_stream(root + end) == uuid.uuid5(uuid.NAMESPACE_OID, expected).bytes


@given(st.one_of(OIDS, UUIDS, st.text()), EXTENSIONS)
def test_canonical_form_is_stable_and_keeps_well_formedness(
    root: str, extension: str | None
) -> None:
    text = root if extension is None else f"{root}^{extension}"
    canonical = canonical_unique_id(text)
    if unique_id_is_well_formed(text):
        assert canonical_unique_id(canonical) == canonical
        assert unique_id_is_well_formed(canonical)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.", "1..2", "3.1", "1.02", "1.2^", "1.2^a^b", "1.2^é", "1.2 "),
        *("1." + "9" * 63, "1.2^" + "x" * 125, "urn:uuid:123", "urn:oid:urn:oid:1.2"),
        "12345678-1234",
    ],
)
def test_malformed_unique_ids_are_told(text: str) -> None:
    assert not unique_id_is_well_formed(text)
