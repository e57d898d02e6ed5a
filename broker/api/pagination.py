"""Pagination of contracts and lists."""

from typing import TypeVar

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from broker import gateway
from systemcache.cached_value import CachedValue
from systemcache.per_view import responses

T = TypeVar("T")


def contract_page(request: Request, exchange: str, *, search: str, page: int, page_size: int) -> Response:
    """Return one page of the contracts whose symbol or name contains the text, with the count and page links.

    `results` is the name that `data` had until 0.3; it goes with 0.5.
    """
    state, contracts = gateway.contract_page(exchange, search.strip(), (page - 1) * page_size, page_size)
    links = _page_links(request, contracts.total, page, page_size)
    return responses.page_response(request, state, contracts.contracts, links, "results")


def list_page(request: Request, value: CachedValue[list[T]], *, page: int, page_size: int) -> Response:
    """Return one page of a list as `data`, with the count and page links. Its items are those that are stored."""
    start = (page - 1) * page_size
    items = msgspec.json.decode(value.payload, type=list[msgspec.Raw])
    links = _page_links(request, len(items), page, page_size)
    return responses.page_response(request, value, items[start : start + page_size], links)


def _page_links(request: Request, count: int, page: int, page_size: int) -> dict[str, object]:
    last = max(1, -(-count // page_size))
    return {
        "count": count,
        "next": _page_url(request, page + 1) if page * page_size < count else None,
        "previous": _page_url(request, min(page - 1, last)) if page > 1 else None,
    }


def _page_url(request: Request, page: int) -> str:
    return str(replace_query_param(request.build_absolute_uri(), "page", page))
