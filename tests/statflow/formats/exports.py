"""Exports of other products as their documentation describes them, made by hand."""

import json
import zipfile
from pathlib import Path
from typing import Any

VISITS = '"visitors","visits","visit_duration","bounces","pageviews"'
PLAUSIBLE: dict[str, str] = {
    "imported_visitors": (
        '"date","visitors","pageviews","bounces","visits","visit_duration"\n'
        '"2023-02-09",10,31,4,12,1200\n'
        '"2023-02-10",5,9,2,6,300\n'
    ),
    "imported_sources": (
        '"date","source","referrer","utm_source","utm_medium","utm_campaign","utm_content",'
        '"utm_term","pageviews","visitors","visits","visit_duration","bounces"\n'
        '"2023-02-09","Google","google.com","","","","","",16,5,6,600,2\n'
        '"2023-02-09","Google","google.com","google","cpc","spring","","",4,1,2,100,1\n'
        '"2023-02-09","","","","","","","",11,4,4,500,1\n'
        '"2023-02-10","Twitter","t.co/a","","","","","",9,5,6,300,2\n'
    ),
    "imported_pages": (
        '"date","hostname","page","visits","visitors","pageviews","total_scroll_depth",'
        '"total_scroll_depth_visits","total_time_on_page","total_time_on_page_visits"\n'
        '"2023-02-09","own.example","/",9,8,20,400,8,180,6\n'
        '"2023-02-09","own.example","/pricing",5,5,11,300,4,100,5\n'
        '"2023-02-10","own.example","/",6,5,9,\\N,\\N,\\N,\\N\n'
    ),
    "imported_entry_pages": (
        '"date","entry_page","visitors","entrances","visit_duration","bounces","pageviews"\n'
        '"2023-02-09","/",8,9,900,3,24\n'
        '"2023-02-09","/pricing",3,3,300,1,7\n'
    ),
    "imported_exit_pages": (
        '"date","exit_page","visitors","visit_duration","exits","bounces","pageviews"\n'
        '"2023-02-09","/pricing",7,1000,8,1,20\n'
        '"2023-02-09","/",4,200,4,3,11\n'
    ),
    "imported_custom_events": (
        '"date","name","link_url","path","visitors","events"\n'
        '"2023-02-09","Outbound Link: Click","https://one.example/","",1,1\n'
        '"2023-02-09","Outbound Link: Click","https://two.example/","",2,3\n'
        '"2023-02-09","engagement","","",9,40\n'
        '"2023-02-10","Signup","","",3,3\n'
    ),
    "imported_locations": (
        f'"date","country","region","city",{VISITS}\n'
        '"2023-02-09","FR","FR-PAC",3027647,6,7,700,2,18\n'
        '"2023-02-09","DE","DE-BW",2929831,4,5,500,2,13\n'
    ),
    "imported_devices": (
        f'"date","device",{VISITS}\n"2023-02-09","Laptop",6,7,700,2,18\n'
        '"2023-02-09","Mobile",4,5,500,2,13\n'
    ),
    "imported_browsers": (
        f'"date","browser","browser_version",{VISITS}\n'
        '"2023-02-09","Microsoft Edge","111.0",1,1,987,0,3\n'
        '"2023-02-09","Chrome","109.0",9,11,213,4,28\n'
    ),
    "imported_operating_systems": (
        f'"date","operating_system","operating_system_version",{VISITS}\n'
        '"2023-02-09","Mac","10.14",6,7,700,2,18\n'
        '"2023-02-09","","",4,5,500,2,13\n'
    ),
}


def plausible_archive(folder: Path, tables: dict[str, str] | None = None) -> Path:
    """Write an export as Plausible does: stored, a table a file, with the dates in the names."""
    file = folder / "own_example_20230210.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made:
        for name, text in (PLAUSIBLE if tables is None else tables).items():
            made.writestr(f"{name}_20230209_20230210.csv", text.replace("\\N", ""))
    return file


def param(key: str, value: Any) -> dict[str, Any]:
    kind = "int_value" if isinstance(value, int) else "string_value"
    given = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    return {"key": key, "value": given | {kind: str(value)}}


def ga4_event(name: str, at_s: int, *params: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Make a row of ``events_20230209``, as BigQuery writes it: numbers of 64 bits are texts."""
    row = {
        "event_date": "20230209",
        "event_timestamp": str(at_s * 1_000_000),
        "event_name": name,
        "event_params": [
            param("page_location", "https://own.example/pricing?utm_source=letter&sid=1"),
            param("page_title", "Pricing"),
            param("page_referrer", "https://www.google.com/"),
            param("ga_session_id", 1675929600),
            *params,
        ],
        "user_pseudo_id": "1234567890.1675929600",
        "user_id": None,
        "device": {
            "category": "mobile",
            "operating_system": "Android",
            "operating_system_version": "Android 12",
            "language": "fr-fr",
            "web_info": {"browser": "Chrome", "browser_version": "109.0.5414.118"},
        },
        "geo": {"country": "France", "region": "Provence", "city": "Marseille"},
        "traffic_source": {"name": "(direct)", "medium": "(none)", "source": "(direct)"},
        "collected_traffic_source": {
            "manual_campaign_name": "spring",
            "manual_source": "letter",
            "manual_medium": "email",
        },
        "platform": "WEB",
    }
    return row | changes


MATOMO_VISIT: dict[str, Any] = {
    "idSite": "1",
    "idVisit": "101",
    "visitIp": "198.51.0.0",
    "visitorId": "0123456789abcdef",
    "userId": None,
    "referrerType": "campaign",
    "referrerTypeName": "Campaigns",
    "referrerName": "spring",
    "referrerKeyword": "shoes",
    "referrerUrl": "https://news.example/post",
    "languageCode": "de-at",
    "deviceType": "Smartphone",
    "operatingSystemName": "iOS",
    "operatingSystemVersion": "16.2",
    "browserName": "Mobile Safari",
    "browserVersion": "16.2",
    "countryCode": "at",
    "regionCode": "9",
    "city": "Vienna",
    "actionDetails": [
        {"type": "action", "url": "https://own.example/shoes?pk_campaign=spring",
         "pageTitle": "Shoes", "timestamp": 1675936800, "timeSpent": "30"},
        {"type": "event", "url": "https://own.example/shoes", "eventCategory": "Video",
         "eventAction": "Play", "eventName": "Intro", "timestamp": 1675936810},
        {"type": "outlink", "url": "https://maker.example/", "timestamp": 1675936820},
        {"type": "goal", "url": "https://own.example/shoes", "goalName": "Seen",
         "timestamp": 1675936820},
        {"type": "search", "url": "https://own.example/search?q=x", "timestamp": 1675936830},
        {"type": "ecommerceOrder", "revenue": 19.9, "currencyCode": "EUR",
         "timestamp": 1675936840},
        {"type": "form", "timestamp": 1675936850},
    ],
}  # fmt: skip


def write_lines(file: Path, rows: list[Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
