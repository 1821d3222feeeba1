"""The portal's tables: people, teams, sites, tokens, and what a site counts and keeps.

Only values and relations live here; who may do what is ``portal.teams.rights``, and how a site
becomes part of the edges' snapshot is ``portal.sites.payload``. Numbers of visitors are never kept
here: they live in the store. The one invariant: secrets (passwords, tokens, set-up links) are kept
only as hashes, or sealed where they must be read again (a code app's secret), and a site's id and
host names belong to one site, its id for ever. A shared link's slug is no secret of ours: who made
it must be able to read it again, and it opens numbers only.

It is one long list because its classes name each other.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    Enum,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC; a naive datetime is a bug."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Common metadata; constraint names are fixed, because Alembic must find them again."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Role(StrEnum):
    """What a member is in a team, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"


def _values(enum: type[StrEnum]) -> list[str]:
    return [member.value for member in enum]


class User(Base):
    """A person who can sign in. ``session_key`` ends all sessions when it is changed."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    """An administrator has locked the account: it signs in nowhere, and its tokens open nothing."""
    session_key: Mapped[str] = mapped_column(String(43))
    wrong_codes: Mapped[int] = mapped_column(default=0)
    """Wrong codes at the second step since the last right one, or the last new password."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    language: Mapped[str] = mapped_column(String(8), default="")
    """In which pages and mails are written; empty: as the browser asks."""
    memberships: Mapped[list["Membership"]] = relationship(
        back_populates="user", cascade="all, delete-orphan"
    )
    code_app: Mapped["CodeApp | None"] = relationship(
        back_populates="user", cascade="all, delete-orphan"
    )
    passkeys: Mapped[list["Passkey"]] = relationship(
        back_populates="user", cascade="all, delete-orphan", order_by="Passkey.id"
    )

    @property
    def has_factor(self) -> bool:
        """Whether signing in takes more than a password."""
        return self.code_app is not None or bool(self.passkeys)


class CodeApp(Base):
    """An app that shows codes by the clock (TOTP); ``last_step`` is the newest code's half minute.

    Unlike a password its secret must be read again to check a code, so it is sealed, not hashed.
    """

    __tablename__ = "code_apps"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    sealed_secret: Mapped[str] = mapped_column(String(255))
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship(back_populates="code_app")


class RecoveryCode(Base):
    """A code that stands in for a lost factor, once."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Passkey(Base):
    """A WebAuthn credential; ids, key and handle in base64url, as browsers write them.

    ``user_handle`` is the account's name to authenticators: random, the same for all its passkeys.
    """

    __tablename__ = "passkeys"
    __table_args__ = (UniqueConstraint("credential_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    credential_id: Mapped[str] = mapped_column(String(1400))
    public_key: Mapped[str] = mapped_column(Text)
    user_handle: Mapped[str] = mapped_column(String(86))
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0)
    transports: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship(back_populates="passkeys")


class Identity(Base):
    """An account at the single sign-on provider that opens one of ours."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship()


class SpentNonce(Base):
    """Something that worked once and is refused from then on, until it is too old anyway."""

    __tablename__ = "spent_nonces"

    nonce_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Team(Base):
    """A group of people who share sites; it goes at ``ends_at`` with its sites, unless kept.

    With ``needs_factor`` it is open only to people whose account has a second factor.
    """

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    needs_factor: Mapped[bool] = mapped_column(default=False)
    memberships: Mapped[list["Membership"]] = relationship(
        back_populates="team", cascade="all, delete-orphan"
    )
    sites: Mapped[list["Site"]] = relationship(back_populates="team")


