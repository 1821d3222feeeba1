"""The bodies by which a site, its people and its links are changed, as ``shapes`` are of rows.

Fields of settings are those of ``portal.sites.switches``, one place for each rule; what stands
here is only how JSON says them.
"""

from datetime import date
from typing import Annotated, Any

from pydantic import Field, StringConstraints, create_model

from portal.api.shapes import Body, Id, Name
from portal.dashboard.cards import CARDS
from portal.models import Role
from portal.properties.known import MAX_KEY, MAX_LABEL
from portal.sites.switches import SWITCHES

Text = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]
Host = Annotated[str, StringConstraints(min_length=1, max_length=260)]
_MOST_NAMES = 100


class SiteBody(Body):
    """A new site: in the team of the token's site."""

    host: Host = Field(description="the name that visitors use")
    upstream: Text = Field(
        "", description="address the pages come from; empty: the edge takes events alone"
    )
    timezone: Text = Field("UTC", description="IANA name; days begin and end by it")
    aliases: list[Host] = Field([], max_length=_MOST_NAMES, description="further names")


class PublicBody(Body):
    """Whether anybody may read the dashboard."""

    public: bool


class PropertyBody(Body):
    """What is said of a custom property: its name on the dashboard, and whether lists have it."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY, pattern=r"^[^\x00]+$")]
    label: Annotated[str, StringConstraints(max_length=MAX_LABEL, pattern=r"^[^\x00]*$")] = Field(
        "", description="shown in place of the name"
    )
    listed: bool = Field(default=True, description="whether the dashboard lists it")


class RoleBody(Body):
    """Another role of somebody."""

    role: Role = Field(strict=False, description="owner, admin, editor or viewer")


class InvitationBody(Body):
    """An invitation into the site's team, or as a guest of this site alone."""

    email: Annotated[str, StringConstraints(min_length=3, max_length=254)]
    role: Role = Field(strict=False, description="a guest is an editor or a viewer")
    guest: bool = Field(default=False, description="sees this one site, and is not in its team")


class LinkBody(Body):
    """A shared link: who has it reads the dashboard, or some of it, without an account."""

    name: Name
    sections: list[Annotated[str, Field(json_schema_extra={"enum": list(CARDS)})]] = Field(
        list(CARDS), max_length=len(CARDS), description="cards shown besides the figures"
    )
    password: Text | None = Field(
        None, description="asked for; null leaves it as it is, an empty text takes it off"
    )
    expires_on: date | None = Field(None, strict=False, description="last day, by the site's clock")
    segment_id: Id | None = Field(None, description="a segment of the whole site that it is of")
    embed_origins: list[Host] = Field(
        [], max_length=_MOST_NAMES, description="origins of the pages that may frame it"
    )


def _setting(name: str) -> Any:
    """Make the field of one switch: rules are long, most are a word, a number or a list."""
    longest = 100_000 if name == "rules" else 2_000
    text = Annotated[str, StringConstraints(max_length=longest, pattern=r"^[^\x00]*$")]
    kinds = text | bool | Annotated[int, Field(ge=0, le=2**53)] | list[Text]
    return (kinds, Field(None, validate_default=False, description=SWITCHES[name].help))


SettingsBody: type[Body] = create_model(
    "SettingsBody",
    __base__=Body,
    __doc__="Settings of a site: those that are named are changed, all of them or none.",
    aliases=(list[Host], Field(None, validate_default=False, max_length=_MOST_NAMES,
                               description="further names of the site")),
    **{name: _setting(name) for name in SWITCHES},
)  # fmt: skip


def as_text(value: Any) -> str:
    """Write a setting as people type it, which is how switches read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(value) if isinstance(value, list) else str(value)
