"""The daily login: the address of the broker's page, and the code with which it sends the account's holder back."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.views.decorators.debug import sensitive_variables

from broker import conf
from broker.client import default_client
from broker.errors import BrokerLoginRequired

LOGIN_PAGE = "https://markets.iiflcapital.com/"


def address() -> str:
    """Where the account's holder logs in; the broker then sends the browser to the address registered for the app.

    One that is set goes out under both spellings that have been seen (iifl_api §1).
    """
    redirect = conf.redirect_url()
    more = {"redirecturl": redirect, "redirectUrl": redirect} if redirect else {}
    return f"{LOGIN_PAGE}?{urlencode({'v': 1, 'appkey': conf.app_key(), **more})}"


@sensitive_variables()
def come_back(parameters: Mapping[str, str]) -> None:
    """Logs in with what the broker's page sent along, its names in any case. Raises BrokerError's children."""
    found = {name.lower(): value.strip() for name, value in parameters.items()}
    code, client_id = found.get("authcode", ""), found.get("clientid", "")
    if not code:
        raise BrokerLoginRequired(
            "The broker sent no code along: the address that it was to come back to differs from the registered one"
        )
    if client_id and client_id.upper() != conf.client_id().upper():
        raise BrokerLoginRequired("The broker sent a code for another client than this site's")
    default_client().login(code)
