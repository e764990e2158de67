"""The settings of who is told, and how: a part of `settings`.

It decides what an address for tellings may look like, and that those which need each
other come together. What holds a secret, as an address may, is never shown.
"""

from email.utils import parseaddr
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

SMTP_SCHEMES = ("smtp", "smtps")


class TellingSettings(BaseModel):
    """Who is told when a batch comes to rest."""

    notify_url: SecretStr | None = Field(
        None,
        alias="REELMILL_NOTIFY_URL",
        description="web address, Slack's included, that is told of ended batches",
    )
    notify_secret: SecretStr | None = Field(
        None,
        alias="REELMILL_NOTIFY_SECRET",
        description="secret that signs what is told to the web address",
    )
    notify_email: str = Field(
        "",
        alias="REELMILL_NOTIFY_EMAIL",
        description="mail addresses that are told, by commas; needs the SMTP URL",
    )
    smtp_url: SecretStr | None = Field(
        None,
        alias="REELMILL_SMTP_URL",
        description="mail server: smtp(s)://user:password@host:port?from=address",
    )
    report_url: str = Field(
        "",
        alias="REELMILL_REPORT_URL",
        description="where people open a report, {batch} in it; unset: in the store",
    )

    @field_validator("notify_url", "notify_secret", "smtp_url")
    @classmethod
    def _empty_is_unset(cls, secret: SecretStr | None) -> SecretStr | None:
        text = secret.get_secret_value().strip() if secret else ""
        return SecretStr(text) if text else None

    @field_validator("notify_url")
    @classmethod
    def _notify_is_a_web_address(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and not _is_web(secret.get_secret_value()):
            raise ValueError("must be an http(s) address without user and password")
        return secret

    @field_validator("notify_email")
    @classmethod
    def _mail_addresses_are_such(cls, text: str) -> str:
        for each in filter(None, (part.strip() for part in text.split(","))):
            if not _is_mail(each):
                raise ValueError("must be addresses such as me@example.com, by commas")
        return text.strip()

    @field_validator("smtp_url")
    @classmethod
    def _smtp_is_a_server(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        sender = Smtp.read(secret.get_secret_value()).sender
        if not _is_mail(sender):
            raise ValueError("must end with ?from= and the sender's mail address")
        return secret

    @field_validator("report_url")
    @classmethod
    def _report_has_its_batch(cls, url: str) -> str:
        if url and not (_is_web(url) and "{batch}" in url):
            raise ValueError("must be an http(s) address with {batch} in it")
        return url

    @model_validator(mode="after")
    def _mail_has_a_server(self) -> Self:
        if self.notify_email and self.smtp_url is None:
            raise ValueError("REELMILL_NOTIFY_EMAIL needs REELMILL_SMTP_URL")
        return self

    @property
    def notifies(self) -> bool:
        """Whether anybody is told anything."""
        return self.notify_url is not None or bool(self.notify_email)


class Smtp(BaseModel):
    """A mail server, and who writes."""

    host: str
    port: int
    #: TLS from the first byte; otherwise it is begun where the server offers it.
    tls: bool
    user: str = Field(repr=False)
    password: str = Field(repr=False)
    sender: str

    @classmethod
    def read(cls, url: str) -> "Smtp":
        """The server that an address means.

        Raises:
            ValueError: it is none; the message does not quote it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("has a port or host that cannot be") from None
        if parts.scheme not in SMTP_SCHEMES or not parts.hostname:
            raise ValueError("must be smtp(s)://user:password@host:port?from=address")
        tls = parts.scheme == "smtps"
        usual = 465 if tls else 587 if parts.username else 25
        options = dict(parse_qsl(parts.query))
        return cls(
            host=parts.hostname,
            port=port or usual,
            tls=tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=options.get("from", ""),
        )


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    web = parts.scheme in ("http", "https")
    return usable and plain and web and "@" not in parts.netloc


def _is_mail(text: str) -> bool:
    name, at, host = parseaddr(text)[1].rpartition("@")
    return bool(name and at and host) and text.isprintable() and " " not in text
