"""Who gets what from every route: the one table of it. A route without a row fails test_access.py.

Identities by token: anonymous, nobody (a login without a right), viewer, trader, operator (of the groups of that name;
the operator is staff), superuser; deactivated, revoked and expired (all a superuser's); read and metrics (a superuser's
tokens of these scopes); and by session: trader_session, operator_session.
"""

from dataclasses import dataclass, field

UNKNOWN = frozenset({"anonymous", "deactivated", "revoked", "expired"})  # 401; all others are refused by 403
TRADERS = frozenset({"trader", "superuser", "trader_session"})
LOGGED_IN = TRADERS | {"nobody", "viewer", "operator", "operator_session", "read"}
ACCOUNT = TRADERS | {"viewer", "read"}
TRADING = TRADERS | {"read"}
OPERATORS = frozenset({"operator", "superuser", "operator_session"})
IDENTITIES = LOGGED_IN | UNKNOWN | {"metrics"}


@dataclass(frozen=True)
class Route:
    """An address of the route, and who is let in by method. HEAD is GET's; a method that is absent is nobody's."""

    address: str
    methods: dict[str, frozenset[str]] = field(default_factory=dict)


def read(address: str, who: frozenset[str], **writes: frozenset[str]) -> Route:
    return Route(address, {"get": who, **writes})


DAYS = "from=2021-12-01&to=2021-12-03"
API: dict[str, Route] = {
    "api-index": read("/api/", LOGGED_IN),
    "holdings": read("/api/broker/holdings/", ACCOUNT),
    "positions": read("/api/broker/positions/", ACCOUNT),
    "margins": read("/api/broker/margins/", ACCOUNT),
    "orders": read("/api/broker/orders/", ACCOUNT, post=TRADERS),
    # No order has such a number, so none is asked for at the broker.
    "order": read("/api/broker/orders/no.such.order/", ACCOUNT, put=TRADERS, delete=TRADERS),
    "trades": read("/api/broker/trades/", ACCOUNT),
    "profile": read("/api/broker/profile/", ACCOUNT),
    "candles": read(f"/api/broker/candles/?symbol=RELIANCE&interval=1d&{DAYS}", ACCOUNT),
    "contracts": read("/api/broker/contracts/NSEEQ/?search=RELIANCE", ACCOUNT),
    "quotes": read("/api/broker/quotes/?symbols=RELIANCE", ACCOUNT),
    "depth": read("/api/broker/depth/?symbol=RELIANCE", ACCOUNT),
    "openinterest": read("/api/broker/openinterest/?symbol=NIFTY&exchange=NSEFO", ACCOUNT),
    "order-margin": Route("/api/broker/margin/", {"post": ACCOUNT - {"read"}}),
    "span-margin": Route("/api/broker/span/", {"post": ACCOUNT - {"read"}}),
    "portfolio-summary": read("/api/portfolio/summary/", ACCOUNT),
    "portfolio-risk": read("/api/portfolio/risk/", ACCOUNT),
    "trading-switch": read("/api/system/trading/", TRADING, put=TRADERS),
    "watchlist-list": read("/api/watchlist/", LOGGED_IN, post=TRADERS),
    "watchlist-detail": read("/api/watchlist/999/", LOGGED_IN, put=TRADERS, patch=TRADERS, delete=TRADERS),
    "signals-list": read("/api/signals/", LOGGED_IN, post=TRADERS),
    "signals-detail": read("/api/signals/999/", LOGGED_IN, put=TRADERS, patch=TRADERS, delete=TRADERS),
    "signals-generate": Route("/api/signals/generate/", {"post": TRADERS}),
    "alerts-list": read("/api/alerts/", ACCOUNT, post=TRADERS),
    "alerts-detail": read("/api/alerts/999/", ACCOUNT, delete=TRADERS),
    "settings": read("/api/settings/", LOGGED_IN, put=TRADERS),
    "setting": read("/api/settings/max_positions/", LOGGED_IN, put=TRADERS),
    "cache-stats": read("/api/system/cache/stats/", LOGGED_IN),
    "cache-clear": Route("/api/system/cache/clear/", {"post": OPERATORS}),
    "cache-families": read("/api/system/cache/families/", OPERATORS),
    "cache-keys": read("/api/system/cache/keys/", OPERATORS),
    "cache-warm": Route("/api/system/cache/warm/?family=nonsense", {"post": OPERATORS}),
    "health": read("/api/system/health/", IDENTITIES),
    "schema": read("/api/schema/?format=json", IDENTITIES),
    "docs": read("/api/docs/", IDENTITIES),
    "metrics": read("/metrics/", OPERATORS | {"metrics"}),
    "stream": read("/stream/", ACCOUNT),  # by the site's workers it is 404: it has a server of its own
}

# --- pages, by session -------------------------------------------------------------------------------------
# Staff members: clerk (no rights), trader and operator (of the groups), superuser. Others: anonymous, nobody,
# deactivated (a superuser's session).

STAFF = frozenset({"clerk", "trader", "operator", "superuser"})
PERSONS = STAFF | {"anonymous", "nobody", "deactivated"}
SUPER = frozenset({"superuser"})
OPERATORS = SUPER | {"operator"}
DEALERS = SUPER | {"trader"}
ALL_BUT_CLERKS = OPERATORS | DEALERS
NONE = frozenset[str]()


@dataclass(frozen=True)
class Model:
    """Who may view a model's rows in the admin, add some, delete them."""

    view: frozenset[str]
    add: frozenset[str] = NONE
    delete: frozenset[str] = NONE


