/* ---- the page ---------------------------------------------------------------------- */

const EVERY_MS = 2000, SLOWEST_MS = 30000, PATIENCE_MS = 10000;
const HIDDEN_MS = 15000; /* while nobody can see the page */

const histories = new Map();
const data = { status: null, queues: [], routes: [], peers: [], letters: [], doubt: [], events: [] };
const life = { failures: 0, answered: null, lost: null, timer: 0, lettersSeen: null, running: false };
let announced = null;

/* ---- what is asked ------------------------------------------------------------------ */

async function ask(path) {
	const stop = new AbortController();
	const timer = setTimeout(() => stop.abort(), PATIENCE_MS);

	try {
		const answer = await fetch("/api/1/" + path, { signal: stop.signal, cache: "no-store" });
		const document = await answer.json();

		if (!answer.ok || !Array.isArray(document.items))
			throw new Error(document.error || "status " + answer.status);
		return document;
	} finally {
		clearTimeout(timer);
	}
}

/* What may be refused or grow long is no reason to call the daemon silent. */
async function askMore(path, before) {
	try {
		return (await ask(path)).items;
	} catch {
		return before;
	}
}

async function gather() {
	const [status, queues, routes, peers] = await Promise.all(
		["status", "queues", "routes", "peers"].map(ask));

	data.status = { ...status.items[0], daemon: status.name };
	data.queues = queues.items;
	data.routes = routes.items;
	data.peers = peers.items;
	data.events = (await askMore("events", data.events)).slice().reverse();
	const letters = String(data.status.dead_letters) + " " + String(data.status.in_doubt_total) +
		" " + String(data.status.held);

	if (letters !== life.lettersSeen) {
		data.letters = await askMore("dead-letters", data.letters);
		data.doubt = await askMore("in-doubt", data.doubt);
		life.lettersSeen = letters;
	}
}

function sample() {
	const status = data.status;

	remember(histories, "in", status.in_per_s);
	remember(histories, "out", status.out_per_s);
	remember(histories, "backlog", status.backlog_records);
	remember(histories, "oldest", status.oldest_age_s || 0);
	for (const route of data.routes) {
		remember(histories, "rate " + keyOf(route), route.out_per_s);
		remember(histories, "backlog " + keyOf(route), backlogOf(route));
	}
	for (const queue of data.queues) {
		remember(histories, "in " + keyOf(queue), queue.received_per_s);
		remember(histories, "out " + keyOf(queue), queue.delivered_per_s);
	}
	for (const peer of data.peers) {
		remember(histories, "sent " + keyOf(peer), peer.sent_bytes_per_s);
		remember(histories, "received " + keyOf(peer), peer.received_bytes_per_s);
	}
}

function keyOf(item) {
	return JSON.stringify([item.name, item.from, item.to, item.uri]);
}

function backlogOf(route) {
	return known(route.backlog) ? route.backlog : (route.waiting || 0) + (route.in_flight || 0);
}

/* ---- what is wrong ------------------------------------------------------------------- */

/* Many with one cause are one finding. The daemon has put the worst first. */
function findings(problems) {
	const found = new Map();

	for (const problem of problems) {
		const key = JSON.stringify([problem.kind, problem.state, problem.reason, problem.host, problem.mend,
			problem.kind === "route" ? null : problem.name]);

		if (found.has(key))
			found.get(key).more.push(problem);
		else
			found.set(key, { key, first: problem, more: [] });
	}
	return [...found.values()];
}

function titleOf(found) {
	const { first, more } = found;
	const kind = plain(first.kind);
	const name = first.name === null || first.name === undefined ? "" : " " + plain(first.name);

	if (more.length > 0)
		return (more.length + 1) + " " + kind + "s " + plain(first.state);
	return kind + name + " " + plain(first.state) +
		(known(first.since_s) ? " for " + age(first.since_s) : "");
}

function showFinding(line, found) {
	const { first, more } = found;
	const rank = rankOf(first);

	if (!line.firstChild || !line.classList.contains(rank)) {
		line.className = "finding " + rank;
		line.replaceChildren(glyph(rank),
			make("p", { class: "what" }, make("span"), make("span", { class: "code" })),
			make("p", { class: "names" }), make("p"),
			make("p", { class: "mend" }, make("b", null, "What to do: "), make("span")));
	}
	const [, what, names, detail, mend] = line.children;

	setText(what.firstChild, titleOf(found));
	setText(what.lastChild, first.reason ? plain(first.reason) : "");
	setText(names, more.length === 0 ? "" : [first, ...more].slice(0, 12)
		.map((item) => plain(item.name)).join(", ") + (more.length > 11 ? " and " + (more.length - 11) + " more" : ""));
	names.hidden = more.length === 0;
	setText(detail, (first.host ? "on " + plain(first.host) + ": " : "") +
		(first.detail ? plain(first.detail) : ""));
	detail.hidden = detail.textContent === "";
	setText(mend.lastChild, first.mend ? plain(first.mend) : "");
	mend.hidden = !first.mend;
}

