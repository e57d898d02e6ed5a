"""/api/broker and /api/portfolio: each answer says how old it is."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from broker import gateway, portfolio
from broker.paging import contract_page, paged
from broker.permissions import ViewsAccount
from broker.serializers import CandlesQuery, ContractsQuery, QuotesQuery
from broker.values import (
    Candle,
    Contract,
    Holding,
    Interval,
    Margins,
    PortfolioSummary,
    Position,
    Profile,
    Quote,
    Risk,
    Trade,
)
from systemcache import responses
from systemcache.openapi import dated_answer, page_answer
from systemcache.shortcut import ShortView


class AccountView(APIView):
    permission_classes: Sequence[Any] = (ViewsAccount,)


class BookView(ShortView, AccountView):
    """One cached value, as it is."""


class HoldingsView(BookView):
    """Shares in the demat account."""

    @extend_schema(responses=dated_answer(list[Holding]))
    def get(self, request: Request) -> Response:
        return responses.dated(gateway.holdings())


class PositionsView(BookView):
    """Today's and carried positions; closed ones stay, with net_quantity 0, until the day ends."""

    @extend_schema(responses=dated_answer(list[Position]))
    def get(self, request: Request) -> Response:
        return responses.dated(gateway.positions())


class MarginsView(BookView):
    """Funds and margins in rupees."""

    @extend_schema(responses=dated_answer(Margins))
    def get(self, request: Request) -> Response:
        return responses.dated(gateway.margins())


class TradesView(BookView):
    """Today's fills."""

    @extend_schema(responses=dated_answer(list[Trade]))
    def get(self, request: Request) -> Response:
        return responses.dated(gateway.trades())


class ProfileView(BookView):
    """The account's facts as the broker masks them."""

    @extend_schema(responses=dated_answer(Profile))
    def get(self, request: Request) -> Response:
        return responses.dated(gateway.profile())


class CandlesView(AccountView):
    """Open, high, low, close and volume of a symbol for a range of days, both ends included; with ?page= in pages."""

    @extend_schema(parameters=[CandlesQuery], responses=dated_answer(list[Candle]))
    def get(self, request: Request) -> Response:
        query = CandlesQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        interval = Interval(asked["interval"])
        candles = gateway.candles(asked["symbol"], interval, asked["from"], asked["to"], asked["exchange"])
        if "page" in asked:
            return paged(request, candles, page=asked["page"], page_size=asked["page_size"])
        return responses.dated(candles)


class ContractsView(AccountView):
    """The instruments of an exchange, in pages; ?search= looks in symbols and names."""

    @extend_schema(parameters=[ContractsQuery], responses=page_answer(Contract))
    def get(self, request: Request, exchange: str) -> Response:
        query = ContractsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return contract_page(request, exchange, **query.validated_data)


class QuotesView(AccountView):
    """Prices now. A symbol that the broker does not quote is named in `unquoted`."""

    @extend_schema(parameters=[QuotesQuery], responses=dated_answer(list[Quote], unquoted=list[str]))
    def get(self, request: Request) -> Response:
        query = QuotesQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        symbols, exchange = query.validated_data["symbols"], query.validated_data["exchange"]
        quotes = gateway.quotes(symbols, exchange)
        unquoted = [symbol for symbol, quote in zip(symbols, quotes, strict=True) if quote is None]
        return responses.dated_many([quote for quote in quotes if quote], unquoted=unquoted)


class SummaryView(BookView):
    """What the account is worth, from holdings, positions, margins and prices."""

    @extend_schema(responses=dated_answer(PortfolioSummary))
    def get(self, request: Request) -> Response:
        return responses.dated(portfolio.summary())


class RiskView(BookView):
    """Exposure, concentration and use of margin."""

    @extend_schema(responses=dated_answer(Risk))
    def get(self, request: Request) -> Response:
        return responses.dated(portfolio.risk())
