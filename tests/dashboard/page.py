"""A page as tests look at it: its text, its rows and its forms."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

Attributes = dict[str, str]


@dataclass
class Row:
    """A row of a table: its attributes, and its cells' text by data-field."""

    attributes: Attributes
    cells: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)


@dataclass
class Form:
    """A form: where it goes, its fields in their order, and its buttons' text."""

    attributes: Attributes
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)
    disabled: bool = False

    @property
    def address(self) -> str:
        return self.attributes.get("action", "")


class Page(HTMLParser):
    """Reads a page's rows, totals, summary and forms."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.rows: list[Row] = []
        self.foot: dict[str, str] = {}
        self.summary: dict[str, str] = {}
        self.forms: list[Form] = []
        self._words: list[str] = []
        self._stack: list[tuple[str, Attributes]] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._words)).strip()

    def row(self, symbol: str) -> Row:
        return next(row for row in self.rows if row.attributes.get("data-symbol") == symbol)

    def form(self, address: str) -> Form:
        return next(form for form in self.forms if form.address == address)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag not in ("meta", "link", "input", "br"):
            self._stack.append((tag, attributes))
        if tag == "tr" and "data-symbol" in attributes:
            self.rows.append(Row(attributes))
        elif tag == "form":
            self.forms.append(Form(attributes))
        elif self.forms and tag == "input" and "name" in attributes:
            self.forms[-1].fields.append((attributes["name"], attributes.get("value", "")))
        elif self.forms and tag == "button":
            self.forms[-1].disabled |= "disabled" in attributes
        if "data-field" in attributes and self._within("tr", "data-symbol"):
            name = attributes["data-field"]
            self.rows[-1].classes[name] = attributes.get("class", "")
            self.rows[-1].titles[name] = attributes.get("title", "")
            self.rows[-1].cells.setdefault(name, "")

    def handle_endtag(self, tag: str) -> None:
        while self._stack and self._stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self._words.append(data)
        name = next(
            (attributes["data-field"] for _, attributes in reversed(self._stack) if "data-field" in attributes), ""
        )
        if self._stack and self._stack[-1][0] == "button":
            self.forms[-1].buttons.append(data.strip())
        if not name:
            return
        place = self._place()
        if place is not None:
            place[name] = (place.get(name, "") + data).strip()

    def _place(self) -> dict[str, str] | None:
        if any(tag == "tfoot" for tag, _ in self._stack):
            return self.foot
        if self._within("tr", "data-symbol"):
            return self.rows[-1].cells
        return self.summary if any(attributes.get("class") == "figures" for _, attributes in self._stack) else None

    def _within(self, tag: str, attribute: str) -> bool:
        return any(name == tag and attribute in attributes for name, attributes in self._stack)


@dataclass
class Person:
    """Somebody with a browser that runs no scripts."""

    client: Client
    user: User

    def get(self, address: str, **headers: str) -> Any:
        return self.client.get(address, headers={"Accept": "text/html", **headers})

    def page(self, address: str) -> Page:
        answer = self.client.get(address, headers={"Accept": "text/html"}, follow=True)
        assert answer.status_code == 200, answer.content.decode()[:2000]
        return Page(answer.content.decode())

    def send(self, form: Form, **changes: str) -> Page:
        """Send a form as it stands, with some fields changed, and return the page that it leads to."""
        fields: dict[str, list[str]] = {}
        for name, value in form.fields:
            fields.setdefault(name, []).append(changes.get(name, value))
        answer = self.client.post(form.address, fields | changes, headers={"Accept": "text/html"}, follow=True)
        return Page(answer.content.decode())


def plain(text: str) -> str:
    """A number as the API writes it: without its grouping and its plus."""
    return text.replace(",", "").removeprefix("+")
