"""Prometheus' own checker accepts the rules and their tests, and the formulas agree with published tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .promtool import CONTRIB, FLEET, RULES, check

pytestmark = pytest.mark.prometheus

_HERE = Path(__file__).parent
_TABLES = json.loads((_HERE / "climate_tables.json").read_text(encoding="utf-8"))
_TESTS = sorted((_HERE / "rules").glob("*.test.yml"))

_VAPOUR = "instance_device:ble_sensor_vapour_pressure_pascals:magnus"
_DEW_POINT = "instance_device:ble_sensor_dew_point_celsius:magnus"
_ABSOLUTE = "instance_device:ble_sensor_absolute_humidity_grams_per_cubic_meter:magnus"
_SURFACE_CELSIUS = "instance_device:ble_sensor_surface_temperature_celsius:frsi70"
_SURFACE_PERCENT = "instance_device:ble_sensor_surface_humidity_percent:frsi70"


def test_rules_are_valid(promtool: Path) -> None:
    """Prometheus refuses to start, or to reload, with a file that has an error."""
    verdict = check(promtool, "check", "rules", *RULES, *FLEET.glob("*.rules.yml"))

    assert not verdict.status, verdict.output


@pytest.mark.parametrize("tests", _TESTS, ids=[path.name.removesuffix(".test.yml") for path in _TESTS])
def test_rules_give_what_their_tests_expect(promtool: Path, tests: Path) -> None:
    """An alert that has never fired in a test may never fire at all; one that fires without need is soon ignored."""
    verdict = check(promtool, "test", "rules", tests)

    assert not verdict.status, verdict.output


def test_configuration_of_alertmanager_is_valid(amtool: Path) -> None:
    """Users begin with this file, and get no notifications until Alertmanager accepts it."""
    verdict = check(amtool, "check-config", CONTRIB / "alertmanager.yml")

    assert not verdict.status, verdict.output


class Air:
    """Sensors in air of known temperature and humidity, with the values that the rules should give for them."""

    def __init__(self) -> None:
        self._series: list[dict[str, str]] = []
        self._count = 0

    def add(self, celsius: float, percent: float, **expected: float) -> None:
        """Add a sensor; `expected` are published values, each under a name of its own."""
        device = f"device{self._count}"
        self._count += 1
        self._give("ble_sensor_temperature_celsius", device, celsius)
        self._give("ble_sensor_humidity_percent", device, percent)
        for name, value in expected.items():
            self._give(f"published_{name}", device, value)

    def add_outside(self, celsius: float) -> None:
        """Add a sensor that measures the temperature outside."""
        self._give("ble_sensor_temperature_celsius", "outside", celsius)
        self._series.append(
            {
                "series": 'ble_sensor_labels_info{job="ble",instance="pi",device="outside",place="outside"}',
                "values": "1",
            }
        )

    def _give(self, metric: str, device: str, value: float) -> None:
        self._series.append({"series": f'{metric}{{job="ble",instance="pi",device="{device}"}}', "values": f"{value}"})

    def test(self, *close: str) -> str:
        """Return a test for promtool: each expression must be true for all sensors."""
        expected = [{"labels": "{}", "value": self._count}]
        checks = [{"expr": f"count({one})", "eval_time": "0s", "exp_samples": expected} for one in close]
        test = {"interval": "1m", "input_series": self._series, "promql_expr_test": checks}
        return yaml.safe_dump({"rule_files": [str(RULES[0])], "tests": [test]})


def _dew_points() -> Iterator[tuple[float, float, float]]:
    """Yield temperature, relative humidity and dew point."""
    for celsius, row in _TABLES["dew_points"]["by_temperature_and_humidity"].items():
        for percent, dew_point in row.items():
            yield float(celsius), float(percent), dew_point


def _verdict(promtool: Path, folder: Path, test: str) -> None:
    path = folder / "formulas.test.yml"
    path.write_text(test, encoding="utf-8")
    verdict = check(promtool, "test", "rules", path)
    assert not verdict.status, verdict.output


def test_dew_points_are_those_of_the_standard(promtool: Path, tmp_path: Path) -> None:
    """Users compare the dew point with the temperature of a wall, and must be able to rely on it."""
    air = Air()
    for celsius, percent, dew_point in _dew_points():
        air.add(celsius, percent, dew_point=dew_point)

    tolerance = _TABLES["dew_points"]["tolerance_celsius"]
    _verdict(promtool, tmp_path, air.test(f"abs({_DEW_POINT} - published_dew_point) < {tolerance}"))


def test_saturated_air_is_that_of_the_handbook(promtool: Path, tmp_path: Path) -> None:
    """Users decide by the absolute humidity when to air a room. An error of 1 % is about 0.2 °C of dew point."""
    air = Air()
    for celsius, (density, millibars) in _TABLES["saturation"]["by_temperature"].items():
        air.add(float(celsius), 100, density=density, pressure=millibars * 100, dew_point=float(celsius))
        # With half the humidity, the air contains half the water.
        air.add(float(celsius), 50, density=density / 2, pressure=millibars * 50)

    tolerance = _TABLES["saturation"]["tolerance"]
    checks = (
        f"abs({_ABSOLUTE} / published_density - 1) < {tolerance}",
        f"abs({_VAPOUR} / published_pressure - 1) < {tolerance}",
    )
    _verdict(promtool, tmp_path, air.test(*checks))


def test_the_surface_is_that_of_the_standard(promtool: Path, tmp_path: Path) -> None:
    """With the factor 0.70, the standard's air just reaches the critical humidity at the coldest place of a wall."""
    case: dict[str, Any] = _TABLES["surface"]
    air = Air()
    air.add(case["inside_celsius"], case["inside_percent"], t=case["surface_celsius"], h=case["surface_percent"])
    air.add_outside(case["outside_celsius"])

    checks = (
        f"abs({_SURFACE_CELSIUS} - published_t) < {case['tolerance_celsius']} + 1e-9",
        f"abs({_SURFACE_PERCENT} - published_h) < {case['tolerance_percent']}",
    )
    _verdict(promtool, tmp_path, air.test(*checks))
