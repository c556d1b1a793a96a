// What this page says by itself; the server chose the language.

export const texts = JSON.parse(document.getElementById("texts").textContent);
export const language = document.documentElement.lang;
