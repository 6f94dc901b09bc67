"""Each module has its test files: those of ble_exporter/a/b.py are tests/a/test_b.py, or tests/a/test_b_*.py."""

from collections.abc import Mapping
from pathlib import PurePath

import pytest

from tests.conftest import HERE

WITHOUT_TESTS: Mapping[str, str] = {
    "__main__": "calls main; tests/program.py starts the program by this module",
    "formats/decoded": "declares the arguments and results of decoders and guesses",
    "scanner/ear": "declares the protocol of the ears",
    "model": "declares the two values that pass through the program",
}
"""Module → the reason why it has no tests of its own."""

OF_NO_MODULE: Mapping[str, str] = {
    "config/test_earlier_versions": "configurations and states of earlier versions",
    "formats/test_hostile": "invariants for any bytes in any format",
    "formats/test_new_format": "the whole program with an additional format",
    "formats/test_vectors": "the vectors of every format",
    "test_alerts": "contrib/prometheus/ and contrib/fleet/",
    "test_bench": "bench/",
    "test_build_backend": "contrib/build_backend.py",
    "test_captures": "the captures in tests/captures/",
    "test_central_server": "bench/block.py, bench/exporters.py and bench/central_server.py",
    "test_conventions": "the order in assertions",
    "test_container": "contrib/container/",
    "test_contrib": "the systemd units in contrib/",
    "test_dashboard": "contrib/grafana/",
    "test_deb": "contrib/deb/",
    "test_docs": "docs/",
    "test_e2e": "from the radio to the scrape",
    "test_fresh": "contrib/fresh/",
    "test_installs": "the locked requirements",
    "test_manual": "contrib/manual.py, contrib/man/ and contrib/completion/",
    "test_metrics_reference": "docs/metrics.md",
    "test_mirror": "this rule",
    "test_mutation": "contrib/mutation/",
    "test_readme": "README.md",
    "test_reception": "the share of measurements that was heard, in each format",
    "test_reference": "the references in docs/: configuration, metrics, options, files",
    "test_release": "contrib/release/, and the workflow that publishes",
    "test_secrets": "bindkeys, wherever they could be shown",
    "test_site": "mkdocs.yml and contrib/site_hook.py",
    "test_version": "ble_exporter/__init__.py, which has the version",
}
"""Test file → the subject of its tests."""

OF_THE_WHOLE = ("nights", "page", "prometheus", "rig")
"""Folders of tests of the whole program: in bad nights, or with a browser, a server or a kernel."""

PACKAGE = HERE.parent / "ble_exporter"


def names(folder: PurePath, paths: list[PurePath]) -> set[str]:
    """Return the paths of files relative to a folder, without suffix, for example "formats/atc"."""
    return {path.relative_to(folder).with_suffix("").as_posix() for path in paths}


# The __init__.py of a package re-exports what its modules define.
MODULES = names(PACKAGE, [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"])
TEST_FILES = {
    name for name in names(HERE, list(HERE.rglob("test_*.py"))) if PurePath(name).parts[0] not in OF_THE_WHOLE
}


def module_of(test_file: str) -> str:
    """Return the module that a test file is named after, by the longest match; an empty string if no name matches."""
    path = PurePath(test_file)
    words = path.name.removeprefix("test_").split("_")
    candidates = (path.with_name("_".join(words[:count])).as_posix() for count in range(len(words), 0, -1))
    return next((name for name in candidates if name in MODULES), "")


def test_every_module_has_its_tests() -> None:
    """Contributors find a module's tests without a search; this test reports modules without tests."""
    assert sorted(WITHOUT_TESTS) == sorted(MODULES - {module_of(name) for name in TEST_FILES})


def test_every_test_file_has_its_module() -> None:
    """The tests of a renamed or removed module must not stay under the old name."""
    assert sorted(OF_NO_MODULE) == sorted(name for name in TEST_FILES if not module_of(name))


@pytest.mark.parametrize(
    ("test_file", "module"),
    [
        ("formats/test_bthome", "formats/bthome"),
        ("formats/test_bthome_v1", "formats/bthome_v1"),
        ("formats/test_bthome_oracle", "formats/bthome"),
        ("device/test_replay_counts", "device/replay"),
        ("test_main_signals", "main"),
        ("test_mainly", ""),
        ("test_bthome", ""),
    ],
)
def test_a_test_file_is_that_of_the_longest_name_that_fits(test_file: str, module: str) -> None:
    """With a shorter match, the tests of BTHome v1 would count as tests of BTHome v2."""
    assert module == module_of(test_file)
