"""The broker's EC codes: failures, and empty books, told inside "Ok"."""

from broker.simulator.wire import Answer, ok

EXCHANGES = (
    "NSEEQ",
    "NSEFO",
    "BSEEQ",
    "BSEFO",
    "NSECURR",
    "BSECURR",
    "MCXCOMM",
    "NCDEXCOMM",
    "NSECOMM",
    "BSECOMM",
)

EC_MESSAGES = {
    "EC003": "Something went wrong. Try again after some time.",
    "EC005": "The request is null or empty.",
    "EC044": "The token is not valid.",
    "EC500": "Error : this IP address is not authorised for trading.",
    "EC801": "The interval is missing.",
    "EC802": "The interval is not one of those on offer.",
    "EC803": "The fromDate is missing.",
    "EC804": "The fromDate is not of the form DD-MMM-YYYY.",
    "EC805": "The toDate is missing.",
    "EC806": "The toDate is not of the form DD-MMM-YYYY.",
    "EC807": "The fromDate lies after the toDate.",
    "EC808": "The instrumentId has to be greater than 0.",
    "EC809": "The range of dates is too long.",
    "EC810": "The fromDate has to lie before the toDate.",
    "EC900": "The exchange is missing.",
    "EC901": "Invalid exchange. Accepted: " + ", ".join(EXCHANGES) + ".",
    "EC916": "There are no orders for this user.",
    "EC918": "There is no history of this order.",
    "EC920": "There are no positions for this user.",
    "EC922": "There are no holdings for this user.",
    "EC926": "There are no trades for this user.",
    "EC941": "The instrumentId is missing.",
    "EC946": "The instrumentId is not numeric.",
    "EC947": "The instrumentId does not exist.",
}

EMPTY_BOOKS = {
    "orders": "EC916",
    "order": "EC918",
    "positions": "EC920",
    "holdings": "EC922",
    "trades": "EC926",
}

# The broker tells an EC row as an object on some routes, as a list of one on others: clients must take both.
AS_OBJECT = frozenset({"profile", "limits", "limits/equity", "limits/fno", "logout", "positions", "trades"})


def ec(code: str, *, as_list: bool = True) -> Answer:
    """A failure the way the broker tells it: inside "Ok", with HTTP 200."""
    row = {"status": code, "message": EC_MESSAGES.get(code, f"Simulated failure {code}.")}
    return ok([row] if as_list else row)


def empty_book(route: str) -> Answer:
    return ec(EMPTY_BOOKS[route], as_list=route not in AS_OBJECT)
