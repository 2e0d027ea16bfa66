/*
 * A connector that puts up to ten events into one request, a line for each, and asks the answer's body what became of each
 * of them: d for delivered, r for later, p for never, in their order. An s makes it hang, a c ends its process.
 */
#define _GNU_SOURCE
#define FIXTURE_KINDS LEAT_KIND_DEST_REQUEST
#include "fixture.h"
#include <stdlib.h>

enum { GROUP = 10, BODY = 512 * 1024 };

struct leat_instance {
    leat_slice url;
};

static leat_status build(leat_instance *instance, const leat_batch *batch, const leat_request_sink *sink)
{
    static uint8_t body[BODY];
    for (uint32_t first = 0; first < batch->count; first += GROUP) {
        uint32_t indices[GROUP], count = 0;
        uint64_t length = 0;
        for (uint32_t place = first; place < batch->count && count < GROUP; place++) {
            const leat_event *event = leat_event_at(batch, place);
            if (length + event->json.len + 1 > BODY) return LEAT_E_PERMANENT;
            sink->begin(sink->ctx, event->index);
            memcpy(body + length, event->json.ptr, event->json.len);
            length += event->json.len;
            body[length++] = '\n';
            indices[count++] = event->index;
        }
        leat_http_request request = {.struct_size = sizeof request};
        request.url = instance->url;
        request.body = (leat_slice){body, length};
        request.event_indices = indices;
        request.event_index_count = count;
        request.user_tag = count;
        sink->request(sink->ctx, &request);
    }
    return LEAT_OK;
}

static leat_status classify(leat_instance *instance, const leat_response_batch *batch, const leat_classify_sink *sink)
{
    (void)instance;
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_http_response *response = (const void *)((const char *)batch->responses + place * batch->response_stride);
        for (uint64_t event = 0; event < response->body.len && event < response->user_tag; event++) {
            uint8_t word = response->body.ptr[event];
            if (word == 'c') abort();
            while (word == 's') ;
            leat_status verdict = word == 'd' ? LEAT_OK : word == 'r' ? LEAT_E_RETRY : LEAT_E_PERMANENT;
            sink->set(sink->ctx, place, (uint32_t)event, verdict, UINT64_MAX, TEXT("told"), TEXT("the body says so"));
        }
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
