/* What the log tells about changes of state: the one list of all kinds of events. Each has a
 * name for people and programs, a level, an area, and the MESSAGE_ID by which the journal knows
 * it; systemd/mqbridge.catalog explains each one's cause and remedy, and a lint compares the
 * two. An id is never changed, and never used for another meaning: make a new one with
 * "systemd-id128 new". */
#ifndef MQBRIDGE_BASE_EVENT_ID_H
#define MQBRIDGE_BASE_EVENT_ID_H

#include "base/compiler.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Which lines about one object count as the same one, for base/log_limit.h. */
enum event_same {
	EVENT_SAME_EXACT, /* of one text */
	EVENT_SAME_ALIKE, /* of one text but for numbers in it */
};

/* clang-format off */
#define EVENT_LIST(EVENT) \
	EVENT(STARTED, "started", INFO, \
	    "daemon", EXACT, "34c5464fc9a647d6ae3bb36c9ba6bda6") \
	EVENT(STOPPING, "stopping", INFO, \
	    "daemon", EXACT, "0f7efc748c994269b8bdee33b6e98920") \
	EVENT(STOPPED, "stopped", INFO, \
	    "daemon", EXACT, "310368a5118342ebb9e62b0013140e6b") \
	EVENT(NOT_STARTED, "not-started", ERROR, \
	    "daemon", EXACT, "02fe285cd3dd47a687ab343d39c6f73f") \
	EVENT(CONFIG_FAULT, "config-fault", ERROR, \
	    "daemon", EXACT, "48b88fac01d0478db99d73346708a5bd") \
	EVENT(RELOADED, "reloaded", INFO, \
	    "daemon", EXACT, "33af602d17844f0fb4c7f504774efe56") \
	EVENT(RELOAD_REFUSED, "reload-refused", ERROR, \
	    "daemon", EXACT, "943f9bf016e94695a6aa4161f6e98e50") \
	EVENT(CONTROL_CHANGE, "control-change", INFO, \
	    "daemon", EXACT, "5dd85a521b864dd7942a493d74235cdf") \
	EVENT(CONTROL_DENIED, "control-denied", WARN, \
	    "daemon", EXACT, "cdfa2a19c58c4edb8af75613999965a8") \
	EVENT(SOCKET_PASSED, "socket-passed", INFO, \
	    "daemon", EXACT, "f20e605f2aea4280bdd09e542ff10c3b") \
	EVENT(SOCKET_REFUSED, "socket-refused", ERROR, \
	    "daemon", EXACT, "a8471df271844f66ae37179cff55f4ff") \
	EVENT(LIMIT_LOW, "limit-low", WARN, \
	    "daemon", EXACT, "d0db4b913669409b943cc8a42ef1ee86") \
	EVENT(LISTENER_LOST, "listener-lost", ERROR, \
	    "link", EXACT, "2b2be3124cc7478893b5759a21103302") \
	EVENT(LISTENER_BACK, "listener-back", INFO, \
	    "link", EXACT, "5a17b214cd874007b822558e85943f62") \
	EVENT(ROUTE_STALLED, "route-stalled", WARN, \
	    "route", ALIKE, "24746249c73947108330576aed82c8b8") \
	EVENT(ROUTE_STOPPED, "route-stopped", ERROR, \
	    "route", EXACT, "6f78122c906b4720972354f0a76423ea") \
	EVENT(ROUTE_RECOVERED, "route-recovered", INFO, \
	    "route", ALIKE, "7f221afa6d6745329daf0cc89d015f85") \
	EVENT(ROUTE_PAUSED, "route-paused", INFO, \
	    "route", EXACT, "40957a45fc7f4553a0d36451e8d451c4") \
	EVENT(ROUTE_RESUMED, "route-resumed", INFO, \
	    "route", EXACT, "c9490c178f7749d5914e1389d247abdb") \
	EVENT(ROUTE_DRAINED, "route-drained", INFO, \
	    "route", EXACT, "b2d638301e3b45c5bc47e774cc8e834f") \
	EVENT(ROUTE_ADDED, "route-added", INFO, \
	    "route", EXACT, "80f2305aae124d54a21a7184c0616ad7") \
	EVENT(ROUTE_CHANGED, "route-changed", INFO, \
	    "route", EXACT, "b9d4cf3f66ba4391ab121fb3f4623916") \
	EVENT(ROUTE_REMOVED, "route-removed", INFO, \
	    "route", EXACT, "37a773e5295545c983f5195712ce720d") \
	EVENT(ROUTE_PURGED, "route-purged", WARN, \
	    "route", EXACT, "de193cea0fc042a4a7745960db0df307") \
	EVENT(PEER_CONNECTED, "peer-connected", INFO, \
	    "link", ALIKE, "5d8b99c9b7254adc9343d5aed44e7e1a") \
	EVENT(PEER_LOST, "peer-lost", WARN, \
	    "link", ALIKE, "22c279622f2040a79385eaa209aff19a") \
	EVENT(PEER_PAUSED, "peer-paused", INFO, \
	    "link", EXACT, "14eea86302984fe6a5c79c4c490cd8ed") \
	EVENT(PEER_RESUMED, "peer-resumed", INFO, \
	    "link", EXACT, "dd78f575c1224566a80df171f7a6ee60") \
	EVENT(PEER_ADDED, "peer-added", INFO, \
	    "link", EXACT, "15733b2b232e4feb9e6a6cf7fdad4cec") \
	EVENT(PEER_CHANGED, "peer-changed", INFO, \
	    "link", EXACT, "a11a4b5e2787437ea86788518a3b0aec") \
	EVENT(PEER_REMOVED, "peer-removed", INFO, \
	    "link", EXACT, "a86b7bb09de74950b0e4d7509cca7f5c") \
	EVENT(CONNECTION_REFUSED, "connection-refused", WARN, \
	    "link", EXACT, "2eb24aae150b4035a86c25400d5b80b1") \
	EVENT(STREAM_REFUSED, "stream-refused", WARN, \
	    "link", EXACT, "13c40a94a21a4152acab6372f4b6265d") \
	EVENT(STREAM_SET_BACK, "stream-set-back", ERROR, \
	    "link", EXACT, "8381e3fb329749b9814c41c2aea214b8") \
	EVENT(STREAM_STATE_LOST, "stream-state-lost", WARN, \
	    "link", EXACT, "7c2ccd429cdd4698875eda39e02b6363") \
	EVENT(CHECKSUM_WRONG, "checksum-wrong", WARN, \
	    "link", ALIKE, "b1c82ab463c84e80ba90a48b917af4d6") \
	EVENT(QUEUE_WAITING, "queue-waiting", INFO, \
	    "endpoint", ALIKE, "9b079f9432b94c60abb88c423c9764ae") \
	EVENT(QUEUE_FAILED, "queue-failed", WARN, \
	    "endpoint", ALIKE, "df61948b2a7b4d27ae234df0f01fbbc0") \
	EVENT(QUEUE_ATTACHED, "queue-attached", INFO, \
	    "endpoint", ALIKE, "39eab9fdd1d848429c531902bcf851a7") \
	EVENT(QUEUE_VANISHED, "queue-vanished", INFO, \
	    "endpoint", ALIKE, "c1e5ac0497d543f8b9c39b3e80df21c7") \
	EVENT(QUEUE_ADDED, "queue-added", INFO, \
	    "endpoint", EXACT, "68008806634e4272aca2f2ac918468c4") \
	EVENT(QUEUE_CHANGED, "queue-changed", INFO, \
	    "endpoint", EXACT, "a49ee869451948e3a1d81a2ee9abe4ab") \
	EVENT(QUEUE_REMOVED, "queue-removed", INFO, \
	    "endpoint", EXACT, "db1f571972494dd282e78fa27d357c06") \
	EVENT(RING_GROWN, "ring-grown", INFO, \
	    "endpoint", ALIKE, "a60d551a264f4d9fbc045ae9b2f0e748") \
	EVENT(RING_SHORT, "ring-short", ERROR, \
	    "endpoint", EXACT, "d9825a784f424f848c728b3299eb46bd") \
	EVENT(STORE_NEW, "store-new", INFO, \
	    "daemon", EXACT, "988ef62a30704e18b1241c8a24985735") \
	EVENT(STORE_RESTORED, "store-restored", INFO, \
	    "daemon", EXACT, "38dc346f44f44dedb0d1434efe94153c") \
	EVENT(STORE_KEPT, "store-kept", WARN, \
	    "daemon", EXACT, "cbf683490b77478381b47b5b23dc1163") \
	EVENT(STORE_RECOVERED, "store-recovered", WARN, \
	    "daemon", EXACT, "dcd6ca8f461b41eaa504864b5b3f55a4") \
	EVENT(STORE_DAMAGED, "store-damaged", ERROR, \
	    "daemon", EXACT, "9197470e490a4c50b38995a5568f608d") \
	EVENT(STORE_NOT_SAVED, "store-not-saved", ERROR, \
	    "daemon", EXACT, "ff8fe08649fc45e4911ff8f22bec3e5b") \
	EVENT(DISK_FAILED, "disk-failed", ERROR, \
	    "endpoint", EXACT, "3c25fbf1e1de4942933d23e327a239d7") \
	EVENT(LOG_FULL, "log-full", WARN, \
	    "endpoint", ALIKE, "940c706cdae5407293ae9748aedb5827") \
	EVENT(LOG_WRITABLE, "log-writable", INFO, \
	    "endpoint", EXACT, "7cfea2cf17954609a6d194bac70c332d") \
	EVENT(DEAD_LETTER, "dead-letter", WARN, \
	    "endpoint", ALIKE, "2b9e791ede984bfa96a0a381556cb745") \
	EVENT(LETTERS_FULL, "letters-full", ERROR, \
	    "endpoint", EXACT, "0002e7e6356f49fc9026a2698f87c921") \
	EVENT(LETTERS_STORED, "letters-stored", INFO, \
	    "endpoint", EXACT, "ed3c1e2010434cd1b2529f1f5ae24aa1") \
	EVENT(LETTERS_REQUEUED, "letters-requeued", INFO, \
	    "daemon", EXACT, "a80058a5c6e442bdbf29154fc08b8621") \
	EVENT(LETTERS_PURGED, "letters-purged", WARN, \
	    "daemon", EXACT, "11e069c55ade421cb58d7317b021d8ff") \
	EVENT(IN_DOUBT, "in-doubt", WARN, \
	    "daemon", EXACT, "7088acb984894b3ba671f9e8837f6d67") \
	EVENT(DOUBT_HELD, "doubt-held", WARN, \
	    "endpoint", ALIKE, "2a7e5fbc26ce4b3a9fd13d09e071dabd") \
	EVENT(DOUBT_DROPPED, "doubt-dropped", WARN, \
	    "endpoint", ALIKE, "1306c6374c2c4eb79acb5b8c4a8b1b7f") \
	EVENT(DOUBT_RESOLVED, "doubt-resolved", INFO, \
	    "endpoint", EXACT, "7274399d6df24cd9a4f26b64db81b65d")
/* clang-format on */

enum event_id {
	EVENT_NONE, /* a line of the log that is no event */
#define EVENT_MEMBER(code, name, level, area, same, message_id) EVENT_##code,
	EVENT_LIST(EVENT_MEMBER)
#undef EVENT_MEMBER
	    EVENT_IDS /* how many */
};

struct event_kind {
	const char *name;       /* "peer-connected" */
	const char *area;       /* the layer: "link" */
	const char *message_id; /* 32 hexadecimal digits */
	enum log_level level;
	enum event_same same;
};

/* Not for EVENT_NONE. */
const struct event_kind *event_kind(enum event_id id);

#endif
