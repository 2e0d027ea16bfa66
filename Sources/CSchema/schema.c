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

static const char lease_sql[] = {
#embed "sql/0004-lease.sql"
    , 0};

static const char generation_sql[] = {
#embed "sql/0005-generation.sql"
    , 0};

static const char retention_sql[] = {
#embed "sql/0006-retention.sql"
    , 0};

static const char upgrade_sql[] = {
#embed "sql/0007-upgrade.sql"
    , 0};

static const char letters_sql[] = {
#embed "sql/0008-letters.sql"
    , 0};

static const char pause_sql[] = {
#embed "sql/0009-pause.sql"
    , 0};

static const char destination_report_sql[] = {
#embed "sql/0010-destination-report.sql"
    , 0};

static const char transport_sql[] = {
#embed "sql/0011-transport.sql"
    , 0};

static const char secret_sql[] = {
#embed "sql/0012-secret.sql"
    , 0};

static const char path_sql[] = {
#embed "sql/0013-path.sql"
    , 0};

static const char filters_sql[] = {
#embed "sql/0014-filters.sql"
    , 0};

static const char replay_sql[] = {
#embed "sql/0015-replay.sql"
    , 0};

static const char parked_sql[] = {
#embed "sql/0016-parked.sql"
    , 0};

static const char append_routines[] = {
#embed "sql/routines/append.sql"
    , 0};

static const char slices_routines[] = {
#embed "sql/routines/slices.sql"
    , 0};

static const char lease_routines[] = {
#embed "sql/routines/lease.sql"
    , 0};

static const char lanes_routines[] = {
#embed "sql/routines/lanes.sql"
    , 0};

static const char retention_routines[] = {
#embed "sql/routines/retention.sql"
    , 0};

static const char checkpoint_routines[] = {
#embed "sql/routines/checkpoint.sql"
    , 0};

static const char letters_routines[] = {
#embed "sql/routines/letters.sql"
    , 0};

static const char catalog_routines[] = {
#embed "sql/routines/catalog.sql"
    , 0};

static const char generation_routines[] = {
#embed "sql/routines/generation.sql"
    , 0};

static const char replay_routines[] = {
#embed "sql/routines/replay.sql"
    , 0};

static const char views_routines[] = {
#embed "sql/routines/views.sql"
    , 0};

static const struct leat_migration migrations[] = {
    {1, "log", log_sql},
    {2, "catalog", catalog_sql},
    {3, "timing", timing_sql},
    {4, "lease", lease_sql},
    {5, "generation", generation_sql},
    {6, "retention", retention_sql},
    {7, "upgrade", upgrade_sql},
    {8, "letters", letters_sql, .keeps_older = true},
    {9, "pause", pause_sql, .keeps_older = true},
    {10, "report", destination_report_sql, .keeps_older = true},
    {11, "transport", transport_sql, .keeps_older = true},
    {12, "secret", secret_sql},
    {13, "path", path_sql, .keeps_older = true},
    {14, "filters", filters_sql},
    {15, "replay", replay_sql, .keeps_older = true},
    {16, "parked", parked_sql, .keeps_older = true},
};

const int leat_migration_count = sizeof migrations / sizeof migrations[0];

const struct leat_migration *leat_migration_at(int index) {
    return index >= 0 && index < leat_migration_count ? &migrations[index] : NULL;
}

static const char *const routines[] = {
    append_routines,     slices_routines,     lease_routines,   lanes_routines,
    checkpoint_routines, generation_routines, catalog_routines, retention_routines,
    letters_routines,    replay_routines,     views_routines,
};

const char *leat_routines_at(int index) {
    const int count = sizeof routines / sizeof routines[0];
    return index >= 0 && index < count ? routines[index] : NULL;
}

const int leat_routines_level = 1;