function showWrong() {
	const list = byId("findings");
	const problems = (data.status.problems || []).filter((item) => typeof item === "object");
	const found = findings(problems);
	const left = (data.status.problems_count || 0) - problems.length;

	if (found.length === 0) {
		if (!list.querySelector(".fine"))
			list.replaceChildren(make("li", { class: "finding good fine" }, glyph("good"),
				make("p", { class: "what" }), make("p")));
		setText(list.querySelector(".what"), "Nothing needs you.");
		setText(list.firstChild.lastChild, counted(data.status.queues, "queue", "queues") + ", " +
			counted(data.status.routes, "route", "routes") + (data.status.peers === 0 ? "." : ", " +
			data.status.peers_up + " of " + counted(data.status.peers, "peer", "peers") + " connected."));
	} else {
		if (list.querySelector(".fine"))
			list.replaceChildren();
		found.forEach((one, i) => showFinding(list.children[i] || list.appendChild(make("li")), one));
		const total = found.length + (left > 0 ? 1 : 0);

		if (left > 0) {
			const line = list.children[found.length] || list.appendChild(make("li"));

			line.className = "hint";
			setText(line, "and " + counted(left, "thing", "things") + " more: the tables below begin with them");
		}
		while (list.children.length > total)
			list.lastChild.remove();
	}
	announce(found.length === 0 ? "Nothing is wrong" : "Worst: " +
		plain(found[0].first.kind) + " " + nameOf(found[0].first) + " " + plain(found[0].first.state) +
		(found[0].first.reason ? ", " + plain(found[0].first.reason) : ""));
}

/* Read aloud, once for each change. */
function announce(words) {
	if (words !== announced)
		setText(byId("announce"), words);
	announced = words;
}

/* ---- figures --------------------------------------------------------------------------- */

const TILES = [
	["In", "in", (status) => rate(status.in_per_s), "taken from queues"],
	["Out", "out", (status) => rate(status.out_per_s), "delivered"],
	["Backlog", "backlog", (status) => count(status.backlog_records), (status) => bytes(status.backlog_bytes)],
	["Oldest waits", "oldest", (status) => age(status.oldest_age_s), "of all routes"],
	["Dead letters", null, (status) => count(status.dead_letters), (status) => bytes(status.dead_letter_bytes)],
	["In doubt", null, (status) => count(status.in_doubt_total), (status) => count(status.held) + " held"],
];
const tiles = new Map();

function showTiles() {
	for (const [label, history, value, hint] of TILES) {
		if (!tiles.has(label)) {
			const tile = { value: make("span"), hint: make("small"), spark: history ? spark() : null };

			byId("tiles").append(make("div", { class: "tile" }, make("dt", null, label),
				make("dd", null, tile.value, tile.hint), ...(tile.spark ? [make("dd", null, tile.spark)] : [])));
			tiles.set(label, tile);
		}
		const tile = tiles.get(label);

		setText(tile.value, value(data.status));
		setText(tile.hint, typeof hint === "function" ? hint(data.status) : hint);
		if (tile.spark)
			setSpark(tile.spark, histories.get(history));
	}
}

function showHead() {
	const rank = rankOf(data.status);
	const state = byId("state");

	setText(byId("name"), plain(data.status.daemon));
	if (!state.firstChild || state.firstChild.dataset.state !== data.status.state) {
		const mark = stateMark(data.status);

		mark.dataset.state = data.status.state;
		state.replaceChildren(mark, make("span", { class: "hint" }));
	}
	setText(state.lastChild, "  " + counted(data.status.problems_count || 0, "problem", "problems") +
		"; up " + age(data.status.uptime_s) + "; version " + plain(data.status.version));
	document.title = (rank === "good" ? "" : "(!) ") + plain(data.status.daemon) + " " +
		plain(data.status.state) + " \u2013 mqbridge";
	for (const [id, list] of [["routes", data.routes], ["queues", data.queues], ["peers", data.peers]])
		setText(byId("count-" + id), count(list.length));
	setText(byId("count-letters"), count(data.status.dead_letters));
	setText(byId("count-doubt"), count(data.doubt.length));
}

