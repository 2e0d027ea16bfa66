/*
 * A transformation with metrics of its own: each event says what is reported, as {"do":"count"}. The statuses of its
 * attempts to define metrics stand in what it makes of {"do":"statuses"}.
 */
#define _GNU_SOURCE
#include "fixture.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>

struct leat_instance {
    uint32_t seen, level, sizes, again;
    leat_status upper, empty, kind, late, beyond;
};

static const leat_metric_v1 *metrics;
static leat_instance the_instance;

static leat_status define(int32_t kind, const char *name, const char *unit, uint32_t *metric)
{
    leat_slice words = {(const uint8_t *)name, strlen(name)}, of = {(const uint8_t *)unit, strlen(unit)};
    return metrics->define(the_host->ctx, kind, words, of, metric);
}

static void *count_from_thread(void *unused)
{
    const leat_thread_check_v1 *check = extension(LEAT_ID_THREAD_CHECK);
    /* 10 where the host says that this is another thread. */
    metrics->record(the_host->ctx, the_instance.seen, check->is_instance_thread(the_host->ctx) == 0 ? 10 : 1000);
    return unused;
}

static void report(const leat_event *event)
{
    const leat_thread_check_v1 *check = extension(LEAT_ID_THREAD_CHECK);
    double one = check->is_instance_thread(the_host->ctx) == 1 ? 1 : 1000;
    if (holds(event, "\"do\":\"count\"")) metrics->record(the_host->ctx, the_instance.seen, one);
    if (holds(event, "\"do\":\"level\"")) metrics->record(the_host->ctx, the_instance.level, -7.5);
    if (holds(event, "\"do\":\"size\"")) metrics->record(the_host->ctx, the_instance.sizes, 40);
    if (holds(event, "\"do\":\"nonsense\"")) {
        metrics->record(the_host->ctx, the_instance.seen, -1);
        metrics->record(the_host->ctx, the_instance.seen, NAN);
        metrics->record(the_host->ctx, the_instance.sizes, INFINITY);
        metrics->record(the_host->ctx, 4000000000u, 1);
    }
    if (holds(event, "\"do\":\"thread\"")) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, count_from_thread, NULL) == 0) pthread_join(thread, NULL);
    }
    if (holds(event, "\"do\":\"talk\"")) {
        const leat_log_v1 *log = extension(LEAT_ID_LOG);
        for (int i = 0; i < 150; i++) log->write(the_host->ctx, LEAT_LOG_INFO, TEXT("again"), TEXT(""));
    }
}

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    char text[200];
    uint32_t metric;
    leat_slice none = {NULL, 0};
    instance->late = define(LEAT_METRIC_COUNTER, "late", "", &metric);
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_event *event = leat_event_at(batch, place);
        report(event);
        int length = snprintf(
            text, sizeof text, "{\"upper\":%d,\"empty\":%d,\"kind\":%d,\"again\":%u,\"beyond\":%d,\"late\":%d}",
            instance->upper, instance->empty, instance->kind, instance->again, instance->beyond, instance->late);
        leat_slice statuses = {(const uint8_t *)text, (uint64_t)length};
        if (holds(event, "\"do\":\"statuses\"")) sink->emit(sink->ctx, event->index, statuses, none);
        else sink->emit_edits(sink->ctx, event->index, NULL, 0);
    }
    return LEAT_OK;
}

static leat_status create(const leat_instance_args *args, leat_instance **out)
{
    (void)args;
    char name[16];
    uint32_t metric;
    metrics = extension(LEAT_ID_METRIC);
    *out = &the_instance;
    if (define(LEAT_METRIC_COUNTER, "seen", "events", &the_instance.seen) != LEAT_OK) return LEAT_E_INTERNAL;
    if (define(LEAT_METRIC_GAUGE, "level", "", &the_instance.level) != LEAT_OK) return LEAT_E_INTERNAL;
    if (define(LEAT_METRIC_HISTOGRAM, "sizes", "bytes", &the_instance.sizes) != LEAT_OK) return LEAT_E_INTERNAL;
    the_instance.upper = define(LEAT_METRIC_COUNTER, "Upper", "", &metric);
    the_instance.empty = define(LEAT_METRIC_COUNTER, "", "", &metric);
    the_instance.kind = define(9, "kind", "", &metric);
    for (int i = 3; i < 32; i++) {
        snprintf(name, sizeof name, "more_%d", i);
        if (define(LEAT_METRIC_COUNTER, name, "", &metric) != LEAT_OK) return LEAT_E_INTERNAL;
    }
    the_instance.beyond = define(LEAT_METRIC_COUNTER, "beyond", "", &metric);
    define(LEAT_METRIC_HISTOGRAM, "sizes", "bytes", &the_instance.again);
    /* Before the first batch. */
    metrics->record(the_host->ctx, the_instance.seen, 0.5);
    return LEAT_OK;
}

static const void *get_interface(leat_instance *instance, leat_slice id)
{
    static const leat_transform_v1 transform = {sizeof transform, 0, process};
    (void)instance;
    (void)id;
    return &transform;
}

#include "entry.h"
