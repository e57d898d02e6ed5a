"""/api/alerts."""

from typing import ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from alerts import selectors
from alerts.cache_families import ALERTS
from alerts.models import PriceAlert
from alerts.permissions import OwnRows
from alerts.serializers import AlertSerializer, AlertsQuerySerializer
from systemcache.per_view.browsable import ItemRoute
from systemcache.per_view.mixins import CachedListMixin
from systemcache.per_view.responses import dated_response

ROW_NUMBER = "[0-9]{1,18}"  # another address does not exist


@extend_schema_view(
    list=extend_schema(summary="Price alerts"),
    create=extend_schema(summary="Make a price alert"),
    retrieve=extend_schema(summary="One price alert"),
    destroy=extend_schema(summary="Delete a price alert"),
)
class AlertViewSet(
    CachedListMixin,
    CreateModelMixin,
    RetrieveModelMixin,
    DestroyModelMixin,
    GenericViewSet[PriceAlert],
):
    """Alerts on a price or a day's change: one's own, and everybody's for staff. An alert fires once.

    `armed` says whether a price short of the value has been seen, so that the next one at or past it fires the alert;
    null until the first price.
    """

    queryset = PriceAlert.objects.all()
    serializer_class = AlertSerializer
    permission_classes = (OwnRows,)
    lookup_value_regex = ROW_NUMBER
    family = ALERTS
    query_serializer = AlertsQuerySerializer
    item_route = ItemRoute("alerts-detail", "id")
    exact_numbers = True  # see tradingsite/parsers.py
    body_examples: ClassVar = {"create": {"symbol": "INFY", "kind": "above", "value": "1600.00", "note": "Sell half"}}

    def get_queryset(self) -> QuerySet[PriceAlert]:
        rows = PriceAlert.objects.select_related("user").prefetch_related("deliveries")
        return rows.of(selectors.owner_of(self.request.user))

    def respond(self) -> Response:
        value = selectors.alerts(owner=selectors.owner_of(self.request.user), **self.validated_query())
        return dated_response(self.request, value)
