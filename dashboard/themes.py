"""The colours that a browser has chosen: as the system says (`auto`), light or dark."""

from django.http import HttpRequest

COOKIE = "theme"
THEMES = ("auto", "light", "dark")


def chosen(request: HttpRequest) -> str:
    found = request.COOKIES.get(COOKIE, "")
    return found if found in THEMES else "auto"
