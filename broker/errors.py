"""Errors of the broker and of the calls to it. Each message says what to do.

BrokerError                  502  broker_error
├── UnknownSymbol            400  unknown_symbol         no contract file knows the symbol
├── UnknownExchange          400  unknown_exchange
├── BrokerRefused            502  broker_refused         an EC code, in whatever envelope it came
│   ├── BrokerAddressRefused 502  broker_ip_not_allowed  EC500: this machine's address is not allowed
│   ├── AccountBlocked       502  broker_account_blocked the account may not trade, or not log in
│   ├── NoSuchOrder          404  unknown_order          EC994, EC997, EC999: not in the broker's book
│   ├── OrderNotOpen         409  order_not_open         EC992, EC993, EC995: executed, cancelled or rejected by now
│   └── EmptyBook             -   an EC code for an empty book; never leaves the client
├── BrokerAnswerUnclear      502  broker_answer_unclear  not JSON, or not of the documented shape
├── BrokerUnreachable        503  broker_unreachable     no connection, or a 5xx
├── BrokerBusy               503  broker_busy            429: too many calls
│   └── RateLimitWait        503  broker_busy            not sent: the rate limiter's queue is too long
├── RefreshUnderWay          503  refresh_under_way      another refresh of the contract file is running
├── TradingDisabled          403  trading_disabled       the trading switch is not open, or TRADING_ENABLED not set
├── InvalidOrder             400  invalid                breaks a rule of the contract or the broker; not sent
├── OrderOverLimit           422  order_over_limit       beyond a cap of this site; not sent
├── UnknownOrder             404  unknown_order          not in today's order book
├── OrderUnderWay            409  order_under_way        the same request is waiting for the broker
├── KeyReused                422  idempotency_key_reused the key belongs to another request
├── OrderRefused              -   as before              the same request was refused before
├── OrderOutcomeUnknown      504  order_outcome_unknown  sent, no answer, the order book does not settle it
├── OrderNotInBook           409  order_not_in_book      sent, no answer; the order book proves it had no effect
├── BrokerLoginRequired      503  broker_login_required  no session, or an expired one
└── BrokerTimeout            504  broker_timeout
"""

from datetime import datetime


class BrokerError(Exception):
    status_code = 502
    code = "broker_error"
    retryable = False
    ask_again_after = 3.0  # seconds before the same read may be sent to the broker again
    retry_after: int | None = None
    # Whether the broker may have carried out the request. True unless it is certain that it has not.
    may_have_arrived = True

    def __init__(self, message: str, detail: object = None) -> None:
        super().__init__(message)
        self.detail = detail


class UnknownSymbol(BrokerError):
    may_have_arrived = False
    status_code = 400
    code = "unknown_symbol"

    def __init__(self, symbol: str, exchange: str, *, field: str = "symbol") -> None:
        message = f"{exchange} has no symbol {symbol}."
        super().__init__(f"{field}: {message}", {field: [message]})


class UnknownExchange(BrokerError):
    may_have_arrived = False
    status_code = 400
    code = "unknown_exchange"

    def __init__(self, exchange: str, known: list[str]) -> None:
        message = f"{exchange} is not one of {', '.join(known)}."
        super().__init__(f"exchange: {message}", {"exchange": [message]})


AMBIGUOUS_CODES = ("EC003", "EC042")  # the broker may have carried out the request before it failed


class BrokerRefused(BrokerError):
    """`ec` is the broker's code, such as EC804."""

    code = "broker_refused"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(f"The broker refused the request: {message} ({ec}).", {"ec": ec})
        self.ec = ec
        self.may_have_arrived = ec in AMBIGUOUS_CODES


class BrokerAddressRefused(BrokerRefused):
    """EC500 (iifl_api §4.4)."""

    code = "broker_ip_not_allowed"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(ec, message)
        self.args = (
            f"The broker does not accept calls from this machine's address ({ec}): the exchange requires a static IP "
            "address that is registered for the app. Register this machine's public IPv4 address at "
            "developers.iiflcapital.com. If it is registered, the call may have left over IPv6: set "
            "IIFL_FORCE_IPV4=true, or register the IPv6 address too.",
        )


class AccountBlocked(BrokerRefused):
    """EC004, EC014, EC081, EC703 to EC705: only the broker can lift it."""

    code = "broker_account_blocked"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(ec, message)
        self.args = (f"The broker has blocked the account: {message} ({ec}). Contact its support.",)


class NoSuchOrder(BrokerRefused):
    """EC994, EC997, EC999 (iifl_api §4.1)."""

    status_code = 404
    code = "unknown_order"


class OrderNotOpen(BrokerRefused):
    """EC992, EC993, EC995 (iifl_api §4.1)."""

    status_code = 409
    code = "order_not_open"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(ec, message)
        self.args = (f"The order is not open any more, so nothing was changed: {message} ({ec}). Read the order book.",)


class EmptyBook(BrokerRefused):
    """The EC codes with which the broker reports an empty book."""


class BrokerAnswerUnclear(BrokerError):
    code = "broker_answer_unclear"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The broker's answer could not be understood: {what}. If this persists, the broker may have changed its "
            "format."
        )


