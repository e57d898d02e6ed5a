"""The record of what was asked about orders: to be read; what has no answer can be looked up in the broker's book."""

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from broker import gateway
from broker.admin.contracts import ReadOnlyAdmin
from broker.errors import BrokerError
from broker.models import OrderRequest
from broker.values import WantedOrder

WORDS = WantedOrder.__struct_fields__  # in this order
MAIN = ("side", "quantity", "product", "order_type")
USUAL = {"complexity": "REGULAR", "validity": "DAY"}


@admin.register(OrderRequest)
class OrderRequestAdmin(ReadOnlyAdmin):
    """Who asked for what, when it was sent, and what became of it."""

    list_display = ("created_at", "state", "action", "symbol", "wanted", "order_id", "user", "message")
    list_filter = ("state", "action", "user", "exchange")
    list_select_related = ("user",)
    search_fields = ("symbol", "order_id", "tag", "key")
    search_help_text = "A symbol, the broker's order number, a tag or an idempotency key"
    date_hierarchy = "created_at"
    actions = ("look_up",)

    @admin.display(description="asked for")
    def wanted(self, row: OrderRequest) -> str:
        """BUY 5 INTRADAY LIMIT, price 1480.00: what each order has, and what this one has besides."""
        asked = {name: row.asked[name] for name in WORDS if row.asked.get(name, USUAL.get(name)) != USUAL.get(name)}
        main = " ".join(str(asked.pop(name)) for name in MAIN if name in asked and row.action == row.Action.PLACE)
        return ", ".join([*([main] if main else []), *(f"{name.replace('_', ' ')} {asked[name]}" for name in asked)])

    @admin.action(description="Look for those without an answer in the broker's order book", permissions=["look_up"])
    def look_up(self, request: HttpRequest, rows: QuerySet[Model]) -> None:
        """The broker is asked once for its book, whichever rows are chosen."""
        try:
            gateway.order_book()
        except BrokerError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, "Compared with the broker's order book of this moment.", messages.SUCCESS)

    def has_look_up_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("broker.trade")
