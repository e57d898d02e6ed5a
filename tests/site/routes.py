"""The documented addresses, each with an example that has an answer on a fresh site."""

# Address in the API's description -> what to ask for.
DOCUMENTED = {
    "/api/": "/api/",
    "/api/watchlist/": "/api/watchlist?active=all&category=long_term",
    "/api/watchlist/{id}/": "/api/watchlist/1",
    "/api/signals/": "/api/signals?limit=50",
    "/api/settings/": "/api/settings",
    "/api/settings/{key}/": "/api/settings/max_positions",
    "/api/alerts/": "/api/alerts",
    "/api/broker/holdings/": "/api/broker/holdings",
    "/api/broker/positions/": "/api/broker/positions",
    "/api/broker/margins/": "/api/broker/margins",
    "/api/broker/orders/": "/api/broker/orders",
    "/api/broker/trades/": "/api/broker/trades",
    "/api/broker/profile/": "/api/broker/profile",
    "/api/broker/candles/": "/api/broker/candles?symbol=RELIANCE&interval=1d&from=2021-12-01&to=2021-12-31",
    "/api/broker/contracts/{exchange}/": "/api/broker/contracts/NSEEQ?search=RELIANCE",
    "/api/broker/quotes/": "/api/broker/quotes?symbols=RELIANCE,INFY",
    "/api/portfolio/summary/": "/api/portfolio/summary",
    "/api/portfolio/risk/": "/api/portfolio/risk",
    "/api/system/cache/stats/": "/api/system/cache/stats",
    "/api/system/cache/families/": "/api/system/cache/families",
    "/api/system/cache/keys/": "/api/system/cache/keys",
    "/api/system/health/": "/api/system/health",
    "/api/system/trading/": "/api/system/trading",
}
# Not for programs that read the description.
UNDOCUMENTED = ("/metrics", "/api/schema", "/api/docs")

GET_ROUTES = (*DOCUMENTED.values(), *UNDOCUMENTED)
# Those whose values come out of the cache, under the keys that operators type (with the profile's, which has its own).
# The contract file comes before what looks symbols up in it.
CACHED = {
    "/api/watchlist": "db:watchlist:true:all",
    "/api/signals": "db:signals:recent:50",
    "/api/settings": "db:settings:all",
    "/api/broker/holdings": "api:holdings",
    "/api/broker/positions": "api:positions",
    "/api/broker/margins": "api:margins",
    "/api/broker/orders": "api:orders",
    "/api/broker/trades": "api:trades",
    "/api/broker/profile": "api:profile",
    "/api/broker/contracts/NSEEQ?search=RELIANCE": "api:contracts:NSEEQ",
    "/api/broker/quotes?symbols=RELIANCE": "api:quotes:NSEEQ:RELIANCE",
    "/api/broker/candles?symbol=RELIANCE&interval=1d&from=2021-12-01&to=2021-12-31": (
        "api:candles:RELIANCE:1d:2021-12-01:2021-12-31"
    ),
    "/api/portfolio/summary": "computed:portfolio:summary",
    "/api/portfolio/risk": "computed:risk",
}
# Key -> its documented TTL, in seconds.
TTLS = {
    "db:watchlist:true:all": 300,
    "db:signals:recent:50": 300,
    "db:settings:all": 600,
    "api:holdings": 30,
    "api:positions": 30,
    "api:margins": 300,
    "api:orders": 300,
    "api:trades": 300,
    "api:profile": 300,
    "api:quotes:NSEEQ:RELIANCE": 2,
    "api:candles:RELIANCE:1d:2021-12-01:2021-12-31": 86_400,
    "api:contracts:NSEEQ": 3_600,
    "computed:portfolio:summary": 60,
    "computed:risk": 30,
}


def with_slash(route: str) -> str:
    """The same address with a slash at the end of its path."""
    path, question, query = route.partition("?")
    return path.rstrip("/") + "/" + question + query


def without_slash(route: str) -> str:
    path, question, query = route.partition("?")
    return path.rstrip("/") + question + query
