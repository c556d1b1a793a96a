// Which chats are open. A new one takes the place of the one used longest ago.

import { texts } from "./texts.js";

export const app = document.querySelector(".app");
export const rows = app.querySelector(".rows");
export const panels = app.querySelector(".panels");
const PANEL_WIDTH = 420; // a chat needs this many pixels to stand beside another
const SIDE_WIDTH = 320;
const PHONE_WIDTH = 720;

export const panelOf = (chat) => panels.querySelector(`.chat[data-chat="${CSS.escape(chat)}"]`);
export const rowOf = (chat) => rows.querySelector(`.row[data-chat="${CSS.escape(chat)}"]`);
const logOf = (panel) => panel.querySelector(".log");
const isPhone = () => innerWidth <= PHONE_WIDTH;
const capacity = () => Math.max(1, isPhone() ? 1 : Math.floor((innerWidth - SIDE_WIDTH) / PANEL_WIDTH));
let used = [...panels.querySelectorAll(".chat")].map((panel) => panel.dataset.chat).reverse();

export function show() {
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

export function use(chat) {
  used = [...used.filter((other) => other !== chat), chat];
}

export function addUnused(chat) {
  used = [chat, ...used];
}

export function open(chat) {
  use(chat);
  app.dataset.view = "chat";
  show();
  toEnd(panelOf(chat));
  panelOf(chat).querySelector("textarea").focus();
}

export function backToList(chat) {
  app.dataset.view = "list";
  show();
  rowOf(chat).focus();
}

export function unread(row, count) {
  const badge = row.querySelector(".badge");
  badge.hidden = count === 0;
  badge.textContent = count || "";
  badge.ariaLabel = count ? `${count} ${texts.unread}` : null;
}

export const toEnd = (panel) => (logOf(panel).scrollTop = logOf(panel).scrollHeight);

// A picture is higher once it is there.
export function keepAtEnd({ target }) {
  const message = target.closest(".message");
  if (message && message === message.parentElement.lastElementChild) toEnd(message.closest(".chat"));
}
