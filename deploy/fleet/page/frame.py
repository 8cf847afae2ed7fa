"""What the parts of the fleet's page have in common."""

from __future__ import annotations

from bintally.pages import frame
from bintally.pages.html import Content, Html
from bintally.pages.look import Look
from bintally.pages.sessions import Session

LOOK = Look("deploy.fleet.page", "bintally fleet", "Fleet", "To the stations", "'bintally fleet page-token'", "bintally-fleet")
_LINKS = (("Stations", "/"), ("Log", "/log"))


def member_page(title: str, session: Session, at: float, *main: Content) -> Html:
    """A page for somebody who is logged in; shows once what the last order led to."""
    return frame.member_page(LOOK, _LINKS, title, session, at, *main)
