#ifndef LEAT_PLUGIN_H
#define LEAT_PLUGIN_H

/*
 * The plugin contract of Leat, version 1.0: all that the author of a plugin must include.
 *
 * A plugin is a shared library that exports one function, leat_plugin_entry_v1. It is loaded only inside a sealed
 * worker process: one plugin, one configuration, no network; expect no files. What a plugin can do beside computing, it
 * does through tables of functions that the host gives it, each asked for by its id.
 *
 * Five rules hold everywhere:
 *   Memory    Nobody frees what the other side allocated. What the host gives is valid until the call returns, unless
 *             said otherwise. What the plugin gives to a sink is copied before the sink returns.
 *   Size      A struct with `struct_size` is filled in by whoever makes it: the size it was compiled with, and 0 as
 *             abi_minor for this version. Fields are only ever appended. Do not read beyond `struct_size`.
 *   Thread    All calls into a plugin come on one thread, the instance thread. Functions marked [any thread] may be
 *             called from others that the plugin made; all others only from inside a call of the host.
 *   Unwinding No exception, panic or longjmp may leave a plugin's function. It ends the worker, and the event that was
 *             being worked on is set aside.
 *   Failing   A function that returns leat_status returns LEAT_OK or one of the negative values. Say why by
 *             leat.error/1 before you return it.
 *
 * Only 64-bit little-endian systems: x86-64 and aarch64. Texts are UTF-8 and not terminated by 0.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define LEAT_STATIC_ASSERT static_assert
#else
#define LEAT_STATIC_ASSERT _Static_assert
#endif

#define LEAT_ABI_MAJOR 1
#define LEAT_ABI_MINOR 0
#define LEAT_EXPORT __attribute__((visibility("default")))

/* ---- Words ------------------------------------------------------------------------------------------------------ */

/* Borrowed bytes. When len is 0, ptr may be null. */
typedef struct leat_slice {
    const uint8_t *ptr;
    uint64_t len;
} leat_slice;

typedef int32_t leat_status;
#define LEAT_OK 0
#define LEAT_E_RETRY (-1)       /* may work later */
#define LEAT_E_PERMANENT (-2)   /* will never work */
#define LEAT_E_INVALID (-3)     /* an argument is wrong */
#define LEAT_E_LIMIT (-4)       /* a limit is reached; see the sink that returns it */
#define LEAT_E_DENIED (-5)
#define LEAT_E_TIMEOUT (-6)
#define LEAT_E_UNSUPPORTED (-7)
#define LEAT_E_CLOSED (-8)      /* called after its time */
#define LEAT_E_INTERNAL (-9)

/* What a plugin can be; bits of leat_plugin_v1.kinds. */
#define LEAT_KIND_TRANSFORM 1      /* events in, events out: leat.transform/1 */
#define LEAT_KIND_DEST_REQUEST 2   /* events in, HTTP requests out: leat.dest_request/1 */

typedef struct leat_host_ctx leat_host_ctx;   /* the host's own; pass it back */
typedef struct leat_sink_ctx leat_sink_ctx;   /* a sink's own; pass it back; valid for one call */
typedef struct leat_instance leat_instance;   /* the plugin's own; what create made */

/* ---- Entry ------------------------------------------------------------------------------------------------------ */

/* The host, as the plugin sees it. Valid until the process ends. */
typedef struct leat_host_v1 {
    uint32_t struct_size, abi_minor;
    uint32_t abi_major, reserved;
    leat_slice name, version;
    leat_host_ctx *ctx;
    /* [any thread] The table with this id, the same each time, valid until the process ends; null if there is none. */
    const void *(*get_extension)(leat_host_ctx *ctx, leat_slice id);
} leat_host_v1;

/* How an instance is configured. Valid during create; ask leat.config/1 later. */
typedef struct leat_instance_args {
    uint32_t struct_size, abi_minor;
    leat_slice instance_id;   /* names the connection or destination in logs */
    leat_slice config_json;   /* one JSON object */
    uint32_t kind;            /* which LEAT_KIND_ it shall be */
    uint32_t attempt;         /* from 1; greater after a crash */
    int64_t deadline_ns;      /* on the monotonic clock; then the worker is killed */
} leat_instance_args;

/* The plugin, as the host sees it. All that it points to stays valid and unchanged until the process ends. */
typedef struct leat_plugin_v1 {
    uint32_t struct_size, abi_minor;
    leat_slice id, version;   /* must equal the manifest's */
    leat_slice build_info;    /* free text for people, may be empty */
    uint64_t kinds;           /* must equal the manifest's */
    /* [instance thread] Makes the one instance of this process and stores it in *out; it must not be null. */
    leat_status (*create)(const leat_instance_args *args, leat_instance **out);
    /* [instance thread] Called at an orderly end; a worker may also be killed at any moment. May be null. */
    void (*destroy)(leat_instance *instance);
    /* [instance thread] The table with this id, valid until destroy; null if there is none. Called after create. */
    const void *(*get_interface)(leat_instance *instance, leat_slice id);
} leat_plugin_v1;

