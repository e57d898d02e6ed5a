"""Every URL of the site. The API's end in a slash, which middleware.py makes optional."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from broker.admin.login_callback import callback
from systemcache.api.metrics import MetricsView
from tradingsite import pages
from tradingsite.logins import second_factor
from tradingsite.openapi import DocsView, SchemaView
from tradingsite.stream.views import StreamView

admin.autodiscover()

urlpatterns = [
    path("", include("dashboard.urls")),
    re_path(r"^status/?$", pages.status, name="status"),
    path("favicon.ico", RedirectView.as_view(url=static("tradingsite/icon.svg"))),
    path("admin/", admin.site.urls),
    path("second-factor/", second_factor.page, name="second-factor"),
    path("broker/callback/", callback, name="broker-callback"),
    path("api/", pages.ApiIndex.as_view(), name="api-index"),
    path("api/", include("broker.api.urls")),
    path("api/", include("watchlist.urls")),
    path("api/", include("alerts.urls")),
    path("api/system/", include("systemcache.api.urls")),
    path("api/auth/", include("tradingsite.logins.urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(url_name="schema"), name="docs"),
    path("metrics/", MetricsView.as_view(), name="metrics"),
    path("stream/", StreamView.as_view(), name="stream"),
]

handler400 = "tradingsite.api_errors.bad_request"
handler403 = "tradingsite.api_errors.forbidden"
handler404 = "tradingsite.api_errors.not_found"
handler500 = "tradingsite.api_errors.server_error"

admin.site.site_header = admin.site.site_title = "Trading site"
admin.site.index_title = "Administration"
