#!/usr/bin/env python3
"""Writes events.jsonl: one day in a small online shop, the same bytes on every run.

Each line is one event as an SDK would send it. People browse, sign up, compare, buy and come back; some pages are
read by crawlers, which say so in their user agent; a few events are sent twice, as an SDK does after a time-out.
"""

import json
import pathlib
import random
import uuid
from datetime import datetime, timedelta, timezone

EVENTS = 2400          # distinct events
CRAWLER_PAGES = 96     # how many of them crawlers make
REPEATED = 12          # events sent a second time, word for word

dice = random.Random(20260301)
start = datetime(2026, 3, 1, 6, 0, tzinfo=timezone.utc)

first_names = "Ada Ben Chiara Dmitri Elif Femi Greta Hugo Ines Jonas Kaya Liam Mei Noor Otto Priya Quinn Rosa Sven Tariq".split()
last_names = "Almeida Berg Castro Dahl Eriksen Fontaine Garcia Haddad Ito Jansen Kowalski Laurent Moreau Novak Okafor".split()
cities = [("Lisbon", "PT", "Europe/Lisbon"), ("Lyon", "FR", "Europe/Paris"), ("Graz", "AT", "Europe/Vienna"),
          ("Osaka", "JP", "Asia/Tokyo"), ("Porto Alegre", "BR", "America/Sao_Paulo"), ("Malmö", "SE", "Europe/Stockholm")]
agents = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:148.0) Gecko/20100101 Firefox/148.0",
]
crawlers = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "SemrushBot/7~bl (+http://www.semrush.com/bot.html)",
]
products = [
    ("kettle-01", "Enamel kettle", "Kitchen", 48.0), ("mug-12", "Stoneware mug", "Kitchen", 14.5),
    ("lamp-07", "Reading lamp", "Lighting", 89.9), ("rug-33", "Wool rug 140×200", "Textiles", 219.0),
    ("chair-05", "Oak chair", "Furniture", 179.0), ("shelf-02", "Wall shelf", "Furniture", 64.25),
    ("throw-18", "Linen throw", "Textiles", 58.0), ("pan-09", "Iron pan 26 cm", "Kitchen", 72.4),
]


def identifier():
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


class Person:
    def __init__(self, number):
        self.user = f"u-{1000 + number}"
        self.anonymous = identifier()
        self.name = f"{dice.choice(first_names)} {dice.choice(last_names)}"
        self.email = self.name.lower().replace(" ", ".") + f"{number}@shop.example"
        self.city, self.country, self.zone = dice.choice(cities)
        self.agent = dice.choice(agents)
        self.ip = f"203.0.113.{1 + number % 250}"
        self.known = dice.random() < 0.45
        self.plan = dice.choice(["free", "plus", "plus", "trade"])


def event(person, kind, when, **fields):
    base = {
        "type": kind,
        "messageId": identifier(),
        "anonymousId": person.anonymous,
        "userId": person.user if person.known else None,
        "channel": "web",
        "timestamp": when.isoformat(timespec="milliseconds"),
        "context": {
            "library": {"name": "analytics.js", "version": "3.7.2"},
            "userAgent": person.agent,
            "ip": person.ip,
            "locale": "en-GB",
            "timezone": person.zone,
            "screen": {"width": 1440, "height": 900, "density": 2},
            "campaign": {"source": dice.choice(["newsletter", "search", "direct"]), "medium": "web"},
        },
        "integrations": {"All": True},
    }
    base.update(fields)
    if person.known:
        base["context"]["traits"] = {"email": person.email, "plan": person.plan}
    return base


def page(person, when, path, title):
    address = "https://shop.example" + path
    return event(person, "page", when, name=title, properties={
        "url": address, "path": path, "title": title, "referrer": "https://search.example/?q=home",
        "search": "", "viewport": [1440, 780]})


def product_properties(product, quantity=1):
    sku, name, category, price = product
    return {"product_id": sku, "sku": sku, "name": name, "category": category, "price": price,
            "quantity": quantity, "currency": "EUR", "url": f"https://shop.example/p/{sku}"}


def visit(person, when):
    """The events of one visit, in the order in which they happen."""
    def later():
        nonlocal when
        when += timedelta(seconds=dice.uniform(2, 90))
        return when

    yield page(person, later(), "/", "Home")
    for _ in range(dice.randint(1, 5)):
        product = dice.choice(products)
        yield page(person, later(), f"/p/{product[0]}", product[1])
        yield event(person, "track", later(), event="Product Viewed", properties=product_properties(product))
        if dice.random() < 0.4:
            basket = product_properties(product, dice.randint(1, 3))
            yield event(person, "track", later(), event="Product Added", properties={"cart_id": identifier(), **basket})
    if not person.known and dice.random() < 0.5:
        person.known = True
        traits = {"name": person.name, "email": person.email, "plan": person.plan, "createdAt": when.isoformat(),
                  "address": {"city": person.city, "country": person.country}}
        yield event(person, "identify", later(), traits=traits)
        yield event(person, "alias", later(), previousId=person.anonymous)
        yield event(person, "track", later(), event="Signed Up",
                    properties={"method": "email", "email": person.email, "plan": person.plan})
    if person.known and dice.random() < 0.35:
        lines = [product_properties(p, dice.randint(1, 4)) for p in dice.sample(products, dice.randint(1, 4))]
        total = round(sum(line["price"] * line["quantity"] for line in lines), 2)
        yield event(person, "track", later(), event="Order Completed", properties={
            "order_id": f"o-{dice.randint(10**7, 10**8)}", "email": person.email, "total": total, "tax": round(total * 0.19, 2),
            "currency": "EUR", "coupon": dice.choice([None, "SPRING", "WELCOME10"]), "products": lines})
    if person.plan == "trade" and dice.random() < 0.3:
        yield event(person, "group", later(), groupId=f"g-{1 + int(person.user[2:]) % 9}",
                    traits={"name": "Interior Studio", "employees": dice.randint(2, 40)})
    if "iPhone" in person.agent:
        yield event(person, "screen", later(), name="Wish list", properties={"items": dice.randint(0, 12)})


def day():
    people = [Person(number) for number in range(160)]
    streams = []
    while sum(map(len, streams)) < EVENTS - CRAWLER_PAGES:
        streams.append(list(visit(dice.choice(people), start + timedelta(seconds=dice.uniform(0, 60_000)))))
    events = [one for stream in streams for one in stream][:EVENTS - CRAWLER_PAGES]
    for number in range(CRAWLER_PAGES):
        crawler = Person(900 + number % 3)
        crawler.known, crawler.agent = False, crawlers[number % 3]
        product = dice.choice(products)
        events.append(page(crawler, start + timedelta(seconds=dice.uniform(0, 60_000)), f"/p/{product[0]}", product[1]))
    events.sort(key=lambda one: one["timestamp"])
    for again in sorted(dice.sample(range(len(events) - 200), REPEATED), reverse=True):
        events.insert(again + dice.randint(20, 150), events[again])
    return events


out = pathlib.Path(__file__).with_name("events.jsonl")
with out.open("w", encoding="utf-8") as lines:
    for one in day():
        lines.write(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n")
