"""What all pages have in common: head, top line, notices, forms."""

from __future__ import annotations

from datetime import datetime, timezone

from deploy.fleet.page.html import Content, Html, join, tag
from deploy.fleet.page.sessions import Session


def document(title: str, *body: Content, script: bool = True, class_: str | None = None) -> Html:
    """A whole page."""
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · bintally fleet"),
        tag("link", rel="icon", href="/icon.svg"),
        tag("link", rel="stylesheet", href="/page.css"),
        tag("script", src="/page.js", defer=True) if script else None,
    )
    return Html("<!doctype html>\n" + tag("html", tag("head", *head), tag("body", *body, class_=class_), lang="en"))


def member_page(title: str, session: Session, at: float, *main: Content) -> Html:
    """A page for somebody who is logged in; shows once what the last order led to."""
    said, session.said = session.said, None
    links = (tag("a", "Stations", href="/"), tag("a", "Log", href="/log"))
    who = (
        tag("span", "as of ", tag("time", clock(at)), class_="quiet", id="at", data_live=True),
        tag("span", session.name, class_="name"),
        form("/logout", session, tag("button", "Log out", class_="small")),
    )
    top = tag("header", tag("div", tag("h1", "Fleet"), tag("nav", links), class_="who"), tag("div", who, class_="who"), class_="top")
    stale = tag("p", "Not refreshed: the page does not answer.", class_="notice bad", id="stale", hidden=True)
    words = tag("p", said[1], class_=f"notice {'good' if said[0] else 'bad'}", role="status") if said else None
    return document(title, top, tag("main", stale, words, *main))


def form(action: str, session: Session, *content: Content) -> Html:
    """A form that orders something, with what no other site can know."""
    return tag("form", tag("input", type="hidden", name="csrf", value=session.csrf), *content, method="post", action=action)


def panel(title: str, *content: Content, id_: str | None = None) -> Html:
    """A part of a page; with an id it is refreshed."""
    return tag("section", tag("h2", title), *content, class_="panel", id=id_, data_live=id_ is not None)


def table(heading: Content, rows: Content, class_: str = "") -> Html:
    """A table that scrolls by itself where it is too wide."""
    return tag("div", tag("table", tag("thead", tag("tr", heading)), tag("tbody", rows)), class_=f"scroll {class_}".rstrip())


def clock(at: float) -> str:
    """A moment, for people."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def login_page(refused: str | None = None) -> Html:
    """Asks for the token."""
    content = (
        tag("h1", "Fleet"),
        tag("p", "Enter your token, as 'bintally fleet page-token' showed it.", class_="quiet"),
        tag("label", "Token", for_="token"),
        tag("input", id="token", name="token", type="password", autocomplete="current-password", required=True, autofocus=True),
        tag("p", refused, class_="notice bad", role="alert") if refused else None,
        tag("button", "Log in", class_="primary"),
        # who comes by a link from elsewhere has a session that the browser did not send with it
        tag("p", tag("a", "I am logged in already", href="/"), class_="quiet"),
    )
    return document(
        "Log in", tag("main", tag("form", content, method="post", action="/login", class_="panel")), script=False, class_="login"
    )


def problem_page(title: str, detail: str) -> Html:
    """Why something was not done."""
    content = (tag("h1", title), tag("p", detail), tag("p", tag("a", "To the stations", href="/")))
    return document(title, tag("main", tag("section", *content, class_="panel")), script=False, class_="login")


def listed(pairs: Content) -> Html:
    """Facts in a line."""
    return tag("dl", pairs, class_="facts")


def fact(name: str, *value: Content, class_: str | None = None) -> Html:
    """One of them."""
    return tag("div", tag("dt", name), tag("dd", join(value)), class_=class_)
