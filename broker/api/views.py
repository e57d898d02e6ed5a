"""/api/broker and /api/portfolio. Responses carry the age of their data."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from broker import gateway, portfolio
from broker.api.pagination import contract_page, list_page
from broker.api.serializers import CandlesQuerySerializer, ContractsQuerySerializer, QuotesQuerySerializer
from broker.cache_families import (
    CANDLES,
    CONTRACTS,
    HOLDINGS,
    MARGINS,
    PORTFOLIO_SUMMARY,
    POSITIONS,
    PROFILE,
    QUOTES,
    RISK,
    TRADES,
)
from broker.candles import large_answers
from broker.values import Candle, Contract, Interval, Quote
from systemcache.per_view.mixins import CachedView
from systemcache.per_view.openapi import dated_schema, page_schema
from systemcache.per_view.responses import dated_list_response, dated_response


class HoldingsView(CachedView):
    """Shares in the demat account, with value and P&L at the price of `quoted_at`."""

    family = HOLDINGS
    read = staticmethod(gateway.holdings)


class PositionsView(CachedView):
    """Today's and carried positions, with value and P&L; closed ones stay, with net_quantity 0, until the day ends."""

    family = POSITIONS
    read = staticmethod(gateway.positions)


class MarginsView(CachedView):
    """Funds and margins in rupees."""

    family = MARGINS
    read = staticmethod(gateway.margins)


class TradesView(CachedView):
    """Today's fills."""

    family = TRADES
    read = staticmethod(gateway.trades)


class ProfileView(CachedView):
    """Details of the account, masked by the broker."""

    family = PROFILE
    read = staticmethod(gateway.profile)


class SummaryView(CachedView):
    """The value of the account, from holdings, positions, margins and prices."""

    family = PORTFOLIO_SUMMARY
    read = staticmethod(portfolio.summary)


class RiskView(CachedView):
    """Exposure, concentration and margin usage."""

    family = RISK
    read = staticmethod(portfolio.risk)


class CandlesView(CachedView):
    """Candles of a symbol for a range of days, both ends included; paginated with ?page=."""

    family = CANDLES
    query_serializer = CandlesQuerySerializer

    @extend_schema(responses=dated_schema(list[Candle], pages=True))
    def get(self, request: Request) -> Response:
        query = self.validated_query()
        interval = Interval(query["interval"])
        with large_answers.place_for(interval, query["from"], query["to"]):
            candles = gateway.candles(query["symbol"], interval, query["from"], query["to"], query["exchange"])
            if "page" in query:
                return list_page(request, candles, page=query["page"], page_size=query["page_size"])
            return dated_response(request, candles)


class ContractsView(CachedView):
    """The instruments of an exchange, paginated; ?search= filters by symbol or name."""

    family = CONTRACTS
    query_serializer = ContractsQuerySerializer

    @extend_schema(responses=page_schema(Contract, results="The name of `data` until 0.3"))
    def get(self, request: Request, exchange: str) -> Response:
        return contract_page(request, exchange, **self.validated_query())


class QuotesView(CachedView):
    """Current prices. Symbols that the broker does not quote are listed in `unquoted`, unknown ones in `unknown`.

    `state` says where a price comes from: `live` (pushed), `late` (the last one pushed, repeated), `closed` (the market
    is), `polled` (the answer to a call). `exchange_time` is when it was traded, `received_at` when it came here.
    """

    family = QUOTES
    query_serializer = QuotesQuerySerializer

    @extend_schema(responses=dated_schema(list[Quote], unquoted=list[str], unknown=list[str]))
    def get(self, request: Request) -> Response:
        query = self.validated_query()
        contracts, unknown = gateway.known_contracts(query["symbols"], query["exchange"])
        quotes = gateway.quotes_of(list(contracts.values()))
        unquoted = [symbol for symbol, quote in zip(contracts, quotes, strict=True) if quote is None]
        found = [quote for quote in quotes if quote]
        return dated_list_response(request, found, unquoted=unquoted, unknown=unknown)
