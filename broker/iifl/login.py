"""The daily login: the URL of the broker's page, and the code with which it redirects the account holder back."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from django.views.decorators.debug import sensitive_variables

from broker import conf
from broker.errors import BrokerLoginRequired
from broker.iifl.client import default_client

LOGIN_PAGE = "https://markets.iiflcapital.com/"
AUTH_CODE = re.compile(r"[!-~]{1,200}")  # the documents describe none; those seen are letters and digits


def login_url() -> str:
    """Return the broker's login page, which afterwards redirects to the address registered for the app.

    A redirect URL from the settings is sent under both spellings that the broker's documents use (iifl_api §1).
    """
    redirect = conf.redirect_url()
    redirects = {"redirecturl": redirect, "redirectUrl": redirect} if redirect else {}
    return f"{LOGIN_PAGE}?{urlencode({'v': 1, 'appkey': conf.app_key(), **redirects})}"


@sensitive_variables()
def complete_login(parameters: Mapping[str, str]) -> None:
    """Log in with the query parameters of the broker's redirect, their names in any case. Raises BrokerError."""
    values = {name.lower(): value.strip() for name, value in parameters.items()}
    code, client_id = values.get("authcode", ""), values.get("clientid", "")
    if not code:
        raise BrokerLoginRequired(
            "The broker sent no code: the redirect URL probably differs from the one registered for the app"
        )
    if not AUTH_CODE.fullmatch(code):
        raise BrokerLoginRequired("What came back from the broker's page is no code")
    if client_id and client_id.upper() != conf.client_id().upper():
        raise BrokerLoginRequired("The broker sent a code for another client than this site's account")
    default_client().login(code)
