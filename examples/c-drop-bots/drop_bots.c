/*
 * Drops the events of crawlers: those whose context.userAgent holds "bot", "crawler" or "spider" in any case.
 * All others pass unchanged, without a byte being copied.
 */
#include <leat/plugin.h>
#include <string.h>

struct leat_instance {
    int unused;
};

#define TEXT(words) ((leat_slice){(const uint8_t *)(words), sizeof(words) - 1})

/* ---- A small reader. The host gives valid JSON, so it only has to find its way. ---- */

typedef struct reader {
    const uint8_t *at, *end;
} reader;

static void skip_space(reader *json)
{
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

/* Reads a string with its quotes; gives what stands between them. */
static leat_slice read_string(reader *json)
{
    const uint8_t *start = ++json->at;
    while (json->at < json->end && *json->at != '"') json->at += *json->at == '\\' ? 2 : 1;
    if (json->at > json->end) json->at = json->end;
    leat_slice content = {start, (uint64_t)(json->at - start)};
    if (json->at < json->end) json->at++;
    return content;
}

/* Skips one value, however deep. */
static void skip_value(reader *json)
{
    int depth = 0;
    do {
        skip_space(json);
        if (json->at >= json->end) return;
        if (*json->at == '"') {
            read_string(json);
        } else if (*json->at == '{' || *json->at == '[') {
            depth++;
            json->at++;
        } else if (*json->at == '}' || *json->at == ']') {
            depth--;
            json->at++;
        } else if (*json->at == ',' || *json->at == ':') {
            json->at++;
        } else {
            while (json->at < json->end && memchr(",:]} \t\n\r", *json->at, 8) == NULL) json->at++;
        }
    } while (depth > 0);
}

/* Moves to the value of the member `name`; returns whether there is one. A name with escapes is another name. */
static int enter(reader *json, leat_slice name)
{
    skip_space(json);
    if (json->at >= json->end || *json->at != '{') return 0;
    json->at++;
    for (;;) {
        skip_space(json);
        if (json->at >= json->end || *json->at != '"') return 0;
        leat_slice key = read_string(json);
        skip_space(json);
        json->at++; /* the colon */
        skip_space(json);
        if (key.len == name.len && memcmp(key.ptr, name.ptr, name.len) == 0) return json->at < json->end;
        skip_value(json);
        skip_space(json);
        if (json->at < json->end && *json->at == ',') json->at++;
    }
}

/* Whether `text` holds `word`, which is in lower case, in any case. */
static int holds(leat_slice text, leat_slice word)
{
    for (uint64_t start = 0; start + word.len <= text.len; start++) {
        uint64_t match = 0;
        while (match < word.len && (text.ptr[start + match] | 0x20) == word.ptr[match]) match++;
        if (match == word.len) return 1;
    }
    return 0;
}

static int is_bot(leat_slice event)
{
    reader json = {event.ptr, event.ptr + event.len};
    if (!enter(&json, TEXT("context")) || !enter(&json, TEXT("userAgent"))) return 0;
    if (json.at >= json.end || *json.at != '"') return 0;
    leat_slice agent = read_string(&json);
    return holds(agent, TEXT("bot")) || holds(agent, TEXT("crawler")) || holds(agent, TEXT("spider"));
}

/* ---- The plugin ---- */

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    (void)instance;
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_event *event = leat_event_at(batch, place);
        sink->begin(sink->ctx, event->index);
        if (is_bot(event->json))
            sink->drop(sink->ctx, event->index, TEXT("bot"));
        else
            sink->emit_edits(sink->ctx, event->index, NULL, 0);
    }
    return LEAT_OK;
}

static leat_status create(const leat_instance_args *args, leat_instance **out)
{
    static leat_instance instance;
    (void)args;
    *out = &instance;
    return LEAT_OK;
}

static const void *get_interface(leat_instance *instance, leat_slice id)
{
    static const leat_transform_v1 transform = {sizeof transform, 0, process};
    leat_slice known = TEXT(LEAT_ID_TRANSFORM);
    (void)instance;
    return id.len == known.len && memcmp(id.ptr, known.ptr, known.len) == 0 ? &transform : NULL;
}

LEAT_EXPORT const leat_plugin_v1 *leat_plugin_entry_v1(const leat_host_v1 *host)
{
    static leat_plugin_v1 plugin = {
        .struct_size = sizeof plugin, .kinds = LEAT_KIND_TRANSFORM,
        .create = create, .get_interface = get_interface,
    };
    plugin.id = TEXT("com.example.drop-bots");
    plugin.version = TEXT("1.0.0");
    (void)host;
    return &plugin;
}