/* The type of leat_plugin_entry_v1, the one function to export. Quick, no threads; null refuses to run. */
typedef const leat_plugin_v1 *(*leat_plugin_entry_v1_t)(const leat_host_v1 *host);

/* ---- Batches of events ------------------------------------------------------------------------------------------ */

#define LEAT_EVENT_REPLAY 1       /* runs again on a person's order */

typedef struct leat_event {
    uint32_t index;               /* names the event to the sinks; not its place in `events` */
    uint32_t flags;               /* LEAT_EVENT_; ignore the others */
    leat_slice id;                /* messageId, or empty: it stands in `json`, too */
    leat_slice json;              /* one valid JSON object, in memory that cannot be written */
    leat_slice metadata_json;     /* what the platform knows: a JSON object, or empty */
    leat_slice idempotency_key;   /* the same for each attempt to deliver */
    int64_t received_ns;          /* when it was accepted, since 1970 */
    uint32_t attempt;             /* from 1 */
    uint32_t part;                /* which part, when an earlier transformation split the event */
    int64_t partition;            /* with `offset`, its place in the log: one order per partition */
    int64_t offset;
    uint64_t user_hash;           /* equal for the events of one user */
} leat_event;

typedef struct leat_batch {
    uint32_t struct_size, abi_minor;
    uint64_t batch_id;
    int64_t deadline_ns;          /* on the monotonic clock; then the worker is killed */
    int64_t wall_ns;              /* now, since 1970 */
    uint32_t count;
    uint32_t event_stride;        /* bytes from one event to the next; use leat_event_at */
    const leat_event *events;
    leat_slice context_json;      /* a JSON object, or empty */
} leat_batch;

/* The event at `place`, from 0 to count - 1. */
static inline const leat_event *leat_event_at(const leat_batch *batch, uint32_t place)
{
    return (const leat_event *)((const char *)batch->events + (uint64_t)place * batch->event_stride);
}

/* ---- leat.transform/1 ------------------------------------------------------------------------------------------- */

#define LEAT_ID_TRANSFORM "leat.transform/1"

/* At `offset` of the event's JSON, `remove` bytes give way to `insert`. */
typedef struct leat_edit {
    uint64_t offset, remove;
    leat_slice insert;
} leat_edit;

/*
 * Takes what becomes of each event: emitted once or more, or dropped, or failed. Failing wins over emitting; dropping
 * and emitting one event is an error of the plugin; saying nothing too. All functions: [instance thread], inside
 * process only. They return LEAT_OK; LEAT_E_INVALID when an argument is wrong and nothing was taken; LEAT_E_LIMIT when
 * the event is beyond its limits or the output is full: then the host fails it or runs it again by itself, go on with
 * the next event.
 */
typedef struct leat_transform_sink {
    uint32_t struct_size, abi_minor;
    leat_sink_ctx *ctx;
    /* Optional: the event that is worked on now. Helps to find the culprit at once if the worker dies on it. */
    void (*begin)(leat_sink_ctx *ctx, uint32_t index);
    /* One JSON object that the event becomes. Copied. */
    leat_status (*emit)(leat_sink_ctx *ctx, uint32_t index, leat_slice json, leat_slice metadata_json);
    /* Room for `len` bytes that the plugin writes itself, until the next call of this sink; null when there is none:
       then use emit, which takes care of the event. */
    uint8_t *(*reserve)(leat_sink_ctx *ctx, uint64_t len);
    /* The first `len` bytes of that room are one JSON object that the event becomes. */
    leat_status (*commit)(leat_sink_ctx *ctx, uint32_t index, uint64_t len);
    /* The event becomes itself with `count` edits, sorted by offset and not overlapping; 0 edits: itself. Copied. */
    leat_status (*emit_edits)(leat_sink_ctx *ctx, uint32_t index, const leat_edit *edits, uint32_t count);
    /* The event is not wanted. `reason`: a few fixed words, at most 256 bytes, counted by value. */
    leat_status (*drop)(leat_sink_ctx *ctx, uint32_t index, leat_slice reason);
    /* The event cannot be handled. error: LEAT_E_RETRY or LEAT_E_PERMANENT. code: 1 to 64 of [a-z0-9_.], a kind of
       failure to count by. message: at most 2 KiB, for people. */
    leat_status (*fail)(leat_sink_ctx *ctx, uint32_t index, leat_status error, leat_slice code, leat_slice message);
} leat_transform_sink;

typedef struct leat_transform_v1 {
    uint32_t struct_size, abi_minor;
    /* [instance thread] Handles a batch. An error falls on the events that have no verdict yet. */
    leat_status (*process)(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink);
} leat_transform_v1;

