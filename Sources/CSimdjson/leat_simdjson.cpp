#include "leat_simdjson.h"

#include <simdjson.h>

#include <string>

static_assert(LEAT_SIMDJSON_PADDING >= simdjson::SIMDJSON_PADDING, "simdjson reads further behind a text");

struct leat_simdjson {
    simdjson::dom::parser parser;
};

leat_simdjson *leat_simdjson_create(void) { return new leat_simdjson; }

void leat_simdjson_destroy(leat_simdjson *parser) { delete parser; }

size_t leat_simdjson_parse(leat_simdjson *parser, const uint8_t *bytes, const size_t *offsets, size_t count) {
    size_t accepted = 0;
    for (size_t i = 0; i < count; i++) {
        simdjson::dom::element document;
        auto error = parser->parser.parse(bytes + offsets[i], offsets[i + 1] - offsets[i], false).get(document);
        accepted += error == simdjson::SUCCESS;
    }
    return accepted;
}

const char *leat_simdjson_kernel(void) {
    static const std::string name = simdjson::get_active_implementation()->name();
    return name.c_str();
}
