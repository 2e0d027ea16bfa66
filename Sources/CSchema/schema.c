#include "CSchema.h"

#include <stddef.h>

static const char log_sql[] = {
#embed "sql/0001-log.sql"
    , 0};

static const char catalog_sql[] = {
#embed "sql/0002-catalog.sql"
    , 0};

static const char timing_sql[] = {
#embed "sql/0003-timing.sql"
    , 0};

static const struct leat_migration migrations[] = {
    {1, "log", log_sql},
    {2, "catalog", catalog_sql},
    {3, "timing", timing_sql},
};

const int leat_migration_count = sizeof migrations / sizeof migrations[0];

const struct leat_migration *leat_migration_at(int index) {
    return index >= 0 && index < leat_migration_count ? &migrations[index] : NULL;
}
