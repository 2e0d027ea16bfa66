/* simdjson's DOM parser behind a C function: the yardstick of `leat-bench json`, linked by nothing else. */
#ifndef LEAT_SIMDJSON_H
#define LEAT_SIMDJSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many readable bytes must follow the last text. */
enum { LEAT_SIMDJSON_PADDING = 64 };

typedef struct leat_simdjson leat_simdjson;

leat_simdjson *leat_simdjson_create(void);
void leat_simdjson_destroy(leat_simdjson *parser);

/* Parses `count` texts into a DOM, one after the other, each into the memory of the one before. Text i is
   bytes[offsets[i]] up to bytes[offsets[i + 1]]. Returns how many were accepted. */
size_t leat_simdjson_parse(leat_simdjson *parser, const uint8_t *bytes, const size_t *offsets, size_t count);

/* The kernel that simdjson chose for this processor; valid for ever. */
const char *leat_simdjson_kernel(void);

#ifdef __cplusplus
}
#endif

#endif
