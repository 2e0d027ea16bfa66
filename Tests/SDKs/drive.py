"""Sends events with one of the real SDKs, at the word of whoever started it.

    drive.py rudder|segment|legacy URL WRITE_KEY

Each line on standard input is a command: `calls` makes every kind of call once, `many N` makes N track calls, `end`
flushes and stops. After each command one line of JSON says which message ids were made and what the SDK reported.
"""

import json
import sys

def client(sdk, url, key, errors):
    def on_error(error, batch):
        errors.append(f"{error} ({len(batch)} events)")

    if sdk == "rudder":
        from rudderstack.analytics.client import Client
        return Client(key, host=url, on_error=on_error)
    if sdk == "segment":
        from segment.analytics.client import Client
        return Client(key, host=url, on_error=on_error, gzip=True)
    from analytics.client import Client
    return Client(key, host=url, on_error=on_error)


def calls(analytics):
    return [
        analytics.identify("user-1", {"email": "a@example.test", "plan": "pro"}),
        analytics.track("user-1", "Order Completed", {"order_id": "o-1", "total": 12.5}),
        analytics.page("user-1", "Docs", "Home", {"url": "https://x.test/"}),
        analytics.screen("user-1", "Main", "Settings", {"a": 1}),
        analytics.group("user-1", "g-1", {"name": "Acme"}),
        analytics.alias("anon-1", "user-1"),
        analytics.track(anonymous_id="anon-2", event="Anonymous Thing"),
    ]


def main():
    sdk, url, key = sys.argv[1:]
    errors = []
    analytics = client(sdk, url, key, errors)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "calls":
            made = calls(analytics)
        elif words[0] == "many":
            made = [analytics.track(f"user-{n % 17}", "Many", {"number": n}) for n in range(int(words[1]))]
        else:
            break
        analytics.flush()
        ids = [message["messageId"] for taken, message in made if taken]
        print(json.dumps({"ids": ids, "refused": len(made) - len(ids), "errors": errors}), flush=True)
    analytics.join()


main()
