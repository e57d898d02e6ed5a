"""The OpenAPI schema: what completes it beyond what views declare, and the pages that show it."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from broker import errors as broker_errors
from broker.errors import BrokerError
from systemcache import errors as cache_errors
from systemcache.errors import CacheError
from systemcache.per_view.validation import StrictView
from tradingsite.stream import address as stream_address
from tradingsite.stream.places import StreamServerFull, TooManyStreams
from tradingsite.stream.views import ForeignOrigin, NotServedHere

WRITES = ("post", "put", "patch")


def add_summaries(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """Use the first sentence of the description as the summary, if there is none: lists of operations show it."""
    for methods in result["paths"].values():
        for operation in methods.values():
            if "summary" not in operation:
                sentence, _, rest = operation.pop("description", "").partition(". ")
                operation |= {"summary": sentence.removesuffix("."), **({"description": rest} if rest else {})}
    return result


# What each status means, and the codes that any operation may answer with it.
STATUSES: Mapping[int, tuple[str, tuple[str, ...]]] = {
    400: ("The request is wrong: the message names the field or parameter", ("invalid",)),
    401: ("The caller is not logged in, or the token is not valid", ("not_authenticated", "authentication_failed")),
    403: (
        "The permission for this is missing, in this session or to this token",
        ("permission_denied", "second_factor_required", "token_scope"),
    ),
    404: ("Nothing has this name", ("not_found",)),
    406: ("No format that the caller accepts is served", ("not_acceptable",)),
    409: ("The same request is in progress, had no effect, or is too late; the message says which", ()),
    413: ("The body is too large", ("too_large",)),
    415: ("The body's media type is not supported", ("unsupported_media_type",)),
    422: ("The request is valid but was not carried out; the message says why", ()),
    429: ("Too many requests: see Retry-After", ("throttled", "too_many_logins")),
    500: ("An internal error; the site's log has the details", ("server_error",)),
    502: ("The broker refused, or its answer could not be understood", ()),
    503: ("The broker, the cache or the database is not available: see Retry-After", ("database_unavailable",)),
    504: ("The broker did not answer in time", ()),
}
READ_ERRORS = (
    broker_errors.UnknownSymbol,
    broker_errors.UnknownExchange,
    broker_errors.BrokerRefused,
    broker_errors.BrokerAddressRefused,
    broker_errors.AccountBlocked,
    broker_errors.BrokerAnswerUnclear,
    broker_errors.BrokerUnreachable,
    broker_errors.BrokerBusy,
    broker_errors.BrokerTimeout,
    broker_errors.BrokerLoginRequired,
    broker_errors.RefreshUnderWay,
    broker_errors.TooManyLargeAnswers,
    cache_errors.TooManyLoads,
)
CACHE_ERRORS = (cache_errors.UnknownFamily, cache_errors.UnknownTag, cache_errors.StoreUnavailable)
STREAM_ERRORS = (NotServedHere, ForeignOrigin, TooManyStreams, StreamServerFull)
READS_BROKER = ("/api/broker/", "/api/portfolio/", "/api/signals/generate/")
LOOKS_SYMBOLS_UP = ("/api/watchlist/", "/api/signals/")  # when it writes
CHANGES_ORDERS = ("/api/broker/orders/",)


def all_errors(base: type[Exception]) -> Iterator[type[Any]]:
    """An error and all that derive from it."""
    yield base
    for derived in base.__subclasses__():
        yield from all_errors(derived)


def error_codes() -> list[str]:
    """Every code that an error of the API can have."""
    own = {error.code for base in (BrokerError, CacheError) for error in all_errors(base)}
    own.update(error.default_code for error in STREAM_ERRORS)
    return sorted(own.union(*(codes for _, codes in STATUSES.values()), ("parse_error", "method_not_allowed")))


def add_errors(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """Add to each operation the errors that it may answer, with their codes. All have one shape."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Error"] = _error_schema(error_codes())
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            common = _common_codes(path, method, operation)
            group, own = _own_codes(path, method)
            for status in sorted(common.keys() | own.keys()):
                codes = common.get(status, set()) | own.get(status, set())
                name = f"{group if status in own else ''}Error{status}"
                if method in WRITES and status == 400:
                    name = f"Write{name}"
                schemas.setdefault(name, _error_schema(sorted(codes)))
                answer = {"description": STATUSES[status][0], "content": _json_of(name)}
                operation["responses"].setdefault(str(status), answer)
    return result