/* ---- leat.dest_request/1 ---------------------------------------------------------------------------------------- */

#define LEAT_ID_DEST_REQUEST "leat.dest_request/1"
#define LEAT_ALL UINT32_MAX

typedef struct leat_header {
    leat_slice name, value;
} leat_header;

/* A request that the host sends, with its own time-outs, retries, TLS and accounting. */
typedef struct leat_http_request {
    uint32_t struct_size, abi_minor;
    leat_slice method;             /* empty: POST; else GET, HEAD, PUT, PATCH, DELETE */
    leat_slice url;                /* absolute http(s), ASCII, no user name, no fragment; permitted by the manifest */
    const leat_header *headers;    /* none that is the server's, such as Host or Content-Length */
    uint32_t header_count, header_stride;
    leat_slice body;
    leat_slice content_type;       /* empty: none */
    leat_slice auth_ref;           /* the name of a secret that the host inserts; empty: none */
    leat_slice idempotency_key;    /* empty: the host makes one of the events' */
    leat_slice ordering_key;       /* requests with equal keys go one after another; empty: no such rule */
    uint32_t timeout_ms;           /* 0: the destination's own */
    uint32_t flags;                /* 0 */
    const uint32_t *event_indices; /* the events it carries, at least one */
    uint32_t event_index_count, reserved;
    uint64_t user_tag;             /* comes back in classify */
} leat_http_request;

/* Takes the requests; as leat_transform_sink otherwise. An event in several requests is delivered when all are. */
typedef struct leat_request_sink {
    uint32_t struct_size, abi_minor;
    leat_sink_ctx *ctx;
    void (*begin)(leat_sink_ctx *ctx, uint32_t index);
    /* Copied. A request against the rules above is not taken: LEAT_E_INVALID, its events fail with invalid_request. */
    leat_status (*request)(leat_sink_ctx *ctx, const leat_http_request *request);
    leat_status (*drop)(leat_sink_ctx *ctx, uint32_t index, leat_slice reason);
    leat_status (*fail)(leat_sink_ctx *ctx, uint32_t index, leat_status error, leat_slice code, leat_slice message);
} leat_request_sink;

/* What was answered to one request. */
typedef struct leat_http_response {
    uint64_t user_tag;
    int32_t status;                /* HTTP status, or 0 */
    int32_t transport_error;       /* 0, or which error kept the answer away */
    const leat_header *headers;
    uint32_t header_count, header_stride;
    leat_slice body;               /* its beginning: 64 KiB for classify */
    uint32_t attempt, flags;
#define LEAT_RESPONSE_CUT 1        /* the body goes on */
} leat_http_response;

typedef struct leat_response_batch {
    uint32_t struct_size, abi_minor;
    uint64_t batch_id;
    int64_t deadline_ns;
    uint32_t count, response_stride;
    const leat_http_response *responses;
} leat_response_batch;

typedef struct leat_classify_sink {
    uint32_t struct_size, abi_minor;
    leat_sink_ctx *ctx;
    /* response: its place in the batch. event: its place in the request, or LEAT_ALL. verdict: LEAT_OK for delivered,
       LEAT_E_RETRY or LEAT_E_PERMANENT. retry_after_ms: UINT64_MAX for the host's own schedule. */
    leat_status (*set)(leat_sink_ctx *ctx, uint32_t response, uint32_t event, leat_status verdict,
                       uint64_t retry_after_ms, leat_slice code, leat_slice message);
} leat_classify_sink;

typedef struct leat_dest_request_v1 {
    uint32_t struct_size, abi_minor;
    /* [instance thread] Turns a batch of events into requests. An error falls on the events without a verdict. */
    leat_status (*build)(leat_instance *instance, const leat_batch *batch, const leat_request_sink *sink);
    /* [instance thread] May be null: 2xx is delivered; 408, 425, 429, 5xx and transport errors are tried again; the
       rest is permanent. Called for the answers that the manifest names. */
    leat_status (*classify)(leat_instance *instance, const leat_response_batch *batch, const leat_classify_sink *sink);
} leat_dest_request_v1;

/* ---- Tables of the host ----------------------------------------------------------------------------------------- */

#define LEAT_ID_LOG "leat.log/1"
#define LEAT_LOG_TRACE 0
#define LEAT_LOG_DEBUG 1
#define LEAT_LOG_INFO 2
#define LEAT_LOG_NOTICE 3
#define LEAT_LOG_WARNING 4
#define LEAT_LOG_ERROR 5
typedef struct leat_log_v1 {
    uint32_t struct_size, abi_minor;
    /* [any thread] Copied. message: cut at 8 KiB. fields_json: a JSON object of at most 8 KiB, or empty. 128 records a
       batch are kept; further ones are counted and left out. */
    void (*write)(leat_host_ctx *ctx, int32_t level, leat_slice message, leat_slice fields_json);
} leat_log_v1;

