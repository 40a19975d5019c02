# SPDX-License-Identifier: BSD-3-Clause
"""A page: title, facts, warnings and sections of figures and tables, as one HTML file that needs nothing
else. plotly.js is in it once (5 MB); a figure is a <script type="application/json"> beside its place, so
that what is drawn can be read from the file again.
"""
import html
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from plotly.offline import get_plotlyjs

HERE = Path(__file__).parent


@dataclass
class Figure:
    name: str  # of the place in the page, and of its numbers: id NAME, NAME-numbers
    figure: object  # plotly's
    title: str
    note: str = ""  # under the title, HTML
    height: int = 340
    wide: bool = False  # over the whole width


@dataclass
class Table:
    head: list  # of the columns; empty: none
    rows: list  # of cells: text, or numbers as text
    title: str = ""
    note: str = ""
    wide: bool = False


@dataclass
class Section:
    title: str
    parts: list  # Figures, Tables, and text as HTML
    note: str = ""


@dataclass
class Page:
    title: str  # what was fitted
    lede: str  # to what, HTML
    facts: list = field(default_factory=list)  # (figure, what it is)
    warnings: list = field(default_factory=list)  # HTML, what went wrong in words
    good: str = ""  # what is certified
    sections: list = field(default_factory=list)


def said(value):
    return html.escape(str(value))


def numbers_of(figure):
    """A plotly figure as JSON that can stand inside <script>: no < ends it early."""
    return figure.to_json().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def figure_html(part):
    note = f'<p class="note">{part.note}</p>' if part.note else ""
    return (f'<figure class="{"wide" if part.wide else ""}"><figcaption><h3>{said(part.title)}</h3>{note}</figcaption>'
            f'<div class="plot" id="{part.name}" style="height:{part.height}px" role="img" '
            f'aria-label="{said(part.title)}"></div>'
            f'<script type="application/json" id="{part.name}-numbers">{numbers_of(part.figure)}</script></figure>')


def table_html(part):
    head = "".join(f"<th>{said(cell)}</th>" for cell in part.head)
    rows = "".join("<tr>" + "".join(f"<td>{said(cell)}</td>" for cell in row) + "</tr>" for row in part.rows)
    title = f"<h3>{said(part.title)}</h3>" if part.title else ""
    note = f'<p class="note">{part.note}</p>' if part.note else ""
    kind, wide = "numbers" if part.head else "names", " wide" if part.wide else ""
    return (f'<div class="table{wide}">{title}{note}<div class="scroll"><table class="{kind}">'
            f'{"<thead><tr>" + head + "</tr></thead>" if head else ""}<tbody>{rows}</tbody></table></div></div>')


def part_html(part):
    if isinstance(part, Figure):
        return figure_html(part)
    return table_html(part) if isinstance(part, Table) else part


def section_html(section):
    note = f'<p class="note">{section.note}</p>' if section.note else ""
    body = f'{note}<div class="parts">{"".join(part_html(part) for part in section.parts)}</div>'
    return f"<section><h2>{said(section.title)}</h2>{body}</section>"


def body_html(page):
    facts = "".join(f"<div><dt>{said(what)}</dt><dd>{said(value)}</dd></div>" for value, what in page.facts)
    state = "".join(f"<li>{warning}</li>" for warning in page.warnings)
    state = f'<ul class="state bad">{state}</ul>' if state else ""
    state += f'<p class="state good">{page.good}</p>' if page.good else ""
    return (f"<header><h1>{said(page.title)}</h1><p class=\"lede\">{page.lede}</p></header>"
            f'<dl class="facts">{facts}</dl>{state}{"".join(section_html(s) for s in page.sections)}')


def render(page):
    """The whole file."""
    template = (HERE / "page.html").read_text()
    pieces = {"TITLE": said(page.title), "STYLE": (HERE / "page.css").read_text(), "PLOTLY": get_plotlyjs(),
              "SCRIPT": (HERE / "page.js").read_text(), "BODY": body_html(page)}
    return re.sub("@([A-Z]+)@", lambda place: pieces[place[1]], template)


def read_figures(text):
    """name -> {"data", "layout"} of a page that render() made; for tests and for who wants the numbers."""
    out = {}
    for piece in text.split('<script type="application/json" id="')[1:]:
        name, rest = piece.split('-numbers">', 1)
        out[name] = json.loads(rest.split("</script>", 1)[0])
    return out
