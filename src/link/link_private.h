/* Inside of the link, shared by its files: link.c (the whole, listeners, strangers), peer.c (who,
 * dialling), session.c (one connection), session_out.c (its output), handshake.c, sender.c with
 * sender_compose.c (what it writes), and receiver.c (the two ends of a stream). */
#ifndef MQBRIDGE_LINK_LINK_PRIVATE_H
#define MQBRIDGE_LINK_LINK_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "base/id.h"
#include "link/backoff.h"
#include "link/credit.h"
#include "link/link.h"
#include "net/address.h"
#include "wire/frame.h"

struct conn;
struct dial;
struct event;
struct evdns_base;
struct listener;
struct receiver;
struct session;

TAILQ_HEAD(peer_list, peer);
TAILQ_HEAD(receiver_list, receiver);
TAILQ_HEAD(sender_list, sender);
TAILQ_HEAD(session_list, session);
TAILQ_HEAD(port_list, port);

struct link {
	struct link_spec spec;
	char *name;
	struct evdns_base
	    *dns;           /* made when the first peer has a host name; may be NULL */
	struct id instance; /* of this start of the daemon */
	struct peer_list peers;
	struct session_list
	    sessions; /* all, strangers too, dead ones until they are reaped */
	struct port_list ports;
	struct event *reaper; /* frees dead sessions on a turn of its own */
	bool halted;
	uint64_t told_ms; /* when strangers were last allowed lines in the log, */
	unsigned told;    /* and how many they got since */
};

/* A listening address. */
struct port {
	TAILQ_ENTRY(port) link;
	struct link *owner;
	struct listener *listener;
	char *address;
};

struct peer {
	TAILQ_ENTRY(peer) link;
	struct link *owner;
	char *name, *address_text;
	struct address address;
	uint32_t heartbeat_ms;
	struct session *session; /* with its handshake done; NULL: not connected */
	struct session
	    *dialled; /* handshake under way on a connection that we dialled */
	struct dial *dial;
	struct event *redial; /* timer */
	struct backoff backoff;
	uint64_t memory; /* left of its share of receive_memory, bytes */
	uint64_t share;  /* when it connected, and as changed since */
	bool held;       /* its streams get no more credit */
	struct sender_list senders;
	uint32_t channels;    /* numbers given to senders so far */
	struct id bad_stream; /* whose record's checksum was wrong last, */
	uint64_t bad_seq;     /* and which, 0: none */
	uint64_t since_ms, connections, received_bytes, sent_bytes;
	uint64_t heard_ms; /* of the session before; 0: none */
	int64_t round_trip_ns;
	enum reason reason; /* why not connected */
	char detail[256];   /* the same in words, "" */
};

#define SESSION_IOV    256 /* pieces of one writev */
#define SESSION_FRAMES 64  /* data frames of one writev */
#define SESSION_HEAD   (FRAME_HEADER + FRAME_CHUNK_HEADER)

/* A data frame of the present composition. */
struct session_frame {
	uint8_t head[SESSION_HEAD];
	struct sender *sender; /* whose records it has; NULL: it closed its channel */
	uint64_t seq;          /* up to which they are complete with this frame */
	int end;               /* the piece behind its last */
};

/* What is being written: control frames, then data frames straight from the rings. */
struct session_out {
	uint8_t *waiting; /* control frames not yet in a composition */
	size_t waiting_length, waiting_size;
	uint8_t *control; /* those of the present composition */
	size_t control_size;
	struct iovec iov[SESSION_IOV];
	int first, pieces; /* of iov: not yet written */
	struct session_frame frame[SESSION_FRAMES];
	unsigned frames, written; /* in it; of them all written */
	size_t bytes;             /* of the present composition */
};

struct session {
	TAILQ_ENTRY(session) link;
	struct link *owner;
	struct conn *conn;
	struct listener
	    *listener;     /* whose stranger this is, until the handshake is done */
	struct peer *peer; /* who it is: dialled, or proven by its HELLO; NULL before */
	bool dialled;
	bool established; /* both HELLOs are good */
	int failed;  /* -errno: a frame could not be queued, the session must end */
	bool worked; /* a record was settled on it: it proved good */
	bool dead;   /* ended; the reaper frees it */
	enum reason reason; /* why it ends; REASON_NONE: as any connection may */
	unsigned version;   /* of the protocol, once it is established */
	struct id instance; /* of the other daemon's start */
	uint8_t *in;        /* received and not yet consumed */
	size_t in_length, in_size;
	struct session_out out;
	struct event *wake;          /* write, on this turn of the loop */
	struct event *timer;         /* handshake deadline, then heartbeats */
	uint64_t begun_ms, heard_ms; /* made, last frame */
	uint64_t beat_ms, due_ms;    /* the next PING, the next turn of the timer */
	uint32_t heard_limit_ms;     /* silence for that long ends it */
	uint32_t promised_ms;        /* the heartbeat that our HELLO announced */
	uint32_t *revoked; /* channels on which what still comes is for nobody */
	size_t n_revoked;
	struct receiver_list receivers;
	struct receiver_list due; /* receivers that have something to acknowledge */
	struct sender_list ready; /* senders that may have something to send */
};

