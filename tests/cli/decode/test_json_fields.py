"""Tests of the search for service data in JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.decode.json_fields import Found, fields_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"servicedata":"40", "servicedatauuid":"0xfcd2"}', [Found("40", "fcd2")]),
        ('{"servicedata": "4000", "id": "A4:C1:38:00:00:01"}', [Found("4000", address="A4:C1:38:00:00:01")]),
        ('{"service_data": {"fcd2": "4000", "180f": "64"}}', [Found("4000", "fcd2"), Found("64", "180f")]),
        (
            '{"servicedata":"40","servicedatauuid":"fcd2"} {"servicedata":"41","servicedatauuid":"181a"}',
            [Found("40", "fcd2"), Found("41", "181a")],
        ),
        ('{"mac":"A4C138000001","rawData":"0201"}', [Found("0201", address="A4C138000001")]),
        (r'{"servicedata": "\u0034000"}', [Found("4000")]),
        (r'{"servicedata": "\x40\x00"}', [Found(r"\x40\x00")]),
        ('{"tempc": 21.5}', []),
        ("data: 4000", []),
        ("4000b00151", []),
    ],
)
def test_service_data_is_found_under_its_name(text: str, found: list[Found]) -> None:
    """Each gateway has its own name for service data, and the other numbers in its JSON are not bytes."""
    assert found == fields_in(text)


@given(text=st.text(alphabet="\"':{}[],= abservicdtu0x1f\\", max_size=80))
def test_any_text_is_searched_without_an_error(text: str) -> None:
    """Users may paste JSON that was cut off anywhere, which must not cause a traceback."""
    assert all(one.value for one in fields_in(text))
