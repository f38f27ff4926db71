#include "client/top_screen.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cells.h"
#include "base/compiler.h"
#include "base/parse.h"
#include "base/quote.h"

#define NAME_WIDTH   20
#define NAME_NARROW  14 /* on a screen that is not WIDE */
#define WIDE         80
#define STATE_WIDTH  10
#define RATE_WIDTH   7
#define DEPTH_WIDTH  9
#define TREND_WIDTH  24
#define REASON_WIDTH 8 /* at least */
#define MS_PER_S     1000

static const int colours[] = {
	[STATE_GOOD] = COLOR_GREEN,
	[STATE_NOTICE] = COLOR_CYAN,
	[STATE_WARNING] = COLOR_YELLOW,
	[STATE_BAD] = COLOR_RED,
};

int
top_screen_begin(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	(void)setlocale(LC_ALL, "");
	if (newterm(NULL, stdout, stdin) == NULL)
		return -ENOTTY;
	(void)cbreak();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	if (has_colors()) {
		(void)start_color();
		(void)use_default_colors();
		for (size_t i = 0; i < ARRAY_LEN(colours); i++)
			(void)init_pair((short)(i + 1), (short)colours[i], -1);
	}
	return 0;
}

void
top_screen_end(void)
{
	(void)endwin();
}

/* Without its terminal reading would fail at once, again and again. */
static bool
is_gone(void)
{
	struct pollfd in = { .fd = STDIN_FILENO };

	return poll(&in, 1, 0) > 0 && (in.revents & (POLLHUP | POLLERR | POLLNVAL));
}

int
top_screen_key(int wait_ms)
{
	int key;

	timeout(wait_ms);
	key = getch();
	if (key == ERR)
		return is_gone() ? TOP_KEY_GONE : -1;
	switch (key) {
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_RESIZE:
		return TOP_KEY_RESIZE;
	default:
		return key;
	}
}

static attr_t
rank_look(enum state_rank rank)
{
	attr_t look = has_colors() ? (attr_t)COLOR_PAIR((short)rank + 1) : A_NORMAL;

	return rank == STATE_BAD ? look | A_BOLD : look;
}

/* ---- what is put --------------------------------------------------------------------- */

static bool
speaks_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* At most width places, as far as the line goes: its last place stays free, as a terminal
 * may begin another line behind it. What the terminal does not speak is a question mark. Returns
 * how many were put. */
static int
put_text(const char *text, int width)
{
	int line = getcury(stdscr), n = 0;
	size_t len = strlen(text);
	bool utf8 = speaks_utf8();

	while (len > 0) {
		size_t places, bytes = cells_next(&places, text, len);

		if (bytes > 1 && !utf8)
			places = 1;
		if (n + (int)places > width || getcury(stdscr) != line ||
		    getcurx(stdscr) + (int)places > COLS - 1)
			break;
		if (bytes > 1 && !utf8)
			addch('?');
		else
			addnstr(text, (int)bytes);
		n += (int)places;
		text += bytes;
		len -= bytes;
	}
	return n;
}

static void PRINTF_LIKE(1, 2) put(const char *format, ...)
{
	char text[2 * QUOTE_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)put_text(text, COLS);
}

static bool
has_room(int width)
{
	return getcurx(stdscr) + width < COLS;
}

static void
put_left(const char *text, int width)
{
	for (int n = put_text(text, width); n < width && has_room(1); n++)
		addch(' ');
}

/* A column with a blank before it, ASCII; left out where the line is too short for it. */
static void
put_right(const char *text, int width)
{
	if (has_room(width + 1))
		put(" %*.*s", width, width, text);
}

/* ---- cells ------------------------------------------------------------------------- */

/* 12, 1.2k, 34M: at most five characters. */
static const char *
short_number(char *buf, size_t size, double value)
{
	static const char units[] = " kMGTP";
	size_t unit = 0;

	while (value >= 999.5 && unit + 2 < sizeof(units)) {
		value /= 1000;
		unit++;
	}
	if (value < 0)
		(void)snprintf(buf, size, "-");
	else if (unit == 0)
		(void)snprintf(buf, size, "%.0f", value);
	else if (value < 9.95)
		(void)snprintf(buf, size, "%.1f%c", value, units[unit]);
	else
		(void)snprintf(buf, size, "%.0f%c", value, units[unit]);
	return buf;
}

