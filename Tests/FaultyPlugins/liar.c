/*
 * A plugin that goes behind its worker's back: it maps the output arena itself and writes there what no honest worker
 * writes. The event says which lie: {"lie":"committed"}, {"lie":"ring"} and so on.
 */
#define _GNU_SOURCE
#include "fixture.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTROL = 3, OUTPUT_ARENA = 5, OUTPUT_DOORBELL = 7 };

static void store32(uint8_t *arena, size_t offset, uint32_t value) { memcpy(arena + offset, &value, sizeof value); }
static void store64(uint8_t *arena, size_t offset, uint64_t value) { memcpy(arena + offset, &value, sizeof value); }

static void ring(void)
{
    uint64_t one = 1;
    if (write(OUTPUT_DOORBELL, &one, sizeof one) < 0) _exit(1);
}

static void lie(const leat_event *event)
{
    struct stat facts;
    if (fstat(OUTPUT_ARENA, &facts) != 0) _exit(1);
    size_t size = (size_t)facts.st_size;
    uint8_t *arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, OUTPUT_ARENA, 0);
    if (arena == MAP_FAILED) _exit(1);
    if (holds(event, "\"lie\":\"magic\"")) store64(arena, 0, 0);
    if (holds(event, "\"lie\":\"size\"")) store64(arena, 16, 1ull << 40);
    if (holds(event, "\"lie\":\"batch\"")) store64(arena, 24, 0);
    if (holds(event, "\"lie\":\"data-end\"")) store64(arena, 32, UINT64_MAX);
    if (holds(event, "\"lie\":\"committed\"")) store32(arena, 40, UINT32_MAX);
    if (holds(event, "\"lie\":\"offset\"")) {
        store32(arena, 40, 1);
        store32(arena, size - 64, 1);
        store64(arena, size - 64 + 16, UINT64_MAX - 4);
        store64(arena, size - 64 + 24, 8);
    }
    if (holds(event, "\"lie\":\"index\"")) {
        store32(arena, 40, 1);
        store32(arena, size - 64, 3);
        store32(arena, size - 64 + 4, 100000);
    }
    if (holds(event, "\"lie\":\"truncate\"") && ftruncate(OUTPUT_ARENA, 0) == 0) _exit(1);
    if (holds(event, "\"lie\":\"ring\"")) ring();
    if (holds(event, "\"lie\":\"message\"")) {
        char nonsense[64] = {99};
        if (send(CONTROL, nonsense, sizeof nonsense, 0) < 0) _exit(1);
    }
    if (holds(event, "\"lie\":\"flood\"")) {
        char nonsense[64] = {99};
        for (int i = 0; i < 1000000; i++)
            if (send(CONTROL, nonsense, sizeof nonsense, MSG_DONTWAIT) < 0) break;
    }
    if (holds(event, "\"lie\":\"") && !holds(event, "\"lie\":\"truncate\"")) {
        /* End as a finished batch would, without the worker's own ending. */
        store32(arena, 52, 1);
        ring();
        for (;;) pause();
    }
    munmap(arena, size);
}

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    (void)instance;
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_event *event = leat_event_at(batch, place);
        lie(event);
        sink->emit_edits(sink->ctx, event->index, NULL, 0);
    }
    return LEAT_OK;
}

#include "transformation.h"
