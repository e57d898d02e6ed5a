"""The broker's routes, each with a request that has an answer, and the shape of their errors."""

from typing import Any

HISTORY = "symbol=RELIANCE&interval=1d&from=2024-09-02&to=2024-09-13"
ROUTES = {
    "holdings": "/api/broker/holdings",
    "positions": "/api/broker/positions",
    "margins": "/api/broker/margins",
    "orders": "/api/broker/orders",
    "trades": "/api/broker/trades",
    "profile": "/api/broker/profile",
    "candles": f"/api/broker/candles?{HISTORY}",
    "contracts": "/api/broker/contracts/NSEEQ",
    "quotes": "/api/broker/quotes?symbols=RELIANCE,INFY",
    "depth": "/api/broker/depth?symbol=INFY",
    "openinterest": "/api/broker/openinterest?symbol=INFY&exchange=NSEEQ",
    "portfolio-summary": "/api/portfolio/summary",
    "portfolio-risk": "/api/portfolio/risk",
}


def assert_error(response: Any, status: int, code: str) -> dict[str, Any]:
    """The one shape of errors; returns what is in it."""
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"code", "message", "detail"}
    assert error["code"] == code
    assert isinstance(error["message"], str)
    assert error["message"]
    return error
