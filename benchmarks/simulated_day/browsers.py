"""People with a browser: they log in at the admin and read pages."""

from urllib.parse import urlencode

from benchmarks.simulated_day.people import PASSWORD
from benchmarks.simulated_day.world import User, World

PAGES = {
    "/": "page: home",
    "/admin/": "page: admin",
    "/admin/watchlist/watchlistitem/": "page: watchlist",
    "/admin/systemcache/cache/": "page: cache",
    "/api/watchlist": "page: browsable",
    "/api/settings": "page: browsable",
}
LOGIN = "/admin/login/"


class Browser(User):
    thinks = (1.0, 2.5)

    def __init__(self, world: World, name: str, token: str) -> None:
        super().__init__(world, name, "")
        self._cookies: dict[str, str] = {}

    async def page(self) -> None:
        if "sessionid" not in self._cookies:
            await self._log_in()
            return
        path = self.random.choice(tuple(PAGES))
        await self._asked(PAGES[path], "GET", path, 200)

    async def _log_in(self) -> None:
        await self._asked("log-in", "GET", LOGIN, 200)
        form = {"username": self.name, "password": PASSWORD, "next": "/"}
        form["csrfmiddlewaretoken"] = self._cookies.get("csrftoken", "")
        await self._asked("log-in", "POST", LOGIN, 302, urlencode(form).encode())

    async def _log_out(self) -> None:
        """Now and then; the session is the next log-in's to make."""
        form = urlencode({"csrfmiddlewaretoken": self._cookies.get("csrftoken", "")}).encode()
        if "sessionid" in self._cookies:
            await self._asked("log-out", "POST", "/admin/logout/", 302, form)
            self._cookies.pop("sessionid", None)

    async def _asked(self, route: str, method: str, path: str, expected: int, body: bytes = b"") -> None:
        headers = {"Accept": "text/html", "Cookie": "; ".join(f"{name}={text}" for name, text in self._cookies.items())}
        if body:
            headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        started, answer = await self.ask(route, method, path, headers, body)
        if answer is None:
            return
        for cookie in answer.cookies:
            name, _, text = cookie.partition(";")[0].partition("=")
            self._cookies[name] = text
        whole = expected != 200 or b"</html>" in answer.body
        wrong = "" if answer.status == expected and whole else f"{answer.status}: no such page"
        self.note(started, route, path, answer, wrong if answer.status < 500 else "")

    async def run(self) -> None:
        await self.live((96, self.page), (4, self._log_out))
