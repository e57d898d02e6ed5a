"""The contradictions of the broker's documents (iifl_api §7) as switches: each gives the other documented form.

One table for all of them, applied to whole answers after they are made; D1 to D22 as the reference numbers them, and by
name the forms that its §2 and §3 describe besides.
"""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock

import msgspec

from broker.simulator import forms
from broker.simulator.codes import ec
from broker.simulator.forms import Form
from broker.simulator.wire import Answer, Request

ALL = "all"
FORMS = "forms"
_NO_STREAM = "The simulator does not stream."

Refusal = Callable[[str, Request], Answer | None]


class Quirk(msgspec.Struct, frozen=True):
    """Without form, refusal and limits it cannot be switched on; `says` tells why then."""

    says: str
    form: Form | None = None
    refusal: Refusal | None = None
    limits: Mapping[str, int] = {}
    new_values: bool = False
    """Whether the answers say something else, rather than the same in another form."""

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
    "D1": Quirk("The simulator has no login page, so it calls nobody back."),
    "D2": Quirk(
        "Market data says InstrumentId. (Requests may say either at any time.)",
        forms.renamed({"instrumentId": "InstrumentId"}, forms.MARKET),
    ),
    "D3": Quirk("Both hold at any time: NCDEXCOMM and BSECOMM are exchanges, and their contract files a 404."),
    "D4": Quirk(
        "Books are bare; margins and open interest, bare by themselves, are wrapped in `result`.",
        forms.bare_for_wrapped,
    ),
    "D5": Quirk(
        "Orders say disclosedQuantity for disclosedQty.",
        forms.renamed({"disclosedQty": "disclosedQuantity"}, forms.ORDERS),
    ),
    "D6": Quirk("Every key ends in a blank. (The PDF has three such.)", forms.on_rows(forms.with_blank_keys)),
    "D7": Quirk("The first row of quotes says besAskPrice.", forms.misspelt_in_first_row),
    "D8": Quirk("10 calls for candles a second instead of 3.", limits={"historicaldata": 10}),
    "D9": Quirk(f"{_NO_STREAM} It has no second port."),
    "D10": Quirk("Candles are rows right inside `result`.", forms.candles_flat),
    "D11": Quirk("A refused login says `status` and `message`.", forms.login_refused_as_documented),
    "D12": Quirk(
        "A list of one is that object, an object a list of one, wherever `result` holds one.", forms.object_for_list
    ),
    "D13": Quirk(
        "Instrument ids are numbers in books and strings in market data.",
        forms.on_rows(forms.with_other_ids, forms.BOOKS | forms.MARKET),
    ),
    "D14": Quirk(
        "An order's margin says rmsValidationCheck.",
        forms.renamed({"rmsvalidationMessage": "rmsValidationCheck"}, frozenset({"preordermargin"})),
    ),
    "D15": Quirk(
        "totalQuantity includes what is pledged and authorised.",
        forms.on_rows(forms.with_all_quantities, frozenset({"holdings"})),
        new_values=True,
    ),
    "D16": Quirk(
        "The margin of a CO order needs its targetLegPrice (EC953).", refusal=_cover_without_target, new_values=True
    ),
    "D17": Quirk(
        "The account's status is Active.",
        forms.on_rows(forms.with_active_account, frozenset({"profile"})),
        new_values=True,
    ),
    "D18": Quirk(
        "marketProtectionPercent is told as the price that it leads to.",
        forms.on_rows(forms.with_protection_as_price, forms.ORDERS),
        new_values=True,
    ),
    "D19": Quirk(f"{_NO_STREAM} The dates concerned are not in the books."),
    "D20": Quirk(f"{_NO_STREAM} There is nothing to subscribe to."),
    "D21": Quirk("A formula's label in the PDF: sellQuantity is called so in every answer."),
    "D22": Quirk(
        "Prices of holdings, orders and trades are in paise.",
        forms.on_rows(forms.with_prices_in_paise, forms.BOOKS - {"positions"}),
        new_values=True,
    ),
    "missing-numbers": Quirk(
        'A zero is told as null, "", "-", "NA" or "NaN".',
        forms.on_rows(forms.with_missing_numbers),
    ),
    "numbers-as-text": Quirk("Every number outside candles is a string.", forms.on_rows(forms.with_numbers_as_text)),
    "status-words": Quirk(
        "Orders are `canceled`, `COMPLETE` and `OPEN`.", forms.on_rows(forms.with_other_status_words, forms.ORDERS)
    ),
    "success-words": Quirk("Answers are `SUCCESS` for `Ok`.", forms.on_rows(forms.with_success_in_words)),
    "trade-names": Quirk(
        "Trades say filledQty and averageTradedPrice.",
        forms.renamed(
            {"filledQuantity": "filledQty", "tradedPrice": "averageTradedPrice"},
            frozenset({"trades"}),
        ),
    ),
    "first-row": Quirk(
        "Holdings and positions are one object, the first row.",
        forms.first_row_alone,
        new_values=True,
    ),
    "named-rows": Quirk("Books stand under their name inside `result`.", forms.under_a_name),
    "candles-as-text": Quirk("What `result` holds of candles is JSON in a string.", forms.candles_as_text),
}
# These move the rows that the others look at, in this order.
_LAST = ("first-row", "D10", "D12", "named-rows", "candles-as-text", "D4", "D6")
_ORDER = [name for name in QUIRKS if name not in _LAST] + list(_LAST)
QUIRK_NAMES = tuple(name for name, quirk in QUIRKS.items() if quirk.has_form)
QUIRK_FORMS = f"{', '.join(QUIRK_NAMES)}; `{FORMS}` for those that keep every value, `{ALL}` for all"


class Quirks:
    """Those that are switched on; a name or a group of names that is not known is a ValueError."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._on: frozenset[str] = frozenset()
        self._lock = Lock()
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        meant = named_quirks(name)
        with self._lock:
            self._on |= meant

    def remove(self, name: str) -> None:
        meant = named_quirks(name)
        with self._lock:
            self._on -= meant

    def clear(self) -> None:
        with self._lock:
            self._on = frozenset()

    def all(self) -> tuple[str, ...]:
        return tuple(name for name in QUIRKS if name in self._on)

    def refusal(self, route: str, request: Request) -> Answer | None:
        refusals = (quirk.refusal(route, request) for quirk in self._quirks() if quirk.refusal)
        return next((answer for answer in refusals if answer), None)

    def limits(self) -> dict[str, int]:
        """Calls per second, where they differ."""
        return {family: limit for quirk in self._quirks() for family, limit in quirk.limits.items()}

    def reworded(self, route: str, answer: Answer) -> Answer:
        changes = [quirk.form for quirk in self._quirks() if quirk.form]
        if not changes or route in forms.SPARED or answer.status != 200 or answer.content_type != "application/json":
            return answer
        content = msgspec.json.decode(answer.body)
        for change in changes:
            content = change(route, content)
        return msgspec.structs.replace(answer, body=msgspec.json.encode(content))

    def _quirks(self) -> list[Quirk]:
        on = self._on
        return [QUIRKS[name] for name in _ORDER if name in on]


def named_quirks(name: str) -> frozenset[str]:
    if name == ALL:
        return frozenset(QUIRK_NAMES)
    if name == FORMS:
        return frozenset(each for each in QUIRK_NAMES if not QUIRKS[each].new_values)
    quirk = QUIRKS.get(name)
    if quirk is None:
        raise ValueError(f"There is no quirk {name!r}. Known: {QUIRK_FORMS}.")
    if not quirk.has_form:
        raise ValueError(f"{name} cannot be switched on. {quirk.says}")
    return frozenset({name})