class Membership(Base):
    """One person's role in one team; ``by_group`` where the single sign-on's groups gave it."""

    __tablename__ = "memberships"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    team_id: Mapped[int] = mapped_column(
        ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[Role] = mapped_column(
        Enum(Role, native_enum=False, length=16, values_callable=_values)
    )
    by_group: Mapped[bool] = mapped_column(default=False)
    user: Mapped[User] = relationship(back_populates="memberships")
    team: Mapped[Team] = relationship(back_populates="memberships")


class Guest(Base):
    """One person's role at one site, without being in its team."""

    __tablename__ = "guests"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    site_id: Mapped[int] = mapped_column(
        ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[Role] = mapped_column(
        Enum(Role, native_enum=False, length=16, values_callable=_values)
    )
    user: Mapped[User] = relationship()
    site: Mapped["Site"] = relationship(back_populates="guests")


class UserSession(Base):
    """One browser in which a person is signed in; ``device`` is what people call it.

    ``way`` is how they came in (``portal.accounts.signin.Way``), ``proved_at`` when they last
    showed who they are, with everything that their account asks for.
    """

    __tablename__ = "user_sessions"
    __table_args__ = (UniqueConstraint("key_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    key_hash: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(80))
    way: Mapped[str] = mapped_column(String(16), default="password")
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship()


class OneTimeLink(Base):
    """A link that does one thing once: an invitation, a new password, a confirmed address.

    An invitation is into a team, or with a site to that site alone.
    """

    __tablename__ = "one_time_links"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[str] = mapped_column(String(64))
    email: Mapped[str] = mapped_column(String(254))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    team_id: Mapped[int | None] = mapped_column(
        ForeignKey("teams.id", ondelete="CASCADE"), index=True
    )
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    role: Mapped[Role | None] = mapped_column(
        Enum(Role, native_enum=False, length=16, values_callable=_values)
    )
    mailed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    team: Mapped[Team | None] = relationship()
    site: Mapped["Site | None"] = relationship()


class Site(Base):
    """One customer site; from ``upstreams`` on, the columns are the snapshot's fields."""

    __tablename__ = "sites"
    # AUTOINCREMENT: an id is never given twice, because the store keeps numbers under it.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    host: Mapped[str] = mapped_column(String(253), unique=True)
    public_key: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    upstreams: Mapped[list[str]] = mapped_column(JSON)
    guarded_upstreams: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Those of them that no operator wrote: edges connect to them at public addresses only."""
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    prefix: Mapped[str] = mapped_column(String(260), default="/sf")
    mode: Mapped[str] = mapped_column(String(16), default="on")
    hash_routes: Mapped[bool] = mapped_column(default=False)
    count_downloads: Mapped[bool] = mapped_column(default=True)
    count_forms: Mapped[bool] = mapped_column(default=True)
    respect_dnt: Mapped[bool] = mapped_column(default=True)
    csp: Mapped[str] = mapped_column(String(16), default="amend")
    client_ip: Mapped[str] = mapped_column(String(32), default="x-forwarded-for")
    kept_params: Mapped[list[str]] = mapped_column(JSON, default=list)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    max_body_bytes: Mapped[int] = mapped_column(default=0)
    debug: Mapped[bool] = mapped_column(default=False)
    debug_key: Mapped[str] = mapped_column(String(64), default="")
    upstream_host: Mapped[str] = mapped_column(String(260), default="")
    canary_percent: Mapped[int] = mapped_column(default=10)
    https: Mapped[str] = mapped_column(String(16), default="off")
    canonical_host: Mapped[str] = mapped_column(String(253), default="")
    maintenance: Mapped[bool] = mapped_column(default=False)
    script_name: Mapped[str] = mapped_column(String(64), default="")
    quiet_seed: Mapped[str] = mapped_column(String(64), default="")
    former_names: Mapped[list[dict[str, str | int]]] = mapped_column(JSON, default=list)
    salt_period: Mapped[str] = mapped_column(String(16), default="day")
    hits: Mapped[bool] = mapped_column(default=True)
    measure: Mapped[str] = mapped_column(String(16), default="tracker")
    cnil: Mapped[bool] = mapped_column(default=False)
    city_k: Mapped[int] = mapped_column(default=0)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    modules: Mapped[list[str]] = mapped_column(JSON, default=list)
    retention_days: Mapped[int] = mapped_column(default=0)
    """Days for which numbers are kept, 0 for good; no field of the snapshot."""
    public: Mapped[bool] = mapped_column(default=False)
    """Anybody may read the dashboard; no field of the snapshot, the edges need not know."""
    privacy_page: Mapped[bool] = mapped_column(default=False)
    """Anybody may read what is collected there; with what its owner says of it, see ``data``."""
    privacy_contact: Mapped[str] = mapped_column(Text, default="")
    privacy_processors: Mapped[str] = mapped_column(Text, default="")
    privacy_basis: Mapped[str] = mapped_column(Text, default="")
    team: Mapped[Team] = relationship(back_populates="sites")
    hosts: Mapped[list["SiteHost"]] = relationship(
        back_populates="site", cascade="all, delete-orphan", order_by="SiteHost.position"
    )
    tokens: Mapped[list["ApiToken"]] = relationship(
        back_populates="site", cascade="all, delete-orphan"
    )
    guests: Mapped[list[Guest]] = relationship(back_populates="site", cascade="all, delete-orphan")

    @property
    def aliases(self) -> list[str]:
        """Further names the site answers to, in the order they were given."""
        return [name.host for name in self.hosts if name.host != self.host]


class SiteHost(Base):
    """Every name of every site, canonical ones and aliases: the key keeps them unique together."""

    __tablename__ = "site_hosts"

    host: Mapped[str] = mapped_column(String(253), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    site: Mapped[Site] = relationship(back_populates="hosts")


class ApiToken(Base):
    """A bearer token of one person for one site; only its hash is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    name: Mapped[str] = mapped_column(String(80), default="")
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship()
    site: Mapped[Site] = relationship(back_populates="tokens")


class Setting(Base):
    """A fact about this installation, such as the hash of the open set-up link."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class SiteGoal(Base):
    """What a site counts as a success; what reaches it is ``store.query.goals.Goal``."""

    __tablename__ = "site_goals"
    __table_args__ = (UniqueConstraint("site_id", "name", name="uq_site_goals_site_id_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(String(2000))
    props: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    scroll: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3), default="")
    method: Mapped[str] = mapped_column(String(16), default="")
    status: Mapped[str] = mapped_column(String(3), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SiteProperty(Base):
    """What a site's team said of a custom property; without a row it is listed by its key."""

    __tablename__ = "site_properties"
    __table_args__ = (UniqueConstraint("site_id", "key", name="uq_site_properties_site_id_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(300))
    label: Mapped[str] = mapped_column(String(120), default="")
    is_listed: Mapped[bool] = mapped_column(default=True)


class SiteFunnel(Base):
    """A saved funnel; ``steps`` are ids of the site's goals."""

    __tablename__ = "site_funnels"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    steps: Mapped[list[int]] = mapped_column(JSON)
    between: Mapped[str] = mapped_column(String(16))
    within: Mapped[str] = mapped_column(String(16))
    window_s: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SiteSegment(Base):
    """A saved set of filters; without a user it is the whole site's."""

    __tablename__ = "site_segments"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    filters: Mapped[list[Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SiteAnnotation(Base):
    """A note at a day of a site's graphs; without a user it is the whole site's."""

    __tablename__ = "site_annotations"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    day: Mapped[date]
    text: Mapped[str] = mapped_column(String(280))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PagePicture(Base):
    """A picture of a page, for heatmaps; until ``taken_at`` is set it was only asked for.

    ``page`` is its name in the numbers, ``address`` where it was to be opened, ``path`` where it
    was taken; ``hosts`` are foreign ones that its images and styles may come from.
    """

    __tablename__ = "page_pictures"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    page: Mapped[str] = mapped_column(String(2000))
    address: Mapped[str] = mapped_column(String(2000))
    path: Mapped[str] = mapped_column(String(2000), default="")
    nonce: Mapped[str] = mapped_column(String(32))
    hides_words: Mapped[bool]
    hosts: Mapped[list[str]] = mapped_column(JSON, default=list)
    asked_by: Mapped[str] = mapped_column(String(254))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    markup: Mapped[bytes | None] = mapped_column(LargeBinary)
    """HTML, compressed with zlib."""


class ShareLink(Base):
    """A link that opens a site's dashboard, or some of it, to whoever has it.

    Without ``embed_origins`` no page may frame it; ``views`` counts openings.
    """

    __tablename__ = "share_links"
    __table_args__ = (UniqueConstraint("slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    slug: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(80))
    password_hash: Mapped[str] = mapped_column(String(255), default="")
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sections: Mapped[list[str]] = mapped_column(JSON)
    # Without its segment a link would show more than was meant, so it ends with it.
    segment_id: Mapped[int | None] = mapped_column(
        ForeignKey("site_segments.id", ondelete="CASCADE")
    )
    embed_origins: Mapped[list[str]] = mapped_column(JSON, default=list)
    views: Mapped[int] = mapped_column(default=0)
    last_viewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    site: Mapped[Site] = relationship()


class Recipient(Base):
    """Where a site's reports and alerts go: a mailbox, a chat, an endpoint; and what it ``gets``.

    ``language`` is what it is written to in. ``address`` may be shown; ``secret_url`` is posted to,
    ``secret_key`` signs or lets us in.
    """

    __tablename__ = "recipients"
    __table_args__ = (UniqueConstraint("site_id", "target_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(254))
    target_hash: Mapped[str] = mapped_column(String(64))
    secret_url: Mapped[str] = mapped_column(String(2000), default="")
    secret_key: Mapped[str] = mapped_column(String(200), default="")
    gets: Mapped[list[str]] = mapped_column(JSON)
    language: Mapped[str] = mapped_column(String(8), default="en")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    site: Mapped[Site] = relationship()


class AlertRule(Base):
    """What is watched of a site; what a kind measures is ``portal.alerts.kinds``."""

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    threshold: Mapped[float] = mapped_column(Double)
    goal: Mapped[str] = mapped_column(String(120), default="")
    quiet_h: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    raised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Delivery(Base):
    """One message to one recipient, from before it is sent to what became of it.

    The constraint is the promise that nothing is sent twice; ``portal.messages.outbox`` keeps it.
    """

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("recipient_id", "message"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    recipient_id: Mapped[int | None] = mapped_column(
        ForeignKey("recipients.id", ondelete="SET NULL")
    )
    sent_to: Mapped[str] = mapped_column(String(254))
    message: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    said: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Upload(Base):
    """A file that was uploaded to be imported into a site (``portal.imports.uploads``).

    ``place`` names its folder; ``done`` are the rows brought in so far, ``report`` is what the
    trial run or the import found.
    """

    __tablename__ = "uploads"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    who: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    form: Mapped[str] = mapped_column(String(16))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    place: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    problem: Mapped[str] = mapped_column(String(1000), default="")
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Lease(Base):
    """Who alone does some work, and until when unless it is renewed."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditEntry(Base):
    """One change of one row; ids and names stay when what they stood for is gone."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    who: Mapped[str] = mapped_column(String(254))
    via: Mapped[str] = mapped_column(String(16))
    act: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200))
    site_id: Mapped[int | None] = mapped_column(index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class LegalHold(Base):
    """A site's numbers must not go until a moment, unless it is lifted before."""

    __tablename__ = "legal_holds"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(300))
    set_by: Mapped[str] = mapped_column(String(254), default="")
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_by: Mapped[str] = mapped_column(String(254), default="")
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ErasureRequest(Base):
    """Numbers that were asked to be erased, and the certificate of it; outlives its site.

    ``chosen`` says by what in words that may be kept, ``chosen_secret`` in full until it is done.
    ``statement`` is the certificate's text, byte for byte as it is signed.
    """

    __tablename__ = "erasure_requests"

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    site_id: Mapped[int] = mapped_column(index=True)
    team_id: Mapped[int | None] = mapped_column(index=True)
    host: Mapped[str] = mapped_column(String(253))
    reason: Mapped[str] = mapped_column(String(300), default="")
    asked_by: Mapped[str] = mapped_column(String(254), default="")
    via: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    chosen: Mapped[dict[str, Any]] = mapped_column(JSON)
    chosen_secret: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    statement: Mapped[str] = mapped_column(Text, default="")
    signature: Mapped[str] = mapped_column(String(128), default="")
