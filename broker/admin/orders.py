"""Order requests in the admin, read-only; unanswered ones can be looked up in the broker's order book."""

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from broker import gateway
from broker.errors import BrokerError
from broker.models import OrderRequest
from broker.values import OrderParams
from systemcache.admin.read_only import ReadOnlyAdmin

PARAM_NAMES = OrderParams.__struct_fields__  # in the order of display
MAIN_PARAMS = ("side", "quantity", "product", "order_type")
DEFAULTS = {"complexity": "REGULAR", "validity": "DAY"}


@admin.register(OrderRequest)
class OrderRequestAdmin(ReadOnlyAdmin):
    """Who requested what, when it was sent, and its outcome."""

    list_display = (
        "created_at",
        "state",
        "action",
        "symbol",
        "order_summary",
        "order_id",
        "order_status",
        "user",
        "credential",
        "message",
    )
    list_filter = ("state", "order_status", "action", "user", "exchange")
    list_select_related = ("user",)
    search_fields = ("symbol", "order_id", "tag", "key")
    search_help_text = "A symbol, the broker's order number, a tag or an idempotency key"
    date_hierarchy = "created_at"
    actions = ("look_up",)

    @admin.display(description="request")
    def order_summary(self, row: OrderRequest) -> str:
        """Summarize as BUY 5 INTRADAY LIMIT, price 1480.00: the main parameters, then those that are not defaults."""
        params = {
            name: row.asked[name]
            for name in PARAM_NAMES
            if row.asked.get(name, DEFAULTS.get(name)) != DEFAULTS.get(name)
        }
        main = " ".join(
            str(params.pop(name)) for name in MAIN_PARAMS if name in params and row.action == row.Action.PLACE
        )
        return ", ".join([*([main] if main else []), *(f"{name.replace('_', ' ')} {params[name]}" for name in params)])

    @admin.action(description="Look up unanswered requests in the broker's order book", permissions=["look_up"])
    def look_up(self, request: HttpRequest, rows: QuerySet[Model]) -> None:
        """Read the order book once, whichever rows are selected, which resolves every unanswered request."""
        try:
            gateway.read_order_book()
        except BrokerError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, "Compared with the broker's current order book.", messages.SUCCESS)

    def has_look_up_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("broker.trade")
