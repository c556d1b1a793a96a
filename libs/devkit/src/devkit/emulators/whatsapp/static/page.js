// Puts the parts together: what is clicked, typed and chosen goes to the part that handles it.

import { attach, closeMenus, sendFile } from "./attachments.js";
import { app, backToList, keepAtEnd, open, panelOf, panels, rows, show, use } from "./chats.js";
import { choose, leave, sendText, toggleByHand } from "./composer.js";
import { listen, takeTyping } from "./live.js";
import { followMenu, openMenu } from "./message-menu.js";
import { followVoices, playOrPause } from "./player.js";
import { discard, finish, isRecording, record } from "./recorder.js";
import { post } from "./requests.js";
import { separateDays, tellTimes } from "./times.js";
import { followTrouble } from "./trouble.js";

const CLICKS = {
  ".back": (panel) => backToList(panel.dataset.chat),
  "button[data-kind]": choose,
  ".menu .item": attach,
  ".actions": (_, button) => openMenu(button),
  ".play": (_, button) => playOrPause(button),
  ".by-hand.icon": toggleByHand,
  ".leave": leave,
  ".record": record,
  ".discard": discard,
};

const send = (panel) => (isRecording(panel) ? finish() : sendText(panel));

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
  for (const [selector, act] of Object.entries(CLICKS)) {
    const found = target.closest(selector);
    if (found) act(found.closest(".chat"), found);
  }
});
panels.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target.closest(".chat"));
});
panels.addEventListener("keydown", (event) => {
  const { target, key, shiftKey, isComposing } = event;
  if (!target.matches("textarea")) return;
  if (key === "Escape") leave(target.closest(".chat"));
  if (key === "Enter" && !shiftKey && !isComposing) {
    event.preventDefault();
    send(target.closest(".chat"));
  }
});
panels.addEventListener("change", ({ target }) => {
  if (target.matches(".file") && target.files[0]) sendFile(target.closest(".chat"), target.files[0]);
});
panels.addEventListener("focusin", ({ target }) => {
  const chat = target.closest(".chat")?.dataset.chat;
  if (chat) use(chat);
});
panels.addEventListener("load", keepAtEnd, true);
addEventListener("click", ({ target }) => closeMenus(target.closest(".attach")));
addEventListener("keydown", ({ key }) => key === "Escape" && closeMenus(null));
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
followVoices();
followMenu();
followTrouble();
show();
listen();
