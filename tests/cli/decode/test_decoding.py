"""Tests of the search for payloads, and for their formats, in the bytes that the user gave."""

import io

import pytest

from ble_exporter.cli.decode.decoding import Decoding
from ble_exporter.cli.terminal import Painter
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from tests.conftest import PACKET_A, PACKET_B
from tests.formats.sealing import ADDRESS, KEY, seal_atc, seal_mibeacon, seal_v1, seal_v2


def _decoded(data: bytes, mac: str | None = None, key: bytes = b"") -> Decoding:
    decoding = Decoding(data, mac, {"": key} if key else {})
    decoding.explain(None, "")
    return decoding


@pytest.mark.parametrize(
    ("text", "uuid"),
    [
        ("16d2fc4000b00151028d0a038d11", bthome.UUID),
        ("16fcd24000b00151028d0a038d11", bthome.UUID),
        ("16d2fc41e445f3c9962b332211006c7c4519", bthome.UUID),
        ("d2fc4000b00151028d0a038d11", bthome.UUID),
        ("0dd2fc4000b00151028d0a038d11", bthome.UUID),
        ("161c182302c4090303bf13", bthome_v1.UUID),
        ("161e188393dba2554cd804beab78cfb300007d6a1cd2", bthome_v1.UUID_ENCRYPTED),
        ("161a18ccbbaa38c1a46c07fa13d60a52090f", atc.UUID),
        ("1695fe50585b051bccbbaa38c1a40d1004be000002", mibeacon.UUID),
        ("20d2fc00004000b00151028d0a038d11", bthome.UUID),
        ("21fb349b5f8000008000100000d2fc00004000b00151028d0a038d11", bthome.UUID),
        ("0b4000b00151028d0a038d11", bthome.UUID),
        ("114000b00151028d0a038d11", bthome.UUID),
        ("074000b001510245", bthome.UUID),
        ("0b004000b00151028d0a038d11", bthome.UUID),
        ("0f41e445f3c9962b332211006c7c4519", bthome.UUID),
        ("0fccbbaa38c1a46c07fa13d60a52090f", atc.UUID),
        ("1250585b051bccbbaa38c1a40d1004be000002", mibeacon.UUID),
        ("50585b051bccbbaa38c1a40d1004be0000", mibeacon.UUID),
        ("50585b051bccbbaa38c1a40d1014be000002", mibeacon.UUID),
        ("50585b051bccbbaa38c1", mibeacon.UUID),
        ("58585b05f4ccbbaa38c1a413df92", mibeacon.UUID),
        ("5020aa01dab0e1ab342d580d1004", mibeacon.UUID),
        ("50185b051bccbbaa38c1a40d1004be000002", mibeacon.UUID),
        ("4200b00151028d0a038d11", bthome.UUID),
        ("43e445f3c9962b332211006c7c4519", bthome.UUID),
        ("6000b00151028d0a038d11", bthome.UUID),
        ("a4c138aabbcc00ce33430a6e", atc.UUID),
        ("2302c4090303bf130201", bthome_v1.UUID),
        ("02010616d2fc4000b00151028d0a038d11", bthome.UUID),
        ("060e16d2fc4000b00151028d0a038d11", bthome.UUID),
        ("4018ccbbaa38c1a40201060e16d2fc4000b00151028d0a038d11a1b2c3", bthome.UUID),
    ],
)
def test_the_explanation_that_the_bytes_confirm_best_wins(text: str, uuid: str) -> None:
    """Users copy too many or too few bytes; calling such a copy encrypted would make them look for a key in vain."""
    assert [uuid] == [one.format.uuid for one in _decoded(bytes.fromhex(text)).explanations]


@pytest.mark.parametrize("text", ["e1a99b3ac2d4f1077eaa9b1c", "8393dba2554cd804beab78cfb300007d6a1cd2"])
def test_bytes_that_confirm_nothing_are_not_explained(text: str) -> None:
    """Any bytes could be encrypted BTHome v1, but that guess would make users look for a key that does not exist."""
    decoding = _decoded(bytes.fromhex(text))

    assert not decoding.explanations
    assert "perhaps encrypted BTHome v1, which only its key can" in "\n".join(
        decoding.lines("", (), Painter(io.StringIO()))
    )


@pytest.mark.parametrize(
    ("uuid", "payload"),
    [
        (bthome.UUID, seal_v2(bytes.fromhex("02ca09"))),
        (bthome_v1.UUID_ENCRYPTED, seal_v1(bytes.fromhex("2302c409"))),
        (atc.UUID, seal_atc(bytes.fromhex("8e6450"))),
        (mibeacon.UUID, seal_mibeacon(bytes.fromhex("041002be00"))),
    ],
)
def test_a_key_proves_the_format(uuid: str, payload: bytes) -> None:
    """The key decrypts the payload in only one format, so no guess is needed."""
    (explanation,) = _decoded(payload, ADDRESS, KEY).explanations

    assert (uuid, "proven by the key, which decrypts the payload") == (explanation.format.uuid, explanation.how)


def test_a_key_is_not_shown_in_place_of_a_payload() -> None:
    """A user who pastes the key instead of a packet may then paste the output into a bug report."""
    shown = "\n".join(_decoded(KEY).lines("", (), Painter(io.StringIO())))

    assert "perhaps a key (--key-file)" in shown
    assert KEY.hex(" ")[:11] not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a4c138000001", "perhaps a Bluetooth address (--mac)"),
        ("ff9904050f18ffffffff", "perhaps manufacturer data, which no known format uses"),
    ],
)
def test_unknown_bytes_are_described(text: str, said: str) -> None:
    """The message says what the bytes look like, so that the user can find the right ones."""
    lines = _decoded(bytes.fromhex(text)).lines("", (), Painter(io.StringIO()))

    assert said in " ".join(line.strip() for line in lines)


def test_all_service_data_of_a_payload_is_explained() -> None:
    """An advertising payload may hold several pieces of service data, and the user needs the values of all."""
    payload = b"".join(bytes([3 + len(one), 0x16, 0xD2, 0xFC]) + one for one in (PACKET_A, PACKET_B))

    assert [PACKET_A, PACKET_B] == [one.payload for one in _decoded(payload).explanations]
