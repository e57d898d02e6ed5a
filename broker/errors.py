"""What can go wrong with the broker; each says what to do about it.

BrokerError                  502  broker_error
├── UnknownSymbol            400  unknown_symbol         no contract file knows the symbol
├── UnknownExchange          400  unknown_exchange
├── BrokerRefused            502  broker_refused         an EC code, in whatever envelope it came
│   ├── BrokerAddressRefused 502  broker_ip_not_allowed  EC500: this machine's address is not on the broker's list
│   ├── AccountBlocked       502  broker_account_blocked the account may not trade, or not log in
│   └── NothingThere          -   an EC code that means an empty book; never leaves the client
├── BrokerAnswerUnclear      502  broker_answer_unclear  not JSON, or not of the documented shape
├── BrokerUnreachable        503  broker_unreachable     no connection, or a 5xx
├── BrokerBusy               503  broker_busy            429: too many calls
│   └── NoTurn               503  broker_busy            not called: too many wait already
├── RefreshUnderWay          503  refresh_under_way      somebody else refreshes the contract file
├── TradingDisabled          403  trading_disabled       TRADING_ENABLED is not set
├── InvalidOrder             400  invalid                by the contract's or the broker's rules; not sent
├── UnknownOrder             404  unknown_order          not in today's book
├── OrderUnderWay            409  order_under_way        the same request waits for the broker already
├── KeyReused                422  idempotency_key_reused the key came with another request before
├── OrderRefused              -   as it was              the answer that the same request had before
├── OrderOutcomeUnknown      504  order_outcome_unknown  sent, no answer, and not in the book so far
├── OrderNotInBook           409  order_not_in_book      sent, no answer, and not in the book a minute later
├── BrokerLoginRequired      503  broker_login_required  no session, or a dead one
└── BrokerTimeout            504  broker_timeout
"""


class BrokerError(Exception):
    status_code = 502
    code = "broker_error"
    retryable = False
    ask_again_after = 3.0  # seconds for which the broker is not asked the same again
    retry_after: int | None = None
    # Whether the broker may have done what was asked of it although no answer says so. Who cannot tell thinks so.
    may_have_arrived = True

    def __init__(self, message: str, detail: object = None) -> None:
        super().__init__(message)
        self.detail = detail


class UnknownSymbol(BrokerError):
    may_have_arrived = False
    status_code = 400
    code = "unknown_symbol"

    def __init__(self, symbol: str, exchange: str) -> None:
        message = f"No contract file of {exchange} knows the symbol {symbol}."
        super().__init__(f"symbol: {message}", {"symbol": [message]})


class UnknownExchange(BrokerError):
    may_have_arrived = False
    status_code = 400
    code = "unknown_exchange"

    def __init__(self, exchange: str, known: list[str]) -> None:
        message = f"{exchange} is not one of {', '.join(known)}."
        super().__init__(f"exchange: {message}", {"exchange": [message]})


SOMETHING_WENT_WRONG = ("EC003", "EC042")  # before or after what was asked: nobody says


class BrokerRefused(BrokerError):
    """`ec` is the broker's code, such as EC804."""

    code = "broker_refused"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(f"The broker refused the request: {message} ({ec}).", {"ec": ec})
        self.ec = ec
        self.may_have_arrived = ec in SOMETHING_WENT_WRONG


class BrokerAddressRefused(BrokerRefused):
    """EC500 (iifl_api §4.4)."""

    code = "broker_ip_not_allowed"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(ec, message)
        self.args = (
            f"The broker does not serve the account from this machine's address ({ec}): the exchange's rules want a "
            "static IP address that is registered for the app. Register this machine's public IPv4 address at "
            "developers.iiflcapital.com. If it is registered, the call may have left over IPv6: set "
            "IIFL_FORCE_IPV4=true, or register the IPv6 address too.",
        )


class AccountBlocked(BrokerRefused):
    """EC004, EC014, EC081, EC703 to EC705: only the broker can help."""

    code = "broker_account_blocked"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(ec, message)
        self.args = (f"The broker has blocked the account: {message} ({ec}). Ask its support.",)


class NothingThere(BrokerRefused):
    """The broker's way of saying that a book is empty."""


class BrokerAnswerUnclear(BrokerError):
    code = "broker_answer_unclear"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The broker's answer could not be understood: {what}. Try again; if it stays, its format has changed."
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
        super().__init__(f"The broker's limit of calls is reached. Try again in {max(1, retry_after)} s.")
        self.retry_after = retry_after
        self.ask_again_after = float(retry_after)


class NoTurn(BrokerBusy):
    """Our own limiter's: the call would have waited too long, so it was not made."""

    retryable = False


class BrokerLoginRequired(BrokerError):
    may_have_arrived = False
    status_code = 503
    code = "broker_login_required"
    ask_again_after = 0.0  # the next request may come right after the login

    def __init__(self, reason: str = "There is no broker session for today") -> None:
        super().__init__(f"{reason}. Log in to the broker: on its page in the admin, or with `manage.py brokerlogin`.")


class RefreshUnderWay(BrokerError):
    status_code = 503
    code = "refresh_under_way"
    retry_after = 5

    def __init__(self, file: str) -> None:
        super().__init__(f"A refresh of the contract file {file} is under way. Try again when it has ended.")


class TradingDisabled(BrokerError):
    may_have_arrived = False
    status_code = 403
    code = "trading_disabled"

    def __init__(self) -> None:
        super().__init__(
            "Trading is switched off on this site. Whoever runs it can set TRADING_ENABLED=true and start it again."
        )


class InvalidOrder(BrokerError):
    """`errors`: sentences by field."""

    may_have_arrived = False
    status_code = 400
    code = "invalid"

    def __init__(self, errors: dict[str, list[str]]) -> None:
        field, sentences = next(iter(errors.items()))
        super().__init__(f"{field}: {sentences[0]}", errors)


class UnknownOrder(BrokerError):
    may_have_arrived = False
    status_code = 404
    code = "unknown_order"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"The broker's book of today has no order {order_id}.")


class OrderUnderWay(BrokerError):
    may_have_arrived = False
    status_code = 409
    code = "order_under_way"
    retry_after = 5

    def __init__(self) -> None:
        super().__init__("The same request is on its way to the broker. Repeat it in a few seconds for its outcome.")


class KeyReused(BrokerError):
    may_have_arrived = False
    status_code = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request before. Take a new key for a new request.")


class OrderRefused(BrokerError):
    """What an earlier try of the same request was answered."""

    may_have_arrived = False

    def __init__(self, status_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code


class OrderOutcomeUnknown(BrokerError):
    status_code = 504
    code = "order_outcome_unknown"
    retry_after = 15

    def __init__(self, detail: object) -> None:
        super().__init__(
            "The request was sent and the broker's answer never came; its order book does not show it so far. Repeat "
            "the request with the same Idempotency-Key: that asks for its outcome and sends nothing twice.",
            detail,
        )


class OrderNotInBook(BrokerError):
    status_code = 409
    code = "order_not_in_book"

    def __init__(self, detail: object) -> None:
        super().__init__(
            "The request was sent, the broker's answer never came, and its order book does not show it: it had no "
            "effect. To try again send it with a new Idempotency-Key.",
            detail,
        )
