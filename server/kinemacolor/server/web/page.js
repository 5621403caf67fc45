"use strict";
// Reads /status.json once a second and shows it. What clients call themselves gets in as text only, never as markup.

const EVERY_MS = 1000;
const PATIENCE_MS = 8000;
const shown = new Map(); // clip key -> its <li>
let heard = null; // when the server last answered

const byId = (id) => document.getElementById(id);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function size(bytes) {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

function duration(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // or screen readers and selections lose their place
}

function fill(list, facts) {
  const names = [...list.querySelectorAll("dt")].map((dt) => dt.textContent);
  if (names.join() !== facts.map(([name]) => name).join()) {
    list.replaceChildren(...facts.map(([name]) => {
      const pair = document.createElement("div");
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = name;
      pair.append(dt, dd);
      return pair;
    }));
  }
  [...list.querySelectorAll("dd")].forEach((dd, index) => setText(dd, facts[index][1]));
}

function say(text, isAlert) {
  setText(byId("state"), text);
  byId("state").classList.toggle("alert", isAlert);
}

function showServer(server, clips) {
  setText(byId("device"), `${server.device} · version ${server.version}`);
  const sum = (field) => clips.reduce((total, clip) => total + clip[field], 0);
  const places = [["device", server.device_state_bytes], ["RAM", server.ram_state_bytes], ["disk", server.disk_state_bytes]];
  const states = places.filter(([, bytes]) => bytes).map(([place, bytes]) => `${size(bytes)} ${place}`);
  fill(byId("facts"), [
    ["clips", `${clips.length} of ${server.max_clips}`],
    ["fps", sum("frames_per_second").toFixed(1)],
    ["frames waiting", String(sum("frames_waiting"))],
    ["states", states.join(", ") || "none"],
    ["process", size(server.resident_bytes)],
    ...(server.device_total_bytes ? [["device memory", `${size(server.device_used_bytes)} of ${size(server.device_total_bytes)}`]] : []),
    ["up", duration(server.uptime_seconds)],
  ]);
  if (server.draining) {
    say("Draining: no new clips. The server ends with the last one it has.", true);
  } else {
    say(server.has_snapshots ? "Ready." : "Ready, without snapshots: a crash costs what is not rendered yet.", false);
  }
}

function showClip(item, clip) {
  item.classList.toggle("lost", !clip.is_attached);
  setText(item.querySelector("h3"), clip.clip_key);
  const person = clip.is_interactive ? ", a person waits" : "";
  const measure = `${clip.width_px} × ${clip.height_px}`;
  setText(item.querySelector(".who"), `${clip.client_name || "a client without a name"}${person} · ${clip.model}, ${measure}`);
  fill(item.querySelector("dl"), [
    ["next frame", String(clip.next_frame)],
    ["fps", clip.frames_per_second.toFixed(1)],
    ["waiting", String(clip.frames_waiting)],
    ["state", clip.state_tier === null ? "none yet" : clip.state_tier === "ram" ? "RAM" : clip.state_tier],
    ["saved", clip.last_snapshot === null ? "not yet" : `frame ${clip.last_snapshot}`],
    clip.is_attached ? ["idle", duration(clip.idle_seconds)] : ["no stream", `lost ${duration(clip.idle_seconds)} ago`],
  ]);
  if (clip.picture !== null) showPicture(item, clip);
}

async function showPicture(item, clip) {
  const canvas = item.querySelector("canvas");
  if (item.dataset.wanted === clip.picture.address) return;
  item.dataset.wanted = clip.picture.address;
  try {
    const next = await ask(clip.picture.address);
    const number = next.headers.get("X-Frame-Number");
    const picture = await createImageBitmap(await next.blob());
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    canvas.setAttribute("aria-label", `Frame ${number}: on the left as it came, on the right coloured`);
    setText(item.querySelector("figcaption"), `frame ${number}, before and after`);
    if (Number(number) !== clip.picture.frame) delete item.dataset.wanted; // an older one: they are made once a second
  } catch {
    delete item.dataset.wanted; // it has ended meanwhile, or the next look tells
  }
}

function showClips(clips) {
  const keys = new Set(clips.map((clip) => clip.clip_key));
  for (const [key, item] of shown) {
    if (keys.has(key)) continue;
    item.remove();
    shown.delete(key);
  }
  for (const clip of clips) {
    if (!shown.has(clip.clip_key)) {
      const item = byId("clip").content.firstElementChild.cloneNode(true);
      shown.set(clip.clip_key, item);
      byId("clips").append(item);
    }
    showClip(shown.get(clip.clip_key), clip);
  }
  byId("none").hidden = clips.length > 0;
}

async function ask(address) {
  const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw Object.assign(new Error(answer.statusText), { status: answer.status });
  return answer;
}

async function look() {
  try {
    const { server, clips } = await (await ask("status.json")).json();
    heard = new Date();
    document.body.classList.remove("stale");
    document.querySelector("main").hidden = false;
    showServer(server, clips);
    showClips(clips);
    document.title = server.draining ? "Draining - Kinemacolor" : `${plural(clips.length, "clip")} - Kinemacolor`;
  } catch (error) {
    document.body.classList.add("stale");
    document.title = "No answer - Kinemacolor";
    const since = heard === null ? "" : ` What is below is of ${heard.toLocaleTimeString()}.`;
    say(error.status === 401 ? "The server does not take this token any more; load the page again."
      : `The server does not answer; it is asked again every second.${since}`, true);
  }
}

async function follow() {
  for (;;) {
    if (!document.hidden) await look(); // nobody looks, nobody asks
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
}

follow();
