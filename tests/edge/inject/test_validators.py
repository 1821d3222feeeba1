"""Second visits: what the origin is asked, and what the client is told, when it has a copy."""

from email.utils import formatdate

import pytest

from edge.inject import stance
from edge.inject.decide import SkipReason
from edge.inject.plan import Headers, RequestPlan
from edge.inject.stance import Stance
from edge.inject.validators import put_mark
from edge.sites import Mode
from tests.edge.inject.factories import (
    HTML_UTF8,
    NAVIGATION,
    TAG_DATE,
    a_request,
    a_response,
    a_site,
    a_tag,
    values,
)


def date(at: int) -> bytes:
    return formatdate(at, usegmt=True).encode()


OLD, TAGGED, NEW = date(TAG_DATE - 1000), date(TAG_DATE), date(TAG_DATE + 1000)
MARKED = b'W/"abc.sf1a2b3c4d5es"'
OTHER = b'W/"abc.sf0000000000s"'


def revisit(*headers: tuple[bytes, bytes], **options: object) -> RequestPlan:
    return a_request([*NAVIGATION, *headers], **options)  # type: ignore[arg-type]


def sent(plan: RequestPlan, name: bytes) -> list[bytes]:
    return values(plan.headers, name)


@pytest.mark.parametrize(
    ("own", "marked"),
    [
        (b'"abc"', MARKED),
        (b'W/"abc"', b'W/"abc.sf1a2b3c4d5e"'),
        (b'""', b'W/".sf1a2b3c4d5es"'),
        (b' "a b;c" ', b'W/"a b;c.sf1a2b3c4d5es"'),
    ],
)
def test_a_mark_stands_on_a_tagged_page_and_comes_off_on_the_next_visit(
    own: bytes, marked: bytes
) -> None:
    first = a_response(HTML_UTF8, (b"ETag", own))
    assert values(first.headers, b"ETag") == [marked]
    plan = revisit((b"If-None-Match", marked))
    assert sent(plan, b"If-None-Match") == [own.strip()]
    second = a_response((b"ETag", own), request=plan, status=304)
    assert values(second.headers, b"ETag") == [marked]
    assert second.reason is SkipReason.NOT_MODIFIED


def test_an_illegal_entity_tag_is_removed_from_a_tagged_page() -> None:
    assert values(a_response(HTML_UTF8, (b"ETag", b"abc")).headers, b"ETag") == []


def test_a_page_that_is_not_touched_keeps_its_validators() -> None:
    headers: Headers = [(b"Content-Type", b"image/png"), (b"ETag", b'"a"'), (b"Last-Modified", OLD)]
    assert a_response(*headers).headers == headers


@pytest.mark.parametrize("value", [b'"abc"', b'W/"abc"', b"*", b'"a", W/"b"', b"abc", b'"a.sf12"'])
def test_conditions_without_a_mark_pass(value: bytes) -> None:
    for name in (b"If-None-Match", b"If-Match", b"If-Range"):
        assert sent(revisit((name, value), (b"Range", b"bytes=0-")), name) == [value]


def test_lists_are_unmarked_one_by_one() -> None:
    plan = revisit((b"If-None-Match", b'"x", ' + MARKED + b', W/"y.sf1a2b3c4d5e"'))
    assert sent(plan, b"If-None-Match") == [b'"x", "abc", W/"y"']


def test_a_304_names_the_copy_by_weak_comparison() -> None:
    plan = revisit((b"If-None-Match", MARKED))
    answer = a_response((b"ETag", b'W/"abc"'), request=plan, status=304)
    assert values(answer.headers, b"ETag") == [b'W/"abc.sf1a2b3c4d5e"']


def test_a_304_for_a_copy_without_the_tag_stays_without_a_mark() -> None:
    plan = revisit((b"If-None-Match", b'"abc"'))
    headers: Headers = [(b"ETag", b'"abc"'), (b"Content-Security-Policy", b"script-src 'self'")]
    assert a_response(*headers, request=plan, status=304).headers == headers


