/*
 * What all test plugins share: who they are, and how they read an event and reach the host.
 *
 * Every name can be changed with -D, so that one file makes many plugins.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <leat/plugin.h>
#include <string.h>

#ifndef FIXTURE_ID
#define FIXTURE_ID "test.fixture"
#endif
#ifndef FIXTURE_VERSION
#define FIXTURE_VERSION "1.0.0"
#endif
#ifndef FIXTURE_KINDS
#define FIXTURE_KINDS LEAT_KIND_TRANSFORM
#endif

#define TEXT(words) ((leat_slice){(const uint8_t *)(words), sizeof(words) - 1})

static const leat_host_v1 *the_host;

/* Whether the event's JSON holds these words. */
static inline int holds(const leat_event *event, const char *words)
{
    return memmem(event->json.ptr, event->json.len, words, strlen(words)) != NULL;
}

static inline const void *extension(const char *id)
{
    leat_slice name = {(const uint8_t *)id, strlen(id)};
    return the_host->get_extension(the_host->ctx, name);
}

#endif
