"""The page: sections of paragraphs, tables and figures as one HTML file that opens offline (pure)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from string import Template

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
p { max-width: 46rem; }
.about { color: #59616a; margin-top: 0; max-width: none; }
.left { border-left: 4px solid #767676; padding: .2rem 1rem; background: #f5f6f8; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; } figcaption { font-size: .9rem; max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; margin: 1rem 0; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #dfe3e8; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.theirs td { font-style: italic; }
.scroll { overflow-x: auto; }
</style>
<h1>$title</h1>
$about
$sections
</html>
""")


@dataclass(frozen=True)
class Table:
    """Numbers.

    Attributes:
        caption: what they are.
        headings: of the columns, with units.
        rows: texts; as many of each as headings.
        theirs: indices of rows that were reported by others.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    theirs: Sequence[int] = ()


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes:
        svg: the content of its file.
        caption: what it shows.
    """

    svg: bytes
    caption: str


@dataclass(frozen=True)
class Section:
    """A table or some figures of the seed.

    Attributes:
        title: such as ``Table 1: …``.
        text: a paragraph.
        tables, pictures: in order.
        left_out: there was nothing to make them from; the text says what.
    """

    title: str
    text: str
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    left_out: bool = False


def page(title: str, about: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole page.

    Args:
        title: of it.
        about: lines below.
        sections: in order.
    """
    lines = "\n".join(f'<p class="about">{escape(line)}</p>' for line in about)
    return _PAGE.substitute(title=escape(title), about=lines, sections="\n".join(map(_section, sections)))


def _section(section: Section) -> str:
    look = ' class="left"' if section.left_out else ""
    parts = [f"<h2>{escape(section.title)}</h2>", f"<p{look}>{escape(section.text)}</p>"]
    return "\n".join([*parts, *map(_table, section.tables), *map(_figure, section.pictures)])


def _table(table: Table) -> str:
    heads = "".join(f"<th>{escape(heading)}</th>" for heading in table.headings)
    looks = (' class="theirs"' if number in table.theirs else "" for number in range(len(table.rows)))
    rows = (f"<tr{look}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for look, row in zip(looks, table.rows, strict=True))
    return (
        f'<div class="scroll"><table><caption>{escape(table.caption)}</caption>\n<tr>{heads}</tr>\n' + "\n".join(rows) + "\n</table></div>"
    )


def _figure(picture: Picture) -> str:
    data, caption = base64.b64encode(picture.svg).decode(), escape(picture.caption)
    return f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
