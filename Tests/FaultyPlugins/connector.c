/*
 * A connector that puts each event into a request of its own, with a few events that ask for something else, and that
 * classifies the answers by their body.
 */
#define _GNU_SOURCE
#define FIXTURE_KINDS LEAT_KIND_DEST_REQUEST
#include "fixture.h"

struct leat_instance {
    leat_slice url;
};

static leat_status build(leat_instance *instance, const leat_batch *batch, const leat_request_sink *sink)
{
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_event *event = leat_event_at(batch, place);
        sink->begin(sink->ctx, event->index);
        if (holds(event, "\"do\":\"drop\"")) {
            sink->drop(sink->ctx, event->index, TEXT("asked for"));
            continue;
        }
        leat_header header = {TEXT("x-fixture"), event->idempotency_key};
        leat_http_request request = {.struct_size = sizeof request};
        request.url = holds(event, "\"do\":\"bad-url\"") ? TEXT("file:///etc/passwd") : instance->url;
        request.headers = &header;
        request.header_count = 1;
        leat_header headers[65];
        if (holds(event, "\"do\":\"many-headers\"")) {
            for (int number = 0; number < 65; number++) headers[number] = header;
            request.headers = headers;
            request.header_count = 65;
        }
        request.header_stride = sizeof header;
        static uint8_t large[1 << 19];
        request.body = holds(event, "\"do\":\"large\"") ? (leat_slice){large, sizeof large} : event->json;
        request.content_type = TEXT("application/json");
        request.idempotency_key = event->idempotency_key;
        if (holds(event, "\"do\":\"secret\"")) request.auth_ref = TEXT("token");
        request.event_indices = &event->index;
        request.event_index_count = 1;
        request.user_tag = place;
        sink->request(sink->ctx, &request);
    }
    return LEAT_OK;
}

static leat_status classify(leat_instance *instance, const leat_response_batch *batch, const leat_classify_sink *sink)
{
    (void)instance;
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_http_response *response = (const void *)((const char *)batch->responses + place * batch->response_stride);
        int is_busy = memmem(response->body.ptr, response->body.len, "busy", 4) != NULL;
        int is_marked = response->header_count == 1 && response->headers[0].value.len == 3;
        leat_status verdict = is_busy ? LEAT_E_RETRY : is_marked ? LEAT_OK : LEAT_E_PERMANENT;
        sink->set(sink->ctx, place, UINT32_MAX, verdict, is_busy ? 1500 : UINT64_MAX, TEXT("seen"), TEXT("read the body"));
    }
    return LEAT_OK;
}

static leat_status create(const leat_instance_args *args, leat_instance **out)
{
    static leat_instance instance;
    (void)args;
    const leat_config_v1 *config = extension(LEAT_ID_CONFIG);
    leat_slice url = config->get(the_host->ctx, TEXT("/url"));
    if (url.ptr == NULL) return LEAT_E_PERMANENT;
    /* Without its quotes; the test's URL holds no escapes. */
    instance.url = (leat_slice){url.ptr + 1, url.len - 2};
    *out = &instance;
    return LEAT_OK;
}

static const void *get_interface(leat_instance *instance, leat_slice id)
{
    static const leat_dest_request_v1 request = {sizeof request, 0, build, classify};
    (void)instance;
    return id.len == sizeof LEAT_ID_DEST_REQUEST - 1 && memcmp(id.ptr, LEAT_ID_DEST_REQUEST, id.len) == 0 ? &request : NULL;
}

#include "entry.h"
