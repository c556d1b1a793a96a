// Plays voice notes, one at a time.

import { panels } from "./chats.js";
import { minutes } from "./times.js";

const voiceOf = (element) => element.closest(".voice");
const audioOf = (element) => voiceOf(element)?.querySelector("audio");

export function playOrPause(button) {
  const audio = audioOf(button);
  if (!audio.paused) return audio.pause();
  for (const other of panels.querySelectorAll(".voice audio")) other.pause();
  return audio.play().catch(() => voiceOf(button).classList.add("broken"));
}

// A recording may not tell its length before its end.
function tell({ target: audio }) {
  const voice = voiceOf(audio);
  if (!voice || audio.tagName !== "AUDIO") return;
  const known = Number.isFinite(audio.duration);
  voice.querySelector(".position").value = known ? audio.currentTime / audio.duration : 0;
  const seconds = audio.paused && !audio.currentTime && known ? audio.duration : audio.currentTime;
  voice.querySelector(".length").textContent = minutes(seconds);
  voice.classList.toggle("playing", !audio.paused && !audio.ended);
}

function rewind(event) {
  event.target.currentTime = 0;
  tell(event);
}

function seek({ target }) {
  const audio = target.matches(".position") && audioOf(target);
  if (audio && Number.isFinite(audio.duration)) audio.currentTime = target.value * audio.duration;
}

export function followVoices() {
  for (const name of ["loadedmetadata", "durationchange", "timeupdate", "play", "pause"]) {
    panels.addEventListener(name, tell, true);
  }
  panels.addEventListener("ended", rewind, true);
  panels.addEventListener("input", seek);
  for (const audio of panels.querySelectorAll(".voice audio")) tell({ target: audio });
}
