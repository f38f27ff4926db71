/* ---- signs and small plots ------------------------------------------------------ */

/* A shape of its own for each rank, for who sees no colours. In a box of 12 by 12. */
const SHAPES = {
	good: "M6 1a5 5 0 1 0 0.01 0z",
	notice: "M2.5 1.5h2v9h-2zM7.5 1.5h2v9h-2z",
	warning: "M6 0.5 11.5 6 6 11.5 0.5 6z",
	bad: "M6 0.8 11.6 11H0.4z",
};

function glyph(rank) {
	return draw("svg", { class: "glyph", viewBox: "0 0 12 12", "aria-hidden": "true" },
		draw("path", { d: SHAPES[rank] }));
}

function stateMark(item) {
	const rank = rankOf(item);

	return make("span", { class: "mark-state " + rank }, glyph(rank), plain(item.state));
}

const HISTORY = 120; /* samples, four minutes */
const PLOTTED = 30;  /* at least so many have room in a plot */

function remember(history, key, value) {
	if (!history.has(key))
		history.set(key, []);
	const samples = history.get(key);

	samples.push(known(value) ? value : null);
	if (samples.length > HISTORY)
		samples.shift();
}

/* The line and the ground below it, in a box of that many samples by 24. */
function sparkPaths(samples, room) {
	const most = Math.max(1e-9, ...samples.map((value) => value || 0));
	const first = room - samples.length;
	let trace = "", ground = "", begun = null;

	samples.forEach((value, i) => {
		if (value === null) {
			ground += begun === null ? "" : "L" + (first + i - 1) + " 24Z";
			begun = null;
			return;
		}
		const at = (first + i) + " " + (22.5 - 21 * value / most).toFixed(1);
		trace += (begun === null ? "M" : "L") + at;
		ground += begun === null ? "M" + (first + i) + " 24L" + at : "L" + at;
		begun = i;
	});
	return [trace, ground + (begun === null ? "" : "L" + (room - 1) + " 24Z")];
}

function spark() {
	return draw("svg", { class: "spark", preserveAspectRatio: "none", "aria-hidden": "true" },
		draw("path", { class: "fill" }), draw("path", { class: "trace" }));
}

function setSpark(svg, samples) {
	const known = samples || [];
	const room = Math.max(PLOTTED, known.length);
	const [trace, ground] = sparkPaths(known, room);

	setAttribute(svg, "viewBox", "0 0 " + (room - 1) + " 24");
	setAttribute(svg.firstChild, "d", ground);
	setAttribute(svg.lastChild, "d", trace);
}

/* ---- the picture of the flow ----------------------------------------------------- */

const ROW = 38, TOP = 34, NODE = 30, DRAWN = 24;

/* The bad ones first, then what carries most. */
function drawnRoutes(routes) {
	return routes.filter((route) => !dead(route))
		.sort((a, b) => byRank(a, b) || (b.out_per_s || 0) - (a.out_per_s || 0))
		.slice(0, DRAWN)
		.sort((a, b) => byRank(a, b) || natural(a.from, b.from) || natural(a.to, b.to));
}

function destinationOf(route) {
	const to = String(route.to), slash = to.indexOf("/");

	return slash < 0 ? { peer: null, entry: to }
		: { peer: to.slice(0, slash), entry: to.slice(slash + 1) };
}

/* What leads to where: routes, and what peers bring into queues of this host. */
function flowsOf(data) {
	const local = new Set(data.routes.filter((route) => !String(route.to).includes("/"))
		.map((route) => route.to));
	const flows = drawnRoutes(data.routes).map((route) => ({
		key: "r" + route.name, from: "q" + route.from, item: route, rate: route.out_per_s,
		to: destinationOf(route).peer === null ? "q" + route.to
			: "p" + destinationOf(route).peer,
		entry: destinationOf(route).entry,
	}));
	const source = data.peers.length === 1 ? "p" + data.peers[0].name : "*";

	for (const queue of data.queues)
		if (known(queue.delivered_total) && !local.has(queue.name) && data.peers.length > 0 &&
		    flows.length < 2 * DRAWN)
			flows.push({ key: "d" + queue.name, from: source, to: "q" + queue.name,
				item: queue, rate: queue.delivered_per_s, arrives: true, entry: null });
	return flows;
}

