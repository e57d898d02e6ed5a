"""Pages of what is too long for one answer."""

from typing import TypeVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from broker import gateway
from systemcache import responses
from systemcache.fetched import Fetched

T = TypeVar("T")


def contract_page(request: Request, exchange: str, *, search: str, page: int, page_size: int) -> Response:
    """One page of the contracts whose symbol or name holds the text, with the count and the neighbours' addresses."""
    state, page_of = gateway.contract_page(exchange, search.strip(), (page - 1) * page_size, page_size)
    neighbours = _neighbours(request, page_of.found, page, page_size)
    return responses.dated_part(state, **neighbours, results=page_of.contracts)


def paged(request: Request, fetched: Fetched[list[T]], *, page: int, page_size: int) -> Response:
    """One page of a list, as its `data`, with the count and the neighbours' addresses."""
    start = (page - 1) * page_size
    neighbours = _neighbours(request, len(fetched.value), page, page_size)
    return responses.dated_part(fetched, **neighbours, data=fetched.value[start : start + page_size])


def _neighbours(request: Request, count: int, page: int, page_size: int) -> dict[str, object]:
    return {
        "count": count,
        "next": _address(request, page + 1) if page * page_size < count else None,
        "previous": _address(request, page - 1) if page > 1 else None,
    }


def _address(request: Request, page: int) -> str:
    return str(replace_query_param(request.build_absolute_uri(), "page", page))
