"""The page behind TLS and a password."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest

from tests.certificates import Authority
from tests.page.conftest import OpenPage
from tests.page.home_page import HomePage
from tests.page.looking import let_it_ask, wait_for_rows

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]

USER, PASSWORD = "anna", "correct horse"
LOGIN = {"http_credentials": {"username": USER, "password": PASSWORD}, "ignore_https_errors": True}
"""The browser's options: the password, and the exception that a user makes for a certificate of a private authority."""


@pytest.fixture
def home(homes: Homes, tmp_path: Path) -> HomePage:
    """A home whose page needs TLS and a password."""
    Authority(tmp_path).issue("server")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    path = tmp_path / "web.yml"
    path.write_text(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
        f'basic_auth_users:\n  {USER}: "{hashed}"\n'
    )
    built = homes("attic", web_config=path)
    built.hear("attic", temperature=21.5)
    return built


def test_the_page_follows_the_readings(home: HomePage, open_page: OpenPage, complaints: list[str]) -> None:
    """The browser must send the password with the requests of the script, too, or the page would never change."""
    page = open_page(home, view=None, **LOGIN)
    page.get_by_text("21.5 °C").first.wait_for()
    home.now += 5
    home.hear("attic", temperature=-3.25)
    let_it_ask(page)

    page.get_by_text("\N{MINUS SIGN}3.3 °C").first.wait_for()
    assert [] == complaints


def test_a_device_opens_to_its_last_hour(home: HomePage, open_page: OpenPage, complaints: list[str]) -> None:
    """The chart's library is loaded only when a device is opened, and this request needs the password, too."""
    home.spend_an_hour("attic")
    page = open_page(home, **LOGIN)
    page.get_by_role("link", name="attic").click()
    page.locator("dialog canvas").wait_for()

    assert [] == complaints


def test_a_password_in_the_address_is_enough(home: HomePage, open_page: OpenPage, complaints: list[str]) -> None:
    """A tablet on the wall opens a bookmark; nobody is there to type the password after a restart."""
    url = home.url.replace("://", f"://{USER}:{PASSWORD.replace(' ', '%20')}@")
    page = open_page(home, url=url, ignore_https_errors=True)
    home.now += 5
    home.hear("attic", temperature=-3.25)
    let_it_ask(page)

    wait_for_rows(page, lambda found: "-3.25 °C" in " ".join(found[0]))
    page.get_by_role("link", name="attic").click()
    page.locator("dialog canvas").wait_for()
    assert [] == complaints


@pytest.mark.parametrize("password", [None, "wrong"])
def test_without_the_password_nothing_is_shown(home: HomePage, browser: "Browser", password: str | None) -> None:
    """The readings tell whether somebody is at home, which no stranger may learn."""
    login = {"http_credentials": {"username": USER, "password": password}} if password else {}
    context = browser.new_context(ignore_https_errors=True, **login)
    statuses = [context.request.get(f"{home.url}{path}").status for path in ("", "status", "history", "metrics")]
    context.close()

    assert [401] * 4 == statuses
