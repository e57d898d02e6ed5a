"""Pages whose content follows the account: the page itself, and the part of it that is asked for every two seconds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_conditional_response

from dashboard import books, status
from dashboard.access import may_trade
from dashboard.books import Books
from dashboard.reading import Answer, etag_of

Context = dict[str, Any]


@dataclass(frozen=True)
class Reads:
    """What a page has read beside the books: the answers by name, and what makes the template's context of all.

    `dated`: the page shows of when its answers are. `more` are further bytes that tell two contents apart.
    """

    answers: list[tuple[str, Answer[Any]]]
    context: Callable[[status.Status], Context]
    more: Iterable[bytes] = ()
    dated: bool = True


@dataclass(frozen=True)
class LivePage:
    """A page of the account. Its live part is the template `dashboard/partials/NAME.html`."""

    name: str
    title: str
    read: Callable[[HttpRequest, Books], Reads]
    template: str = "dashboard/live_page.html"

    def show(self, request: HttpRequest, context: Context | None = None, status_code: int = 200) -> HttpResponse:
        state, reads = self._read(request)
        shown = self._context(request, state, reads) | (context or {})
        response = render(request, self.template, shown, status=status_code)
        response["Cache-Control"] = "private, no-store"  # the back button shows the account as it is then
        return response

    def poll(self, request: HttpRequest) -> HttpResponse:
        """Return the live part, or 304 if it has not changed."""
        state, reads = self._read(request)
        etag = etag_of(self._fingerprint(request, state, reads))
        response: HttpResponse | None = get_conditional_response(request, etag=etag)
        if response is None:
            response = render(request, "dashboard/partials/live.html", self._context(request, state, reads))
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return response

    def _read(self, request: HttpRequest) -> tuple[status.Status, Reads]:
        account = books.read()
        reads = self.read(request, account)
        return status.read(request, account, reads.answers), reads

    def _context(self, request: HttpRequest, state: status.Status, reads: Reads) -> Context:
        return {
            "page": self,
            "part": f"dashboard/partials/{self.name}.html",
            "status": state,
            "may_trade": may_trade(request),
            **reads.context(state),
        }

    def _fingerprint(self, request: HttpRequest, state: status.Status, reads: Reads) -> Iterator[bytes]:
        # Rights change buttons, and the day how times are written.
        yield repr((settings.VERSION, self.name, request.user.pk, may_trade(request), timezone.localdate())).encode()
        yield request.META.get("QUERY_STRING", "").encode()
        yield from state.fingerprint()
        for _, answer in reads.answers:
            yield answer.fingerprint(dated=reads.dated)
        yield from reads.more
