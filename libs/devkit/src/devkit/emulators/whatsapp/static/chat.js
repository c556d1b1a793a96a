// Keeps the page live: the server renders, this file puts the fragments in their place.

const app = document.querySelector(".app");
const rows = app.querySelector(".rows");
const panels = app.querySelector(".panels");
const contact = app.dataset.contact;
const PANEL_WIDTH = 420; // a chat needs this many pixels to stand beside another
const SIDE_WIDTH = 320;
const PHONE_WIDTH = 720;
const typing = new Map(); // chat -> timer that ends "escribiendo…"

const panelOf = (chat) => panels.querySelector(`.chat[data-chat="${CSS.escape(chat)}"]`);
const rowOf = (chat) => rows.querySelector(`.row[data-chat="${CSS.escape(chat)}"]`);
const logOf = (panel) => panel.querySelector(".log");
const isPhone = () => innerWidth <= PHONE_WIDTH;
const capacity = () => Math.max(1, isPhone() ? 1 : Math.floor((innerWidth - SIDE_WIDTH) / PANEL_WIDTH));

// Which chats are open. A new one takes the place of the one used longest ago.

let used = [...panels.querySelectorAll(".chat")].map((panel) => panel.dataset.chat).reverse();

function show() {
  const open = new Set(used.slice(-capacity()));
  for (const panel of panels.querySelectorAll(".chat")) {
    const opened = panel.hidden && open.has(panel.dataset.chat);
    panel.hidden = !open.has(panel.dataset.chat);
    if (opened) toEnd(panel);
    const visible = !panel.hidden && (!isPhone() || app.dataset.view === "chat");
    const row = rowOf(panel.dataset.chat);
    row.ariaCurrent = String(visible);
    if (visible) unread(row, 0);
  }
}

function open(chat) {
  used = [...used.filter((other) => other !== chat), chat];
  app.dataset.view = "chat";
  show();
  toEnd(panelOf(chat));
  panelOf(chat).querySelector("textarea").focus();
}

function unread(row, count) {
  const badge = row.querySelector(".badge");
  badge.hidden = count === 0;
  badge.textContent = count || "";
  badge.ariaLabel = count ? `${count} sin leer` : null;
}

// Times and days, in the reader's own zone.

const clock = new Intl.DateTimeFormat("es", { hour: "2-digit", minute: "2-digit" });
const longDay = new Intl.DateTimeFormat("es", { day: "numeric", month: "long", year: "numeric" });
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

function dayName(date) {
  const ago = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  return ["Hoy", "Ayer"][ago] ?? longDay.format(date);
}

function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = clock.format(new Date(time.dateTime));
  }
}

function separateDays(list) {
  list.querySelectorAll(".day").forEach((day) => day.remove());
  let last = "";
  for (const message of list.querySelectorAll(".message")) {
    const name = dayName(new Date(message.querySelector("time").dateTime));
    if (name !== last) {
      const day = Object.assign(document.createElement("li"), { className: "day" });
      day.append(Object.assign(document.createElement("span"), { textContent: name }));
      message.before(day);
    }
    last = name;
  }
}

const toEnd = (panel) => (logOf(panel).scrollTop = logOf(panel).scrollHeight);

// What the server tells.

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  tellTimes(template.content);
  return template.content.firstElementChild;
}

function takeMessage({ chat, id, html, preview }) {
  const panel = panelOf(chat);
  const message = element(html);
  const known = document.getElementById(id);
  if (known) {
    keepUse(known, message);
    known.replaceWith(message);
    return;
  }
  panel.querySelector("ol").append(message);
  separateDays(panel.querySelector("ol"));
  toEnd(panel);
  const row = rowOf(chat);
  row.querySelector(".preview").textContent = preview;
  row.querySelector(".when").textContent = message.querySelector("time").textContent;
  if (message.classList.contains("in")) {
    takeTyping({ chat, seconds: 0 });
    if (row.ariaCurrent !== "true") unread(row, Number(row.querySelector(".badge").textContent) + 1);
  }
}

// A new tick must not close the list that is being read, nor allow a second choice.
function keepUse(known, message) {
  if (known.querySelector("details")?.open) message.querySelector("details").open = true;
  if (known.querySelector(".choices button:disabled")) disableChoices(message);
}

const disableChoices = (root) => root.querySelectorAll(".choices button").forEach((one) => (one.disabled = true));

