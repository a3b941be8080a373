// Keeps the table of a board as the service has it: follows its stream and changes only what changed.
// Whatever comes from players is put in as text, never as HTML.

const FIRST_DELAY = 1000; // milliseconds until the first try after the stream was refused, doubled each time
const MOST_DELAY = 30000;
const MARKED = 8000; // how long a move is shown
const NAMED = 3; // players in one of the news
const SPOKEN = 5000; // between two news: more would drown who has them read out
const HIDDEN = 30000; // after which a page that nobody sees follows no longer
const STATES = {
  live: "Live",
  connecting: "Connecting\u2026",
  reconnecting: "Reconnecting\u2026 The table is as it was.",
  paused: "Paused",
  gone: "This board was removed.",
  out: "You are signed out, and the table is as it was. Reload the page to sign in.",
  hidden: "This board is not public any more.",
  changed: "This period is not kept any more. Reload the page to see those that are.",
};

// The digits of scores as they were sent, as text: a JavaScript number would round some. An unescaped quote cannot
// be inside a JSON string, so this finds nothing in names.
export function parse(text) {
  return JSON.parse(text.replace(/"(score|subscore)":\s*(-?\d[\d.eE+-]*)/g, '"$1":"$2"'));
}

// As the service orders equal ranks: by the bytes of the names in UTF-8, which is by code points.
export function compareNames(one, other) {
  const left = Array.from(one, (c) => c.codePointAt(0));
  const right = Array.from(other, (c) => c.codePointAt(0));
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    if (left[at] !== right[at]) return left[at] - right[at];
  }
  return left.length - right.length;
}

export function moveText(previous, rank) {
  if (previous === null) return { kind: "new", sign: "\u2605 new", words: "new" };
  if (previous > rank) return { kind: "up", sign: `\u25B2 ${previous - rank}`, words: `up ${previous - rank}` };
  if (previous < rank) return { kind: "down", sign: `\u25BC ${rank - previous}`, words: `down ${rank - previous}` };
  return null;
}

