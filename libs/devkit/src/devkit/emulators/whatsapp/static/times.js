// Times and days, in the reader's own zone.

import { language, texts } from "./texts.js";

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const longDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

function dayName(date) {
  const ago = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  return [texts.today, texts.yesterday][ago] ?? longDay.format(date);
}

export function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = clock.format(new Date(time.dateTime));
  }
}

export function separateDays(list) {
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

export const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
