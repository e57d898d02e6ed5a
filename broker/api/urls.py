"""/api/broker/…, /api/portfolio/… and /api/system/trading"""

from django.urls import path

from broker.api import market_views, order_views, trading_views, views

urlpatterns = [
    path("broker/holdings/", views.HoldingsView.as_view(), name="holdings"),
    path("broker/positions/", views.PositionsView.as_view(), name="positions"),
    path("broker/margins/", views.MarginsView.as_view(), name="margins"),
    path("broker/orders/", order_views.OrdersView.as_view(), name="orders"),
    path("broker/orders/<str:order_id>/", order_views.OrderView.as_view(), name="order"),
    path("broker/trades/", views.TradesView.as_view(), name="trades"),
    path("broker/profile/", views.ProfileView.as_view(), name="profile"),
    path("broker/candles/", views.CandlesView.as_view(), name="candles"),
    path("broker/contracts/<str:exchange>/", views.ContractsView.as_view(), name="contracts"),
    path("broker/quotes/", views.QuotesView.as_view(), name="quotes"),
    path("broker/depth/", market_views.DepthView.as_view(), name="depth"),
    path("broker/openinterest/", market_views.OpenInterestView.as_view(), name="openinterest"),
    path("broker/margin/", market_views.MarginView.as_view(), name="order-margin"),
    path("broker/span/", market_views.SpanView.as_view(), name="span-margin"),
    path("portfolio/summary/", views.SummaryView.as_view(), name="portfolio-summary"),
    path("portfolio/risk/", views.RiskView.as_view(), name="portfolio-risk"),
    path("system/trading/", trading_views.TradingSwitchView.as_view(), name="trading-switch"),
]