def _common_codes(path: str, method: str, operation: dict[str, Any]) -> dict[int, set[str]]:
    statuses = [400, 406]
    if "security" in operation:
        statuses += [401, 403]
    if "{" in path:
        statuses.append(404)
    if method in WRITES:
        statuses += [413, 415]
    codes = {status: set(STATUSES[status][1]) for status in statuses}
    if method in WRITES:
        codes[400].add("parse_error")
    return codes


def _own_codes(path: str, method: str) -> tuple[str, dict[int, set[str]]]:
    """The name of the operation's group of errors, and their codes by status."""
    group = ""
    errors: Iterable[type[Any]] = ()
    if path.startswith("/api/system/cache/"):
        group, errors = "Cache", CACHE_ERRORS
    elif path.startswith(CHANGES_ORDERS) and method != "get":
        group, errors = "Order", (*all_errors(BrokerError), cache_errors.TooManyLoads)
    elif path == "/api/broker/orders/{order_id}/":
        group, errors = "OrderHistory", (*READ_ERRORS, broker_errors.UnknownOrder)
    elif path.startswith(READS_BROKER) or (path.startswith(LOOKS_SYMBOLS_UP) and method in WRITES):
        group, errors = "Broker", READ_ERRORS
    elif path == stream_address.PATH:
        group, errors = "Stream", STREAM_ERRORS
    codes: dict[int, set[str]] = {}
    for error in errors:
        code = error.default_code if issubclass(error, APIException) else error.code
        codes.setdefault(error.status_code, set()).add(code)
    return group, codes


def _error_schema(codes: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "detail"],
                "properties": {
                    "code": {"type": "string", "enum": codes, "description": "For programs"},
                    "message": {"type": "string", "description": "A sentence that says what to do"},
                    "detail": {"description": "Sentences by field or parameter, where these are wrong"},
                },
            }
        },
    }


def _json_of(component: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{component}"}}}


HEADERS = {
    "X-Request-ID": ("Names the request in the site's log: the caller's own name, or a new one", {"type": "string"}),
    "Server-Timing": ("How the time was spent, in milliseconds: cache, database, limiter, broker", {"type": "string"}),
    "Cache-Control": ("no-store on responses that must not be stored, such as an order's outcome", {"type": "string"}),
    "Retry-After": ("Seconds after which another try makes sense", {"type": "integer"}),
    "WWW-Authenticate": ("The scheme: Token", {"type": "string"}),
}
RETRY_LATER = ("409", "429", "503", "504")


def add_headers(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """Add the headers of the site's own; those of every response are listed with the successful ones."""
    headers = result["components"].setdefault("headers", {})
    headers |= {name: {"description": text, "schema": schema} for name, (text, schema) in HEADERS.items()}
    for methods in result["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                names = ["X-Request-ID", "Server-Timing", "Cache-Control"] if status < "300" else []
                names += ["Retry-After"] * (status in RETRY_LATER) + ["WWW-Authenticate"] * (status == "401")
                common = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
                response["headers"] = common | response.get("headers", {})
    return result


class SchemaView(StrictView, SpectacularAPIView):
    """The schema as YAML, or with ?format=json as JSON; made once in a process."""

    authentication_classes = ()  # it is for everybody, and a token that is no good changes nothing

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        name = f"{settings.SPECTACULAR_SETTINGS['TITLE']}.{renderer.format}"
        return HttpResponse(
            rendered_schema(renderer.format),
            content_type=f"{renderer.media_type}; charset=utf-8",
            headers={
                "Cache-Control": "no-cache",  # stored, and revalidated by its ETag: there may be a new version
                "Content-Disposition": f'inline; filename="{name}"',
            },
        )


class DocsQuerySerializer(serializers.Serializer[Any]):
    script = serializers.CharField(required=False, allow_blank=True)


class DocsView(StrictView, SpectacularSwaggerSplitView):
    authentication_classes = ()
    metadata_class = None  # the page's renderer has no template for the answer to OPTIONS
    query_serializer = DocsQuerySerializer


@cache
def rendered_schema(form: str) -> bytes:
    """The schema, which is the same for all callers. Generating it takes a tenth of a second."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # untyped there
    renderer = OpenApiJsonRenderer() if form == "json" else OpenApiYamlRenderer()
    return bytes(renderer.render(schema, renderer_context={}))
