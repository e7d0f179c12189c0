"""Everything a deployment may change, from the environment (TOKENSHARE_…) or a `.env` file."""

from __future__ import annotations

import difflib
import os
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from dotenv import dotenv_values
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from streams.settings import messages
from streams.settings.brokers import broker_list, refuses_lz4
from streams.settings.values import (
    AwsRegion,
    Extensions,
    FrameAncestors,
    Host,
    HostNames,
    Mapped,
    OneLine,
    OneLineSecret,
    OptionalFile,
    OptionalTopicName,
    Origins,
    TokenEndpoint,
    TopicName,
    check_topics,
    split_list,
    tls_context,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

ENV_PREFIX = "TOKENSHARE_"

_SERVICE_LINK = re.compile(r"TOKENSHARE_(SERVICE_(HOST|PORT.*)|PORT(_\d+_.*)?)")
#: Far more than any password; a wrong path may lead to a file without end.
MAX_PASSWORD_BYTES = 64 * 1024
_PASSWORD_FILE = f"{ENV_PREFIX}SASL_PASSWORD_FILE"


#: The measures of streams.shares.measures, which settings do not import.
MetricsMeasure = Literal["tokens", "requests", "output_tokens", "uncached_tokens", "cost"]

#: What costs are estimated by: the prices of who served, or the developer's where nobody is named.
PriceList = Literal["none", "genai-prices", "genai-prices-developer"]


class SettingsError(Exception):
    """A setting is wrong; the message names it as the user wrote it, and what to do."""


class Settings(messages.AnyCase):
    """The settings of a worker. Each field's description is its line in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_file=".env", extra="ignore", frozen=True
    )

    bootstrap_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1:9092",), description="Kafka brokers, host:port, separated by commas."
    )
    topic: TopicName = Field("llm-usage", description="Topic with the gateway's usage events.")
    group: TopicName = Field(
        "tokenshare", description="Consumer group; also the prefix of the changelog's name."
    )
    dead_letter_topic: OptionalTopicName = Field(
        "", description="Topic for records that cannot be counted; empty: <topic>-dead-letter."
    )
    partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of the source topic if it is created."
    )
    replication_factor: int = Field(
        -1, ge=-1, le=16, description="Replicas of created topics; -1: the broker's default."
    )
    create_topics: bool = Field(True, description="Create missing topics at startup.")
    compression: Literal["lz4", "gzip", "none"] = Field(
        "lz4",
        description="Compression of what is written to Kafka: lz4, gzip or none. Azure Event Hubs "
        "takes no lz4.",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Protocol to Kafka: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512",
        description="SASL mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.",
    )
    sasl_username: str = Field("", description="Kafka user (PLAIN and SCRAM).")
    sasl_password: SecretStr = Field(SecretStr(""), description="Password of that user.")
    sasl_password_file: OptionalFile = Field(
        None, description="File that holds it instead; read at each connection to Kafka."
    )
    sasl_oauth_provider: Literal["client-credentials", "aws-msk-iam"] = Field(
        "client-credentials",
        description="Source of OAUTHBEARER tokens: client-credentials (a token endpoint) or "
        "aws-msk-iam (signed with AWS credentials).",
    )
    sasl_oauth_token_url: TokenEndpoint = Field(
        "", description="Token endpoint, https (`sasl.oauthbearer.token.endpoint.url` elsewhere)."
    )
    sasl_oauth_client_id: OneLine = Field("", description="Client id for the token endpoint.")
    sasl_oauth_client_secret: OneLineSecret = Field(SecretStr(""), description="Its secret.")
    sasl_oauth_client_auth: Literal["basic", "post"] = Field(
        "basic",
        description="How the client authenticates there: basic (a header) or post (in the body).",
    )
    sasl_oauth_scope: OneLine = Field(
        "", description="Scope to request, if the endpoint needs one."
    )
    sasl_oauth_extensions: Extensions = Field(
        (), description="SASL extensions for the broker: name=value pairs, separated by commas."
    )
    sasl_oauth_ca_file: OptionalFile = Field(
        None, description="CA certificates (PEM) for the token endpoint; unset: the system's."
    )
    sasl_oauth_aws_region: AwsRegion = Field(
        "", description="Region of the MSK cluster, such as eu-west-1 (aws-msk-iam)."
    )
    ssl_ca_file: OptionalFile = Field(
        None, description="CA certificates (PEM) to trust; unset: the system's."
    )
    ssl_cert_file: OptionalFile = Field(
        None, description="Client certificate (PEM), with its chain."
    )
    ssl_key_file: OptionalFile = Field(None, description="Client key (PEM).")
    broker_wait_seconds: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="How long a worker waits at startup for an unreachable broker.",
    )
    login_refused_seconds: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="A worker or bridge whose login or TLS fails for so long while it runs "
        "ends with 3; 0: never.",
    )
    web_host: Host = Field(
        "127.0.0.1", description="Address for page, API and metrics; 0.0.0.0: all interfaces."
    )
    web_port: int = Field(6066, ge=0, le=65535, description="Port for them.")
    web_token: SecretStr = Field(
        SecretStr(""),
        description="Token required by page and API (bearer, or the password in a browser).",
    )
    web_cors_origins: Origins = Field(
        (), description="Origins whose pages may read the API, separated by commas; `*` for all."
    )
    web_frame_ancestors: FrameAncestors = Field(
        (),
        description="Origins whose pages may embed the page in a frame, separated by commas; "
        "`self` is its own. None unless set.",
    )
    web_hosts: HostNames = Field(
        (),
        description="Host names that page, API and metrics accept, separated by commas; "
        "without a token others are refused.",
    )
    partition_metrics: int = Field(
        100,
        ge=1,
        le=100_000,
        description="Series of a metric by partition; of more partitions, ranges are exported.",
    )
    metrics_measures: Annotated[tuple[MetricsMeasure, ...], NoDecode] = Field(
        ("tokens", "requests", "cost"),
        description="Measures whose shares are on /metrics, separated by commas: tokens, requests, "
        "output_tokens, uncached_tokens, cost. Page and API have all of them.",
    )
    flush_seconds: float = Field(
        0.5, ge=0.05, le=60, description="Seconds between writes of counts; more in a backlog."
    )
    max_record_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024,
        le=1024**3,
        description="Larger records are rejected unread.",
    )
    format: str = Field(
        "auto", description="Format of the records: auto detects it by their keys; a name pins it."
    )
    fields: Mapped = Field(
        (),
        description="Custom format: name=path pairs, separated by commas; path+path is a sum.",
    )
    detect_language: bool = Field(
        True, description="Detect the language of logged prompts if none is declared."
    )
    dedupe_records: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Skip an event with the id of one of the N records before it.",
    )
    trace_records: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="Skip a span that repeats one of the N records before.",
    )
    otlp_ignore: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Scopes, services and log events of OpenTelemetry that do not count."
    )
    catalog_overrides: OptionalFile = Field(
        None, description="TOML file with the origins of a deployment's own model names."
    )
    prices: PriceList = Field(
        "none", description="Estimate unstated costs: none, genai-prices or genai-prices-developer."
    )
    notes: OptionalFile = Field(
        None, description="TOML file with known events: launches, price changes, deploys."
    )
    policy: OptionalFile = Field(
        None, description="TOML file with groups of tenants and the origins they exclude."
    )
    tenant_salt: SecretStr = Field(
        SecretStr(""), description="Key of the hash that replaces tenants; the same on all workers."
    )
    tenant_names: OptionalFile = Field(
        None, description="TOML file with the names of tenants by that hash, for page and API."
    )
    session_timeout_seconds: float = Field(
        6.0,
        ge=1,
        le=300,
        description="Consumer session timeout: a silent worker's partitions are then reassigned.",
    )
    rebalance_timeout_seconds: float = Field(
        6.0, ge=1, le=300, description="How long a rebalance waits for the members to rejoin."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Format of log lines: text or json."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged: DEBUG, INFO, WARNING or ERROR."
    )
    bridge_host: Host = Field(
        "127.0.0.1", description="Address for posts to the bridge; 0.0.0.0: all interfaces."
    )
    bridge_port: int = Field(6067, ge=0, le=65535, description="Port for them.")
    bridge_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for posts; required unless bound to the loopback."
    )
    bridge_hosts: HostNames = Field(
        (),
        description="Host names that the bridge accepts, separated by commas; "
        "without a token others are refused.",
    )
    bridge_max_body_bytes: int = Field(
        8 * 1024 * 1024,
        ge=1024,
        le=1024**3,
        description="Larger posts are refused, before and after decompression.",
    )
    bridge_buffer_events: int = Field(
        100_000,
        ge=1,
        le=10**9,
        description="Events that may wait for Kafka before posts get a 429.",
    )
    bridge_buffer_bytes: int = Field(
        32 * 1024 * 1024,
        ge=1024,
        le=1024**4,
        description="Bytes of unanswered posts before further ones get a 429.",
    )
    bridge_acknowledge_seconds: float = Field(
        5.0, ge=0.5, le=300, description="How long a post waits for Kafka before it gets a 503."
    )
    bridge_keep_bodies: bool = Field(
        False, description="Write bodies unchanged, with prompts, answers and tenants in clear."
    )
    simulated: bool = Field(False, description="Mark the traffic as simulated on page and in API.")

    @field_validator("otlp_ignore", "metrics_measures", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)

    @field_validator("bootstrap_servers", mode="before")
    @classmethod
    def _are_brokers(cls, value: object) -> object:
        return broker_list(cast("str | Iterable[str]", value))

    @model_validator(mode="after")
    def _has_login(self) -> Settings:
        if not self.security_protocol.startswith("SASL"):
            return self
        if self.sasl_password_file is not None and self.sasl_password.get_secret_value():
            raise ValueError(f"set {ENV_PREFIX}SASL_PASSWORD or {_PASSWORD_FILE}, not both")
        missing = [name for name in self._login_settings() if not getattr(self, name)]
        if missing:
            first, *others = (ENV_PREFIX + name.upper() for name in missing)
            beside = (
                f" and {ENV_PREFIX}SASL_PASSWORD"
                if missing == ["sasl_username"]
                else "".join(f" and {name}" for name in others)
            )
            raise ValueError(
                f"{first} is empty: set it{beside}, or set {ENV_PREFIX}SASL_MECHANISM to another "
                f"one, or {ENV_PREFIX}SECURITY_PROTOCOL to one without SASL"
            )
        return self

    def _login_settings(self) -> tuple[str, ...]:
        """Return the settings that the SASL mechanism cannot do without."""
        if self.sasl_mechanism != "OAUTHBEARER":
            return ("sasl_username",)
        if self.sasl_oauth_provider == "aws-msk-iam":
            return ("sasl_oauth_aws_region",)
        return ("sasl_oauth_token_url", "sasl_oauth_client_id", "sasl_oauth_client_secret")

    @model_validator(mode="after")
    def _is_taken(self) -> Settings:
        if self.compression == "lz4":
            refusal = refuses_lz4(self.bootstrap_servers)
            if refusal:
                raise ValueError(f"{refusal}: set {ENV_PREFIX}COMPRESSION to gzip or none")
        return self

    @model_validator(mode="after")
    def _are_apart(self) -> Settings:
        check_topics(self.topic, self.dead_letters, self.changelog_topic)
        return self

    @property
    def changelog_topic(self) -> str:
        """The topic that holds the panes."""
        return f"{self.group}-panes-changelog"

    @property
    def dead_letters(self) -> str:
        """The topic for records that cannot be counted."""
        return self.dead_letter_topic or f"{self.topic}-dead-letter"

    @property
    def codec(self) -> str | None:
        """The compression as clients of Kafka take it."""
        return None if self.compression == "none" else self.compression

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context of these settings, or None for a protocol without TLS.

        Raises SettingsError that names a file which is of no use.
        """
        if not self.security_protocol.endswith("SSL"):
            return None
        try:
            return tls_context(self.ssl_ca_file, self.ssl_cert_file, self.ssl_key_file)
        except ValueError as error:
            raise SettingsError(str(error)) from None

    def kafka_security(self) -> dict[str, Any]:
        """Return the security arguments that aiokafka's and kafka-python's clients share.

        Without the token provider of OAUTHBEARER, which `streams.kafka.login` adds.
        """
        arguments: dict[str, Any] = {"security_protocol": self.security_protocol}
        context = self.ssl_context()
        if context is not None:
            arguments["ssl_context"] = context
        if self.security_protocol.startswith("SASL"):
            arguments["sasl_mechanism"] = self.sasl_mechanism
        if self.security_protocol.startswith("SASL") and self.sasl_mechanism != "OAUTHBEARER":
            arguments["sasl_plain_username"] = self.sasl_username
            arguments["sasl_plain_password"] = self.password()
        return arguments

    def password(self) -> str:
        """Return the password for Kafka, without the line end of its file.

        Raises SettingsError where the file cannot be read.
        """
        if self.sasl_password_file is None:
            return self.sasl_password.get_secret_value()
        try:
            with self.sasl_password_file.open("rb") as file:
                text = file.read(MAX_PASSWORD_BYTES + 1).decode()
        except (OSError, ValueError) as error:
            # The text of a decoding error would repeat bytes of the password.
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise SettingsError(
                f"{_PASSWORD_FILE} cannot be read: {why}. Set it to a file with the password."
            ) from None
        password = text.removesuffix("\n").removesuffix("\r")
        if len(password) > MAX_PASSWORD_BYTES:
            raise SettingsError(f"{_PASSWORD_FILE} holds no password: it is too large.")
        if not password:
            raise SettingsError(f"{_PASSWORD_FILE} is empty. Write the password into that file.")
        return password


def load(**overrides: Any) -> Settings:
    """Return the settings of the environment; those given by name override it.

    Raises SettingsError that names each wrong setting.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except UnicodeDecodeError:
        raise SettingsError("the file .env is not UTF-8: save it as UTF-8") from None
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = ENV_PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else ""
            wrong = messages.message(problem)
            lines.append(f"{name}: {wrong}" if name else wrong)
        raise SettingsError("; ".join(lines)) from None


def environment() -> dict[str, str]:
    """Return the variables that settings are read from: those of `.env` and of the process."""
    return {name: value or "" for name, value in dotenv_values(".env").items()} | dict(os.environ)


def unknown_variables(variables: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (variable, the setting it resembles or "") of TOKENSHARE_ variables that are none.

    Kubernetes sets variables of its own for a service that is called tokenshare; those are left
    out.
    """
    known = [row[0] for row in table()]
    found = []
    for name in sorted(variables):
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            if _SERVICE_LINK.fullmatch(name):
                continue
            own = name.upper().removeprefix(ENV_PREFIX)
            close = difflib.get_close_matches(
                own, [each.removeprefix(ENV_PREFIX) for each in known]
            )
            found.append((name, ENV_PREFIX + close[0] if close else ""))
    return found


def table() -> list[tuple[str, str, str]]:
    """Return (variable, default, meaning) of every setting, in order."""
    return [
        (ENV_PREFIX + name.upper(), _shown(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def current(settings: Settings) -> list[tuple[str, str]]:
    """Return (variable, value) of every setting, with secrets masked."""
    return [
        (ENV_PREFIX + name.upper(), _shown(getattr(settings, name)))
        for name in Settings.model_fields
    ]


def _shown(value: object) -> str:
    """Return a value as it would be written in the environment; a secret is masked."""
    match value:
        case None:
            return ""
        case SecretStr():
            return "********" if value.get_secret_value() else ""
        case tuple():
            return ",".join("=".join(part) if isinstance(part, tuple) else part for part in value)
        case bool():
            return str(value).lower()
        case _:
            return str(value)
