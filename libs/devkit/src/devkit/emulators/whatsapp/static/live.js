// What the server tells: it renders, this file puts the fragments in their place.

import { addUnused, app, panelOf, panels, rowOf, rows, show, toEnd, unread } from "./chats.js";
import { language, texts } from "./texts.js";
import { separateDays, tellTimes } from "./times.js";

const typing = new Map(); // chat -> timer that ends "typing…"
const MEDIA = ".voice, .picture, video";

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  tellTimes(template.content);
  return template.content.firstElementChild;
}

function takeMessage({ chat, id, html, preview, last }) {
  const message = element(html);
  const row = rowOf(chat);
  if (last) {
    row.querySelector(".preview").textContent = preview;
    row.querySelector(".when").textContent = message.querySelector("time").textContent;
  }
  const known = document.getElementById(id);
  if (known) {
    keepUse(known, message);
    known.replaceWith(message);
    return;
  }
  const list = panelOf(chat).querySelector("ol");
  list.append(message);
  separateDays(list);
  toEnd(panelOf(chat));
  if (message.classList.contains("in")) {
    takeTyping({ chat, seconds: 0 });
    if (row.ariaCurrent !== "true") unread(row, Number(row.querySelector(".badge").textContent) + 1);
  }
}

// A new tick must not close the list that is being read, nor allow a second choice, nor stop a
// voice note, nor take the focus away.
function keepUse(known, message) {
  if (known.querySelector("details")?.open) message.querySelector("details").open = true;
  if (known.querySelector(".choices button:disabled")) disableChoices(message);
  const [old, fresh] = [known, message].map((one) => one.querySelector(MEDIA));
  if (old && fresh) fresh.replaceWith(old);
  if (known.contains(document.activeElement)) {
    requestAnimationFrame(() => message.querySelector(".actions")?.focus({ preventScroll: true }));
  }
}

export const disableChoices = (root) => root.querySelectorAll(".choices button").forEach((one) => (one.disabled = true));

export function takeTyping({ chat, seconds }) {
  const state = panelOf(chat).querySelector(".state");
  clearTimeout(typing.get(chat));
  const active = seconds > 0;
  state.textContent = active ? texts.typing : state.dataset.idle;
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
  unread(rowOf(chat), panelOf(chat).querySelectorAll(".message.in").length);
  addUnused(chat);
  show();
}

const take = { message: takeMessage, typing: takeTyping, chat: takeChat, reload: () => location.reload() };

export function listen() {
  const { contact, number } = app.dataset;
  const query = new URLSearchParams({ contact, lang: language, since: number });
  new EventSource(`/events?${query}`).onmessage = ({ data }) => {
    const event = JSON.parse(data);
    take[event.type](event);
  };
}
