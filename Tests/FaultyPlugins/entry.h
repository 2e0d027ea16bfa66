/*
 * The entry function of a test plugin whose functions `create` and `get_interface` stand above.
 */
LEAT_EXPORT const leat_plugin_v1 *leat_plugin_entry_v1(const leat_host_v1 *host)
{
    static leat_plugin_v1 plugin;
    the_host = host;
    plugin = (leat_plugin_v1){
        sizeof plugin, 0, TEXT(FIXTURE_ID), TEXT(FIXTURE_VERSION), TEXT("fixture"), FIXTURE_KINDS,
        create, NULL, get_interface,
    };
    return &plugin;
}
