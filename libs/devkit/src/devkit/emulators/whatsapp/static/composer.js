// Writing texts: new ones, answers to a message, edits, and as the business on its own phone.

import { disableChoices } from "./live.js";
import { write, writeByHand } from "./requests.js";
import { texts } from "./texts.js";

const modes = new WeakMap(); // panel -> { kind: reply | edit | byHand, id }
const boxOf = (panel) => panel.querySelector("textarea");

export function enter(panel, kind, { id, label, text = "", preview = "" }) {
  leave(panel);
  modes.set(panel, { kind, id });
  const shown = panel.querySelector(".mode");
  shown.hidden = false;
  shown.querySelector("b").textContent = label;
  shown.querySelector("span").textContent = preview;
  panel.querySelector(".by-hand.icon").ariaPressed = String(kind === "byHand");
  if (text) boxOf(panel).value = text;
  boxOf(panel).focus();
}

export function leave(panel) {
  if (modes.get(panel)?.kind === "edit") boxOf(panel).value = "";
  modes.delete(panel);
  panel.querySelector(".mode").hidden = true;
  panel.querySelector(".by-hand.icon").ariaPressed = "false";
}

export function toggleByHand(panel) {
  if (modes.get(panel)?.kind === "byHand") leave(panel);
  else enter(panel, "byHand", { label: `${texts.by_hand} ${panel.dataset.name}` });
}

// What is typed, once: the text of a message or the caption of a file.
export function takeText(panel) {
  const text = boxOf(panel).value.trim();
  boxOf(panel).value = "";
  return text;
}

// { quoted } where a message is answered; the next one is none.
export function takeQuote(panel) {
  const mode = modes.get(panel);
  if (mode?.kind !== "reply") return {};
  leave(panel);
  return { quoted: mode.id };
}

export async function sendText(panel) {
  const mode = modes.get(panel);
  const text = takeText(panel);
  boxOf(panel).focus();
  if (!text) return;
  if (mode?.kind !== "byHand") leave(panel);
  if (!(await send(panel, text, mode))) boxOf(panel).value = text;
}

function send(panel, text, mode) {
  if (mode?.kind === "byHand") return writeByHand(panel, text);
  if (mode?.kind === "edit") return write(panel, { kind: "edit", quoted: mode.id, text });
  return write(panel, mode ? { text, quoted: mode.id } : { text });
}

export async function choose(panel, button) {
  const { kind, id, title, description, quoted } = button.dataset;
  const row = description ? { description } : {};
  if (await write(panel, { kind, id, title, quoted, ...row })) {
    disableChoices(button.closest(".message"));
    button.closest(".choices").open = false;
  }
}
