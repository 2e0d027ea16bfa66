/*
 * A transformation that does to each event what the event's text asks for: {"do":"crash"}, {"do":"drop"} and so on.
 * An event that asks for nothing passes unchanged.
 */
#define _GNU_SOURCE
#include "fixture.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct leat_instance {
    uint64_t batches;
};

static volatile int *nowhere;
static volatile int zero;

static int deeper(volatile char *caller)
{
    volatile char frame[4096];
    frame[0] = *caller;
    return deeper(frame) + frame[0];
}

static void *log_from_thread(void *unused)
{
    const leat_log_v1 *log = extension(LEAT_ID_LOG);
    log->write(the_host->ctx, LEAT_LOG_INFO, TEXT("from another thread"), TEXT(""));
    return unused;
}

/* What ends or stops the process. */
static void misbehave(const leat_event *event)
{
    if (holds(event, "\"do\":\"crash\"")) *nowhere = 1;
    if (holds(event, "\"do\":\"abort\"")) abort();
    if (holds(event, "\"do\":\"divide\"")) zero = 7 / zero;
    if (holds(event, "\"do\":\"illegal\"")) __builtin_trap();
    if (holds(event, "\"do\":\"overflow\"")) zero = deeper((volatile char *)"x");
    if (holds(event, "\"do\":\"exit\"")) exit(0);
    if (holds(event, "\"do\":\"exit-3\"")) _exit(3);
    if (holds(event, "\"do\":\"hang\"")) for (;;) pause();
    if (holds(event, "\"do\":\"spin\"")) for (;;) zero = 0;
    if (holds(event, "\"do\":\"stop\"")) raise(SIGSTOP);
    if (holds(event, "\"do\":\"write-input\"")) *(volatile uint8_t *)event->json.ptr = 0;
    if (holds(event, "\"do\":\"eat-memory\"")) {
        for (;;) {
            void *more = malloc(1 << 20);
            if (more == NULL) abort();
            memset(more, 1, 1 << 20);
        }
    }
    if (holds(event, "\"do\":\"thread\"")) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, log_from_thread, NULL) == 0) pthread_join(thread, NULL);
    }
    if (holds(event, "\"do\":\"slow\"")) usleep(200000);
}

/* As many parts of a million bytes; the largest arena takes 67 of them. */
static void emit_megabytes(const leat_transform_sink *sink, uint32_t index, int count)
{
    static uint8_t text[1000000];
    memset(text, ' ', sizeof text);
    memcpy(text, "{}", 2);
    leat_slice part = {text, sizeof text}, none = {NULL, 0};
    for (int i = 0; i < count; i++)
        if (sink->emit(sink->ctx, index, part, none) != LEAT_OK) return;
}

static void answer(const leat_event *event, const leat_transform_sink *sink)
{
    leat_slice none = {NULL, 0};
    uint32_t index = event->index;
    if (holds(event, "\"do\":\"silent\"")) return;
    if (holds(event, "\"do\":\"drop\"")) {
        sink->drop(sink->ctx, index, TEXT("asked for"));
        return;
    }
    if (holds(event, "\"do\":\"fail\"")) {
        sink->fail(sink->ctx, index, LEAT_E_PERMANENT, TEXT("asked_for"), TEXT("the event asked for it"));
        return;
    }
    if (holds(event, "\"do\":\"retry\"")) {
        sink->fail(sink->ctx, index, LEAT_E_RETRY, TEXT("not_yet"), TEXT("try again"));
        return;
    }
    if (holds(event, "\"do\":\"split\"")) {
        sink->emit(sink->ctx, index, TEXT("{\"part\":1}"), none);
        sink->emit(sink->ctx, index, TEXT("{\"part\":2}"), none);
        return;
    }
    if (holds(event, "\"do\":\"split-drop\"")) {
        sink->emit(sink->ctx, index, TEXT("{\"part\":1}"), none);
        sink->emit(sink->ctx, index, TEXT("{\"part\":2,\"do\":\"drop\"}"), none);
        return;
    }
    if (holds(event, "\"do\":\"flood\"")) {
        for (int i = 0; i < 100000; i++) sink->emit_edits(sink->ctx, index, NULL, 0);
        return;
    }
    if (holds(event, "\"do\":\"sign\"")) {
        sink->emit(sink->ctx, index, TEXT("{\"made\":\"" FIXTURE_VERSION "\"}"), none);
        return;
    }
    if (holds(event, "\"do\":\"large\"")) return emit_megabytes(sink, index, 40);
    if (holds(event, "\"do\":\"huge\"")) return emit_megabytes(sink, index, 70);
    if (holds(event, "\"do\":\"conflict\"")) sink->drop(sink->ctx, index, none);
    if (holds(event, "\"do\":\"not-json\"")) {
        sink->emit(sink->ctx, index, TEXT("{nonsense"), none);
        return;
    }
    if (holds(event, "\"do\":\"reserve\"")) {
        uint8_t *room = sink->reserve(sink->ctx, event->json.len);
        if (room != NULL) memcpy(room, event->json.ptr, event->json.len);
        sink->commit(sink->ctx, index, event->json.len);
        return;
    }
    sink->emit_edits(sink->ctx, index, NULL, 0);
}

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    instance->batches += 1;
    leat_status status = LEAT_OK;
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_event *event = leat_event_at(batch, place);
#ifndef NO_HINT
        sink->begin(sink->ctx, event->index);
#endif
        misbehave(event);
        if (holds(event, "\"do\":\"batch-retry\"")) {
            const leat_error_v1 *error = extension(LEAT_ID_ERROR);
            error->set(the_host->ctx, TEXT("table_missing"), TEXT("the table is not there yet"));
            status = LEAT_E_RETRY;
            continue;
        }
        answer(event, sink);
    }
    return status;
}

static leat_status create(const leat_instance_args *args, leat_instance **out)
{
    static leat_instance instance;
    (void)args;
    const leat_log_v1 *log = extension(LEAT_ID_LOG);
    log->write(the_host->ctx, LEAT_LOG_INFO, TEXT("created"), TEXT("{\"fixture\":true}"));
    *out = &instance;
    return LEAT_OK;
}

static const void *get_interface(leat_instance *instance, leat_slice id)
{
    static const leat_transform_v1 transform = {sizeof transform, 0, process};
    (void)instance;
    return id.len == sizeof LEAT_ID_TRANSFORM - 1 && memcmp(id.ptr, LEAT_ID_TRANSFORM, id.len) == 0 ? &transform : NULL;
}

#include "entry.h"
