"""The ledger's name: what tells that a server has lost its data, or got older ones.

It is drawn once and lies beside everything else, so it is lost with it. Copies of
batches in a store are kept below it.
"""

import uuid

from jobs.ledger import keys
from jobs.ledger.server import Server


class Identity:
    """The name of one ledger."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def known(self) -> str:
        """Its name; empty if it has none yet."""
        return str(self._server.execute_command("GET", keys.NAME) or "")

    def name(self) -> str:
        """Its name, drawn if it has none yet."""
        return self.become(uuid.uuid4().hex)

    def become(self, name: str) -> str:
        """Take a name, if it is one and there is none yet; the one it has now."""
        if name:
            self._server.execute_command("SET", keys.NAME, name, "NX")
        return self.known()
