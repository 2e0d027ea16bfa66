#!/usr/bin/env bash
# The whole path once: a fresh server, three plugins uploaded while it runs, a shop's day of events over HTTP, and the
# fate of each of them counted on both ends. Ends with 0 only when every count is right.
#
#   examples/demo/demo.sh .build/release
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
examples=$(dirname "$here")
bin=$(cd "$1" && pwd)
root=$(dirname "$examples")
leat="$bin/leat"

# As root the data belongs below /var/lib, where the server's own user may go; else in the user's own share.
if [ "$(id -u)" -eq 0 ]; then share=/var/lib; else share=${XDG_DATA_HOME:-$HOME/.local/share}; fi
data="$share/leat-demo-$$"
scratch=$(mktemp -d)
server='' listener=''

finish() {
    status=$?
    for process in $server $listener; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    if [ $status -ne 0 ]; then
        echo "The demo ended with $status. The last lines of the server:" >&2
        tail -n 20 "$scratch/server" >&2 || true
    fi
    rm -rf "$data" "$scratch"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# wait_for SECONDS WHAT COMMAND...: until the command succeeds, while the server lives.
wait_for() {
    local end=$((SECONDS + $1)) what=$2 told=$((SECONDS + 5))
    shift 2
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "Gave up waiting for $what." >&2; exit 1; }
        kill -0 "$server" 2>/dev/null || { echo "The server ended while waiting for $what." >&2; exit 1; }
        [ $SECONDS -lt $told ] || { echo "still waiting for $what"; told=$((SECONDS + 5)); }
        sleep 0.2
    done
}

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
line_after() { sed -n "s/^$1//p" "$2" | head -n 1; }

step "Starting a server on a private PostgreSQL"
# The receiver of this demo is on this machine, where nothing is sent unless that is allowed.
"$leat" serve --port 0 --data-directory "$data" --allow-targets 127.0.0.0/8 >"$scratch/server" 2>&1 &
server=$!
serving() { grep -q '^Leat serves at ' "$scratch/server"; }
wait_for 120 "the server" serving
export LEAT_SERVER LEAT_TOKEN DEMO_WRITE_KEY
LEAT_SERVER=$(line_after 'Leat serves at ' "$scratch/server")
LEAT_TOKEN=$(line_after 'Admin token, shown this once: ' "$scratch/server")
DEMO_WRITE_KEY="demo-$(head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n')"
echo "It serves at $LEAT_SERVER"

step "Starting a receiver"
"$leat" listen --port 0 --quiet >"$scratch/receiver" &
listener=$!
listening() { grep -q '^Listening on ' "$scratch/receiver"; }
wait_for 20 "the receiver" listening
receiver=$(line_after 'Listening on ' "$scratch/receiver")
echo "It listens at $receiver"

step "Uploading two transformations and a connector to the running server"
"$leat" plugin push "$examples/c-drop-bots/drop-bots.so" --manifest "$examples/c-drop-bots/manifest.json"
"$leat" plugin push "$examples/swift-mask-email/.build/release/libMaskEmail.so" \
    --manifest "$examples/swift-mask-email/manifest.json"
"$leat" plugin push "$bin/libWebhook.so" --manifest "$root/Plugins/Connectors/Webhook/manifest.json"

step "Describing source, destination and connection in one file"
sed "s|http://127.0.0.1:9100|$receiver|" "$here/leat.yaml" >"$scratch/leat.yaml"
"$leat" apply -f "$scratch/leat.yaml"

step "Sending a shop's day of events"
sample="$examples/sample/events.jsonl"
"$leat" send "$sample" --write-key "$DEMO_WRITE_KEY"

step "Waiting until every event has an outcome"
sent=$(wc -l <"$sample")
distinct=$(grep -o '"messageId":"[^"]*"' "$sample" | sort -u | wc -l)
crawlers=$(grep -ciE '"userAgent":"[^"]*(bot|crawler|spider)' "$sample")
count() { "$leat" counts --json | grep -o "\"$1\" *: *[0-9]*" | head -n 1 | grep -o '[0-9]*$'; }
settled() { [ "$(count read)" -eq "$sent" ] && [ "$(count waiting)" -eq 0 ]; }
wait_for 120 "the last outcome" settled

step "What became of them"
"$leat" counts

step "What the plugins took"
"$leat" plugin timings

step "Checking the counts"
kill "$listener"
wait "$listener" || true
listener=''
received() { tail -n 1 "$scratch/receiver" | grep -o "\"$1\":[0-9]*" | grep -o '[0-9]*$'; }
wrong=0
check() {
    if [ "$2" -eq "$3" ]; then echo "  $1: $2"; else
        echo "  $1: $2, but $3 were expected" >&2
        wrong=1
    fi
}
check "accepted" "$(count accepted)" "$sent"
check "duplicates" "$(count duplicates)" $((sent - distinct))
check "dropped by drop-bots" "$(count dropped)" "$crawlers"
check "failed" "$(count failed)" 0
check "delivered" "$(count delivered)" $((distinct - crawlers))
check "dead-lettered" "$(count deadLettered)" 0
check "events at the receiver" "$(received events)" $((distinct - crawlers))
check "distinct events at the receiver" "$(received distinct)" $((distinct - crawlers))
[ $wrong -eq 0 ] || exit 3
echo "Every event is accounted for."
