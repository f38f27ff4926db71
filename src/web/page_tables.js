/* ---- tables ---------------------------------------------------------------------- */

/* columns: { label, text(item), set(cell, item)?, sort(item)?, number?, kind? }; the first
 * one names the item, and its button opens what else is known. options: key(item), empty,
 * matches(item, words)?, group(item)?, opens(item) -> elements? */
class Table {
	constructor(id, columns, options) {
		this.columns = columns;
		this.options = options;
		this.place = byId(id);
		this.rows = new Map();
		this.groups = new Map();
		this.open = new Set();
		this.sorted = null;
		this.down = false;
		this.items = [];
		this.empty = make("p", { class: "empty" });
		this.body = make("tbody");
		this.table = make("table", { "aria-labelledby": id.replace("-table", "-title") },
			make("thead", null, make("tr", null, ...columns.map((column) => this.heading(column)))),
			this.body);
		this.place.replaceChildren(this.table, this.empty);
	}

	heading(column) {
		const way = make("span", { class: "way", "aria-hidden": "true" });
		const button = make("button", { type: "button", class: "sorter" }, column.label, " ", way);

		column.head = make("th", { scope: "col", class: column.number ? "number" : null },
			column.sort ? button : column.label);
		column.way = way;
		button.addEventListener("click", () => {
			this.down = this.sorted === column ? !this.down : Boolean(column.number);
			this.sorted = column;
			this.show(this.items);
		});
		return column.head;
	}

	compare(a, b) {
		const column = this.sorted;

		if (column === null)
			return byRank(a, b) || natural(nameOf(a), nameOf(b));
		const [x, y] = [column.sort(a), column.sort(b)];
		const order = known(x) || known(y) ? (known(x) ? x : -1) - (known(y) ? y : -1)
			: natural(x, y);

		return this.down ? -order : order;
	}

	makeRow(key) {
		const row = { cells: [] };

		row.line = make("tr");
		this.columns.forEach((column, i) => {
			const cell = make(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : null,
				"data-label": i === 0 ? null : column.label,
				class: column.number ? "number" : column.kind || "text" });

			row.cells.push(cell);
			row.line.append(cell);
		});
		if (this.options.opens) {
			row.opener = make("button", { type: "button", class: "opener", "aria-expanded": "false" });
			row.opener.addEventListener("click", () => {
				if (!this.open.delete(key))
					this.open.add(key);
				this.show(this.items);
			});
			row.cells[0].append(row.opener);
		}
		this.rows.set(key, row);
		return row;
	}

	fillRow(row, item, key) {
		this.columns.forEach((column, i) => {
			const cell = row.cells[i];

			if (i === 0 && row.opener)
				setText(row.opener, column.text(item));
			else if (column.set)
				column.set(cell, item);
			else
				setText(cell, column.text(item));
			if (i > 0 && !column.set)
				cell.classList.toggle("nothing", cell.textContent === "\u2013");
		});
		if (!row.opener)
			return;
		const open = this.open.has(key);

		setAttribute(row.opener, "aria-expanded", open);
		if (open && !row.more)
			row.more = make("tr", { class: "more" }, make("td", { colspan: this.columns.length }));
		if (!open)
			row.more = null;
		else
			this.options.opens(row.more.firstChild, item);
	}

	groupRow(name, size) {
		if (!this.groups.has(name))
			this.groups.set(name, make("tr", { class: "group" },
				make("th", { colspan: this.columns.length, scope: "rowgroup" })));
		setText(this.groups.get(name).firstChild, name + " (" + count(size) + ")");
		return this.groups.get(name);
	}

	/* The rows in their order, with headings of groups; what is there already is moved only
	 * when it must be, and what has the focus keeps it. */
	arrange(lines) {
		const focused = document.activeElement;
		const held = focused && this.body.contains(focused);
		let at = this.body.firstChild;

		for (const line of lines) {
			if (line === at) {
				at = at.nextSibling;
				continue;
			}
			this.body.insertBefore(line, at);
		}
		while (at) {
			const next = at.nextSibling;

			at.remove();
			at = next;
		}
		if (held && focused !== document.activeElement && focused.isConnected)
			focused.focus({ preventScroll: true });
	}

	show(items) {
		const shown = items.filter((item) => !this.options.matches || this.options.matches(item))
			.sort((a, b) => this.compare(a, b));
		const lines = [], sections = new Map(), keys = new Set();

		this.items = items;
		for (const item of shown) {
			const name = this.options.group ? this.options.group(item) : "";

			if (!sections.has(name))
				sections.set(name, []);
			sections.get(name).push(item);
		}
		for (const [name, members] of sections) {
			if (name !== "")
				lines.push(this.groupRow(name, members.length));
			for (const item of members) {
				const key = this.options.key(item);
				const row = this.rows.get(key) || this.makeRow(key);

				keys.add(key);
				this.fillRow(row, item, key);
				lines.push(row.line, ...(row.more ? [row.more] : []));
			}
		}
		this.arrange(lines);
		for (const key of this.rows.keys())
			if (!keys.has(key))
				this.rows.delete(key);
		this.showHead(items, shown);
	}

	showHead(items, shown) {
		for (const column of this.columns) {
			const sorted = this.sorted === column;

			if (!column.sort)
				continue;
			setAttribute(column.head, "aria-sort", sorted ? (this.down ? "descending" : "ascending") : null);
			setText(column.way, sorted ? (this.down ? "\u25bc" : "\u25b2") : "");
		}
		this.table.hidden = shown.length === 0;
		setText(this.empty, items.length === 0 ? this.options.empty : "Nothing matches the filter.");
		this.empty.hidden = shown.length > 0;
	}
}