/* ---- tables ------------------------------------------------------------------------------ */

const nameColumn = { label: "Name", text: nameOf, sort: nameOf };

const routes = new Table("routes-table", [
	nameColumn, stateColumn,
	{ label: "From", text: (route) => plain(route.from), sort: (route) => String(route.from) },
	{ label: "To", text: (route) => plain(route.to), sort: (route) => String(route.to) },
	plotColumn("Rate", (route) => route.out_per_s, rate, (route) => "rate " + keyOf(route)),
	plotColumn("Backlog", backlogOf, count, (route) => "backlog " + keyOf(route)),
	numberColumn("In flight", (route) => route.in_flight, count),
	numberColumn("Oldest", (route) => route.oldest_age_s, age),
	numberColumn("Settled", (route) => route.settled_total, count),
	reasonColumn,
], {
	key: keyOf,
	empty: "No route is configured.",
	opens: (place, route) => showFacts(place, route),
	matches: (route) => (!byId("routes-bad").checked || rankOf(route) !== "good") &&
		holds(byId("routes-filter").value, route.name, route.from, route.to, route.state, route.reason,
			route.detail),
	group: (route) => ({
		state: () => plain(route.state),
		peer: () => (destinationOf(route).peer === null ? "on this host" : "peer " + plain(destinationOf(route).peer)),
		from: () => "from " + plain(route.from),
	}[byId("routes-group").value] || (() => ""))(),
});

/* System V counts the bytes of its messages. */
function held(queue, value) {
	return String(queue.uri).startsWith("sysv:") ? bytes(value) : count(value);
}

const queues = new Table("queues-table", [
	nameColumn, stateColumn,
	{ label: "Queue", kind: "text long", text: (queue) => plain(queue.uri), sort: (queue) => String(queue.uri) },
	{ label: "Depth", number: true, text: (queue) => held(queue, queue.depth), sort: (queue) => queue.depth },
	{ label: "Capacity", number: true, text: (queue) => held(queue, queue.capacity), sort: (queue) => queue.capacity },
	numberColumn("In ring", (queue) => queue.ring_records, count),
	numberColumn("Received", (queue) => queue.received_total, count),
	plotColumn("In", (queue) => queue.received_per_s, rate, (queue) => "in " + keyOf(queue)),
	numberColumn("Delivered", (queue) => queue.delivered_total, count),
	plotColumn("Out", (queue) => queue.delivered_per_s, rate, (queue) => "out " + keyOf(queue)),
	reasonColumn,
], { key: keyOf, empty: "No queue is configured.", opens: (place, queue) => showFacts(place, queue) });

const peers = new Table("peers-table", [
	nameColumn, stateColumn,
	{ label: "Address", kind: "text long", text: (peer) => plain(peer.address || "it dials us"), sort: (peer) => String(peer.address) },
	numberColumn("For", (peer) => peer.since_s, age),
	numberColumn("Round trip", (peer) => peer.round_trip_s, milliseconds),
	numberColumn("Reconnects", (peer) => peer.reconnects_total, count),
	plotColumn("Sent", (peer) => peer.sent_bytes_total, bytes, (peer) => "sent " + keyOf(peer)),
	plotColumn("Received", (peer) => peer.received_bytes_total, bytes, (peer) => "received " + keyOf(peer)),
	reasonColumn,
], { key: keyOf, empty: "No peer is configured.", opens: (place, peer) => showFacts(place, peer) });

/* Letters come in the order in which they were made, the newest last. */
function bodyOf(letter) {
	return make("p", { class: "hint" }, "Its body: ",
		make("code", null, "mqbridgectl show dead-letter " + plain(letter.id)), "; send it again: ",
		make("code", null, "mqbridgectl requeue " + plain(letter.id)));
}

const letters = new Table("letters-table", [
	{ label: "Id", text: (letter) => plain(letter.id), sort: (letter) => String(letter.id) },
	{ label: "When", kind: "time", text: (letter) => moment(letter.time), sort: (letter) => String(letter.time) },
	{ label: "Route", text: (letter) => plain(letter.route), sort: (letter) => String(letter.route) },
	{ label: "Reason", text: (letter) => plain(letter.reason), sort: (letter) => String(letter.reason) },
	numberColumn("Priority or type", (letter) => letter.type, count),
	numberColumn("Length", (letter) => letter.length_bytes, bytes),
	{ label: "Why", kind: "words", text: (letter) => (letter.detail ? plain(letter.detail) : "\u2013") },
], {
	key: (letter) => String(letter.id), empty: "There are none.",
	opens: (place, letter) => showFacts(place, letter, () => bodyOf(letter)),
	matches: (letter) => holds(byId("letters-filter").value, letter.id, letter.route, letter.reason, letter.detail),
});
letters.sorted = letters.columns[1];
letters.down = true;