/* The sending end of a stream: a sink. */
enum sender_phase { SENDER_CLOSED, SENDER_OPENING, SENDER_OPEN, SENDER_REFUSED };

struct sender {
	struct sink sink;               /* first: a sink is cast to its sender */
	TAILQ_ENTRY(sender) link;       /* of the peer's */
	TAILQ_ENTRY(sender) ready_link; /* of the session's */
	struct peer *peer;
	char *entry;
	uint32_t channel; /* the same on every connection */
	enum sender_phase phase;
	bool ready;                 /* is in the session's ready list */
	uint32_t source_max_body;   /* as announced in OPEN */
	uint32_t max_body;          /* as announced by the receiver */
	uint64_t credit, sent;      /* bytes since the channel was opened */
	uint64_t written_seq;       /* up to which all is written on this connection */
	const struct record *chunk; /* a large record of which a part was sent */
	uint64_t chunk_seq, chunk_at;
	struct event *retry; /* after a refusal */
	uint8_t kind;        /* of the destination, enum flow_kind; 0: not known */
	enum reason reason;  /* why it is refused */
	char detail[256];    /* the same in words, "" */
	enum reason far;     /* what holds it at the peer, as that says */
	char far_detail[256];
};

/* link.c */
void port_free(struct port *po);
struct peer *link_peer(const struct link *lk, struct frame_text name);
void link_reap(struct link *lk);     /* soon: free dead sessions */
bool link_may_tell(struct link *lk); /* a line about a stranger: not too many of them */

/* peer.c */
uint64_t peer_share(const struct peer *pe); /* of receive_memory, bytes */
/* Leave its connection and dial anew. */
void peer_renew(struct peer *pe, const char *why);
void peer_free(struct peer *pe);
/* The session's handshake is done: it is the peer's now. 0, or a close_code: it must end. */
unsigned peer_take_session(struct peer *pe, struct session *ss);
/* The peer's session ended, or a dialled one before it was established: its reason, in words. */
void peer_lose_session(struct peer *pe, struct session *ss, const char *why);
void peer_hang_up(struct peer *pe); /* no dialling any more */

/* session.c */
/* fd is taken over, also on failure. Of listener or peer one is NULL. */
int session_new(struct session **ret, struct link *lk, int fd, struct listener *ls,
    struct peer *pe) MUST_CHECK;
/* End it: say CLOSE with that code if possible; its receivers close, its senders wait. */
void session_end(struct session *ss, unsigned code, const char *why);
void session_free(struct session *ss); /* a dead one */
void session_beat(struct session *ss); /* established: heartbeats from now on */
struct receiver *session_receiver(const struct session *ss, uint32_t channel);
/* The channel is closed by us; its sender does not know it yet. 0 or -ENOMEM. */
int session_revoke(struct session *ss, uint32_t channel) MUST_CHECK;
bool session_is_revoked(const struct session *ss, uint32_t channel);
void session_unrevoke(struct session *ss, uint32_t channel); /* it is used anew */

/* handshake.c */
int handshake_begin(struct session *ss) MUST_CHECK; /* send our HELLO */
void handshake_on_frame(struct session *ss, const struct frame *fr);

/* dispatch.c: one established frame; 0 or a close_code. *ret_why in words when not 0. */
unsigned dispatch_frame(
    struct session *ss, const struct frame *fr, const char **ret_why);

/* session_out.c */
/* Append a control frame that was encoded to the output. -ENOBUFS: the other end does not read;
 * -ENOMEM. The session is written on this turn. */
int session_send(struct session *ss, const uint8_t *bytes, size_t length) MUST_CHECK;
void session_wake(struct session *ss);
/* Write what there is: 0 or -errno of the connection. */
int session_flush(struct session *ss) MUST_CHECK;
void session_done_out(struct session *ss);
/* For senders: begin a data or chunk frame, add its pieces (there is room for two when this begins), end it.
 * The caller encodes the head. NULL: no room. */
uint8_t *session_begin_frame(struct session *ss, size_t head_length);
void session_add_piece(struct session *ss, const void *bytes, size_t length);
unsigned session_room(const struct session *ss); /* pieces that still fit */
/* seq: up to which the sender's records are complete; 0: still the same. */
void session_end_frame(struct session *ss, struct sender *sn, uint64_t seq);
void session_drop_frame(struct session *ss); /* it got no piece */
void session_forget_sender(struct session *ss, const struct sender *sn);

/* sender.c */
void sender_on_session(struct sender *sn); /* the peer is connected: open the stream */
void sender_on_lost(struct sender *sn);
/* Frames for a channel of ours; 0 or a close_code. */
unsigned sender_on_opened(struct sender *sn, const struct frame_opened *od);
unsigned sender_on_refused(struct sender *sn, const struct frame_refused *re);
unsigned sender_on_ack(struct sender *sn, const struct frame_ack *ac);
unsigned sender_on_limits(struct sender *sn, const struct frame_limits *li);
unsigned sender_on_reject(struct sender *sn, const struct frame_reject *re);
unsigned sender_on_cause(struct sender *sn, const struct frame_cause *ca);

/* sender_compose.c */
/* Put at most one frame into the composition; true: it may have more. */
bool sender_compose(struct sender *sn);

#endif
