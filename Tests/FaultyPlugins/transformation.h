/*
 * What a transformation needs beside the function `process` that stands above.
 */
struct leat_instance {
    int unused;
};

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
    (void)instance;
    (void)id;
    return &transform;
}

#include "entry.h"
