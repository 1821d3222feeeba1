"""``statflow rules`` on a terminal."""

import json

from click.testing import CliRunner

from statflow.rules_commands import rules


def test_every_line_is_classified_in_order_also_empty_and_broken_ones() -> None:
    lines = (
        b"curl/8.5.0\n\nMozilla/5.0 (compatible; GPTBot/1.2)\r\n\xff\xfe\n"
        b"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
    )
    result = CliRunner().invoke(rules, ["classify"], input=lines)
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["class"] for answer in answers] == [
        "library",
        "unknown",
        "ai_training",
        "unknown",
        "human",
    ]
    assert answers[2]["operator"] == "OpenAI"
    assert answers[4] == {
        "class": "human",
        "operator": "",
        "browser": "Firefox",
        "browser_version": "132",
        "os": "Linux",
        "device": "Desktop",
    }
