/*
 * A transformation that asks the host for what each event says, as {"do":"get"}, at the address of its configuration, and
 * becomes what came of it: {"status":…,"error":…,"tag":…,"cut":…,"body":"…"} for each answer.
 */
#define _GNU_SOURCE
#include "fixture.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct leat_instance {
    leat_slice url;
    leat_status created;
};

static leat_instance the_instance;
static const leat_http_v1 *http;
static char *text;
static size_t length;
static leat_status nested;

static void say(const char *words, size_t count)
{
    if (length + count < 4u << 20) memcpy(text + length, words, count), length += count;
}

static void fetched(void *ctx, uint32_t place, const leat_http_response *response)
{
    char head[200];
    int count = snprintf(
        head, sizeof head, "%s{\"place\":%u,\"status\":%d,\"error\":%d,\"tag\":%llu,\"cut\":%u,\"bytes\":%llu,\"body\":\"",
        place == 0 ? "" : ",", place, response->status, response->transport_error,
        (unsigned long long)response->user_tag, response->flags, (unsigned long long)response->body.len);
    say(head, (size_t)count);
    for (uint64_t i = 0; i < response->body.len && i < 300; i++) {
        char c = (char)response->body.ptr[i];
        if (c == '"' || c == '\\') c = '\'';
        say(&c, 1);
    }
    say("\"}", 2);
    /* Not while an answer is being given. */
    leat_slice word;
    const leat_secret_v1 *secret = extension(LEAT_ID_SECRET);
    nested = secret->reference(the_host->ctx, TEXT("token"), &word);
    (void)ctx;
}

static leat_status fetch(leat_http_request *requests, uint32_t count)
{
    leat_response_sink sink = {sizeof sink, 0, NULL, fetched};
    return http->fetch(the_host->ctx, requests, count, sizeof *requests, &sink);
}

static leat_status get(leat_instance *instance, uint32_t count, leat_slice auth, leat_slice header)
{
    static leat_http_request requests[65];
    leat_header word = {TEXT("x-word"), header};
    for (uint32_t i = 0; i < count; i++) {
        requests[i] = (leat_http_request){.struct_size = sizeof *requests};
        requests[i].method = TEXT("GET");
        requests[i].url = instance->url;
        requests[i].auth_ref = auth;
        requests[i].user_tag = 100 + i;
        requests[i].headers = &word;
        requests[i].header_count = header.len > 0 ? 1 : 0;
        requests[i].header_stride = sizeof word;
    }
    return fetch(requests, count);
}

static void *fetch_from_thread(void *status)
{
    leat_slice none = {NULL, 0};
    *(leat_status *)status = get(&the_instance, 1, none, none);
    return NULL;
}

static leat_status act(leat_instance *instance, const leat_event *event)
{
    leat_slice none = {NULL, 0};
    if (holds(event, "\"do\":\"get\"")) return get(instance, 1, none, none);
    if (holds(event, "\"do\":\"many\"")) return get(instance, 64, none, none);
    if (holds(event, "\"do\":\"too-many\"")) return get(instance, 65, none, none);
    if (holds(event, "\"do\":\"auth\"")) return get(instance, 1, TEXT("token"), none);
    if (holds(event, "\"do\":\"bad-url\"")) {
        leat_http_request request = {.struct_size = sizeof request, .url = TEXT("file:///etc/passwd")};
        return fetch(&request, 1);
    }
    if (holds(event, "\"do\":\"elsewhere\"")) {
        leat_http_request request = {.struct_size = sizeof request, .url = TEXT("http://elsewhere.example/")};
        return fetch(&request, 1);
    }
    if (holds(event, "\"do\":\"word\"")) {
        leat_slice word = none;
        const leat_secret_v1 *secret = extension(LEAT_ID_SECRET);
        leat_status status = secret->reference(the_host->ctx, TEXT("token"), &word);
        return status != LEAT_OK ? status : get(instance, 1, none, word);
    }
    if (holds(event, "\"do\":\"other-word\"")) {
        leat_slice word = none;
        const leat_secret_v1 *secret = extension(LEAT_ID_SECRET);
        return secret->reference(the_host->ctx, TEXT("other"), &word);
    }
    if (holds(event, "\"do\":\"thread\"")) {
        leat_status status = LEAT_OK;
        pthread_t thread;
        if (pthread_create(&thread, NULL, fetch_from_thread, &status) == 0) pthread_join(thread, NULL);
        return status;
    }
    if (holds(event, "\"do\":\"flood\"")) {
        leat_status status = LEAT_OK;
        for (int i = 0; i < 100 && status == LEAT_OK; i++) status = get(instance, 64, none, none), length = 0;
        return status;
    }
    if (holds(event, "\"do\":\"lie\"")) {
        /* Past all the worker's own checks: a message on the control socket that no call stands behind. */
        uint32_t message[16] = {6, 5, 0, 0, 1u << 30};
        (void)!write(3, message, sizeof message);
        for (;;) pause();
    }
    if (holds(event, "\"do\":\"crash\"")) {
        get(instance, 1, none, none);
        abort();
    }
    return LEAT_OK;
}

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    leat_slice none = {NULL, 0};
    for (uint32_t place = 0; place < batch->count; place++) {
        const leat_event *event = leat_event_at(batch, place);
        sink->begin(sink->ctx, event->index);
        length = 0;
        nested = LEAT_OK;
        say("{\"answers\":[", 12);
        leat_status status = act(instance, event);
        char tail[100];
        int count = snprintf(
            tail, sizeof tail, "],\"returned\":%d,\"nested\":%d,\"created\":%d}", status, nested, instance->created);
        say(tail, (size_t)count);
        leat_slice json = {(const uint8_t *)text, length};
        sink->emit(sink->ctx, event->index, json, none);
    }
    return LEAT_OK;
}

static leat_status create(const leat_instance_args *args, leat_instance **out)
{
    (void)args;
    leat_slice none = {NULL, 0};
    text = malloc(4u << 20);
    http = extension(LEAT_ID_HTTP);
    const leat_config_v1 *config = extension(LEAT_ID_CONFIG);
    leat_slice url = config->get(the_host->ctx, TEXT("/url"));
    if (url.ptr == NULL || text == NULL || http == NULL) return LEAT_E_PERMANENT;
    the_instance.url = (leat_slice){url.ptr + 1, url.len - 2};
    /* A plugin may ask while it is created, too. */
    the_instance.created = get(&the_instance, 1, none, none);
    *out = &the_instance;
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
