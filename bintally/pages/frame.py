"""What all pages have in common: head, top line, notices, forms, tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

from bintally.pages.html import Content, Html, join, tag
from bintally.pages.look import Look
from bintally.pages.sessions import Session

Link = tuple[str, str]
"""Words and address."""


def document(look: Look, title: str, *body: Content, scripts: Iterable[str] = ("live.js",), class_: str | None = None) -> Html:
    """A whole page."""
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · {look.title}"),
        tag("link", rel="icon", href="/icon.svg"),
        tag("link", rel="stylesheet", href="/desk.css"),
        tag("link", rel="stylesheet", href="/page.css"),
        [tag("script", src=f"/{script}", defer=True) for script in scripts],
    )
    return Html("<!doctype html>\n" + tag("html", tag("head", *head), tag("body", *body, class_=class_), lang="en"))


def member_page(
    look: Look,
    links: Iterable[Link],
    title: str,
    session: Session,
    at: float,
    *main: Content,
    here: str = "",
    scripts: Iterable[str] = ("live.js",),
) -> Html:
    """A page for somebody who is logged in; shows once what the last order led to.

    Args:
        look: of the page.
        links: to its parts.
        title: of this part.
        session: whose.
        at: Unix seconds of what is shown.
        main: what is shown.
        here: the address of ``links`` that this is.
        scripts: of this part.
    """
    said, session.said = session.said, None
    parts = (tag("a", words, href=address, aria_current="page" if address == here else None) for words, address in links)
    who = (
        tag("span", "as of ", tag("time", clock(at)), class_="quiet", id="at", data_live=True),
        tag("span", session.name, class_="name"),
        form("/logout", session, tag("button", "Log out", class_="small")),
    )
    top = tag("header", tag("div", tag("h1", look.heading), tag("nav", parts), class_="who"), tag("div", who, class_="who"), class_="top")
    stale = tag("p", "Not refreshed: the page does not answer.", class_="notice bad", id="stale", hidden=True)
    words = tag("p", said[1], class_=f"notice {'good' if said[0] else 'bad'}", role="status") if said else None
    return document(look, title, top, tag("main", stale, words, *main), scripts=scripts)


def login_page(look: Look, refused: str | None = None, scripts: Iterable[str] = ()) -> Html:
    """Asks for the token."""
    content = (
        tag("h1", look.heading),
        tag("p", f"Enter your token, as {look.token} showed it.", class_="quiet"),
        tag("label", "Token", for_="token"),
        tag("input", id="token", name="token", type="password", autocomplete="current-password", required=True, autofocus=True),
        tag("p", refused, class_="notice bad", role="alert") if refused else None,
        tag("button", "Log in", class_="primary"),
        # who comes by a link from elsewhere has a session that the browser did not send with it
        tag("p", tag("a", "I am logged in already", href="/"), class_="quiet"),
    )
    asked = tag("form", content, method="post", action="/login", class_="panel")
    return document(look, "Log in", tag("main", asked), scripts=scripts, class_="login")


def problem_page(look: Look, title: str, detail: str) -> Html:
    """Why something was not done."""
    content = (tag("h1", title), tag("p", detail), tag("p", tag("a", look.home, href="/")))
    return document(look, title, tag("main", tag("section", *content, class_="panel")), scripts=(), class_="login")


def form(action: str, session: Session, *content: Content, class_: str | None = None, id_: str | None = None) -> Html:
    """A form that orders something, with what no other site can know."""
    secret = tag("input", type="hidden", name="csrf", value=session.csrf)
    return tag("form", secret, *content, method="post", action=action, class_=class_, id=id_)


def panel(title: str, *content: Content, id_: str | None = None) -> Html:
    """A part of a page; with an id it is refreshed."""
    return tag("section", tag("h2", title), *content, class_="panel", id=id_, data_live=id_ is not None)


def table(heading: Content, rows: Content, class_: str = "") -> Html:
    """A table that scrolls by itself where it is too wide."""
    return tag("div", tag("table", tag("thead", tag("tr", heading)), tag("tbody", rows)), class_=f"scroll {class_}".rstrip())


def listed(pairs: Content) -> Html:
    """Facts in a line."""
    return tag("dl", pairs, class_="facts")


def fact(name: str, *value: Content, class_: str | None = None) -> Html:
    """One of them."""
    return tag("div", tag("dt", name), tag("dd", join(value)), class_=class_)


def some(count: int, what: str) -> str:
    """A number of things, in words: one bin, 1,200 bins."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def clock(at: float) -> str:
    """A moment, for people."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