#define LEAT_ID_CONFIG "leat.config/1"
typedef struct leat_config_v1 {
    uint32_t struct_size, abi_minor;
    /* [any thread] The JSON at an RFC 6901 pointer ("" is all), valid until the process ends; ptr null if not there. */
    leat_slice (*get)(leat_host_ctx *ctx, leat_slice pointer);
} leat_config_v1;

#define LEAT_ID_CLOCK "leat.clock/1"
typedef struct leat_clock_v1 {
    uint32_t struct_size, abi_minor;
    int64_t (*wall_ns)(leat_host_ctx *ctx);        /* [any thread] since 1970, the batch's: equal for all its events */
    int64_t (*monotonic_ns)(leat_host_ctx *ctx);   /* [any thread] never goes back */
    int64_t (*deadline_ns)(leat_host_ctx *ctx);    /* [any thread] of the current call, on the monotonic clock */
} leat_clock_v1;

#define LEAT_ID_ERROR "leat.error/1"
typedef struct leat_error_v1 {
    uint32_t struct_size, abi_minor;
    /* [instance thread] Words for the error that the current call is about to return. code and message: as for fail. */
    void (*set)(leat_host_ctx *ctx, leat_slice code, leat_slice message);
} leat_error_v1;

#define LEAT_ID_RANDOM "leat.random/1"
typedef struct leat_random_v1 {
    uint32_t struct_size, abi_minor;
    /* [any thread] Unpredictable bytes; `len` up to 1 MiB. */
    leat_status (*fill)(leat_host_ctx *ctx, uint8_t *ptr, uint64_t len);
} leat_random_v1;

#define LEAT_ID_METRIC "leat.metric/1"
#define LEAT_METRIC_COUNTER 1     /* only grows */
#define LEAT_METRIC_GAUGE 2       /* the latest value holds */
#define LEAT_METRIC_HISTOGRAM 3   /* how values spread */
typedef struct leat_metric_v1 {
    uint32_t struct_size, abi_minor;
    /* [instance thread] In create only: a metric of the plugin's own, 32 at most; the server adds plugin and version.
       name: 1 to 48 of [a-z0-9_], first a letter; unit: the same, or empty. The same again gives the same *metric. */
    leat_status (*define)(leat_host_ctx *ctx, int32_t kind, leat_slice name, leat_slice unit, uint32_t *metric);
    /* [any thread] Adds to a counter, sets a gauge, or takes a value into a histogram. Left out: a value that is not
       finite, and one below 0 for a counter. */
    void (*record)(leat_host_ctx *ctx, uint32_t metric, double value);
} leat_metric_v1;

#define LEAT_ID_THREAD_CHECK "leat.thread_check/1"
typedef struct leat_thread_check_v1 {
    uint32_t struct_size, abi_minor;
    int32_t (*is_instance_thread)(leat_host_ctx *ctx);   /* [any thread] 1 on the instance thread, else 0 */
} leat_thread_check_v1;

/* The two tables below ask the host in the middle of a call; the deadline goes on. All functions: [instance thread].
   LEAT_E_DENIED: the manifest does not say "impure", or it is a rehearsal, in which nothing is sent. */

/* Takes the answers. `ctx` is the plugin's own. Called once for each request, in order, before fetch returns. */
typedef struct leat_response_sink {
    uint32_t struct_size, abi_minor;
    void *ctx;
    void (*response)(void *ctx, uint32_t place, const leat_http_response *response);
} leat_response_sink;

#define LEAT_ID_HTTP "leat.http/1"
typedef struct leat_http_v1 {
    uint32_t struct_size, abi_minor;
    /* Sends 1 to 64 requests, all at once, `stride` bytes from one to the next; a place to send to must stand in the
       manifest. What carries a request to its events means nothing here: indices and keys. LEAT_OK when each has an
       answer, be it that it failed (transport_error). Of a body 1 MiB is given, of many their part of 8 MiB. 4,096
       requests while a batch is worked on, then LEAT_E_LIMIT. */
    leat_status (*fetch)(leat_host_ctx *ctx, const leat_http_request *requests, uint32_t count, uint32_t stride,
                         const leat_response_sink *sink);
} leat_http_v1;

#define LEAT_ID_SECRET "leat.secret/1"
typedef struct leat_secret_v1 {
    uint32_t struct_size, abi_minor;
    /* The word to put into a request where the secret's value shall stand: the host replaces it, the plugin never sees
       the value. Valid until the process ends. */
    leat_status (*reference)(leat_host_ctx *ctx, leat_slice name, leat_slice *word);
} leat_secret_v1;

#include "leat/layout.h"

#ifdef __cplusplus
}
#endif
#endif
