"""The contradictions in the broker's documents (iifl_api §7) as switches: each gives the other documented form.

They form one table and are applied to complete answers. D1 to D22 have the numbers of the reference; named quirks are
further forms from its §2 and §3.
"""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock

import msgspec

from broker.simulator.codes import ec
from broker.simulator.faults import alternate_forms
from broker.simulator.faults.alternate_forms import Form
from broker.simulator.wire import Answer, Request

ALL = "all"
FORMS = "forms"

Refusal = Callable[[str, Request], Answer | None]


class Quirk(msgspec.Struct, frozen=True):
    """Without form, refusal, limits and effect on the stream it cannot be switched on; `description` then says why."""

    description: str
    form: Form | None = None
    refusal: Refusal | None = None
    limits: Mapping[str, int] = {}
    changes_values: bool = False
    """Whether the answers hold other values, rather than the same values in another form."""

    is_of_stream: bool = False
    """Whether it concerns the live stream alone; the groups leave it out."""

    @property
    def has_form(self) -> bool:
        return bool(self.form or self.refusal or self.limits)


def _cover_without_target(route: str, request: Request) -> Answer | None:
    if route != "preordermargin":
        return None
    try:
        body = msgspec.json.decode(request.body, type=dict[str, object])
    except msgspec.MsgspecError:
        return None
    is_cover = str(body.get("orderComplexity")).upper() == "CO"
    return ec("EC953", as_list=False) if is_cover and not body.get("targetLegPrice") else None


QUIRKS: dict[str, Quirk] = {
    "D1": Quirk("The simulator has no login page, so it redirects nobody."),
    "D2": Quirk(
        "Market data has InstrumentId. (Requests may always use either spelling.)",
        alternate_forms.rename_keys({"instrumentId": "InstrumentId"}, alternate_forms.MARKET),
    ),
    "D3": Quirk("Both always hold: NCDEXCOMM and BSECOMM are exchanges, and their contract files are a 404."),
    "D4": Quirk(
        "Books have no envelope; margins and open interest, which normally have none, are wrapped in `result`.",
        alternate_forms.bare_for_wrapped,
    ),
    "D5": Quirk(
        "Orders have disclosedQuantity instead of disclosedQty.",
        alternate_forms.rename_keys({"disclosedQty": "disclosedQuantity"}, alternate_forms.ORDERS),
    ),
    "D6": Quirk(
        "Every key ends with a blank. (The PDF has three such keys.)",
        alternate_forms.for_rows(alternate_forms.with_blank_keys),
    ),
    "D7": Quirk("The first row of quotes has besAskPrice.", alternate_forms.misspelt_in_first_row),
    "D8": Quirk("10 calls for candles per second instead of 3.", limits={"historicaldata": 10}),
    "D9": Quirk("Either port is an option of the simulator's."),
    "D10": Quirk("Candles are rows directly inside `result`.", alternate_forms.candles_flat),
    "D11": Quirk("A refused login has `status` and `message`.", alternate_forms.login_refused_as_documented),
    "D12": Quirk(
        "In `result`, a list of one object becomes that object, and an object a list of one.",
        alternate_forms.object_for_list,
    ),
    "D13": Quirk(
        "Instrument ids are numbers in books and strings in market data.",
        alternate_forms.for_rows(alternate_forms.with_other_ids, alternate_forms.BOOKS | alternate_forms.MARKET),
    ),
    "D14": Quirk(
        "An order's margin has rmsValidationCheck.",
        alternate_forms.rename_keys({"rmsvalidationMessage": "rmsValidationCheck"}, frozenset({"preordermargin"})),
    ),
    "D15": Quirk(
        "totalQuantity includes pledged and authorized shares.",
        alternate_forms.for_rows(alternate_forms.with_all_quantities, frozenset({"holdings"})),
        changes_values=True,
    ),
    "D16": Quirk(
        "The margin of a CO order requires its targetLegPrice (EC953).",
        refusal=_cover_without_target,
        changes_values=True,
    ),
    "D17": Quirk(
        "The account's status is Active.",
        alternate_forms.for_rows(alternate_forms.with_active_account, frozenset({"profile"})),
        changes_values=True,
    ),
    "D18": Quirk(
        "marketProtectionPercent holds the resulting price.",
        alternate_forms.for_rows(alternate_forms.with_protection_as_price, alternate_forms.ORDERS),
        changes_values=True,
    ),
    "D19": Quirk("The stream has dates and times as text, not as serial numbers.", is_of_stream=True),
    "D20": Quirk("A connection to the stream has 4,000 topics at most instead of 6,000.", is_of_stream=True),
    "D21": Quirk("This is a formula's label in the PDF; every answer has sellQuantity."),
    "D22": Quirk(
        "Prices of holdings, orders and trades are in paise.",
        alternate_forms.for_rows(alternate_forms.with_prices_in_paise, alternate_forms.BOOKS - {"positions"}),
        changes_values=True,
    ),
    "missing-numbers": Quirk(
        'A zero is null, "", "-", "NA" or "NaN".',
        alternate_forms.for_rows(alternate_forms.with_missing_numbers),
    ),
    "numbers-as-text": Quirk(
        "Every number outside candles is a string.", alternate_forms.for_rows(alternate_forms.with_numbers_as_text)
    ),
    "status-words": Quirk(
        "Orders are `canceled`, `COMPLETE` and `OPEN`.",
        alternate_forms.for_rows(alternate_forms.with_other_status_words, alternate_forms.ORDERS),
    ),
    "success-words": Quirk(
        "Answers have `SUCCESS` instead of `Ok`.", alternate_forms.for_rows(alternate_forms.with_success_in_words)
    ),
    "trade-names": Quirk(
        "Trades have filledQty and averageTradedPrice.",
        alternate_forms.rename_keys(
            {"filledQuantity": "filledQty", "tradedPrice": "averageTradedPrice"},
            frozenset({"trades"}),
        ),
    ),
    "first-row": Quirk(
        "Holdings and positions are one object, the first row.",
        alternate_forms.first_row_alone,
        changes_values=True,
    ),
    "named-rows": Quirk("Books are under their name inside `result`.", alternate_forms.under_a_name),
    "stream-code-4": Quirk("The stream refuses a token with CONNACK 4 instead of 5.", is_of_stream=True),
    "stream-user-checked": Quirk("The stream's user name has to be the token's.", is_of_stream=True),
    "stream-status-lower": Quirk("Market status has the topic `marketstatus` only.", is_of_stream=True),
    "stream-status-capital": Quirk("Market status has the topic `marketStatus` only.", is_of_stream=True),
    "stream-no-last-value": Quirk("Nothing is repeated on subscribing.", is_of_stream=True),
    "stream-retained": Quirk("What is repeated on subscribing has the RETAIN bit.", is_of_stream=True),
    "stream-no-index-mw": Quirk("Indices have no packets of 188 bytes.", is_of_stream=True),
    "stream-outlives-token": Quirk("A connection stays when its token dies.", is_of_stream=True),
    "stream-wildcards": Quirk("Filters with + and # are granted, and stay silent.", is_of_stream=True),
    "stream-no-publish": Quirk("A client that publishes is disconnected.", is_of_stream=True),
    "stream-sides-in-words": Quirk("Trade updates have BUY and SELL instead of B and S.", is_of_stream=True),
    "candles-as-text": Quirk("For candles, `result` is JSON in a string.", alternate_forms.candles_as_text),
}
# These move the rows that the other quirks change, in this order.
_APPLIED_LAST = ("first-row", "D10", "D12", "named-rows", "candles-as-text", "D4", "D6")
_APPLY_ORDER = [name for name in QUIRKS if name not in _APPLIED_LAST] + list(_APPLIED_LAST)
QUIRK_NAMES = tuple(name for name, quirk in QUIRKS.items() if quirk.has_form)
STREAM_QUIRK_NAMES = tuple(name for name, quirk in QUIRKS.items() if quirk.is_of_stream)
QUIRK_FORMS = (
    f"{', '.join(QUIRK_NAMES)}; `{FORMS}` for all of these that keep the values, `{ALL}` for all. Of the live stream: "
    f"{', '.join(STREAM_QUIRK_NAMES)}"
)


