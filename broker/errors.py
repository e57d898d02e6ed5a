"""What can go wrong with the broker; each says what to do about it.

BrokerError                  502  broker_error
├── UnknownSymbol            400  unknown_symbol         no contract file knows the symbol
├── UnknownExchange          400  unknown_exchange
├── BrokerRefused            502  broker_refused         an EC code, in whatever envelope it came
│   └── NothingThere          -   an EC code that means an empty book; never leaves the client
├── BrokerAnswerUnclear      502  broker_answer_unclear  not JSON, or not of the documented shape
├── BrokerUnreachable        503  broker_unreachable     no connection, or a 5xx
├── BrokerBusy               503  broker_busy            429: too many calls
├── BrokerLoginRequired      503  broker_login_required  no session, or a dead one
└── BrokerTimeout            504  broker_timeout
"""


class BrokerError(Exception):
    status_code = 502
    code = "broker_error"
    retryable = False
    ask_again_after = 3.0  # seconds for which the broker is not asked the same again
    retry_after: int | None = None

    def __init__(self, message: str, detail: object = None) -> None:
        super().__init__(message)
        self.detail = detail


class UnknownSymbol(BrokerError):
    status_code = 400
    code = "unknown_symbol"

    def __init__(self, symbol: str, exchange: str) -> None:
        message = f"No contract file of {exchange} knows the symbol {symbol}."
        super().__init__(f"symbol: {message}", {"symbol": [message]})


class UnknownExchange(BrokerError):
    status_code = 400
    code = "unknown_exchange"

    def __init__(self, exchange: str, known: list[str]) -> None:
        message = f"{exchange} is not one of {', '.join(known)}."
        super().__init__(f"exchange: {message}", {"exchange": [message]})


class BrokerRefused(BrokerError):
    """`ec` is the broker's code, such as EC804."""

    code = "broker_refused"

    def __init__(self, ec: str, message: str) -> None:
        super().__init__(f"The broker refused the request: {message} ({ec}).", {"ec": ec})
        self.ec = ec


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

    def __init__(self, reason: str) -> None:
        super().__init__(f"The broker cannot be reached ({reason}). Try again in a few seconds.")


class BrokerTimeout(BrokerError):
    status_code = 504
    code = "broker_timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The broker did not answer within {seconds:g} seconds. Try again.")


class BrokerBusy(BrokerError):
    status_code = 503
    code = "broker_busy"
    retryable = True

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__("The broker's limit of calls is reached. Try again in a second.")
        self.retry_after = retry_after
        self.ask_again_after = float(retry_after)


class BrokerLoginRequired(BrokerError):
    status_code = 503
    code = "broker_login_required"
    ask_again_after = 0.0  # the next request may come right after the login

    def __init__(self, reason: str = "There is no broker session for today") -> None:
        super().__init__(f"{reason}. Log in to the broker: run `manage.py brokerlogin` and follow what it says.")