const doubts = new Table("doubt-table", [
	{ label: "Id", text: (doubt) => plain(doubt.id || "\u2013"), sort: (doubt) => String(doubt.id) },
	{ label: "When", kind: "time", text: (doubt) => moment(doubt.time), sort: (doubt) => String(doubt.time) },
	{ label: "From", text: (doubt) => plain(doubt.label || doubt.route || "\u2013"), sort: (doubt) => String(doubt.label) },
	{ label: "Outcome", text: (doubt) => plain(doubt.outcome), sort: (doubt) => String(doubt.outcome) },
	{ label: "Why", kind: "words", text: (doubt) => plain(doubt.reason || "\u2013") },
], { key: (doubt) => JSON.stringify([doubt.id, doubt.stream, doubt.seq]), empty: "There are none.",
	opens: (place, doubt) => showFacts(place, doubt) });
doubts.sorted = doubts.columns[1];
doubts.down = true;

const LEVELS = { error: "bad", warn: "warning" };
const events = new Table("events-table", [
	{ label: "When", kind: "time", text: (event) => moment(event.time), sort: (event) => String(event.time) },
	{ label: "Level", text: (event) => plain(event.level),
		set: (cell, event) => {
			setText(cell, plain(event.level));
			cell.classList.add(LEVELS[event.level] || "hint");
		},
		sort: (event) => String(event.level) },
	{ label: "Event", kind: "time", text: (event) => plain(event.event), sort: (event) => String(event.event) },
	{ label: "What", kind: "words", text: (event) => plain(event.text) +
		(event.repeated > 0 ? " (" + count(event.repeated) + " more times)" : "") },
], { key: (event) => JSON.stringify([event.number, event.time]), empty: "None since the daemon was started." });
events.sorted = events.columns[0];
events.down = true;

function showAll() {
	showHead();
	showWrong();
	showTiles();
	byId("main").hidden = false;
	drawPicture(data);
	routes.show(data.routes);
	queues.show(data.queues);
	peers.show(data.peers);
	letters.show(data.letters);
	doubts.show(data.doubt);
	events.show(data.events);
}

/* ---- life ----------------------------------------------------------------------------------- */

function showLife(wait) {
	const silent = life.failures > 0;

	byId("silence").hidden = !silent;
	document.body.classList.toggle("stale", silent);
	setText(byId("live"), silent ? "not live" : "live, " + clock(life.answered));
	if (!silent)
		return;
	document.title = "(no answer) mqbridge";
	setText(byId("silence-since"), "No answer from the daemon since " + clock(life.lost) + ".");
	setText(byId("silence-next"), (life.answered ? "What is shown is of " + clock(life.answered) + ". " : "") +
		"The next try is in " + Math.round(wait / 1000) + " s. On the host: systemctl status mqbridged.");
}

function schedule() {
	const wait = Math.min(EVERY_MS * Math.pow(2, life.failures), SLOWEST_MS);

	clearTimeout(life.timer);
	life.timer = setTimeout(run, document.hidden ? Math.max(wait, HIDDEN_MS) : wait);
	return wait;
}

async function run() {
	clearTimeout(life.timer);
	if (life.running)
		return;
	life.running = true;
	try {
		await gather();
		life.failures = 0;
		life.answered = new Date();
		life.lost = null;
	} catch {
		life.failures++;
		life.lost = life.lost || new Date();
	}
	life.running = false;
	if (life.failures === 0) {
		sample();
		showAll();
	}
	showLife(schedule());
}

for (const id of ["routes-filter", "routes-group", "routes-bad"])
	byId(id).addEventListener("input", () => routes.show(data.routes));
byId("letters-filter").addEventListener("input", () => letters.show(data.letters));
byId("retry").addEventListener("click", run);
document.addEventListener("visibilitychange", () => {
	if (!document.hidden)
		run();
});
new ResizeObserver(() => {
	if (data.status)
		drawPicture(data);
}).observe(byId("flow"));
run();