def test_a_304_keeps_the_policy_that_lets_the_tag_of_the_copy_in() -> None:
    plan = revisit((b"If-None-Match", MARKED))
    headers: Headers = [(b"ETag", b'"abc"'), (b"Content-Security-Policy", b"connect-src 'self'")]
    answer = a_response(*headers, request=plan, status=304)
    assert values(answer.headers, b"Content-Security-Policy") == [
        b"connect-src 'self' https://shop.example/sf/e"
    ]


@pytest.mark.parametrize("value", [OTHER, OTHER + b", " + MARKED])
def test_a_copy_with_another_tag_is_fetched_anew(value: bytes) -> None:
    plan = revisit((b"If-None-Match", value), (b"If-Modified-Since", NEW))
    assert sent(plan, b"If-None-Match") == []
    assert sent(plan, b"If-Modified-Since") == []


UNTAGGED = [
    stance.OFF,
    stance.KILLED,
    stance.BROKEN,
    stance.SHADOW,
    stance.OUTSIDE_CANARY,
    Stance(ask=lambda _: SkipReason.CANARY),
]


def test_modes_stand_for_stances() -> None:
    assert [stance.stance_of(a_site(mode=mode)) for mode in (Mode.OFF, Mode.SHADOW, Mode.ON)] == [
        stance.OFF,
        stance.SHADOW,
        stance.TAGS,
    ]


@pytest.mark.parametrize("untagged", UNTAGGED)
def test_where_pages_may_come_without_the_tag_copies_that_have_it_are_replaced(
    untagged: Stance,
) -> None:
    plan = revisit((b"If-None-Match", MARKED), (b"If-Modified-Since", NEW), stance=untagged)
    assert sent(plan, b"If-None-Match") == []
    assert sent(plan, b"If-Modified-Since") == []
    headers: Headers = [HTML_UTF8, (b"ETag", b'"abc"'), (b"Last-Modified", OLD)]
    assert a_response(*headers, request=plan).headers == headers


@pytest.mark.parametrize("untagged", UNTAGGED)
@pytest.mark.parametrize("since", [OLD, TAGGED, NEW])
def test_where_pages_may_come_without_the_tag_a_date_alone_confirms_no_page(
    untagged: Stance, since: bytes
) -> None:
    assert revisit((b"If-Modified-Since", since), stance=untagged).headers == NAVIGATION


@pytest.mark.parametrize("untagged", UNTAGGED)
def test_a_copy_that_surely_lacks_the_tag_is_confirmed_where_pages_come_without(
    untagged: Stance,
) -> None:
    asked = [(b"If-None-Match", b'"abc"'), (b"If-Modified-Since", NEW)]
    assert revisit(*asked, stance=untagged).headers == [*NAVIGATION, *asked]
    image = [(b"Sec-Fetch-Dest", b"image"), (b"If-Modified-Since", NEW)]
    assert a_request(image, stance=untagged).headers == image


def test_codings_are_narrowed_where_a_page_may_still_get_the_tag() -> None:
    coding = (b"Accept-Encoding", b"gzip, foo")
    later, never = Stance(ask=lambda _: None), stance.OUTSIDE_CANARY
    assert sent(revisit(coding, stance=later), b"Accept-Encoding") == [b"gzip"]
    assert sent(revisit(coding, stance=never), b"Accept-Encoding") == [coding[1]]


@pytest.mark.parametrize("marked", [MARKED, OTHER])
def test_a_script_that_fetches_the_page_may_confirm_whatever_copy_it_has(marked: bytes) -> None:
    plan = a_request([(b"Sec-Fetch-Dest", b"empty"), (b"If-None-Match", marked)])
    assert sent(plan, b"If-None-Match") == [b'"abc"']
    answer = a_response((b"ETag", b'"abc"'), request=plan, status=304)
    assert values(answer.headers, b"ETag") == [marked]
    assert answer.reason is SkipReason.NOT_DOCUMENT


@pytest.mark.parametrize("marked", [MARKED, OTHER])
def test_a_change_is_bound_to_the_origins_own_tag(marked: bytes) -> None:
    plan = a_request([(b"If-Match", marked)], method="PUT")
    assert plan.headers == [(b"If-Match", b'"abc"')]


