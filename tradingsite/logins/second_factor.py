"""The second factor: permissions that users have only in sessions in which they have entered a code.

Requests with tokens need no code: a token is created in such a session, or with a shell on the machine.
"""

from base64 import b32encode
from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import DEVICE_ID_SESSION_KEY, login, verify_token
from django_otp.models import Device
from django_otp.plugins.otp_totp.models import TOTPDevice

from dashboard.access import own_address
from tradingsite.api_errors import error_response
from tradingsite.logins.addresses import Handler

# With these permissions a session could grant itself, or a token, the permissions that are withheld.
GUARDED_WITH_THEM = ("auth.", "otp_totp.", "systemcache.add_apitoken", "systemcache.change_apitoken")
WITHHELD = "second_factor_is_missing"  # an attribute of a request for which a permission was withheld


def middleware(get_response: Handler) -> Handler:
    """Withhold the permissions in REQUIRE_TOTP_FOR from sessions without a second factor, and explain the refusal."""

    def withhold(request: HttpRequest) -> HttpResponse:
        if not settings.REQUIRE_TOTP_FOR:
            return get_response(request)
        user = request.user
        request.user = SimpleLazyObject(lambda: guarded(user, request))  # type: ignore[assignment]  # a lazy user
        response = get_response(request)
        if response.status_code == 403 and hasattr(request, WITHHELD):
            return _refusal(request)
        return response

    return withhold


def guarded(user: Any, request: HttpRequest) -> Any:
    """The user, without the permissions in REQUIRE_TOTP_FOR unless a code was entered in the request's session."""
    if not (settings.REQUIRE_TOTP_FOR and user.is_authenticated):
        return user
    has_perm = user.has_perm

    def has_perm_if_verified(name: str, obj: object = None) -> bool:
        held = bool(has_perm(name, obj))
        is_guarded = name in settings.REQUIRE_TOTP_FOR or name.startswith(GUARDED_WITH_THEM)
        if held and is_guarded and not is_verified(request, user):
            setattr(request, WITHHELD, True)
            return False
        return held

    user.has_perm = has_perm_if_verified
    return user


def is_verified(request: HttpRequest, user: Any) -> bool:
    """Whether a code was entered in this session, of a device that its user still has."""
    name = request.session.get(DEVICE_ID_SESSION_KEY)
    device = Device.from_persistent_id(name) if name else None
    return device is not None and device.user_id == user.pk and device.confirmed


def _refusal(request: HttpRequest) -> HttpResponse:
    if "text/html" in request.headers.get("Accept", "") and request.method == "GET":
        return redirect(f"{reverse('second-factor')}?{urlencode({'next': request.get_full_path()})}")
    message = f"This requires a second factor: enter a code at {reverse('second-factor')}."
    return error_response(403, "second_factor_required", message)


@never_cache
@login_required
@sensitive_post_parameters("code")
def page(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator, and enter its codes."""
    user: Any = request.user
    device = TOTPDevice.objects.filter(user=user).order_by("-confirmed", "-pk").first()
    if request.method == "POST":
        return _verify(request, user, device) if "code" in request.POST else _set_up(request, user, device)
    context = {
        "title": "Second factor",
        "device": device,
        "verified": is_verified(request, user),
        "next": _next(request),
        "required_for": settings.REQUIRE_TOTP_FOR,
    }
    if device and not device.confirmed:
        context |= {"picture": _picture(device), "key": _key(device)}
    return render(request, "tradingsite/second_factor.html", context)


def _set_up(request: HttpRequest, user: User, device: TOTPDevice | None) -> HttpResponse:
    """Create a device for a user who has none; a confirmed one must first be deleted in the admin."""
    if device is None or not device.confirmed:
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        TOTPDevice.objects.create(user=user, name="authenticator", confirmed=False)
    return _back(request)


def _verify(request: HttpRequest, user: User, device: TOTPDevice | None) -> HttpResponse:
    code = request.POST["code"].replace(" ", "")[:20]
    # The library locks the row, accepts no code twice, and refuses all codes for a while after a wrong one.
    if device is None or not verify_token(user, device.persistent_id, code):
        messages.error(request, "This code is not valid. After a wrong one the next is refused for some seconds.")
        return _back(request)
    TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
    login(request, device)
    request.session.cycle_key()
    return HttpResponseRedirect(_next(request) or reverse("second-factor"))


def _back(request: HttpRequest) -> HttpResponse:
    target = _next(request)
    return redirect(f"{reverse('second-factor')}?{urlencode({'next': target})}" if target else "second-factor")


def _next(request: HttpRequest) -> str:
    """The page that the user was going to; empty for an address of another site."""
    return own_address(request, request.POST.get("next") or request.GET.get("next", ""))


def _picture(device: TOTPDevice) -> SafeString:
    """The QR code as SVG, generated here so that the key never leaves the site."""
    return mark_safe(segno.make(device.config_url).svg_inline(scale=4, title="QR code"))  # noqa: S308 - made by segno # nosec B308 B703


def _key(device: TOTPDevice) -> str:
    """The key to be typed: base32 in groups of four."""
    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
