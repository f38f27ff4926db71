#include "client/top_screen.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/parse.h"
#include "base/quote.h"

#define NAME_WIDTH  20
#define STATE_WIDTH 11
#define RATE_WIDTH  8
#define TREND_WIDTH 24
#define MS_PER_S    1000

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

int
top_screen_key(int wait_ms)
{
	int key;

	timeout(wait_ms);
	key = getch();
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
	if (unit == 0)
		(void)snprintf(buf, size, "%.0f", value);
	else if (value < 9.95)
		(void)snprintf(buf, size, "%.1f%c", value, units[unit]);
	else
		(void)snprintf(buf, size, "%.0f%c", value, units[unit]);
	return buf;
}

static void
put_number(double value, int width)
{
	char buf[32];

	if (value < 0)
		printw(" %*s", width, "-");
	else
		printw(" %*s", width, short_number(buf, sizeof(buf), value));
}

static void
put_age(const struct top_row *row, enum top_kind kind)
{
	char buf[32] = "-";

	if (row->age_s >= 0 && kind == TOP_PEERS)
		(void)snprintf(buf, sizeof(buf), "%.1fms", row->age_s * MS_PER_S);
	else if (row->age_s >= 0)
		(void)format_duration(
		    buf, sizeof(buf), (uint64_t)(row->age_s * MS_PER_S));
	printw(" %*s", RATE_WIDTH, buf);
}

static void
put_depth(const struct top_row *row)
{
	char depth[16], capacity[16], both[40] = "-";

	if (row->depth >= 0)
		(void)snprintf(both, sizeof(both), "%s/%s",
		    short_number(depth, sizeof(depth), row->depth),
		    short_number(capacity, sizeof(capacity), row->capacity));
	printw(" %*s", RATE_WIDTH, both);
}

/* The last minutes; where the terminal has no such characters, in plain ones. */
static void
put_trend(const struct top_row *row)
{
	static const char *const blocks[] = { " ", "\u2581", "\u2582", "\u2583",
		"\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char plain[] = " _.-:=+*#";
	bool has_blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	unsigned char bars[TREND_WIDTH];

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
	char in[16], out[16], backlog[16], uptime[32], oldest[32] = "-";
	double age = total(vw, "oldest_age_s");

	if (age > 0)
		(void)format_duration(
		    oldest, sizeof(oldest), (uint64_t)(age * MS_PER_S));
	attron(A_BOLD);
	printw("%s", quote(total_text(vw, "name")).text);
	attroff(A_BOLD);
	printw("  %s for %s  peers %.0f/%.0f", total_text(vw, "state"),
	    format_duration(
		uptime, sizeof(uptime), (uint64_t)(total(vw, "uptime_s") * MS_PER_S)),
	    total(vw, "peers_up"), total(vw, "peers"));
	mvprintw(1, 0,
	    "in %s/s  out %s/s  backlog %s  oldest %s  dead letters %.0f  held %.0f",
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
	addnstr(quote(text).text, COLS);
	attroff(rank_look(STATE_BAD));
	if (mend != NULL) {
		move(3, 0);
		addnstr("-> ", COLS);
		addnstr(quote(mend).text, COLS - 3);
	}
}

static void
draw_heading(const struct top_view *vw, int line)
{
	bool routes = vw->table->kind == TOP_ROUTES;

	move(line, 0);
	attron(A_REVERSE);
	printw("%-*s %-*s %*s %*s", NAME_WIDTH, routes ? "ROUTE" : "PEER", STATE_WIDTH,
	    "STATE", RATE_WIDTH, routes ? "IN/s" : "RX B/s", RATE_WIDTH,
	    routes ? "OUT/s" : "TX B/s");
	if (routes)
		printw(" %*s %*s", RATE_WIDTH, "QUEUE", RATE_WIDTH, "BACKLOG");
	printw(" %*s %-*s %s", RATE_WIDTH, routes ? "OLDEST" : "RTT", TREND_WIDTH,
	    "LAST MINUTES", "REASON");
	for (int x = getcurx(stdscr); x < COLS && getcury(stdscr) == line; x++)
		addch(' ');
	attroff(A_REVERSE);
}

static void
draw_row(const struct top_view *vw, int line, size_t i)
{
	const struct top_row *row = &vw->table->rows[i];
	int left;

	move(line, 0);
	if (i == vw->selected)
		attron(A_STANDOUT);
	printw("%-*.*s", NAME_WIDTH, NAME_WIDTH, row->name);
	if (i == vw->selected)
		attroff(A_STANDOUT);
	attron(rank_look(row->rank));
	printw(" %-*.*s", STATE_WIDTH, STATE_WIDTH, row->state);
	attroff(rank_look(row->rank));
	put_number(row->in, RATE_WIDTH);
	put_number(row->out, RATE_WIDTH);
	if (vw->table->kind == TOP_ROUTES) {
		put_depth(row);
		put_number(row->backlog, RATE_WIDTH);
	}
	put_age(row, vw->table->kind);
	put_trend(row);
	left = getcury(stdscr) == line ? COLS - getcurx(stdscr) - 1 : 0;
	if (left > 0 && row->reason[0] != '\0') {
		addch(' ');
		addnstr(row->reason, left);
	}
}

/* Why the selected one is as it is, and the keys. */
static void
draw_foot(const struct top_view *vw, int line)
{
	static const char keys[] =
	    "Up/Down select  Tab routes/peers  s order  p pause  r resume  h keys  q quit";
	const struct top_row *row =
	    vw->selected < vw->table->n ? &vw->table->rows[vw->selected] : NULL;

	move(line, 0);
	if (vw->said[0] != '\0')
		addnstr(vw->said, COLS);
	else if (row != NULL && row->reason[0] != '\0')
		printw("%.*s", COLS, row->detail[0] != '\0' ? row->detail : row->mend);
	move(line + 1, 0);
	attron(A_DIM);
	if (vw->helps)
		addnstr(keys, COLS);
	else
		printw("order: %s   h: keys", top_order_name(vw->order));
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
		addnstr(vw->fault, COLS);
		attroff(rank_look(STATE_BAD));
	}
	draw_heading(vw, HEAD_LINES - 1);
	draw_rows(vw);
	if (LINES > HEAD_LINES + FOOT_LINES)
		draw_foot(vw, LINES - FOOT_LINES);
	(void)refresh();
}