MODELS: dict[str, Model] = {
    "alerts_pricealert": Model(DEALERS, NONE, DEALERS),
    "auth_group": Model(SUPER, SUPER, SUPER),
    "auth_user": Model(SUPER, SUPER, SUPER),
    "broker_brokersession": Model(ALL_BUT_CLERKS),
    "broker_contract": Model(OPERATORS),
    "broker_contractfile": Model(OPERATORS),
    "broker_orderrequest": Model(DEALERS),
    "broker_tradingday": Model(OPERATORS, OPERATORS, OPERATORS),
    "broker_tradingswitch": Model(DEALERS),
    "otp_totp_totpdevice": Model(SUPER, SUPER, SUPER),
    "systemcache_apitoken": Model(OPERATORS, OPERATORS, OPERATORS),
    "systemcache_clearrecord": Model(OPERATORS),
    "tradingsite_loginattempt": Model(OPERATORS, NONE, OPERATORS),
    "watchlist_signal": Model(DEALERS, DEALERS, DEALERS),
    "watchlist_tradingsetting": Model(DEALERS, SUPER),
    "watchlist_watchlistitem": Model(DEALERS, DEALERS, DEALERS),
}
# Beside those of the models. STAFF's need staff status and no more; PERSONS's are for anybody.
PAGES: dict[str, tuple[str, frozenset[str]]] = {
    "dashboard:watchlist": ("/", DEALERS),
    "dashboard:holdings": ("/holdings", DEALERS),
    "dashboard:positions": ("/positions", DEALERS),
    "dashboard:orders": ("/orders", DEALERS),
    "dashboard:alerts": ("/alerts", DEALERS),
    "dashboard:new-alert": ("/alerts/new?symbol=RELIANCE", DEALERS),
    "dashboard:delete-alert": ("/alerts/999/delete", DEALERS),
    "dashboard:chart": ("/chart/RELIANCE", DEALERS),
    "dashboard:new-order": ("/orders/new?symbol=RELIANCE&side=BUY&key=ticket-" + "0" * 32, DEALERS),
    "dashboard:check-order": ("/orders/check?symbol=RELIANCE&side=BUY", DEALERS),
    "dashboard:change-order": ("/orders/999/change", DEALERS),
    "dashboard:ticket-sent": ("/orders/sent/999", DEALERS),
    "dashboard:cancel-all": ("/orders/cancel", DEALERS),
    "dashboard:cancel-order": ("/orders/999/cancel", DEALERS),
    "dashboard:exit-position": ("/positions/exit?exit=NSEEQ|1|INTRADAY|SELL|1", DEALERS),
    "dashboard:exit-all": ("/positions/exit-all", DEALERS),
    "dashboard:csv": ("/holdings.csv", DEALERS),
    "dashboard:symbols": ("/symbols", DEALERS),
    "dashboard:edit-watched": ("/watchlist/999/edit", DEALERS),
    "dashboard:remove-watched": ("/watchlist/999/remove", DEALERS),
    "dashboard:live": ("/live/watchlist", DEALERS),
    "dashboard:login": ("/login", PERSONS),
    "dashboard:broker-login": ("/broker/login", ALL_BUT_CLERKS),
    "status": ("/status", PERSONS),
    "favicon.ico": ("/favicon.ico", PERSONS),
    "second-factor": ("/second-factor/", PERSONS - {"anonymous", "deactivated"}),
    "broker-callback": ("/broker/callback/", ALL_BUT_CLERKS),
    "rest_framework:login": ("/api/auth/login/", PERSONS),
    "admin:login": ("/admin/login/", PERSONS),
    "admin:index": ("/admin/", STAFF),
    "admin:password_change": ("/admin/password_change/", STAFF),
    "admin:password_change_done": ("/admin/password_change/done/", STAFF),
    "admin:jsi18n": ("/admin/jsi18n/", STAFF),
    "admin:app_list": ("/admin/watchlist/", DEALERS),
    "admin:autocomplete": ("/admin/autocomplete/", NONE),
    "admin:auth_user_password_change": ("/admin/auth/user/999/password/", SUPER),
    # They would show the secret of a device.
    "admin:otp_totp_totpdevice_config": ("/admin/otp_totp/totpdevice/999/config/", NONE),
    "admin:otp_totp_totpdevice_qrcode": ("/admin/otp_totp/totpdevice/999/qrcode/", NONE),
    "admin:systemcache_cache_changelist": ("/admin/systemcache/cache/", OPERATORS),
    "admin:systemcache_cache_family": ("/admin/systemcache/cache/families/settings/", OPERATORS),
    "admin:systemcache_cache_audit": ("/admin/systemcache/cache/audit/", OPERATORS),
    "admin:systemcache_cache_processes": ("/admin/systemcache/cache/processes/", OPERATORS),
    "admin:systemcache_cache_keys": ("/admin/systemcache/cache/keys/", OPERATORS),
    "admin:systemcache_cache_key": ("/admin/systemcache/cache/key/?key=api:holdings", OPERATORS),
    "admin:systemcache_cache_clear": ("/admin/systemcache/cache/clear/", OPERATORS),
}
# By POST alone, or without an answer of their own: each has a reason.
WITHOUT_PAGE = {
    "admin:logout": "ends the session that asks",
    "rest_framework:logout": "ends the session that asks",
    "dashboard:logout": "ends the session that asks",
    "dashboard:watch": "by POST alone; tests/dashboard/test_watchlist.py",
    "dashboard:theme": "by POST alone; tests/dashboard/test_look.py",
    "admin:systemcache_cache_refresh": "by POST alone; tests/systemcache/admin/test_pages.py",
    "admin:view_on_site": "no model here has such an address",
    "admin:": "redirects of the admin to addresses that have a row",
}
