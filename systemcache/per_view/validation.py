"""Strict input: a query parameter or body field that an operation does not know is a 400 that names it."""

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

MAX_REPORTED = 10  # unknown names in one error
MAX_NAME_LENGTH = 60  # characters of a name in an error
Errors = dict[str, list[str]]


class KnownFormats(DefaultContentNegotiation):
    """Names the formats in the error for another ?format=, where DRF answers 404."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:  # noqa: A002 - DRF's name
        known = dict.fromkeys(renderer.format for renderer in renderers)
        if format not in known:
            raise ValidationError({str(api_settings.URL_FORMAT_OVERRIDE): [f"Choose one of {', '.join(known)}."]})
        return super().filter_renderers(renderers, format)


class StrictView(APIView):
    """Refuses query parameters and bodies that the operation does not accept, after the permission checks and before
    the handler.

    `query_serializer` validates and describes the query string of the operations in `query_operations`; no other takes
    one. Operations are HTTP methods in lower case, or the actions of a ViewSet. Serializers refuse unknown fields of a
    body (StrictSerializer). The schema and the browsable API show `body_examples`.
    """

    content_negotiation_class = KnownFormats
    query_serializer: type[serializers.Serializer[Any]] | None = None
    query_operations: Collection[str] = ("get", "list")
    body_methods: Collection[str] = ("POST", "PUT", "PATCH")
    body_examples: ClassVar[Mapping[str, Any]] = {}  # by operation: bodies that are accepted as they stand

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # OPTIONS describes the view, and the browsable API sends it to the address of the page.
        if request.method == "OPTIONS" or not hasattr(self, str(request.method).lower()):
            return
        if errors := self._query_errors(request):
            raise ValidationError(errors)
        if request.method not in (*self.body_methods, *SAFE_METHODS):
            _refuse_body(request)

    def query_serializer_of(self, operation: str) -> type[serializers.Serializer[Any]] | None:
        return self.query_serializer if operation in self.query_operations else None

    def validated_query(self) -> dict[str, Any]:
        """The query string by `query_serializer`. Raises ValidationError."""
        if self.query_serializer is None:
            return {}
        # As a plain dict, because DRF treats an empty parameter of a form as absent, while here it is an error.
        query = self.query_serializer(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)

    def _query_errors(self, request: Request) -> Errors:
        method = "GET" if request.method == "HEAD" else str(request.method)
        serializer = self.query_serializer_of(getattr(self, "action", None) or method.lower())
        known = [*serializer().fields] if serializer else []
        given = request.query_params
        format_name = str(api_settings.URL_FORMAT_OVERRIDE)  # DRF's own: json or api
        errors = unknown_names((name for name in given if name != format_name), known, "parameter")
        repeated = [name for name, values in given.lists() if len(values) > 1 and name not in errors]
        return errors | {name: ["Give this parameter once."] for name in repeated if name in (*known, format_name)}


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses fields which it does not have. Its read-only fields may be sent back; they are ignored.

    Mix it into a ModelSerializer as the first base.
    """

    def to_internal_value(self, data: Any) -> Any:
        unknown = unknown_names(data, self.fields, "field") if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            found: Any = error.detail
            raise ValidationError({**unknown, **found} if unknown else found) from error
        if unknown:
            raise ValidationError(unknown)
        return value


class KnownChoiceField(serializers.ChoiceField):
    """Lists the choices in its error instead of quoting the input, which may not be encodable."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except ValidationError:
            known = ", ".join(str(choice) for choice in self.choices)
            raise ValidationError(f"Choose one of {known}.", code="invalid_choice") from None


class PlainDigitsMixin(serializers.Field[Any, Any, Any, Any]):
    """For number fields: Python, and so DRF, also reads 1_0, १० and 1e3 as numbers, and leaves blanks out."""

    pattern = r"-?[0-9]+(\.[0-9]+)?"
    message = "Give a number in the digits 0 to 9, with a point if it has a fraction."

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not re.fullmatch(self.pattern, str(data), re.ASCII):
            raise ValidationError(self.message, code="invalid")
        return super().to_internal_value(data)


class WholeNumberField(PlainDigitsMixin, serializers.IntegerField):
    pattern = r"-?[0-9]+"
    message = "Give a whole number in the digits 0 to 9."


class DayField(serializers.DateField):
    """A day as YYYY-MM-DD; Python reads other scripts' digits, too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)

    def to_internal_value(self, value: Any) -> Any:
        if not str(value).isascii():
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


def unknown_names(given: Iterable[Any], known: Collection[str], noun: str) -> Errors:
    """An error for each unknown name; `noun` says what the names are of."""
    unknown = [name for name in map(str, given) if name not in known]
    return {printable(name): [_unknown(name, known, noun)] for name in unknown[:MAX_REPORTED]}


def printable(name: str) -> str:
    """A name that a caller has sent, short and without lone surrogates, which no response can hold."""
    text = name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…"
    return text.encode("utf-8", "backslashreplace").decode()


def _unknown(name: str, known: Collection[str], noun: str) -> str:
    if not known:
        return f"There is no such {noun}: none is taken here."
    near = get_close_matches(name[:MAX_NAME_LENGTH].lower(), known, n=1, cutoff=0.6)
    if near:
        return f"There is no such {noun}. Did you mean {near[0]}?"
    return f"There is no such {noun}. Known are {', '.join(known)}."


def _refuse_body(request: Request) -> None:
    data = request.data
    if isinstance(data, Mapping):
        errors: Any = unknown_names(data, (), "field")
    else:
        errors = ["This request must have no body."] if data else []
    if errors:
        raise ValidationError(errors)
