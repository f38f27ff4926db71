/* Why a queue, a route, a peer or the daemon is not as it should be: a closed list, which every
 * surface shows by the same code, with what an operator does about it. What belongs to one case,
 * its object, numbers and the system's words, stands in a detail beside it. */
#ifndef MQBRIDGE_BASE_REASON_H
#define MQBRIDGE_BASE_REASON_H

#include <stddef.h>

/* X(SYMBOL, code, mend). A code never changes its meaning; new ones go to the end of their part. */
#define REASON_LIST(X)                                                                 \
	/* queues and their rings; a route shows them of its two ends */               \
	X(QUEUE_ABSENT, "queue-absent",                                                \
	    "create the queue, or let the daemon do it: create in its entry; it is "   \
	    "attached within a second")                                                \
	X(NOT_PERMITTED, "not-permitted",                                              \
	    "let the daemon's user read a queue that messages are taken from and "     \
	    "write one that they go to: its mode, owner or group")                     \
	X(SYSTEM_LIMIT, "system-limit",                                                \
	    "raise the limit that the detail names; show limits tells what is used")   \
	X(QUEUE_FAILED, "queue-failed",                                                \
	    "mend what the detail says; the daemon goes on trying")                    \
	X(QUEUE_FULL, "queue-full",                                                    \
	    "start or speed up the program that reads the destination queue, or make " \
	    "the queue larger")                                                        \
	X(RING_FULL, "ring-full",                                                      \
	    "mend the routes that take from the queue; until then its producers wait " \
	    "as on any full queue; a larger ring_size or a log_limit holds more")      \
	X(RING_GROWS, "ring-grows",                                                    \
	    "nothing, if it passes: the ring is made larger when it has drained; if "  \
	    "not, mend the routes that take from the queue")                           \
	X(RING_SPACE, "ring-space",                                                    \
	    "free space in the file system of ring_directory, or make it larger")      \
	X(NO_MEMORY, "no-memory", "free memory on the host that the detail names")     \
	X(NOT_USED, "not-used",                                                        \
	    "add a route from it, list it in may_send_to of a peer, or take it out "   \
	    "of the configuration")                                                    \
	X(NOT_CONFIGURED, "not-configured",                                            \
	    "configure and enable its route again, so that what it holds goes on; it " \
	    "is kept until then")                                                      \
	/* routes */                                                                   \
	X(PEER_NOT_CONNECTED, "peer-not-connected",                                    \
	    "mend the connection to the peer: show peers tells what is wrong with it") \
	X(NO_ACKNOWLEDGEMENT, "no-acknowledgement",                                    \
	    "look at the network and at the peer's own show routes; reconnect begins " \
	    "a new connection, which loses nothing")                                   \
	X(NOTHING_TAKEN, "nothing-taken",                                              \
	    "look at the log of both daemons; reconnect begins a new connection, "     \
	    "which loses nothing")                                                     \
	X(REFUSED_BY_PEER, "refused-by-peer",                                          \
	    "mend on the peer what the detail says; the daemon asks again by itself")  \
	X(ENTRY_REFUSED, "entry-refused",                                              \
	    "on the peer: define the entry, enable it, and list it in may_send_to of " \
	    "this host; or mend the name in the route's to")                           \
	X(ROUTE_LOOP, "route-loop",                                                    \
	    "remove one of the two routes, or let them take different types")          \
	X(BACK_IN_TIME, "back-in-time",                                                \
	    "on the receiving host, once it is clear why this host lost its past: "    \
	    "mqbridgectl resolve stream ID forget")                                    \
	X(RECEIVE_MEMORY, "receive-memory",                                            \
	    "raise receive_memory on the receiving host")                              \
	X(TOO_MANY_STREAMS, "too-many-streams",                                        \
	    "on the receiving host: end routes that are not needed, or settle what "   \
	    "they hold")                                                               \
	X(PAUSED, "paused",                                                            \
	    "mqbridgectl resume route NAME, or resume peer NAME if it is paused with " \
	    "its peer; if a host is named, there: mqbridgectl resume peer NAME, the "  \
	    "name of this host")                                                       \
	X(DRAINING, "draining",                                                        \
	    "nothing: it is being emptied; mqbridgectl resume route NAME, or resume "  \
	    "peer NAME, ends that")                                                    \
	X(STOPPING, "stopping", "nothing: the daemon is being stopped")                \
	X(LOG_FULL, "log-full", "mend what holds the route, or raise its log_limit")   \
	X(LOG_FAILED, "log-failed",                                                    \
	    "mend the disk of the state directory; the daemon goes on trying")         \
	X(DISK_FULL, "disk-full",                                                      \
	    "free space in the file system of the state directory, or lower "          \
	    "reserve_space")                                                           \
	X(DEAD_LETTERS_FULL, "dead-letters-full",                                      \
	    "export, requeue or purge dead letters, or raise the limit that is "       \
	    "reached")                                                                 \
	X(DEAD_LETTERS_FAILED, "dead-letters-failed",                                  \
	    "mend the disk of the state directory; the daemon goes on trying")         \
	X(REJECTS_PENDING, "rejects-pending",                                          \
	    "look at the sending host: it cannot store the dead letters of the route") \
	X(STORING_HELD, "storing-held",                                                \
	    "nothing, if it passes: a message that is held is being stored")           \
	X(STORE_FAILED, "store-failed",                                                \
	    "stop the daemon and look at the store with mqbridge-spool check")         \
	X(LOG_OPENING, "log-opening",                                                  \
	    "nothing: after a power cut all files of its overflow log are looked "     \
	    "through; it goes on by itself then")                                      \
	/* peers */                                                                    \
	X(CONNECTING, "connecting", "nothing, if it passes within seconds")            \
	X(AWAITING_PEER, "awaiting-peer",                                              \
	    "nothing here dials: start the peer, and let it dial an address of a "     \
	    "listener of this host")                                                   \
	X(CONNECTION_REFUSED, "connection-refused",                                    \
	    "start mqbridged on the peer, or mend the port of its listener or the "    \
	    "address here")                                                            \
	X(NO_ANSWER, "no-answer",                                                      \
	    "look whether the peer's host is up and a firewall lets its port through") \
	X(UNREACHABLE, "unreachable", "mend the route to the peer's network")          \
	X(NAME_NOT_FOUND, "name-not-found",                                            \
	    "mend the host name in the peer's address, or the resolver")               \
	X(HANDSHAKE_REFUSED, "handshake-refused",                                      \
	    "let each host's name be that of a peer in the other's configuration, "    \
	    "and both programs be of versions that know each other")                   \
	X(CONNECTION_LOST, "connection-lost",                                          \
	    "nothing, if it passes: a new connection is made by itself")               \
	X(PEER_SILENT, "peer-silent",                                                  \
	    "look whether the peer's host is up and the network carries more than "    \
	    "small packets")                                                           \
	X(CONNECTION_FAILED, "connection-failed",                                      \
	    "mend what the detail says; the daemon goes on dialling")                  \
	/* what waits for a person */                                                  \
	X(IN_DOUBT_HELD, "in-doubt-held",                                              \
	    "decide about the messages that are held: show in-doubt, then resolve")    \
	/* listeners */                                                                \
	X(NOT_LISTENING, "not-listening",                                              \
	    "end the other program that listens there (ss -ltnp), or move it to "      \
	    "another port; the daemon goes on trying")

enum reason {
	REASON_NONE = 0, /* it is good */
#define REASON_ENUM(symbol, code, mend) REASON_##symbol,
	REASON_LIST(REASON_ENUM)
#undef REASON_ENUM
	    REASON_END /* behind the last */
};

struct cause {
	enum reason reason; /* REASON_NONE: nothing is wrong */
	const char *detail; /* in words, never NULL; borrowed as its giver says */
};

/* Its code: lower-case words with hyphens; "" of REASON_NONE. Static, like the next. */
const char *reason_name(enum reason reason);
/* What an operator does about it: one sentence without a full stop; "" of REASON_NONE. */
const char *reason_mend(enum reason reason);
/* The reason of a code of length bytes; REASON_NONE: not one of this list. */
enum reason reason_find(const char *code, size_t length);

#endif
