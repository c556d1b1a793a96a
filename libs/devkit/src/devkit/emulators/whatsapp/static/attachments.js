// Files, samples, places and contacts. What is typed becomes the caption of a file.

import { panels } from "./chats.js";
import { takeQuote, takeText } from "./composer.js";
import { upload, write } from "./requests.js";

const CAPTIONED = ["image", "video", "document"];

// Of a file that was chosen. WhatsApp takes JPEG and PNG as photos; the rest are documents.
function kindOf({ type }) {
  if (type === "image/jpeg" || type === "image/png") return "image";
  if (type.startsWith("video/")) return "video";
  return type.startsWith("audio/") ? "audio" : "document";
}

export async function sendFile(panel, file, kind = kindOf(file), name = file.name) {
  const stored = await upload(panel, file, name);
  if (!stored) return;
  const voice = kind === "voice";
  const caption = CAPTIONED.includes(kind) ? { text: takeText(panel) } : {};
  const media = voice ? { kind: "audio", voice } : { kind, voice };
  await write(panel, { ...media, id: stored.id, ...caption, ...takeQuote(panel) });
}

export function pickFile(panel, accept) {
  const input = panel.querySelector(".file");
  input.accept = accept;
  input.value = "";
  input.click();
}

async function sendSample(panel, { sample, kindOf: kind }) {
  const file = await (await fetch(sample)).blob();
  await sendFile(panel, file, kind, sample.split("/").pop());
}

function sendPlace(panel, { latitude, longitude, name, address }) {
  const place = { latitude: Number(latitude), longitude: Number(longitude), name, address };
  return write(panel, { kind: "location", ...place, ...takeQuote(panel) });
}

const sendContact = (panel, { contact, phone }) => write(panel, { kind: "contacts", name: contact, phone, ...takeQuote(panel) });

export function attach(panel, { dataset }) {
  panel.querySelector(".attach").open = false;
  if (dataset.accept !== undefined) return pickFile(panel, dataset.accept);
  if (dataset.sample) return sendSample(panel, dataset);
  return dataset.contact ? sendContact(panel, dataset) : sendPlace(panel, dataset);
}

export function closeMenus(except) {
  for (const menu of panels.querySelectorAll(".attach[open]")) menu.open = menu === except;
}
