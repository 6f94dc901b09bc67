"""Tests of the checks of a release: licences, known vulnerabilities, and the rights of the workflows."""

import json
import re
from pathlib import Path

import pytest
import yaml
from release import audit, sbom

from tests.conftest import HERE

ROOT = HERE.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def bill(*licences: object) -> bytes:
    """Return an SBOM with one component."""
    return json.dumps({"components": [{"name": "thing", "version": "1", "licenses": list(licences)}]}).encode()


@pytest.mark.parametrize(
    ("expression", "is_accepted"),
    [
        ("MIT", True),
        ("Apache-2.0 AND BSD-3-Clause", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (GPL-3.0-only OR BSD-3-Clause)", True),
        ("GPL-3.0-only", False),
        ("no licence at all", False),
        ("", False),
    ],
)
def test_a_licence_is_accepted_if_a_choice_consists_of_accepted_ones(expression: str, is_accepted: bool) -> None:
    """`OR` lets the project choose; an update must not bring a licence that nobody has read."""
    assert is_accepted == sbom.is_accepted(expression)


def test_a_component_without_a_licence_is_refused() -> None:
    """Without a licence, nobody may redistribute a package."""
    assert ["thing 1: the licence (none) is not in the accepted list"] == sbom.refused_licences(bill())


def test_all_entries_of_a_component_must_be_accepted() -> None:
    """Package metadata does not say whether two entries are alternatives."""
    both = bill({"license": {"id": "MIT"}}, {"license": {"id": "GPL-3.0-only"}})

    assert 1 == len(sbom.refused_licences(both))
    assert [] == sbom.refused_licences(bill({"expression": "MIT"}))


def test_an_audit_that_could_not_run_says_so() -> None:
    """A maintainer must not mistake an audit that did not run for one that found nothing."""
    unreachable = audit.report_of(b"", b"WARNING: retry\nConnectionError: no route\n")
    skipped = audit.report_of(b'{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', b"")

    assert ("audit: NOT RUN: ConnectionError: no route", []) == unreachable
    assert "audit: NOT RUN: the vulnerability service answered for no package" == skipped.text


def test_an_audit_names_each_vulnerability_and_what_it_left_out() -> None:
    """A maintainer needs the package, the advisory and the release that fixes it."""
    report = {
        "dependencies": [
            {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]},
            {"name": "b", "version": "2", "vulns": []},
            {"name": "c", "skip_reason": "not found"},
        ]
    }

    assert (
        "audit: packages: 2; known vulnerabilities: 1; NOT audited: c",
        ["a 1: PYSEC-1, fixed in 1.1"],
    ) == audit.report_of(json.dumps(report).encode(), b"")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_only_pinned_actions_and_images(path: Path) -> None:
    """A tag can be moved to other code, which would then run with the rights of the workflow."""
    text = path.read_text(encoding="utf-8")

    assert [] == [
        line for line in re.findall(r"uses: (.*)", text) if not re.fullmatch(r"\S+@[0-9a-f]{40} # v\S+", line)
    ]
    assert [] == [line for line in re.findall(r"image: (.*)", text) if not re.search(r"@sha256:[0-9a-f]{64}$", line)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_can_write_only_where_its_job_says_so(path: Path) -> None:
    """Outside of the jobs that publish, a compromised step must not be able to change the repository or to publish."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    writers = {
        name: sorted(key for key, value in job.get("permissions", {}).items() if value == "write")
        for name, job in workflow["jobs"].items()
    }

    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert {"publish": ["attestations", "id-token"], "github": ["contents"]} == {
        name: keys for name, keys in writers.items() if keys
    } or path.stem != "release"
    assert path.stem == "release" or not any(writers.values())
