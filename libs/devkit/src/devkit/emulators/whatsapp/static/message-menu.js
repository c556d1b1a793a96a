// The menu of a message: reactions, reply, edit, delete. One for all, placed beside its message.

import { app } from "./chats.js";
import { enter } from "./composer.js";
import { write } from "./requests.js";
import { texts } from "./texts.js";

const menu = app.querySelector(".message-menu");
const GAP = 8; // pixels
let id = "";

// A new tick replaces the message while its menu is open.
const shown = () => document.getElementById(id);

export function openMenu(button) {
  const message = button.closest(".message");
  id = message.id;
  menu.querySelector("[data-do=edit]").hidden = message.dataset.text === undefined;
  menu.querySelector("[data-do=revoke]").hidden = !message.classList.contains("out");
  for (const emoji of menu.querySelectorAll("[data-emoji]")) {
    emoji.ariaChecked = String(emoji.dataset.emoji === message.dataset.mine);
  }
  menu.showPopover({ source: button });
  place(button.getBoundingClientRect(), menu.getBoundingClientRect());
  menu.querySelector("button").focus();
}

function place(button, { width, height }) {
  const left = Math.min(Math.max(GAP, button.right - width), innerWidth - width - GAP);
  const below = button.bottom + height + GAP <= innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${Math.max(GAP, below ? button.bottom : button.top - height)}px`;
}

function act(item) {
  const message = shown();
  const panel = message.closest(".chat");
  const { dataset } = message;
  menu.hidePopover();
  if (item.dataset.emoji) {
    const again = item.dataset.emoji === dataset.mine;
    write(panel, { kind: "reaction", quoted: id, text: again ? "" : item.dataset.emoji });
  }
  if (item.dataset.do === "revoke") write(panel, { kind: "revoke", quoted: id });
  if (item.dataset.do === "edit") enter(panel, "edit", { id, label: texts.editing, text: dataset.text, preview: dataset.preview });
  if (item.dataset.do === "reply") enter(panel, "reply", { id, label: `${texts.replying} ${writer(message, panel)}`, preview: dataset.preview });
}

const writer = (message, panel) => (message.classList.contains("in") ? panel.dataset.name : texts.you);

function giveFocusBack({ newState }) {
  const { activeElement, body } = document;
  const lost = activeElement === body || menu.contains(activeElement);
  if (newState === "closed" && lost) shown()?.querySelector(".actions")?.focus({ preventScroll: true });
}

function move(event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...menu.querySelectorAll("button:not([hidden])")];
  const next = items.indexOf(document.activeElement) + step;
  items[(next + items.length) % items.length].focus();
}

export function followMenu() {
  menu.addEventListener("click", ({ target }) => {
    const item = target.closest("button");
    if (item) act(item);
  });
  menu.addEventListener("keydown", move);
  menu.addEventListener("toggle", giveFocusBack);
  addEventListener("resize", () => menu.hidePopover());
}