export function playerPath(player) {
  return player.split("/").map(encodeURIComponent).join("/");
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

class Rows {
  constructor(root) {
    this.root = root;
    this.body = root.querySelector("[data-rows]");
    this.limit = Number(root.dataset.limit);
    this.withSubscore = root.dataset.subscore === "true";
    this.known = new Map();
    for (const line of this.body.rows) {
      const { player, rank } = line.dataset;
      this.known.set(player, { player, rank: Number(rank), line });
    }
  }

  // The whole table; `same`: whether it is of the period that is shown, so that moves can be told.
  replace(entries, same) {
    const before = new Map(Array.from(this.known, ([player, row]) => [player, row.rank]));
    const wanted = new Set(entries.map((entry) => entry.player));
    for (const player of [...this.known.keys()]) if (!wanted.has(player)) this.drop(player);
    for (const entry of entries) {
      const was = before.get(entry.player);
      this.put(entry, !same || before.size === 0 ? undefined : was === undefined ? null : was);
    }
    this.arrange();
  }

  change(entries, left) {
    for (const player of left) this.drop(player);
    for (const entry of entries) this.put(entry, entry.previous_rank);
    this.arrange();
  }

  drop(player) {
    const row = this.known.get(player);
    if (!row) return;
    clearTimeout(row.timer);
    row.line.remove();
    this.known.delete(player);
  }

  // `previous`: the rank before, null for who was not in the table, undefined where that is not known.
  put(entry, previous) {
    let row = this.known.get(entry.player);
    if (!row) {
      row = { player: entry.player, line: this.line(entry.player) };
      this.known.set(entry.player, row);
    }
    row.rank = entry.rank;
    const cells = row.line.cells;
    const changed = cells[3].textContent !== entry.score;
    setText(cells[0], String(entry.rank));
    setText(cells[3], entry.score);
    if (this.withSubscore) setText(cells[4], entry.subscore === null ? "\u2013" : entry.subscore);
    row.line.dataset.rank = String(entry.rank);
    if (previous !== undefined && (changed || previous !== entry.rank)) {
      this.mark(row, moveText(previous, entry.rank), changed);
    }
  }

  mark(row, move, changed) {
    const cell = row.line.cells[1];
    cell.replaceChildren();
    if (move) {
      const shown = make("span", `move move--${move.kind}`, move.sign);
      shown.setAttribute("aria-hidden", "true");
      cell.append(shown, make("span", "visually-hidden", move.words));
    }
    // Who is pushed down gets an arrow alone: with a new first, all rows would light up.
    row.line.classList.toggle("is-moved", !move || move.kind !== "down" || changed);
    clearTimeout(row.timer);
    row.timer = setTimeout(() => {
      cell.replaceChildren();
      row.line.classList.remove("is-moved");
    }, MARKED);
  }

  line(player) {
    const line = make("tr");
    line.dataset.player = player;
    const name = make("th", "board__player");
    name.scope = "row";
    const text = make("bdi", "", player);
    const address = this.address(player);
    if (address) {
      const link = make("a");
      link.href = address;
      link.append(text);
      name.append(link);
    } else {
      name.append(text);
    }
    line.append(make("td", "num board__rank"), make("td", "board__move"), name, make("td", "num board__score"));
    if (this.withSubscore) line.append(make("td", "num board__subscore"));
    return line;
  }

  address(player) {
    const { players, find } = this.root.dataset;
    if (players) return players + playerPath(player);
    return find ? `${find}${find.includes("?") ? "&" : "?"}player=${encodeURIComponent(player)}` : "";
  }

  arrange() {
    const order = [...this.known.values()].sort((a, b) => a.rank - b.rank || compareNames(a.player, b.player));
    for (const row of order.splice(this.limit)) this.drop(row.player);
    const focused = document.activeElement;
    order.forEach((row, at) => {
      const there = this.body.rows[at];
      if (there !== row.line) this.body.insertBefore(row.line, there || null);
    });
    // A row that is moved loses the focus.
    if (focused && focused !== document.activeElement && this.body.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
    for (const empty of this.root.querySelectorAll("[data-empty]")) empty.hidden = order.length > 0;
  }
}

class Live {
  constructor(root) {
    this.root = root;
    this.rows = root.dataset.follow === "standing" ? null : new Rows(root);
    this.period = root.dataset.period;
    this.delay = FIRST_DELAY;
    this.ended = false;
  }

  part(name) {
    return document.querySelector(`[data-live-${name}]`);
  }

  say(state) {
    this.root.dataset.state = state;
    const place = this.part("state");
    if (!place) return;
    place.hidden = false;
    place.dataset.state = state;
    setText(place, STATES[state]);
  }

  open() {
    if (this.ended || this.source) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.say(this.hasFollowed ? "reconnecting" : "connecting");
    const source = new EventSource(this.root.dataset.stream);
    this.source = source;
    for (const name of ["snapshot", "change", "standing", "overtaken", "gone"]) {
      source.addEventListener(name, (event) => this.take(name, event.data));
    }
    let begun = false; // the first stream of a source begins with the table; one that goes on may have nothing to say
    source.onopen = () => {
      if (begun) this.say("live");
      begun = true;
    };
    source.onerror = () => this.failed(source);
  }

  take(name, data) {
    let told;
    try {
      told = parse(data);
    } catch {
      return this.again(); // half an event: a new stream begins with the whole table
    }
    this.delay = FIRST_DELAY;
    this.hasFollowed = true;
    if (name !== "gone") this.say("live");
    return this[name](told);
  }

  failed(source) {
    if (this.ended || source !== this.source) return;
    this.hasFollowed = true;
    this.say("reconnecting");
    if (source.readyState === EventSource.CLOSED) this.again(); // else the browser tries by itself
  }

  again() {
    this.close();
    this.say("reconnecting");
    const wait = this.delay * (0.75 + Math.random() / 2);
    this.delay = Math.min(MOST_DELAY, this.delay * 2);
    this.timer = setTimeout(() => this.open(), Math.min(MOST_DELAY, wait));
    if (this.root.dataset.players) this.ask();
  }

  // An EventSource does not tell why it was refused. A page that wants to be signed in to goes elsewhere: that is for good.
  async ask() {
    try {
      const answer = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
      if (answer.type !== "opaqueredirect" || this.ended) return;
    } catch {
      return; // nobody answers at all
    }
    this.ended = true;
    this.close();
    this.say("out");
  }

  close() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.source) this.source.close();
    this.source = null;
  }

  pause() {
    if (this.ended) return;
    this.close();
    this.say("paused");
  }

  total(count) {
    setText(this.part("total"), String(count));
  }

  snapshot(told) {
    if (!this.rows) return;
    const same = told.period.id === this.period;
    if (!same) this.turn(told.period);
    this.rows.replace(told.entries, same);
    this.total(told.total);
  }

  // Another period has begun.
  turn(period) {
    const before = this.part("before");
    if (before && period.name in { year: 1, month: 1, week: 1, day: 1, hour: 1 }) {
      const address = new URL(before.href);
      address.searchParams.set("id", this.period);
      before.href = address;
    }
    this.period = period.id;
    setText(this.part("period"), period.id);
    for (const [name, at] of [["starts", period.starts_at], ["ends", period.ends_at]]) {
      const time = document.querySelector(`[data-live-${name}] time`);
      if (time && at) {
        time.dateTime = at;
        setText(time, `${at.slice(0, 16).replace("T", " ")} UTC`);
      }
    }
  }

  change(told) {
    if (!this.rows) return;
    this.rows.change(told.entries, told.left);
    this.total(told.total);
  }

  standing(told) {
    const rank = this.part("standing-rank");
    const percentile = this.part("standing-percentile");
    const text = told.rank === null ? "not on the board" : String(told.rank);
    const score = this.part("standing-score");
    this.rank = told.rank;
    if (percentile && rank && rank.textContent !== text) percentile.hidden = true; // it was of the old rank
    if (rank && (rank.textContent !== text || score.textContent !== told.score)) {
      this.root.dispatchEvent(new CustomEvent("standing")); // for around.js
    }
    setText(rank, text);
    setText(score, told.score === null ? "\u2013" : told.score);
    setText(this.part("standing-subscore"), told.subscore === null ? "\u2013" : told.subscore);
    if (!this.rows) this.total(told.total);
  }

  overtaken(told) {
    const news = (this.news ||= { player: told.player, names: new Set(), others: 0 });
    for (const one of told.by) news.names.add(one.player);
    news.others += told.count - told.by.length;
    this.rank = told.rank;
    if (!this.telling) this.tell();
  }

  // What has happened since the last news, in one sentence.
  tell() {
    const news = this.news;
    this.news = null;
    this.telling = news ? setTimeout(() => this.tell(), SPOKEN) : null;
    if (!news) return;
    const names = [...news.names];
    const others = news.others + Math.max(0, names.length - NAMED);
    const more = others ? ` and ${others} more` : "";
    const now = this.rank === null ? "" : ` and is at rank ${this.rank} now`;
    setText(this.part("news"), `${news.player} was overtaken by ${names.slice(0, NAMED).join(", ")}${more}${now}.`);
  }

  gone(told) {
    this.ended = true;
    this.close();
    const isInside = Boolean(this.root.dataset.players);
    const states = { not_allowed: isInside ? "out" : "hidden", period_not_kept: "changed" };
    this.say(states[told.reason] || "gone");
  }
}

export function follow(root) {
  const live = new Live(root);
  let hiding = null;
  live.open();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => live.pause(), HIDDEN);
    else live.open();
  });
  window.addEventListener("pagehide", () => live.close());
  window.addEventListener("pageshow", (event) => event.persisted && live.open());
  return live;
}

for (const root of document.querySelectorAll("[data-stream]")) follow(root);