function takeTyping({ chat, seconds }) {
  const state = panelOf(chat).querySelector(".state");
  clearTimeout(typing.get(chat));
  const active = seconds > 0;
  state.textContent = active ? "escribiendo…" : state.dataset.idle;
  state.classList.toggle("typing", active);
  if (active) typing.set(chat, setTimeout(takeTyping, seconds * 1000, { chat, seconds: 0 }));
}

function takeChat({ chat, row, panel }) {
  const added = element(row);
  const known = rowOf(chat);
  if (known) {
    known.querySelector(".name").textContent = added.querySelector(".name").textContent;
    return;
  }
  rows.append(added);
  panels.append(element(panel));
  separateDays(panelOf(chat).querySelector("ol"));
  unread(added, panelOf(chat).querySelectorAll(".message.in").length);
  used = [chat, ...used];
  show();
}

const take = { message: takeMessage, typing: takeTyping, chat: takeChat, reload: () => location.reload() };

function listen() {
  const events = new EventSource(`/events?contact=${encodeURIComponent(contact)}&since=${app.dataset.number}`);
  events.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    take[event.type](event);
  };
}

// What the person does.

async function post(path, body, problem) {
  problem.textContent = "";
  try {
    const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
    if (response.ok) return true;
    problem.textContent = (await response.json()).error;
  } catch {
    problem.textContent = "No hay conexión con el emulador. ¿Sigue en marcha?";
  }
  return false;
}

function write(panel, message) {
  const body = { phone_number_id: panel.dataset.chat, contact, ...message };
  return post("/control/inbound", body, panel.querySelector(".problem"));
}

async function sendText(panel) {
  const box = panel.querySelector("textarea");
  const text = box.value.trim();
  box.value = "";
  if (text && !(await write(panel, { text }))) box.value = text;
  box.focus();
}

async function choose(panel, button) {
  const { kind, id, title, description, quoted } = button.dataset;
  const row = description ? { description } : {};
  if (await write(panel, { kind, id, title, quoted, ...row })) {
    disableChoices(button.closest(".message"));
    button.closest(".choices").open = false;
  }
}

function sendPlace(panel, { dataset }) {
  const { latitude, longitude, name, address } = dataset;
  panel.querySelector(".attach").open = false;
  write(panel, { kind: "location", latitude: Number(latitude), longitude: Number(longitude), name, address });
}

async function addNumber(form) {
  const body = Object.fromEntries(new FormData(form));
  if (!(await post("/control/businesses", body, form.querySelector(".problem")))) return;
  form.reset();
  form.closest("details").open = false;
  const appeared = () => panelOf(body.phone_number_id) && open(body.phone_number_id);
  if (!appeared()) new MutationObserver((_, watch) => appeared() !== null && watch.disconnect()).observe(panels, { childList: true });
}

rows.addEventListener("click", ({ target }) => {
  const row = target.closest(".row");
  if (row) open(row.dataset.chat);
});
panels.addEventListener("click", ({ target }) => {
  const panel = target.closest(".chat");
  if (target.closest(".back")) {
    app.dataset.view = "list";
    show();
    rowOf(panel.dataset.chat).focus();
  }
  if (target.closest("button[data-kind]")) choose(panel, target.closest("button"));
  if (target.closest(".menu button")) sendPlace(panel, target.closest("button"));
});
panels.addEventListener("submit", (event) => {
  event.preventDefault();
  sendText(event.target.closest(".chat"));
});
panels.addEventListener("keydown", (event) => {
  if (event.target.matches("textarea") && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    sendText(event.target.closest(".chat"));
  }
});
panels.addEventListener("focusin", ({ target }) => {
  const chat = target.closest(".chat")?.dataset.chat;
  if (chat) used = [...used.filter((other) => other !== chat), chat];
});
function closePlaces(except) {
  for (const places of panels.querySelectorAll(".attach[open]")) places.open = places === except;
}
addEventListener("click", ({ target }) => closePlaces(target.closest(".attach")));
addEventListener("keydown", ({ key }) => key === "Escape" && closePlaces(null));
app.querySelector(".add form").addEventListener("submit", (event) => {
  event.preventDefault();
  addNumber(event.target);
});
app.querySelector("#contact").addEventListener("change", ({ target }) => target.form.submit());
addEventListener("resize", show);

tellTimes(app);
panels.querySelectorAll(".chat").forEach((panel) => {
  separateDays(panel.querySelector("ol"));
  takeTyping({ chat: panel.dataset.chat, seconds: Number(panel.querySelector(".state").dataset.typing) });
});
show();
listen();
