// What the page asks of the server. A refusal is shown in `problem`; the answer is null then.

import { app } from "./chats.js";
import { texts } from "./texts.js";

const contact = app.dataset.contact;

export async function ask(path, options, problem) {
  problem.textContent = "";
  try {
    const response = await fetch(path, options);
    const answer = await response.json();
    if (response.ok) return answer;
    problem.textContent = answer.error;
  } catch {
    problem.textContent = texts.offline;
  }
  return null;
}

export const post = (path, body, problem) => ask(path, { method: "POST", body: JSON.stringify(body) }, problem);

const problemOf = (panel) => panel.querySelector(".composer .problem");

// The person writes, whatever the kind of message.
export const write = (panel, message) =>
  post("/control/inbound", { phone_number_id: panel.dataset.chat, contact, ...message }, problemOf(panel));

// The business writes on its own phone.
export const writeByHand = (panel, text) =>
  post("/control/echo", { phone_number_id: panel.dataset.chat, contact, text }, problemOf(panel));

export function upload(panel, file, name) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  const path = `/control/media?filename=${encodeURIComponent(name)}`;
  return ask(path, { method: "POST", body: file, headers }, problemOf(panel));
}