static void
put_number(double value)
{
	char buf[32];

	put_right(short_number(buf, sizeof(buf), value), RATE_WIDTH);
}

static void
put_age(const struct top_row *row, enum top_kind kind)
{
	char buf[32] = "-";

	if (row->age_s >= 0 && kind == TOP_PEERS)
		(void)snprintf(buf, sizeof(buf), "%.*fms", row->age_s < 0.1 ? 1 : 0,
		    row->age_s * MS_PER_S);
	else if (row->age_s >= 0)
		(void)format_duration(
		    buf, sizeof(buf), (uint64_t)(row->age_s * MS_PER_S));
	put_right(buf, RATE_WIDTH);
}

static void
put_depth(const struct top_row *row)
{
	char depth[32], capacity[32], both[80] = "-";

	if (row->depth >= 0 && row->capacity >= 0)
		(void)snprintf(both, sizeof(both), "%s/%s",
		    short_number(depth, sizeof(depth), row->depth),
		    short_number(capacity, sizeof(capacity), row->capacity));
	else if (row->depth >= 0)
		(void)short_number(both, sizeof(both), row->depth);
	put_right(both, DEPTH_WIDTH);
}

/* The last minutes; where the terminal has no such characters, in plain ones. */
static void
put_trend(const struct top_row *row)
{
	static const char *const blocks[] = { " ", "\u2581", "\u2582", "\u2583",
		"\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char plain[] = " _.-:=+*#";
	bool has_blocks = speaks_utf8();
	unsigned char bars[TREND_WIDTH];

	if (!has_room(TREND_WIDTH + 1))
		return;
	top_bars(bars, TREND_WIDTH, row);
	addch(' ');
	for (size_t i = 0; i < TREND_WIDTH; i++) {
		if (has_blocks)
			addstr(blocks[bars[i]]);
		else
			addch((chtype)plain[bars[i]]);
	}
}

/* ---- parts -------------------------------------------------------------------------- */

static double
total(const struct top_view *vw, const char *member)
{
	return json_number_value(json_object_get(vw->status, member));
}

static const char *
total_text(const struct top_view *vw, const char *member)
{
	const char *text = json_string_value(json_object_get(vw->status, member));

	return text == NULL ? "" : text;
}

static void
draw_totals(const struct top_view *vw)
{
	char in[32], out[32], backlog[32], uptime[32], oldest[32] = "-";
	double age = total(vw, "oldest_age_s");

	if (age > 0)
		(void)format_duration(
		    oldest, sizeof(oldest), (uint64_t)(age * MS_PER_S));
	attron(A_BOLD);
	put("%s", quote(total_text(vw, "name")).text);
	attroff(A_BOLD);
	put("  %s for %s  peers %.0f/%.0f", total_text(vw, "state"),
	    format_duration(
		uptime, sizeof(uptime), (uint64_t)(total(vw, "uptime_s") * MS_PER_S)),
	    total(vw, "peers_up"), total(vw, "peers"));
	move(1, 0);
	put("in %s/s  out %s/s  backlog %s  oldest %s  dead letters %.0f  held %.0f",
	    short_number(in, sizeof(in), total(vw, "in_per_s")),
	    short_number(out, sizeof(out), total(vw, "out_per_s")),
	    short_number(backlog, sizeof(backlog), total(vw, "backlog_records")),
	    oldest, total(vw, "dead_letters"), total(vw, "held"));
}

static void
draw_worst(const struct top_view *vw)
{
	const json_t *worst =
	    json_array_get(json_object_get(vw->status, "problems"), 0);
	const char *text = json_string_value(json_object_get(worst, "text"));
	const char *mend = json_string_value(json_object_get(worst, "mend"));

	if (text == NULL)
		return;
	move(2, 0);
	attron(rank_look(STATE_BAD));
	put("%s", quote(text).text);
	attroff(rank_look(STATE_BAD));
	move(3, 0);
	if (mend != NULL)
		put("-> %s", quote(mend).text);
}

static int
name_width(void)
{
	return COLS < WIDE ? NAME_NARROW : NAME_WIDTH;
}

static void
draw_heading(const struct top_view *vw, int line)
{
	bool routes = vw->table->kind == TOP_ROUTES;

	move(line, 0);
	attron(A_REVERSE);
	put_left(routes ? "ROUTE" : "PEER", name_width());
	put_left(" STATE", STATE_WIDTH + 1);
	put_right(routes ? "IN/s" : "RX B/s", RATE_WIDTH);
	put_right(routes ? "OUT/s" : "TX B/s", RATE_WIDTH);
	if (routes)
		put_right("BACKLOG", RATE_WIDTH);
	put_right(routes ? "OLDEST" : "RTT", RATE_WIDTH);
	if (routes)
		put_right("QUEUE", DEPTH_WIDTH);
	if (has_room(TREND_WIDTH + 1))
		put_left(" LAST MINUTES", TREND_WIDTH + 1);
	put_left(has_room(REASON_WIDTH + 1) ? " REASON" : "", COLS);
	attroff(A_REVERSE);
}

static void
draw_row(const struct top_view *vw, int line, size_t i)
{
	const struct top_row *row = &vw->table->rows[i];

	move(line, 0);
	if (i == vw->selected)
		attron(A_STANDOUT);
	put_left(row->name, name_width());
	if (i == vw->selected)
		attroff(A_STANDOUT);
	attron(rank_look(row->rank));
	addch(' ');
	put_left(row->state, STATE_WIDTH);
	attroff(rank_look(row->rank));
	put_number(row->in);
	put_number(row->out);
	if (vw->table->kind == TOP_ROUTES)
		put_number(row->backlog);
	put_age(row, vw->table->kind);
	if (vw->table->kind == TOP_ROUTES)
		put_depth(row);
	put_trend(row);
	if (has_room(REASON_WIDTH + 1))
		put(" %s", row->reason);
}

/* Why the selected one is as it is, and the keys. */
static void
draw_foot(const struct top_view *vw, int line)
{
	static const char keys[] =
	    "Up/Down select  Tab routes/peers  s order  p pause  r resume  q quit";
	const struct top_row *row =
	    vw->selected < vw->table->n ? &vw->table->rows[vw->selected] : NULL;

	move(line, 0);
	if (vw->said[0] != '\0')
		put("%s", quote(vw->said).text);
	else if (row != NULL && row->reason[0] != '\0')
		put("%s: %s", row->reason,
		    row->detail[0] != '\0' ? row->detail : row->mend);
	move(line + 1, 0);
	attron(A_DIM);
	if (vw->helps)
		put("%s", keys);
	else
		put("order: %s   h: keys   q: quit", top_order_name(vw->order));
	attroff(A_DIM);
}

#define HEAD_LINES 5 /* above the rows, with their heading */
#define FOOT_LINES 2

static void
draw_rows(struct top_view *vw)
{
	size_t room = LINES > HEAD_LINES + FOOT_LINES
			  ? (size_t)(LINES - HEAD_LINES - FOOT_LINES)
			  : 0;
	size_t first = 0;

	if (vw->selected >= vw->table->n)
		vw->selected = vw->table->n > 0 ? vw->table->n - 1 : 0;
	if (room > 0 && vw->selected >= room)
		first = vw->selected - room + 1;
	for (size_t i = first; i < vw->table->n && i - first < room; i++)
		draw_row(vw, HEAD_LINES + (int)(i - first), i);
}

void
top_screen_draw(struct top_view *vw)
{
	(void)erase();
	move(0, 0);
	if (vw->status != NULL) {
		draw_totals(vw);
		draw_worst(vw);
	} else {
		attron(rank_look(STATE_BAD));
		put("%s", quote(vw->fault).text);
		attroff(rank_look(STATE_BAD));
	}
	draw_heading(vw, HEAD_LINES - 1);
	draw_rows(vw);
	if (LINES > HEAD_LINES + FOOT_LINES)
		draw_foot(vw, LINES - FOOT_LINES);
	(void)refresh();
}
