"""The browsable API: the pages that people see of the same views."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.urls import reverse
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request, override_method
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from systemcache.per_view.renderers import StoredJSON


class ItemRoute(NamedTuple):
    """Where the items of a list have their pages: the URL's name, and the member that is its argument."""

    url_name: str
    member: str


class KeyedForm(NamedTuple):
    """A form whose request carries an Idempotency-Key that the form makes.

    refusal: why it cannot be sent now; empty if it can.
    """

    serializer: Serializer[Any]
    button: str
    refusal: str = ""


class BrowsablePage(BrowsableAPIRenderer):
    """DRF's page, with links to the items of a list, real examples as bodies, and forms that make their key."""

    def get_context(self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]) -> Any:
        context = super().get_context(data, accepted_media_type, renderer_context)
        view, request, response = (renderer_context[name] for name in ("view", "request", "response"))
        context["items"] = list(_items(view, data, response))
        context["writes_take_a_query"] = "post" in getattr(view, "query_operations", ())
        if form := getattr(view, "keyed_form", None):
            with override_method(view, request, "POST") as post:
                if self.show_form_for_method(view, "POST", post, None):
                    context["keyed_form"] = form()
            context["raw_data_post_form"] = None  # its request would have no key
        return context

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        form = super().get_raw_data_form(data, view, method, request)
        example = _example(view, method)
        if form and example is not None and (method == "POST" or not form.fields["_content"].initial):
            form.fields["_content"].initial = json.dumps(example, indent=4)
        return form


def _example(view: Any, method: str) -> Any:
    actions = getattr(view, "action_map", None) or {}
    return getattr(view, "body_examples", {}).get(actions.get(method.lower()) or method.lower())


def _items(view: Any, data: Any, response: Response) -> Iterator[tuple[str, str]]:
    """The label and the address of each item of a list."""
    route: ItemRoute | None = getattr(view, "item_route", None)
    action = getattr(view, "action", None) or "list"  # DRF leaves None on a view that has no actions
    if not route or action != "list" or response.status_code != 200 or not isinstance(data, StoredJSON):
        return
    body = json.loads(data.body)
    for row in body["data"] if isinstance(body, dict) else body:
        symbol = row.get("symbol", "")
        if row[route.member]:
            yield f"{symbol} {row[route.member]}".strip(), reverse(route.url_name, args=[row[route.member]])
