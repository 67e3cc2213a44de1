"""Takes the pictures of the README from a running demo: ``./dev screenshots``."""

from __future__ import annotations

import shutil
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright

from orchestrator.cli.demo.stage import Play, Stage, staged
from tests.dashboard.crawl import Scheme
from tests.rendering.looks import CHROMIUM_ARGS

FOLDER = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 200_000  # bytes


class Shot(NamedTuple):
    """One picture: its file, the page, and how it is looked at."""

    name: str
    page: str
    scheme: Scheme
    width: int
    height: int


def shots(stage: Stage, campaign: str, mail: str) -> list[Shot]:
    """Return the pictures that are taken."""
    home = f"/t/{stage.tenant}"
    return [
        Shot("overview-light", home, "light", 1280, 720),
        Shot("inbox-light", f"{home}/inbox?mail={mail}", "light", 1280, 720),
        Shot("campaign-dark", f"{home}/campaigns/{campaign}", "dark", 1280, 720),
        Shot("templates-light", f"{home}/templates?campaign={campaign}", "light", 1280, 720),
        Shot("campaigns-mobile", f"{home}/campaigns", "light", 375, 760),
        Shot("overview-mobile-dark", home, "dark", 375, 760),
    ]


def main() -> int:
    """Take all pictures; fails when one is larger than 200 kB."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with staged(Play(port=0)) as stage, sync_playwright() as playwright:
        campaign, mail = _told(stage)
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(CHROMIUM_ARGS))
        page = browser.new_page()
        page.goto(stage.url)
        sizes = [_take(page, stage, shot) for shot in shots(stage, campaign, mail)]
        browser.close()
    return 0 if max(sizes) <= LARGEST else 1


def _told(stage: Stage) -> tuple[str, str]:
    """Let the demo's story happen; return a campaign that was replied to, and a mail of the inbox."""
    product, tenant = stage.orchestrator, stage.tenant
    product.desk.describe_tenant(tenant, name="Acme Realty", time_zone="America/Chicago")
    stage.import_sample()
    stage.wait_until(stage.everything_left, 30)
    stage.wait_until(lambda: stage.statistics().get("clicked", 0) > 2, 30)
    chosen = product.desk.campaigns(tenant, "status:clicked").campaigns[0].id
    product.record_reply(chosen, tenant, "Thank you. The roof is from 2019, not 2021. Call me on Tuesday?")
    mail = stage.mail_of(chosen) or stage.sandbox.messages(limit=1)[0].id
    return chosen, mail


def _take(page: Page, stage: Stage, shot: Shot) -> int:
    page.emulate_media(color_scheme=shot.scheme)
    page.set_viewport_size({"width": shot.width, "height": shot.height})
    page.goto(stage.url + shot.page)
    page.wait_for_timeout(600)  # for the mail in its frame
    path = FOLDER / f"{shot.name}.png"
    path.write_bytes(packed(page.screenshot()))
    size = path.stat().st_size
    sys.stdout.write(f"{size / 1000:6.1f} kB  {path.name}\n")
    return size


def packed(png: bytes) -> bytes:
    """Return the same picture in fewer bytes: browsers write pictures fast, not small."""
    chunks, at, pixels = [png[:8]], 8, b""
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            pixels += png[at + 8 : end - 4]
        else:
            chunks.append(png[at:end])
        at = end
    data = b"IDAT" + zlib.compress(zlib.decompress(pixels), 9)
    chunks.insert(-1, (len(data) - 4).to_bytes(4) + data + zlib.crc32(data).to_bytes(4))
    return b"".join(chunks)


if __name__ == "__main__":
    sys.exit(main())
