/*
 * Plugins that cannot be loaded or created, one for each -DFAULT_…; without any it passes every event.
 */
#define _GNU_SOURCE
#include "fixture.h"
#include <stdlib.h>
#include <unistd.h>

struct leat_instance {
    int unused;
};

#if defined FAULT_UNRESOLVED
extern int a_function_that_nobody_defines(void);
int unresolved(void) { return a_function_that_nobody_defines(); }
#endif

#if defined FAULT_CRASH_IN_CONSTRUCTOR
/* Volatile itself, since the compiler leaves out a constructor that only stores through a null constant. */
static int *volatile nowhere;
__attribute__((constructor)) static void construct(void) { *nowhere = 1; }
#elif defined FAULT_HANG_IN_CONSTRUCTOR
__attribute__((constructor)) static void construct(void) { for (;;) pause(); }
#elif defined FAULT_EXIT_IN_CONSTRUCTOR
__attribute__((constructor)) static void construct(void) { exit(0); }
#endif

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    (void)instance;
    for (uint32_t place = 0; place < batch->count; place++)
        sink->emit_edits(sink->ctx, leat_event_at(batch, place)->index, NULL, 0);
    return LEAT_OK;
}

static leat_status create(const leat_instance_args *args, leat_instance **out)
{
    static leat_instance instance;
    (void)args;
#if defined FAULT_CREATE_ERROR || defined FAULT_CREATE_RETRY
    const leat_error_v1 *error = extension(LEAT_ID_ERROR);
    error->set(the_host->ctx, TEXT("bad_config"), TEXT("the table name is missing"));
#endif
#if defined FAULT_CREATE_ERROR
    return LEAT_E_PERMANENT;
#elif defined FAULT_CREATE_RETRY
    return LEAT_E_RETRY;
#elif defined FAULT_CREATE_HANGS
    for (;;) pause();
#elif defined FAULT_CREATE_CRASHES
    *(volatile int *)0 = 1;
#elif defined FAULT_CREATE_EXITS
    exit(0);
#elif defined FAULT_CREATE_NULL
    return LEAT_OK;
#endif
    *out = &instance;
    return LEAT_OK;
}

static const void *get_interface(leat_instance *instance, leat_slice id)
{
    static leat_transform_v1 transform = {sizeof transform, 0, process};
    (void)instance;
    (void)id;
#if defined FAULT_NO_INTERFACE
    return NULL;
#elif defined FAULT_INTERFACE_SIZE
    transform.struct_size = 4;
#elif defined FAULT_NO_PROCESS
    transform.process = NULL;
#endif
    return &transform;
}

#if defined FAULT_NO_ENTRY
LEAT_EXPORT const void *another_entry(void) { return get_interface; }
int keep(void) { return create(NULL, NULL); }
#elif defined FAULT_ENTRY_IS_DATA
LEAT_EXPORT const void *leat_plugin_entry_v1[] = {(const void *)create, (const void *)get_interface};
#else
LEAT_EXPORT const leat_plugin_v1 *leat_plugin_entry_v1(const leat_host_v1 *host)
{
    static leat_plugin_v1 plugin;
    the_host = host;
    plugin = (leat_plugin_v1){
        sizeof plugin, 0, TEXT(FIXTURE_ID), TEXT(FIXTURE_VERSION), TEXT("fixture"), FIXTURE_KINDS,
        create, NULL, get_interface,
    };
#if defined FAULT_NULL_ENTRY
    return NULL;
#elif defined FAULT_UNALIGNED_ENTRY
    return (const leat_plugin_v1 *)((const char *)&plugin + 1);
#elif defined FAULT_WILD_ENTRY
    return (const leat_plugin_v1 *)8;
#elif defined FAULT_SIZE_ZERO
    plugin.struct_size = 0;
#elif defined FAULT_SIZE_SMALL
    plugin.struct_size = 3;
#elif defined FAULT_SIZE_HUGE
    plugin.struct_size = UINT32_MAX;
#elif defined FAULT_NO_CREATE
    plugin.create = NULL;
#endif
    return &plugin;
}
#endif
