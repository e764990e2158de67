"""The connection to the server of a ledger, and its atomic steps in `lua/`."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, Protocol

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from jobs.redis_url import RedisUrl


class Pipeline(Protocol):
    """Commands that go out together."""

    def evalsha(self, sha: str, numkeys: int, *args: str) -> object: ...
    def hgetall(self, name: str) -> object: ...
    def lpush(self, name: str, *values: str) -> object: ...
    def ltrim(self, name: str, start: int, end: int) -> object: ...
    def execute_command(self, *args: object) -> object: ...
    def execute(self, *, raise_on_error: bool = True) -> list[Any]: ...


class Server(Protocol):
    """What is used of a Redis client, with answers decoded to text.

    redis-py types every answer as bytes or text; a client made with `decode_responses`
    gives text alone.
    """

    def ping(self) -> object: ...
    def time(self) -> tuple[int, int]: ...
    def close(self) -> None: ...
    def execute_command(self, *args: object) -> Any: ...
    def config_get(self, pattern: str) -> dict[str, str]: ...
    def info(self, section: str) -> dict[str, Any]: ...
    def script_load(self, script: str) -> str: ...
    def pipeline(self, *, transaction: bool) -> Pipeline: ...
    def get(self, name: str) -> str | None: ...
    def delete(self, *names: str) -> int: ...
    def hget(self, name: str, key: str) -> str | None: ...
    def hgetall(self, name: str) -> dict[str, str]: ...
    def hmget(self, name: str, keys: Sequence[str]) -> list[str | None]: ...
    def hdel(self, name: str, *keys: str) -> int: ...
    def hscan(
        self, name: str, cursor: int | str, *, count: int
    ) -> tuple[int | str, dict[str, str]]: ...
    def hset(self, name: str, *, mapping: Mapping[str, str | int]) -> int: ...
    def lrange(self, name: str, start: int, end: int) -> list[str]: ...
    def sadd(self, name: str, *values: str) -> int: ...
    def smembers(self, name: str) -> set[str]: ...
    def zcard(self, name: str) -> int: ...
    def zrange(self, name: str, start: int, end: int) -> list[str]: ...
    def zrevrange(self, name: str, start: int, end: int) -> list[str]: ...


def client(where: RedisUrl, timeout_s: float) -> redis.Redis:
    """A client of the server at an address.

    It never repeats a command: a step that was taken but whose answer was lost must be
    seen as such by whoever took it.
    """
    options: dict[str, Any] = {
        "db": where.db,
        "username": where.username,
        "password": where.password,
        "decode_responses": True,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }
    if where.socket:
        return redis.Redis(unix_socket_path=where.socket, **options)
    if where.is_tls:
        options |= {"ssl": True, **where.tls}
    return redis.Redis(where.host, where.port, **options)


Call = tuple[str, Sequence[object]]


class Scripts:
    """Runs scripts by name on one server.

    Calls go out in one round trip however many they are. A server that was restarted
    has forgotten the scripts and is told them again.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        files = {
            file.name.removesuffix(".lua"): file.read_text(encoding="utf-8")
            for file in resources.files("jobs.ledger").joinpath("lua").iterdir()
            if file.name.endswith(".lua")
        }
        shared = files.pop("_shared")
        self._sources = {name: f"{shared}\n{text}" for name, text in files.items()}
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            for name, text in self._sources.items()
        }

    def run(self, name: str, *args: object) -> Any:
        """Run one script; its answer as the server gives it."""
        return self.run_all([(name, args)])[0]

    def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run many in one round trip, each atomic by itself; their answers in order."""
        answers = self._send(calls)
        lost = [i for i, a in enumerate(answers) if isinstance(a, NoScriptError)]
        if lost:
            self._load(calls[i] for i in lost)
            again = self._send([calls[i] for i in lost])
            for i, answer in zip(lost, again, strict=True):
                answers[i] = answer
        return _without_errors(answers)

    def run_together(self, calls: Sequence[Call]) -> list[Any]:
        """Run many as one step that nobody sees half done; their answers in order."""
        self._load(calls)
        return _without_errors(self._send(calls, together=True))

    def _load(self, calls: Iterable[Call]) -> None:
        for name in {name for name, _ in calls}:
            self._server.script_load(self._sources[name])

    def _send(self, calls: Sequence[Call], *, together: bool = False) -> list[Any]:
        pipeline = self._server.pipeline(transaction=together)
        for name, args in calls:
            pipeline.evalsha(self._digests[name], 0, *map(str, args))
        return list(pipeline.execute(raise_on_error=False))


def _without_errors(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """Fields and values in turn, as scripts answer with a hash, as a mapping."""
    each = list(flat)  # Lua encodes an empty list as an object
    return dict(zip(each[::2], each[1::2], strict=True))


class Part:
    """A part of the ledger: what all share."""

    def __init__(
        self, server: Server, scripts: Scripts, clock: Callable[[], float] | None
    ) -> None:
        """Use one connection; `clock` tells unix seconds, None is the server's own."""
        self._server = server
        self._scripts = scripts
        self._clock = clock

    def _run(self, name: str, *args: object) -> Any:
        """Run a script that is told the time first."""
        return self._scripts.run(name, self._now(), *args)

    def _now(self) -> str:
        """What scripts are told of the time; empty where the server knows it."""
        return "" if self._clock is None else repr(self._clock())

    def now_s(self) -> float:
        """Unix seconds."""
        if self._clock is not None:
            return self._clock()
        seconds, micros = self._server.time()
        return float(seconds) + float(micros) / 1e6
