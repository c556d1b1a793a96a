// Records voice notes, where the browser has a microphone; else an audio file is chosen.

import { pickFile, sendFile } from "./attachments.js";
import { texts } from "./texts.js";
import { minutes } from "./times.js";

const TYPES = ["audio/ogg;codecs=opus", "audio/mp4", "audio/webm;codecs=opus"]; // WhatsApp's own first
let current = null; // { panel, recorder, chunks, timer }

export const isRecording = (panel) => current?.panel === panel;

export async function record(panel) {
  const problem = panel.querySelector(".composer .problem");
  if (!navigator.mediaDevices || !window.MediaRecorder) return pickFile(panel, "audio/*");
  discard();
  try {
    begin(panel, await navigator.mediaDevices.getUserMedia({ audio: true }));
  } catch {
    problem.textContent = texts.no_microphone;
    panel.querySelector(".attach").open = true;
  }
}

function begin(panel, stream) {
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, { mimeType });
  const chunks = [];
  recorder.ondataavailable = ({ data }) => chunks.push(data);
  const started = performance.now();
  const elapsed = panel.querySelector(".elapsed");
  const tell = () => (elapsed.textContent = minutes((performance.now() - started) / 1000));
  current = { panel, recorder, chunks, timer: setInterval(tell, 250) };
  tell();
  shown(panel, true);
  recorder.start();
}

export async function finish() {
  const { panel, recorder, chunks } = current;
  const type = recorder.mimeType.split(";")[0];
  await stop();
  await sendFile(panel, new Blob(chunks, { type }), "voice", `voice.${type.split("/")[1]}`);
}

export function discard() {
  if (current) stop();
}

async function stop() {
  const { panel, recorder, timer } = current;
  current = null;
  clearInterval(timer);
  shown(panel, false);
  const stopped = new Promise((done) => (recorder.onstop = done));
  recorder.stop();
  recorder.stream.getTracks().forEach((track) => track.stop());
  await stopped;
}

function shown(panel, active) {
  panel.querySelector(".composer").classList.toggle("recording", active);
  panel.querySelector(".recorder").hidden = !active;
  if (!active) panel.querySelector("textarea").focus();
}
