#include "config/rows.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "config/check_uri.h"
#include "config/conf.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

#define NAME_BYTES    255 /* what the link protocol carries */
#define TO_BYTES      (2 * NAME_BYTES + 1)
#define PATH_BYTES    (PATH_MAX - 1)
#define SOCKET_BYTES  107 /* in sun_path before the NUL; unix(7) */
#define TAKE_BYTES    31  /* what a ring remembers */
#define ADDRESS_BYTES 300
#define MINUTE_MS     UINT64_C(60000)

/* What Linux allows at most, whatever the sysctls say; mq_overview(7). System V: an
 * int. */
#define POSIX_MESSAGES 65536
#define POSIX_SIZE     16777216

#define MEMBER(type, member) offsetof(struct type, member)
#define TABLE(rows, bytes)                                                             \
	{                                                                              \
		.fields = (rows), .count = ARRAY_LEN(rows), .width = (bytes)           \
	}

/* Lists are set with their count, which stands right behind. */
#define CHECK_COUNT(type, list)                                                        \
	_Static_assert(offsetof(struct type, n_##list) ==                              \
			   offsetof(struct type, list) + sizeof(void *),               \
	    "the count of " #list " does not stand right behind it")
CHECK_COUNT(conf, metrics_names);
CHECK_COUNT(conf, queues);
CHECK_COUNT(conf, listeners);
CHECK_COUNT(conf, peers);
CHECK_COUNT(conf, routes);
CHECK_COUNT(conf_role, users);
CHECK_COUNT(conf_role, groups);
CHECK_COUNT(conf_listener, users);
CHECK_COUNT(conf_listener, groups);
CHECK_COUNT(conf_peer, may_send_to);

/* The place of an object is set without a row. */
_Static_assert(offsetof(struct conf_queue, place) == 0, "place is first");
_Static_assert(offsetof(struct conf_listener, place) == 0, "place is first");
_Static_assert(offsetof(struct conf_peer, place) == 0, "place is first");
_Static_assert(offsetof(struct conf_route, place) == 0, "place is first");

static const struct field create_rows[] = {
	{ "max_messages", FIELD_NUMBER, MEMBER(conf_queue, max_messages), 1,
	    POSIX_MESSAGES, NULL, NULL },
	{ "message_size", FIELD_SIZE, MEMBER(conf_queue, message_size), 1, POSIX_SIZE,
	    NULL, NULL },
	{ "max_bytes", FIELD_SIZE, MEMBER(conf_queue, max_bytes), 1, INT_MAX, NULL,
	    NULL },
	{ "mode", FIELD_MODE, MEMBER(conf_queue, mode), 0001, 0777, "0660", NULL },
	{ "owner", FIELD_USER, MEMBER(conf_queue, owner), 0, 0, NULL, NULL },
	{ "group", FIELD_GROUP, MEMBER(conf_queue, group), 0, 0, NULL, NULL },
};
static const struct field_table create_table = TABLE(create_rows, 0);

static const struct field queue_rows[] = {
	{ "name", FIELD_TEXT, MEMBER(conf_queue, name), 1, NAME_BYTES, field_required,
	    NULL },
	{ "uri", FIELD_URI, MEMBER(conf_queue, uri), 1, CHECK_URI_MAX, field_required,
	    NULL },
	{ "take", FIELD_TAKE, MEMBER(conf_queue, take_text), 0, TAKE_BYTES, "", NULL },
	{ "enabled", FIELD_SWITCH, MEMBER(conf_queue, enabled), 0, 0, "true", NULL },
	{ "ring_size", FIELD_SIZE, MEMBER(conf_queue, ring_size), KIB(64), GIB(64),
	    "4MiB", NULL },
	{ "in_doubt", FIELD_CHOICE, MEMBER(conf_queue, in_doubt), 0, 0,
	    "resend|drop|hold", NULL },
	{ "recovered", FIELD_CHOICE, MEMBER(conf_queue, recovered), 0, 0,
	    "deliver|hold", NULL },
	{ "create", FIELD_PART, MEMBER(conf_queue, create), 0, 0, NULL, &create_table },
};
static const struct field_table queue_table =
    TABLE(queue_rows, sizeof(struct conf_queue));

static const struct field listener_rows[] = {
	{ "address", FIELD_ADDRESS, MEMBER(conf_listener, address), 1, ADDRESS_BYTES,
	    field_required, NULL },
	{ "insecure", FIELD_SWITCH, MEMBER(conf_listener, insecure), 0, 0, "false",
	    NULL },
	{ "enabled", FIELD_SWITCH, MEMBER(conf_listener, enabled), 0, 0, "true", NULL },
	{ "mode", FIELD_MODE, MEMBER(conf_listener, mode), 0001, 0777, "0660", NULL },
	{ "users", FIELD_USERS, MEMBER(conf_listener, users), 0, 0, NULL, NULL },
	{ "groups", FIELD_GROUPS, MEMBER(conf_listener, groups), 0, 0, NULL, NULL },
};
static const struct field_table listener_table =
    TABLE(listener_rows, sizeof(struct conf_listener));

static const struct field peer_rows[] = {
	{ "name", FIELD_TEXT, MEMBER(conf_peer, name), 1, NAME_BYTES, field_required,
	    NULL },
	{ "address", FIELD_ADDRESS, MEMBER(conf_peer, address), 1, ADDRESS_BYTES, NULL,
	    NULL },
	{ "insecure", FIELD_SWITCH, MEMBER(conf_peer, insecure), 0, 0, "false", NULL },
	{ "enabled", FIELD_SWITCH, MEMBER(conf_peer, enabled), 0, 0, "true", NULL },
	{ "heartbeat", FIELD_DURATION, MEMBER(conf_peer, heartbeat_ms), 100,
	    10 * MINUTE_MS, "5s", NULL },
	{ "may_send_to", FIELD_NAMES, MEMBER(conf_peer, may_send_to), 1, NAME_BYTES,
	    NULL, NULL },
};
static const struct field_table peer_table = TABLE(peer_rows, sizeof(struct conf_peer));

static const struct field route_rows[] = {
	{ "name", FIELD_TEXT, MEMBER(conf_route, name), 1, NAME_BYTES, field_required,
	    NULL },
	{ "from", FIELD_TEXT, MEMBER(conf_route, from), 1, NAME_BYTES, field_required,
	    NULL },
	{ "to", FIELD_TEXT, MEMBER(conf_route, to), 1, TO_BYTES, field_required, NULL },
	{ "enabled", FIELD_SWITCH, MEMBER(conf_route, enabled), 0, 0, "true", NULL },
	{ "log_limit", FIELD_SIZE, MEMBER(conf_route, log_limit), MIB(1), GIB(4096),
	    NULL, NULL },
	{ "overflow", FIELD_CHOICE, MEMBER(conf_route, overflow), 0, 0,
	    "block|drop-oldest|drop-newest|dead-letter", NULL },
	{ "durability", FIELD_CHOICE, MEMBER(conf_route, durability), 0, 0,
	    "crash|disk", NULL },
	{ "sync", FIELD_CHOICE, MEMBER(conf_route, sync), 0, 0, "interval|always",
	    NULL },
	{ "sync_interval", FIELD_DURATION, MEMBER(conf_route, sync_interval_ms), 10,
	    MINUTE_MS, "100ms", NULL },
	{ "dead_letter_limit", FIELD_SIZE, MEMBER(conf_route, dead_letter_limit),
	    KIB(4), GIB(1024), NULL, NULL },
};
static const struct field_table route_table =
    TABLE(route_rows, sizeof(struct conf_route));

static const struct field operators_rows[] = {
	{ "users", FIELD_USERS, MEMBER(conf, operators.users), 0, 0, NULL, NULL },
	{ "groups", FIELD_GROUPS, MEMBER(conf, operators.groups), 0, 0, NULL, NULL },
};
static const struct field_table operators_table = TABLE(operators_rows, 0);

static const struct field admins_rows[] = {
	{ "users", FIELD_USERS, MEMBER(conf, admins.users), 0, 0, NULL, NULL },
	{ "groups", FIELD_GROUPS, MEMBER(conf, admins.groups), 0, 0, NULL, NULL },
};
static const struct field_table admins_table = TABLE(admins_rows, 0);

static const struct field global_rows[] = {
	{ "name", FIELD_TEXT, MEMBER(conf, name), 1, NAME_BYTES, field_required, NULL },
	{ "control", FIELD_PATH, MEMBER(conf, control), 2, SOCKET_BYTES,
	    "/run/mqbridge/control", NULL },
	{ "control_group", FIELD_GROUP, MEMBER(conf, control_group), 0, 0, NULL, NULL },
	{ "operators", FIELD_PART, MEMBER(conf, operators.given), 0, 0, NULL,
	    &operators_table },
	{ "admins", FIELD_PART, MEMBER(conf, admins.given), 0, 0, NULL, &admins_table },
	{ "metrics", FIELD_HTTP, MEMBER(conf, metrics), 1, ADDRESS_BYTES, NULL, NULL },
	{ "metrics_insecure", FIELD_SWITCH, MEMBER(conf, metrics_insecure), 0, 0,
	    "false", NULL },
	{ "metrics_names", FIELD_NAMES, MEMBER(conf, metrics_names), 1, NAME_BYTES,
	    NULL, NULL },
	{ "ring_directory", FIELD_PATH, MEMBER(conf, ring_directory), 2, PATH_BYTES,
	    "/run/mqbridge", NULL },
	{ "state_directory", FIELD_PATH, MEMBER(conf, state_directory), 2, PATH_BYTES,
	    "/var/lib/mqbridge", NULL },
	{ "receive_memory", FIELD_SIZE, MEMBER(conf, receive_memory), MIB(1), GIB(64),
	    "64MiB", NULL },
	{ "dead_letter_limit", FIELD_SIZE, MEMBER(conf, dead_letter_limit), MIB(1),
	    GIB(1024), "256MiB", NULL },
	{ "reserve_percent", FIELD_NUMBER, MEMBER(conf, reserve_percent), 0, 90, "5",
	    NULL },
	{ "reserve_space", FIELD_SIZE, MEMBER(conf, reserve_space), 0, GIB(1024),
	    "64MiB", NULL },
	{ "stop_timeout", FIELD_DURATION, MEMBER(conf, stop_timeout_ms), 0,
	    10 * MINUTE_MS, "5s", NULL },
	{ "queues", FIELD_OBJECTS, MEMBER(conf, queues), 0, 0, NULL, &queue_table },
	{ "listeners", FIELD_OBJECTS, MEMBER(conf, listeners), 0, 0, NULL,
	    &listener_table },
	{ "peers", FIELD_OBJECTS, MEMBER(conf, peers), 0, 0, NULL, &peer_table },
	{ "routes", FIELD_OBJECTS, MEMBER(conf, routes), 0, 0, NULL, &route_table },
};
const struct field_table rows_global = TABLE(global_rows, 0);