function nodeOf(data, key) {
	const lists = { q: data.queues, p: data.peers };
	const name = key.slice(1);

	if (key === "*")
		return { label: "all peers", sort: "peers", item: null };
	const item = (lists[key[0]] || []).find((other) => other.name === name) || null;

	return { label: plain(name), sort: key[0] === "p" ? "peer" : "queue", item };
}

/* One row for each flow; a node spans the rows of its flows, on the side where it stands. */
function layOut(flows) {
	const rows = [];
	const spans = { left: [], right: [] };

	flows.forEach((flow, row) => {
		rows.push(flow);
		for (const [side, key] of [["left", flow.from], ["right", flow.to]]) {
			const last = spans[side][spans[side].length - 1];

			if (last && last.key === key)
				last.end = row;
			else
				spans[side].push({ key, begin: row, end: row });
		}
	});
	return { rows, spans };
}

function middle(row) {
	return TOP + row * ROW + NODE / 2;
}

/* How wide a text of the picture is. */
const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text) {
	ruler.font = "13px " + getComputedStyle(document.body).fontFamily;
	return ruler.measureText(text).width;
}

function fit(text, room) {
	let most = Array.from(text).length;

	while (most > 1 && widthOf(shorten(text, most)) > room)
		most--;
	return shorten(text, most);
}

function put(sign, x, y) {
	for (const [name, value] of [["x", x.toFixed(1)], ["y", y.toFixed(1)], ["width", 12], ["height", 12]])
		sign.setAttribute(name, value);
	return sign;
}

/* entries: of a peer, the queue that each row leads to: [row, name]. */
function drawNode(data, span, x, width, entries) {
	const node = nodeOf(data, span.key);
	const rank = node.item ? rankOf(node.item) : "good";
	const y = TOP + span.begin * ROW;
	const height = (span.end - span.begin) * ROW + NODE;
	const inset = rank === "good" ? 10 : 28;
	const label = fit(node.label, width - inset - 8);
	const group = draw("g", { class: rank },
		draw("title", null, node.sort + " " + node.label +
			(node.item ? ": " + plain(node.item.state) : "")),
		draw("rect", { class: "node " + rank, x, y, width, height, rx: 4 }));

	if (node.item && known(node.item.capacity) && node.item.capacity > 0)
		group.append(draw("rect", { class: "depth", x, y: y + height - 3, height: 3, rx: 1,
			width: (Math.min(1, node.item.depth / node.item.capacity) * width).toFixed(1) }));
	if (rank !== "good")
		group.append(put(glyph(rank), x + 9, y + NODE / 2 - 6));
	group.append(draw("text", { x: x + inset, y: y + NODE / 2 + 4.5 }, label));
	for (const [row, entry] of entries) {
		const room = width - 18 - (row === span.begin ? inset + widthOf(label) : 0);

		if (room > 30)
			group.append(draw("text", { class: "soft", "text-anchor": "end", x: x + width - 10,
				y: middle(row) + 4.5 }, fit(plain(entry), room)));
	}
	return group;
}

/* Thicker and faster with each power of ten. */
function strength(value) {
	return known(value) && value > 0 ? Math.min(5, Math.max(0, Math.floor(Math.log10(value)) + 1)) : -1;
}

/* It goes on where it was, however often it is drawn. */
function drawStream(path, level, width) {
	const stream = draw("path", { class: "stream" + (level < 0 ? " still" : ""), d: path,
		"stroke-width": Math.max(1.5, width - 2).toFixed(1) });
	const lasts = 2400 / Math.pow(1.7, Math.max(level, 0));

	stream.style.animationDuration = lasts.toFixed(0) + "ms";
	stream.style.animationDelay = -(performance.now() % lasts).toFixed(0) + "ms";
	return stream;
}

