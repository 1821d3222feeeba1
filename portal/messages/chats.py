"""Messages as chats take them: Slack's blocks, Discord's embed, Telegram's HTML. Pure.

What visitors wrote (paths, sources) is escaped in each language, so that nobody can mention a
channel or hide a link by asking for a page of that name.
"""

import re
from html import escape
from typing import Any

from portal.language import _
from portal.messages.message import Line, Message

_LONGEST_ROWS = 5
_LONGEST_SLACK = 2_900
_LONGEST_FIELD = 1_000
_LONGEST_TELEGRAM = 4_000
_DISCORD_MARKS = re.compile(r"([\\`*_~|>#\[\]()<@:-])")
_ACCENT = 0x4361C2


def slack(message: Message, link: str) -> dict[str, Any]:
    """Write a message for an incoming webhook of Slack, or of those that take its form."""
    title = _slack_text(message.title)
    blocks: list[dict[str, Any]] = [
        _slack_section(f"*{title}*\n{_slack_text(message.text)}".rstrip())
    ]
    if message.figures:
        blocks.append(_slack_section("\n".join(f"*{_slack_text(f.name)}* {_slack_text(_said(f))}"
                                               for f in message.figures)))  # fmt: skip
    for table in message.tables:
        rows = [f"{_slack_text(row.name)}  {row.value}" for row in table.rows[:_LONGEST_ROWS]]
        blocks.append(_slack_section("\n".join([f"*{_slack_text(table.title)}*", *rows])))
    blocks.append(_slack_section(f"<{link}|{_slack_text(_('Open %(site)s', site=message.site))}>"))
    return {"text": title, "blocks": blocks, "unfurl_links": False}


def _slack_section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_LONGEST_SLACK]}}


def _slack_text(text: str) -> str:
    """Escape what Slack reads as a mention, a link or a mark.

    Source: Slack, "Formatting text for app surfaces": & < > are written as entities; a zero-width
    space keeps the other marks from opening.
    """
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_~`])", "\u200b\\1", plain)


def discord(message: Message, link: str) -> dict[str, Any]:
    """Write a message for a webhook of Discord; nothing in it mentions anybody."""
    fields = [
        {"name": _discord_text(f.name), "value": _discord_text(_said(f)), "inline": True}
        for f in message.figures
    ]
    for table in message.tables:
        rows = [f"{_discord_text(row.name)}  **{row.value}**" for row in table.rows[:_LONGEST_ROWS]]
        fields.append(
            {"name": table.title, "value": "\n".join(rows)[:_LONGEST_FIELD], "inline": False}
        )
    embed = {
        "title": _discord_text(message.title)[:256],
        "description": _discord_text(message.text),
        "url": link,
        "color": _ACCENT,
        "fields": fields,
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _discord_text(text: str) -> str:
    return _DISCORD_MARKS.sub(r"\\\1", text)


def telegram(message: Message, link: str, chat: str) -> dict[str, Any]:
    """Write a message for a bot's ``sendMessage``."""
    lines = [f"<b>{escape(message.title)}</b>", escape(message.text), ""]
    lines += [f"{escape(f.name)}: <b>{escape(_said(f))}</b>" for f in message.figures]
    for table in message.tables:
        lines += ["", f"<b>{escape(table.title)}</b>"]
        lines += [f"{escape(row.name)}  {escape(row.value)}" for row in table.rows[:_LONGEST_ROWS]]
    end = f'\n<a href="{escape(link)}">{escape(_("Open %(site)s", site=message.site))}</a>'
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(kept) + len(line) + len(end) < _LONGEST_TELEGRAM:
            kept.append(line)
    return {
        "chat_id": chat,
        "text": "\n".join(kept).strip() + "\n" + end,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }


def _said(line: Line) -> str:
    return f"{line.value} ({line.change})" if line.change else line.value
