/* One configuration file as plain structs, all strings owned by the struct conf, all
 * checked. Nothing here acts. mqbridge.conf(5) is made of the same tables. */
#ifndef MQBRIDGE_CONFIG_CONF_H
#define MQBRIDGE_CONFIG_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/take.h"

enum conf_kind { CONF_POSIX = 1, CONF_SYSV = 2 };

struct conf_place { /* where an object stands, for later messages */
	const char *file;
	int line;
};

/* What happens to a message of which a crash left open whether its queue has it. */
enum conf_in_doubt { CONF_IN_DOUBT_RESEND, CONF_IN_DOUBT_DROP, CONF_IN_DOUBT_HOLD };
/* What happens to a message whose end is a guess. */
enum conf_recovered { CONF_RECOVERED_DELIVER, CONF_RECOVERED_HOLD };

/* What happens when an overflow log has reached its limit. */
enum conf_overflow {
	CONF_OVERFLOW_BLOCK,
	CONF_OVERFLOW_DROP_OLDEST,
	CONF_OVERFLOW_DROP_NEWEST,
	CONF_OVERFLOW_DEAD_LETTER
};
enum conf_durability { CONF_DURABILITY_CRASH, CONF_DURABILITY_DISK };
enum conf_sync { CONF_SYNC_INTERVAL, CONF_SYNC_ALWAYS };

struct conf_queue { /* an "entry" */
	struct conf_place place;
	char *name;
	char *uri;
	enum conf_kind kind;
	char *take_text; /* "" takes all */
	struct take take;
	bool enabled;          /* true */
	uint64_t ring_size;    /* bytes; "4MiB" */
	int in_doubt;          /* enum conf_in_doubt; "resend" */
	int recovered;         /* enum conf_recovered; "deliver" */
	bool create;           /* a create group is there: made if absent */
	uint64_t max_messages; /* POSIX; 0: the system's default */
	uint64_t message_size; /* POSIX, bytes; 0: the system's default */
	uint64_t max_bytes;    /* System V, bytes; 0: the system's default */
	mode_t mode;           /* "0660" */
	uid_t owner;           /* (uid_t)-1: as created */
	gid_t group;           /* (gid_t)-1: as created */
};

struct conf_listener {
	struct conf_place place;
	char *address; /* tcp://host:port, unix:///path */
	bool insecure; /* needed for tcp:// beyond loopback */
	bool enabled;
	mode_t mode;  /* Unix socket file; "0660" */
	uid_t *users; /* Unix: whose processes may connect, beside root and ourselves */
	size_t n_users;
	gid_t *groups;
	size_t n_groups;
};

struct conf_peer {
	struct conf_place place;
	char *name;
	char *address; /* NULL: the peer dials us */
	bool insecure;
	bool enabled;
	uint32_t heartbeat_ms; /* "5s", 100 ms .. 10 min */
	char **may_send_to;    /* names of entries */
	size_t n_may_send_to;
};

struct conf_route {
	struct conf_place place;
	char *name;
	char *from;    /* entry */
	char *to;      /* as written: "peer/entry" or "entry" for a local one */
	char *to_peer; /* NULL for a local route */
	char *to_entry;
	bool enabled;
	uint64_t log_limit;         /* bytes; 0: no overflow log */
	int overflow;               /* enum conf_overflow; "block" */
	int durability;             /* enum conf_durability; "crash" */
	int sync;                   /* enum conf_sync; "interval" */
	uint32_t sync_interval_ms;  /* "100ms" */
	uint64_t dead_letter_limit; /* bytes, of this route; 0: none of its own */
};

/* Who has a role on the control socket. */
struct conf_role {
	bool given;
	uid_t *users;
	size_t n_users;
	gid_t *groups;
	size_t n_groups;
};

struct conf_key {
	struct conf_place place;
	char *name;
};

struct conf_line { /* where a member was set; what has none has its default */
	const void *member;
	struct conf_place place;
};

struct conf {
	char *name;                 /* of this daemon, to its peers; required */
	char *control;              /* path; "/run/mqbridge/control" */
	gid_t control_group;        /* of its socket; (gid_t)-1: as created */
	struct conf_role operators; /* beside root and ourselves */
	struct conf_role admins;
	char *metrics;         /* http://number:port, unix:///path; NULL: none */
	bool metrics_insecure; /* needed for http:// beyond loopback */
	char **metrics_names;  /* by which browsers may ask for it */
	size_t n_metrics_names;
	char *ring_directory;       /* "/run/mqbridge" */
	char *state_directory;      /* "/var/lib/mqbridge" */
	uint64_t receive_memory;    /* bytes; "64MiB", 1 MiB .. 64 GiB */
	uint64_t dead_letter_limit; /* bytes; "256MiB" */
	/* What stays free of the state directory's file system: the larger of both. */
	uint64_t reserve_percent; /* 5 */
	uint64_t reserve_space;   /* bytes; "64MiB" */
	uint32_t stop_timeout_ms; /* for acknowledgements at a clean stop; "5s" */
	struct conf_queue *queues;
	size_t n_queues;
	struct conf_listener *listeners;
	size_t n_listeners;
	struct conf_peer *peers;
	size_t n_peers;
	struct conf_route *routes;
	size_t n_routes;
	char **files; /* that were read; what each conf_place points to */
	size_t n_files;
	struct conf_key *keys; /* of the daemon itself, as they are written */
	size_t n_keys;
	struct conf_line *lines; /* of all members, in the order of their addresses */
	size_t n_lines;
};

/* Called once per fault, in the order of lines: "file:line: key: why". key is a path,
 * such as queues.orders.create.mode or routes[2].to (counted from 0, where there is no
 * name); or "syntax", "@include" or "file". line is 0 where the file as a whole is
 * meant. */
typedef void conf_fault_fn(
    void *arg, const char *file, int line, const char *key, const char *why);

/* What is written before the ": why" of a fault, into buf, which is returned: "file:line: key",
 * "file: key" without a line, and only "file" where the file as a whole is meant. */
#define CONF_PLACE_MAX 1024 /* bytes with the NUL; a longer one is cut */
char *conf_fault_place(
    char *buf, size_t size, const char *file, int line, const char *key);

/* Read, check everything, report every fault. 0 and *ret (belongs to the caller:
 * conf_free()), or the number of faults, *ret untouched. What a syntax error hides is
 * told when it is mended. */
int conf_load(
    struct conf **ret, const char *file, conf_fault_fn *fault, void *arg) MUST_CHECK;
void conf_free(struct conf *cf); /* NULL is fine */

/* Where that key of the daemon itself stands; line 0: it does not, and has its default. */
struct conf_place conf_key_place(const struct conf *cf, const char *key);
const struct conf_queue *conf_queue_find(const struct conf *cf, const char *name);
const struct conf_peer *conf_peer_find(const struct conf *cf, const char *name);
bool conf_peer_may_send(const struct conf_peer *pe, const char *entry);

#endif
