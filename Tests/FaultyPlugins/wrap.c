/*
 * A transformation that puts each event into an object of its own, {"was":…}, so that every step is seen. One that asks
 * for it with "twice" becomes two parts.
 */
#include "fixture.h"

static void wrap(const leat_event *event, const leat_transform_sink *sink, const char *before)
{
    static uint8_t text[1 << 20];
    leat_slice none = {NULL, 0};
    size_t length = strlen(before);
    if (length + event->json.len + 1 > sizeof text) {
        sink->fail(sink->ctx, event->index, LEAT_E_PERMANENT, TEXT("too_long"), none);
        return;
    }
    memcpy(text, before, length);
    memcpy(text + length, event->json.ptr, event->json.len);
    text[length + event->json.len] = '}';
    sink->emit(sink->ctx, event->index, (leat_slice){text, length + event->json.len + 1}, none);
}

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    (void)instance;
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_event *event = leat_event_at(batch, place);
        sink->begin(sink->ctx, event->index);
        if (holds(event, "\"twice\"")) {
            wrap(event, sink, "{\"half\":1,\"was\":");
            wrap(event, sink, "{\"half\":2,\"was\":");
        } else {
            wrap(event, sink, "{\"was\":");
        }
    }
    return LEAT_OK;
}

#include "transformation.h"