class Quirks:
    """The quirks that are switched on. Methods raise ValueError for an unknown name or group."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._on: frozenset[str] = frozenset()
        self._lock = Lock()
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        names = quirks_named(name)
        with self._lock:
            self._on |= names

    def remove(self, name: str) -> None:
        names = quirks_named(name)
        with self._lock:
            self._on -= names

    def clear(self) -> None:
        with self._lock:
            self._on = frozenset()

    def all(self) -> tuple[str, ...]:
        return tuple(name for name in QUIRKS if name in self._on)

    def has(self, name: str) -> bool:
        return name in self._on

    def refusal(self, route: str, request: Request) -> Answer | None:
        refusals = (quirk.refusal(route, request) for quirk in self._quirks() if quirk.refusal)
        return next((answer for answer in refusals if answer), None)

    def limits(self) -> dict[str, int]:
        """Return the rate limits that differ, in calls per second."""
        return {family: limit for quirk in self._quirks() for family, limit in quirk.limits.items()}

    def apply(self, route: str, answer: Answer) -> Answer:
        changes = [quirk.form for quirk in self._quirks() if quirk.form]
        if (
            not changes
            or route in alternate_forms.EXCLUDED_ROUTES
            or answer.status != 200
            or answer.content_type != "application/json"
        ):
            return answer
        content = msgspec.json.decode(answer.body)
        for change in changes:
            content = change(route, content)
        return msgspec.structs.replace(answer, body=msgspec.json.encode(content))

    def _quirks(self) -> list[Quirk]:
        on = self._on
        return [QUIRKS[name] for name in _APPLY_ORDER if name in on]


def quirks_named(name: str) -> frozenset[str]:
    if name == ALL:
        return frozenset(QUIRK_NAMES)
    if name == FORMS:
        return frozenset(each for each in QUIRK_NAMES if not QUIRKS[each].changes_values)
    quirk = QUIRKS.get(name)
    if quirk is None:
        raise ValueError(f"There is no quirk {name!r}. Known: {QUIRK_FORMS}.")
    if not (quirk.has_form or quirk.is_of_stream):
        raise ValueError(f"{name} cannot be switched on. {quirk.description}")
    return frozenset({name})