class BrokerUnreachable(BrokerError):
    status_code = 503
    code = "broker_unreachable"
    retryable = True
    retry_after = 5

    def __init__(self, reason: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(f"The broker cannot be reached ({reason}). Try again in a few seconds.")
        self.may_have_arrived = may_have_arrived


class BrokerTimeout(BrokerError):
    status_code = 504
    code = "broker_timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The broker did not answer within {seconds:g} seconds. Try again.")


class BrokerBusy(BrokerError):
    may_have_arrived = False
    status_code = 503
    code = "broker_busy"
    retryable = True

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(f"The broker's rate limit is reached. Try again in {max(1, retry_after)} s.")
        self.retry_after = retry_after
        self.ask_again_after = float(retry_after)


class RateLimitWait(BrokerBusy):
    """The call was not sent: it would have waited too long in our own rate limiter."""

    retryable = False


class BrokerLoginRequired(BrokerError):
    may_have_arrived = False
    status_code = 503
    code = "broker_login_required"
    ask_again_after = 0.0  # somebody may log in before the next request

    def __init__(self, reason: str = "There is no broker session for today") -> None:
        super().__init__(f"{reason}. Log in to the broker: at /broker/login, or with `manage.py brokerlogin`.")


class TooManyLargeAnswers(BrokerError):
    status_code = 503
    code = "too_many_large_answers"
    retry_after = 5

    def __init__(self) -> None:
        super().__init__(
            "Your other requests for as many candles are still under way. Ask for one at a time, or for fewer days."
        )


class RefreshUnderWay(BrokerError):
    status_code = 503
    code = "refresh_under_way"
    retry_after = 5

    def __init__(self, file: str) -> None:
        super().__init__(f"The contract file {file} is being refreshed. Try again in a few seconds.")


class TradingDisabled(BrokerError):
    may_have_arrived = False
    status_code = 403
    code = "trading_disabled"

    def __init__(self, state: str, since: datetime | None, by: str, reason: str) -> None:
        turned = f" since {since:%Y-%m-%d %H:%M:%S}, by {by}" if since else ""
        super().__init__(
            f"Trading is {state}{turned}{f' ({reason})' if reason else ''}. Orders can be cancelled, but not placed or "
            'changed. PUT {"state": "open"} to /api/system/trading opens it, where TRADING_ENABLED=true.',
            {"state": state},
        )


class InvalidOrder(BrokerError):
    """`errors` holds messages by field."""

    may_have_arrived = False
    status_code = 400
    code = "invalid"

    def __init__(self, errors: dict[str, list[str]]) -> None:
        field, sentences = next(iter(errors.items()))
        super().__init__(f"{field}: {sentences[0]}", errors)


class OrderOverLimit(BrokerError):
    """`value` is what the order has of what the cap limits; None if that is not known. So is `limit`."""

    may_have_arrived = False
    status_code = 422
    code = "order_over_limit"

    def __init__(self, cap: str, value: object, limit: object, sentence: str) -> None:
        known = {name: None if given is None else str(given) for name, given in (("value", value), ("limit", limit))}
        super().__init__(f"{cap}: {sentence}", {"cap": cap, **known})


class UnknownOrder(BrokerError):
    may_have_arrived = False
    status_code = 404
    code = "unknown_order"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"Today's order book has no order {order_id}.")


class OrderUnderWay(BrokerError):
    may_have_arrived = False
    status_code = 409
    code = "order_under_way"
    retry_after = 5

    def __init__(self) -> None:
        super().__init__("The same request is on its way to the broker. Repeat it in a few seconds to get its outcome.")


class KeyReused(BrokerError):
    may_have_arrived = False
    status_code = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key belongs to another request. Use a new key for a new request.")


class OrderRefused(BrokerError):
    """Repeats the error of an earlier attempt at the same request."""

    may_have_arrived = False

    def __init__(self, status_code: int, code: str, message: str, ec: str) -> None:
        super().__init__(message, {"ec": ec} if ec else None)  # rows older than 0.4 have no ec
        self.status_code = status_code
        self.code = code


class OrderOutcomeUnknown(BrokerError):
    """`hint` says what the order book shows instead, such as an order that may be the requested one."""

    status_code = 504
    code = "order_outcome_unknown"
    retry_after = 15

    def __init__(self, detail: object, hint: str = "") -> None:
        shows = f"{hint} Do not send it again before it is certain" if hint else "Its order book does not show it yet"
        super().__init__(
            f"The request was sent, but no answer of the broker says what became of it. {shows}. Repeat the "
            "request with the same Idempotency-Key to learn its outcome; it is not sent twice.",
            detail,
        )


class OrderNotInBook(BrokerError):
    """`proof` says what the order book shows."""

    status_code = 409
    code = "order_not_in_book"

    def __init__(self, detail: object, proof: str) -> None:
        super().__init__(
            f"The request was sent, but no answer of the broker says what became of it. {proof} So it had no effect. "
            "To try again, send it with a new Idempotency-Key.",
            detail,
        )
