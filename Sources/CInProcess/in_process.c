#include "in_process.h"

#include <dlfcn.h>
#include <leat/plugin.h>
#include <stdlib.h>
#include <string.h>

struct leat_in_process {
    const leat_transform_v1 *transform;
    leat_instance *instance;
    leat_event *events;
    uint32_t capacity;
    uint8_t *output;
    size_t room;
    size_t length;
    uint32_t parts;
};

static uint8_t *append(leat_in_process *plugin, size_t count) {
    if (plugin->length + count > plugin->room) {
        plugin->room = (plugin->length + count) * 2;
        plugin->output = realloc(plugin->output, plugin->room);
        if (plugin->output == NULL) abort();
    }
    uint8_t *place = plugin->output + plugin->length;
    plugin->length += count;
    return place;
}

static leat_in_process *from(leat_sink_ctx *ctx) { return (leat_in_process *)(void *)ctx; }

static void begin(leat_sink_ctx *ctx, uint32_t index) { (void)ctx, (void)index; }

static leat_status emit(leat_sink_ctx *ctx, uint32_t index, leat_slice json, leat_slice metadata) {
    (void)index, (void)metadata;
    memcpy(append(from(ctx), json.len), json.ptr, json.len);
    from(ctx)->parts++;
    return LEAT_OK;
}

static uint8_t *reserve(leat_sink_ctx *ctx, uint64_t count) {
    uint8_t *place = append(from(ctx), count);
    from(ctx)->length -= count;
    return place;
}

static leat_status commit(leat_sink_ctx *ctx, uint32_t index, uint64_t count) {
    (void)index;
    from(ctx)->length += count;
    from(ctx)->parts++;
    return LEAT_OK;
}

static leat_status emit_edits(leat_sink_ctx *ctx, uint32_t index, const leat_edit *edits, uint32_t count) {
    leat_in_process *plugin = from(ctx);
    leat_slice json = plugin->events[index].json;
    size_t position = 0;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(append(plugin, edits[i].offset - position), json.ptr + position, edits[i].offset - position);
        memcpy(append(plugin, edits[i].insert.len), edits[i].insert.ptr, edits[i].insert.len);
        position = edits[i].offset + edits[i].remove;
    }
    memcpy(append(plugin, json.len - position), json.ptr + position, json.len - position);
    plugin->parts++;
    return LEAT_OK;
}

static leat_status drop(leat_sink_ctx *ctx, uint32_t index, leat_slice reason) {
    (void)ctx, (void)index, (void)reason;
    return LEAT_OK;
}

static leat_status fail(leat_sink_ctx *ctx, uint32_t index, leat_status error, leat_slice code, leat_slice message) {
    (void)ctx, (void)index, (void)error, (void)code, (void)message;
    return LEAT_OK;
}

static const void *no_extension(leat_host_ctx *ctx, leat_slice id) {
    (void)ctx, (void)id;
    return NULL;
}

#define TEXT(words) ((leat_slice){(const uint8_t *)(words), sizeof(words) - 1})

leat_in_process *leat_in_process_open(const char *path) {
    static const leat_host_v1 host = {
        .struct_size = sizeof host, .abi_major = LEAT_ABI_MAJOR, .get_extension = no_extension,
    };
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return NULL;
    leat_plugin_entry_v1_t entry = (leat_plugin_entry_v1_t)dlsym(library, "leat_plugin_entry_v1");
    const leat_plugin_v1 *plugin = entry == NULL ? NULL : entry(&host);
    if (plugin == NULL) return NULL;
    leat_in_process *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    leat_instance_args arguments = {
        .struct_size = sizeof arguments, .instance_id = TEXT("bench"), .config_json = TEXT("{}"),
        .kind = LEAT_KIND_TRANSFORM, .attempt = 1, .deadline_ns = INT64_MAX,
    };
    if (plugin->create(&arguments, &made->instance) == LEAT_OK) {
        made->transform = plugin->get_interface(made->instance, TEXT(LEAT_ID_TRANSFORM));
    }
    if (made->transform == NULL) {
        free(made);
        return NULL;
    }
    return made;
}

size_t leat_in_process_run(leat_in_process *plugin, const uint8_t *text, const size_t *offsets, uint32_t count,
    uint32_t *parts) {
    if (count > plugin->capacity) {
        plugin->events = realloc(plugin->events, count * sizeof *plugin->events);
        if (plugin->events == NULL) abort();
        plugin->capacity = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        plugin->events[i] = (leat_event){
            .index = i, .json = {text + offsets[i], offsets[i + 1] - offsets[i]}, .attempt = 1,
        };
    }
    plugin->length = 0;
    plugin->parts = 0;
    leat_batch batch = {
        .struct_size = sizeof batch, .deadline_ns = INT64_MAX, .count = count, .event_stride = sizeof(leat_event),
        .events = plugin->events,
    };
    leat_transform_sink sink = {
        sizeof sink, 0, (leat_sink_ctx *)(void *)plugin, begin, emit, reserve, commit, emit_edits, drop, fail,
    };
    if (plugin->transform->process(plugin->instance, &batch, &sink) != LEAT_OK) return 0;
    *parts = plugin->parts;
    return plugin->length;
}
