"use strict";

/* ---- the document ------------------------------------------------------------- */

/* Whatever comes from the daemon becomes text, never markup: names of queues may hold any
 * bytes. */
const SVG = "http://www.w3.org/2000/svg";

function byId(id) {
	return document.getElementById(id);
}

/* make("p", {class: "x"}, "text", child, ...) */
function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes || {}))
		setAttribute(element, name, value);
	for (const child of children)
		element.append(child);
	return element;
}

function make(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes, ...children) {
	return fill(document.createElementNS(SVG, tag), attributes, children);
}

/* Only what changes is touched, so that focus, selection and what is read aloud stay. */
function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

function setAttribute(element, name, value) {
	const text = value === null || value === undefined || value === false ? null : String(value);

	if (element.getAttribute(name) === text)
		return;
	if (text === null)
		element.removeAttribute(name);
	else
		element.setAttribute(name, text);
}

/* What cannot be seen, or turns the direction of text around, is shown by its number. */
function plain(value) {
	return String(value).replace(
		/[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
		(sign) => "\\u{" + sign.charCodeAt(0).toString(16) + "}");
}

function shorten(text, most) {
	const signs = Array.from(text);

	return signs.length <= most ? text : signs.slice(0, Math.max(most - 1, 1)).join("") + "\u2026";
}

/* ---- numbers ------------------------------------------------------------------- */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function known(value) {
	return typeof value === "number" && Number.isFinite(value);
}

function count(value) {
	return known(value) ? whole.format(value) : "\u2013";
}

function scaled(value, units, base) {
	let unit = 0;

	while (value >= base && unit + 1 < units.length) {
		value /= base;
		unit++;
	}
	return (value < 10 && unit > 0 ? value.toFixed(1) : String(Math.floor(value))) + units[unit];
}

/* As mqbridgectl shows them: 950/s, 1.2k/s. Below 10 with a digit, so that a trickle is seen. */
function rate(value) {
	if (!known(value))
		return "\u2013";
	if (value > 0 && value < 10)
		return (value < 0.1 ? "<0.1" : value.toFixed(1)) + "/s";
	return scaled(value, ["", "k", "M", "G"], 1000) + "/s";
}

function bytes(value) {
	return known(value) ? scaled(value, ["\u00a0B", "\u00a0KiB", "\u00a0MiB", "\u00a0GiB", "\u00a0TiB"], 1024) : "\u2013";
}

function age(seconds) {
	if (!known(seconds))
		return "\u2013";
	const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
	const from = parts.findIndex((part) => seconds >= part[1]);

	if (from < 0)
		return "0\u00a0s";
	const [unit, size] = parts[from];
	const rest = parts[from + 1];
	const more = rest ? Math.floor((seconds % size) / rest[1]) : 0;

	return Math.floor(seconds / size) + "\u00a0" + unit + (more > 0 ? "\u00a0" + more + "\u00a0" + rest[0] : "");
}

function milliseconds(seconds) {
	if (!known(seconds))
		return "\u2013";
	return seconds < 0.01 ? (seconds * 1000).toFixed(2) + "\u00a0ms"
		: (seconds * 1000).toFixed(0) + "\u00a0ms";
}

function clock(time) {
	return time.toLocaleTimeString("en-GB");
}

function moment(text) {
	const time = new Date(text);

	return Number.isNaN(time.getTime()) ? plain(text)
		: time.toLocaleDateString("en-CA") + " " + clock(time);
}

function counted(number, one, many) {
	return count(number) + " " + (number === 1 ? one : many);
}

/* ---- states -------------------------------------------------------------------- */

/* How much each needs somebody, as the daemon ranks them: src/base/state.h. */
const RANKS = {
	@ranks@
};
const WORST_FIRST = ["bad", "warning", "notice", "good"];

function rankOf(item) {
	for (const rank of WORST_FIRST)
		if (RANKS[rank].includes(item.state))
			return rank;
	return item.reason === null || item.reason === undefined ? "good" : "warning";
}

function byRank(a, b) {
	return WORST_FIRST.indexOf(rankOf(a)) - WORST_FIRST.indexOf(rankOf(b));
}

function natural(a, b) {
	return String(a).localeCompare(String(b), "en", { numeric: true });
}

function dead(item) {
	return item.name === null || item.name === undefined;
}

function nameOf(item) {
	return plain(dead(item) ? item.uri || item.from || "without a name" : item.name);
}
