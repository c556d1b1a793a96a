// Faults and the clock, for those who want to see what happens then.

import { app } from "./chats.js";
import { ask, post } from "./requests.js";
import { texts } from "./texts.js";

const drawer = app.querySelector(".trouble");
const problem = drawer.querySelector(".problem");
const done = drawer.querySelector(".done");

async function order({ dataset, textContent }) {
  const taken = await post(`/control/${dataset.post}`, JSON.parse(dataset.body), problem);
  done.textContent = taken ? `${texts.done} ${textContent}` : "";
}

async function allWell({ dataset, textContent }) {
  const usual = { clock_ahead: 0, duplicate_webhooks: false };
  const taken = [
    await ask("/control/faults", { method: "DELETE" }, problem),
    await post("/control/settings", usual, problem),
    dataset.model === undefined || (await post("/control/model/reset", {}, problem)),
  ];
  done.textContent = taken.every(Boolean) ? `${texts.done} ${textContent}` : "";
}

export function followTrouble() {
  drawer.addEventListener("click", ({ target }) => {
    if (target.closest("[data-post]")) order(target.closest("button"));
    if (target.closest(".all-well")) allWell(target.closest("button"));
  });
}
