"""A page of an exchange's contracts, searched."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from broker.values import Contract
from systemcache import responses
from systemcache.fetched import Fetched


def searched(request: Request, file: Fetched[list[Contract]], *, search: str, page: int, page_size: int) -> Response:
    """One page of the contracts whose symbol or name holds the text, with the count and the neighbours' addresses."""
    found = [contract for contract in file.value if _matches(contract, search.strip().upper())]
    start = (page - 1) * page_size
    return responses.dated_part(
        file,
        count=len(found),
        next=_address(request, page + 1) if start + page_size < len(found) else None,
        previous=_address(request, page - 1) if page > 1 else None,
        results=found[start : start + page_size],
    )


def _matches(contract: Contract, text: str) -> bool:
    return text in contract.trading_symbol.upper() or text in contract.name.upper()


def _address(request: Request, page: int) -> str:
    return str(replace_query_param(request.build_absolute_uri(), "page", page))
