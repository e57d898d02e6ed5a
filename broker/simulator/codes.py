"""The broker's EC codes, for failures and empty books, which it sends inside "Ok"."""

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
    "EC802": "The interval is not supported.",
    "EC803": "The fromDate is missing.",
    "EC804": "The fromDate is not in the form DD-MMM-YYYY.",
    "EC805": "The toDate is missing.",
    "EC806": "The toDate is not in the form DD-MMM-YYYY.",
    "EC807": "The fromDate is after the toDate.",
    "EC808": "The instrumentId must be greater than 0.",
    "EC809": "The range of dates is too long.",
    "EC810": "The fromDate must be before the toDate.",
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
    "EC903": "The quantity is missing.",
    "EC906": "The product is missing.",
    "EC907": "The transactionType is missing.",
    "EC928": "The product is not supported.",
    "EC929": "The transactionType is not supported.",
    "EC930": "The orderType is not supported.",
    "EC932": "The validity is not supported.",
    "EC935": "The orderType is missing.",
    "EC938": "There are no open orders.",
    "EC942": "The orderComplexity is missing.",
    "EC943": "The orderComplexity must be REGULAR, AMO, BO or CO.",
    "EC944": "The validity is missing.",
    "EC948": "The quantity is above 50,000,000.",
    "EC949": "The quantity must be a positive whole number.",
    "EC950": "The price is required.",
    "EC951": "The slTriggerPrice is required.",
    "EC953": "The targetLegPrice is required.",
    "EC954": "The quantity must be a multiple of the lot size.",
    "EC955": "BO and CO orders must be INTRADAY.",
    "EC956": "DELIVERY and BNPL are for NSEEQ and BSEEQ only.",
    "EC957": "The price is invalid.",
    "EC958": "The price must be above zero.",
    "EC959": "The slTriggerPrice is invalid.",
    "EC960": "The slTriggerPrice must be above zero.",
    "EC971": "The orderTag is longer than 50 characters.",
    "EC973": "The slTriggerPrice of a BUY must be below the price.",
    "EC974": "The slTriggerPrice of a SELL must be above the price.",
    "EC975": "The disclosedQuantity is above the quantity.",
    "EC981": "The disclosedQuantity is invalid.",
    "EC982": "The disclosedQuantity of an AMO must be 0.",
    "EC988": "The marketProtectionPercent must be positive.",
    "EC992": "The order cannot be modified.",
    "EC993": "The order is not in a state to be modified.",
    "EC994": "The order is not in the book.",
    "EC995": "There is no order to cancel.",
    "EC996": "An AMO cannot be IOC.",
    "EC997": "The order is not in the book.",
    "EC986": "There is no SPAN margin for shares.",
    "EC987": "The exchange must be one for derivatives, currencies or commodities.",
}

EMPTY_BOOKS = {
    "orders": "EC916",
    "order": "EC918",
    "positions": "EC920",
    "holdings": "EC922",
    "trades": "EC926",
}

# The broker sends an EC row as an object on some routes and as a list of one on others; clients must accept both.
AS_OBJECT = frozenset({"profile", "limits", "limits/equity", "limits/fno", "logout", "positions", "trades"})


def ec(code: str, *, as_list: bool = True) -> Answer:
    """Build a failure as the broker sends it: inside "Ok", with HTTP 200."""
    row = {"status": code, "message": EC_MESSAGES.get(code, f"Simulated failure {code}.")}
    return ok([row] if as_list else row)


def empty_book(route: str) -> Answer:
    return ec(EMPTY_BOOKS[route], as_list=route not in AS_OBJECT)
