"""The pages' addresses; each works with and without a slash at its end."""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path

from dashboard.views import (
    account,
    alerts,
    broker_login,
    chart,
    live,
    login,
    order_actions,
    symbols,
    ticket,
    watchlist,
    watchlist_actions,
)

app_name = "dashboard"
urlpatterns = [
    path("", watchlist.page, name="watchlist"),
    re_path(r"^holdings/?$", account.holdings, name="holdings"),
    re_path(r"^positions/?$", account.positions, name="positions"),
    re_path(r"^orders/?$", account.orders, name="orders"),
    re_path(r"^orders/cancel/?$", order_actions.cancel_all, name="cancel-all"),
    re_path(r"^orders/(?P<order_id>[^/]+)/cancel/?$", order_actions.cancel, name="cancel-order"),
    re_path(r"^positions/exit/?$", order_actions.exit_position, name="exit-position"),
    re_path(r"^positions/exit-all/?$", order_actions.exit_all, name="exit-all"),
    re_path(r"^(?P<name>holdings|positions|orders|trades)\.csv$", account.download, name="csv"),
    re_path(r"^symbols/?$", symbols.page, name="symbols"),
    re_path(r"^watchlist/add/?$", watchlist_actions.add, name="watch"),
    re_path(r"^watchlist/(?P<pk>[0-9]{1,18})/edit/?$", watchlist_actions.edit, name="edit-watched"),
    re_path(r"^watchlist/(?P<pk>[0-9]{1,18})/remove/?$", watchlist_actions.remove, name="remove-watched"),
    re_path(r"^alerts/?$", alerts.page, name="alerts"),
    re_path(r"^alerts/new/?$", alerts.new, name="new-alert"),
    re_path(r"^alerts/(?P<pk>[0-9]{1,18})/delete/?$", alerts.delete, name="delete-alert"),
    re_path(r"^chart/(?P<symbol>[^/]{1,60})/?$", chart.page, name="chart"),
    re_path(r"^orders/new/?$", ticket.new, name="new-order"),
    re_path(r"^orders/check/?$", ticket.check, name="check-order"),
    re_path(r"^orders/sent/(?P<token>[^/]{1,120})/?$", ticket.sent, name="ticket-sent"),
    re_path(r"^orders/(?P<order_id>[A-Za-z0-9_-]{1,40})/change/?$", ticket.change, name="change-order"),
    re_path(r"^live/(?P<name>[a-z]+)/?$", live.poll, name="live"),
    re_path(r"^login/?$", login.SiteLoginView.as_view(), name="login"),
    re_path(r"^logout/?$", LogoutView.as_view(), name="logout"),
    re_path(r"^theme/?$", login.theme, name="theme"),
    re_path(r"^broker/login/?$", broker_login.page, name="broker-login"),
]