def test_a_range_of_a_tagged_copy_is_answered_with_the_whole_page() -> None:
    plan = revisit((b"Range", b"bytes=100-"), (b"If-Range", MARKED))
    assert (sent(plan, b"If-Range"), sent(plan, b"Range")) == ([b'"abc"'], [])


def test_other_ranges_pass() -> None:
    plan = revisit((b"Range", b"bytes=100-"), (b"If-Range", b'"abc"'))
    assert (sent(plan, b"If-Range"), sent(plan, b"Range")) == ([b'"abc"'], [b"bytes=100-"])


@pytest.mark.parametrize(("own", "told"), [(OLD, TAGGED), (TAGGED, TAGGED), (NEW, NEW)])
def test_last_modified_is_never_older_than_the_tag(own: bytes, told: bytes) -> None:
    answer = a_response(HTML_UTF8, (b"last-modified", own))
    assert values(answer.headers, b"Last-Modified") == [told]


def test_a_date_that_cannot_be_read_is_left_alone() -> None:
    answer = a_response(HTML_UTF8, (b"Last-Modified", b"yesterday"))
    assert values(answer.headers, b"Last-Modified") == [b"yesterday"]
    assert sent(revisit((b"If-Modified-Since", b"32 Foo 99")), b"If-Modified-Since") == [
        b"32 Foo 99"
    ]


@pytest.mark.parametrize(
    ("since", "kept"),
    [
        (OLD, []),
        (TAGGED, [TAGGED]),
        (NEW, [NEW]),
        (b"Tuesday, 14-Nov-23 22:13:19 GMT", []),
        (b"Tue Nov 14 22:13:19 2023", []),
    ],
)
def test_a_copy_older_than_the_tag_is_not_confirmed(since: bytes, kept: list[bytes]) -> None:
    assert sent(revisit((b"If-Modified-Since", since)), b"If-Modified-Since") == kept


def test_a_visitors_copy_from_before_the_edge_is_replaced_even_if_its_entity_tag_matches() -> None:
    plan = revisit((b"If-None-Match", b'"abc"'), (b"If-Modified-Since", OLD))
    assert sent(plan, b"If-None-Match") == []
    marked = revisit((b"If-None-Match", MARKED), (b"If-Modified-Since", OLD))
    assert sent(marked, b"If-None-Match") == [b'"abc"']


def test_old_dates_of_what_is_no_document_pass() -> None:
    plan = a_request([(b"Sec-Fetch-Dest", b"image"), (b"If-Modified-Since", OLD)])
    assert sent(plan, b"If-Modified-Since") == [OLD]


def test_a_304_by_date_is_marked_like_the_copy_it_confirms() -> None:
    plan = revisit((b"If-Modified-Since", TAGGED))
    answer = a_response((b"ETag", b'"abc"'), (b"Last-Modified", OLD), request=plan, status=304)
    assert answer.headers == [(b"ETag", MARKED), (b"Last-Modified", TAGGED)]


def test_length_and_digests_go_and_all_else_stays() -> None:
    kept: Headers = [
        HTML_UTF8,
        (b"set-cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Vary", b"Accept"),
        (b"Link", b"</a.css>; rel=preload"),
        (b"Trailer", b"Server-Timing"),
        (b"Accept-Ranges", b"bytes"),
    ]
    gone: Headers = [
        (b"content-length", b"100"),
        (b"Content-MD5", b"x"),
        (b"Digest", b"x"),
        (b"Repr-Digest", b"x"),
        (b"CONTENT-DIGEST", b"x"),
    ]
    assert a_response(*kept, *gone).headers == kept


def test_edges_in_a_row_wrap_and_unwrap_each_others_marks() -> None:
    inner, outer = a_tag(version="aaaa"), a_tag(version="bbbb")
    marked = put_mark(put_mark(b'"abc"', b"aaaa"), b"bbbb")
    middle = sent(revisit((b"If-None-Match", marked), tag=outer), b"If-None-Match")
    assert middle == [b'W/"abc.sfaaaas"']
    assert sent(revisit((b"If-None-Match", middle[0]), tag=inner), b"If-None-Match") == [b'"abc"']
