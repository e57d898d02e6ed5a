"""Every address of the site. The API's are written with a slash at the end, which middleware.py makes optional."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from broker.callback import callback
from systemcache.metrics import MetricsView
from tradingsite import pages

admin.autodiscover()

urlpatterns = [
    path("", pages.home, name="home"),
    path("favicon.ico", RedirectView.as_view(url=static("tradingsite/icon.svg"))),
    path("admin/", admin.site.urls),
    path("broker/callback/", callback, name="broker-callback"),
    path("api/", pages.ApiIndex.as_view(), name="api-index"),
    path("api/", include("broker.urls")),
    path("api/", include("watchlist.urls")),
    path("api/system/", include("systemcache.urls")),
    path("api/auth/", include("rest_framework.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("metrics/", MetricsView.as_view(), name="metrics"),
]

handler400 = "tradingsite.api_errors.bad_request"
handler404 = "tradingsite.api_errors.not_found"
handler500 = "tradingsite.api_errors.server_error"

admin.site.site_header = admin.site.site_title = "Trading site"
admin.site.index_title = "Administration"
