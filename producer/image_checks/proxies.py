"""The proxy of the environment, and the guard where it is the one that connects.

A proxy resolves names by itself, so a name is resolved here beforehand and judged; one
that only the proxy can resolve is left to it.
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from jobs.net import Guard

#: Names whose judgement is kept; more than that, and they are asked for anew.
_MOST_NAMES = 10_000


class Proxies:
    """Which proxy an address is asked through, for one event loop."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._proxies = getproxies()
        self._judged: set[str] = set()

    async def proxy_for(self, address: str, host: str) -> str:
        """The proxy for an address; empty if it is asked directly.

        Raises:
            BarredError: it must not be asked through a proxy either.
        """
        if not self._proxies:
            return ""
        scheme = urlsplit(address).scheme
        proxy = self._proxies.get(scheme) or self._proxies.get("all", "")
        if not proxy or proxy_bypass(host):
            return ""
        await self._judge(host)
        return proxy if "://" in proxy else f"http://{proxy}"

    async def _judge(self, host: str) -> None:
        if host in self._judged:
            return
        await self._guard.check_name(host)
        if len(self._judged) >= _MOST_NAMES:
            self._judged.clear()
        self._judged.add(host)