function drawFlow(flow, row, from, to) {
	const rank = rankOf(flow.item), y = middle(row);
	const level = rank === "bad" || rank === "notice" ? -1 : strength(flow.rate);
	const width = 3 + Math.max(level, 0) * 1.6;
	const path = "M" + from + " " + y + "H" + (to - 7);
	const name = flow.arrives ? "arriving" : plain(flow.item.name);
	const words = level < 0 && rank !== "good" ? plain(flow.item.state) : rate(flow.rate);
	const sign = rank === "good" ? 0 : 18;
	const room = to - from - 60 - sign - widthOf("   " + words);
	const text = room < 40 ? words : fit(name, room) + "\u2002" + words;
	const label = widthOf(text) + 14 + sign;
	const left = (from + to) / 2 - label / 2;
	const group = draw("g", { class: rank },
		draw("title", null, (flow.arrives ? "from peers into " + plain(flow.item.name)
			: "route " + name + " to " + plain(flow.item.to)) + ": " + plain(flow.item.state) +
			", " + rate(flow.rate)),
		draw("path", { class: "pipe " + rank, d: path, "stroke-width": width.toFixed(1) }),
		drawStream(path, level, width),
		draw("path", { class: "tip", d: "M" + (to - 9) + " " + (y - 6) + "l8 6-8 6z" }),
		draw("rect", { class: "label", x: left.toFixed(1), y: y - 10, width: label.toFixed(1),
			height: 20, rx: 3 }));

	if (rank !== "good")
		group.append(put(glyph(rank), left + 6, y - 6));
	group.append(draw("text", { class: rank === "good" ? "soft" : "", x: (left + 7 + sign).toFixed(1),
		y: y + 4.5 }, text));
	return group;
}

let drawnBefore = "";

/* Drawn anew only when something of it changes, so that what moves goes on moving. */
function drawPicture(data) {
	const svg = byId("flow");
	const width = Math.floor(svg.getBoundingClientRect().width) || 320;
	const narrow = width < 560;
	const { rows, spans } = layOut(flowsOf(data));
	const height = TOP + Math.max(rows.length, 1) * ROW;
	const node = Math.floor(Math.min(narrow ? width * 0.32 : width * 0.26, 260));
	const signature = JSON.stringify([width, rows.map((flow) => [flow.key, flow.from, flow.to,
		flow.item.state, rate(flow.rate)]), data.queues.map((queue) => [queue.state, queue.depth]),
		data.peers.map((peer) => peer.state)]);

	if (signature === drawnBefore)
		return;
	drawnBefore = signature;
	setAttribute(svg, "viewBox", "0 0 " + width + " " + height);
	setAttribute(svg, "height", height);
	svg.replaceChildren(
		draw("text", { class: "head", x: 14, y: 20 }, narrow ? "from" : "from queue or peer"),
		draw("text", { class: "head", x: width - node - 14, y: 20 }, narrow ? "to" : "to peer or queue"));
	rows.forEach((flow, row) =>
		svg.append(drawFlow(flow, row, 14 + node + 3, width - node - 14 - 2)));
	for (const span of spans.left)
		svg.append(drawNode(data, span, 14, node, []));
	for (const span of spans.right)
		svg.append(drawNode(data, span, width - node - 14, node, rows
			.map((flow, row) => [row, flow.entry])
			.filter(([row, entry]) => entry !== null && span.key[0] === "p" &&
				row >= span.begin && row <= span.end)));
	describePicture(data, rows);
}

function describePicture(data, rows) {
	const routes = data.routes.filter((route) => !dead(route));
	const drawn = rows.filter((flow) => !flow.arrives).length;
	const worse = routes.filter((route) => rankOf(route) !== "good").length;

	setText(byId("flow-words"), (drawn < routes.length
		? drawn + " of " + routes.length + " routes are drawn, those that need attention and the busiest. "
		: counted(routes.length, "route", "routes") + ". ") +
		(worse > 0 ? count(worse) + (worse === 1 ? " needs attention. " : " need attention. ") : "") +
		"Lines grow thicker and faster with every power of ten messages a second; the bar at the foot " +
		"of a queue is how full it is. The tables below have the same in numbers.");
}