/* All members of an item, as the daemon names them. */
function showFacts(place, item, more) {
	const list = place.firstChild || place.appendChild(make("dl", { class: "facts" }));
	const facts = Object.entries(item).filter(([, value]) => value !== null);

	facts.forEach(([name, value], i) => {
		const line = list.children[i] ||
			list.appendChild(make("div", null, make("dt"), make("dd")));
		const text = factOf(name, value);

		setText(line.firstChild, name.replace(/_(s|bytes|total|per_s|bytes_total|bytes_per_s)$/, "").replaceAll("_", " "));
		setText(line.lastChild, text);
		setAttribute(line, "class", text.length > 40 ? "wide" : null);
	});
	while (list.children.length > facts.length)
		list.lastChild.remove();
	if (more && !place.children[1])
		place.append(more());
}

function factOf(name, value) {
	if (name.endsWith("_bytes_per_s"))
		return bytes(value) + "/s";
	if (name.endsWith("_per_s"))
		return rate(value);
	if (name.endsWith("bytes") || name.endsWith("_bytes_total"))
		return bytes(value);
	if (name === "round_trip_s")
		return milliseconds(value);
	if (name.endsWith("_s"))
		return age(value);
	if (name === "time")
		return moment(value);
	if (Array.isArray(value))
		return value.map(plain).join(", ") || "\u2013";
	return typeof value === "number" && name !== "type" ? count(value) : plain(value);
}

/* ---- cells ------------------------------------------------------------------------ */

function setState(cell, item) {
	const before = cell.firstChild;

	if (!before || before.dataset.state !== String(item.state) || !before.classList.contains(rankOf(item))) {
		const mark = stateMark(item);

		mark.dataset.state = String(item.state);
		cell.replaceChildren(mark);
	}
}

/* The code, and in words what is the matter. */
function setReason(cell, item) {
	if (!cell.firstChild)
		cell.append(make("span"), make("span", { class: "detail" }));
	setText(cell.firstChild, item.reason ? plain(item.reason) : "");
	setText(cell.lastChild, item.detail ? plain(item.detail) : "");
	cell.classList.toggle("nothing", !item.reason && !item.detail);
}

/* A number, and below it how it was in the last minutes. */
function plotColumn(label, value, format, key) {
	return { label, number: true, text: (item) => format(value(item)), sort: value,
		set: (cell, item) => {
			if (!cell.firstChild)
				cell.append(make("span"), spark());
			setText(cell.firstChild, format(value(item)));
			setSpark(cell.lastChild, histories.get(key(item)));
		} };
}

function numberColumn(label, value, format) {
	return { label, number: true, text: (item) => format(value(item)), sort: (item) => value(item) };
}

const stateColumn = { label: "State", kind: "state", text: (item) => plain(item.state), set: setState,
	sort: (item) => WORST_FIRST.indexOf(rankOf(item)) };
const reasonColumn = { label: "Why", kind: "words", text: (item) => plain(item.reason), set: setReason };

function holds(words, ...texts) {
	const all = texts.map((text) => (text === null || text === undefined ? "" : plain(text)))
		.join(" ").toLowerCase();

	return words.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}
