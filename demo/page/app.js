// The page: wires the stream to the grid and the figures, and keeps its place over a reload.
//
// The place (last id), the cars on show and the count are kept together in sessionStorage, so that a reloaded page looks
// as it did and goes on after the last event it had shown. Every event and every gap is also dispatched on `document` as
// `weir:event` and `weir:gap`, for whoever watches the page.
import { Figures } from './figures.js';
import { Grid, shownMax } from './grid.js';
import { Stream } from './stream.js';

const storeKey = 'weir.cars';
const element = (id) => document.getElementById(id);
const grid = new Grid(element('cars'), element('card'));
const figures = new Figures();
const recent = new Map(); // the cars that a reload shows again, by id
const seen = new Set();
let lastId = '';
let paused = false;

function setState(name, text) {
  element('state').dataset.state = name;
  element('state-text').textContent = text;
}

function remember() {
  try {
    sessionStorage.setItem(storeKey, JSON.stringify({ id: lastId, count: figures.count, cars: [...recent.values()], seen: [...seen] }));
  } catch {
    // Storage is full or forbidden: a reload then begins anew.
  }
}

function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(storeKey));
    if (!kept?.id) return;
    lastId = kept.id;
    figures.count = kept.count;
    figures.place(lastId);
    addCars(kept.cars);
    for (const id of kept.seen) seen.add(id);
    element('resumed').textContent = `Reloaded; went on after ${lastId}.`;
  } catch {
    sessionStorage.removeItem(storeKey);
  }
}

function addCars(cars) {
  for (const car of cars) {
    seen.add(car.id);
    recent.delete(car.id);
    recent.set(car.id, car);
  }
  for (const id of recent.keys()) {
    if (recent.size <= shownMax) break;
    recent.delete(id);
  }
  if (cars.length) element('empty').hidden = true;
  grid.add(cars);
}

function announce(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

function takePlace(id) {
  lastId = id;
  figures.place(id);
  remember();
}

const gapReasons = {
  expired: 'they are older than what the log keeps',
  other_epoch: 'the log was made anew',
  beyond_head: 'the log was restored from an older copy',
  malformed: 'the id was not one of this log',
  unrenderable: 'their type is no longer known',
};

function gapText({ reason, requested, resumedAt }) {
  const where = requested ? `after ${requested}` : 'before this page began';
  return `Events ${where} cannot be shown: ${gapReasons[reason] ?? reason}. Reading goes on after ${resumedAt}.`;
}

const stream = new Stream({
  state: setState,
  place: takePlace,
  event(data, id) {
    figures.arrived(Date.parse(data.timestamp));
    addCars(data.vehicles);
    takePlace(id);
    announce('weir:event', { id, data });
  },
  gap(data, id) {
    element('gap-text').textContent = gapText(data);
    element('gaps').hidden = false;
    takePlace(id);
    announce('weir:gap', { id, data });
  },
  refused(why) {
    setState('stopped', 'Not connected');
    element('token-title').textContent = 'Another token is needed';
    element('token-why').textContent = `${why} In the repository, ./dev token demo prints a new one.`;
    element('token-form').hidden = false;
  },
});

function tokenOfUrl() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  return fragment.get('token') ?? new URLSearchParams(location.search).get('token') ?? '';
}

function connect() {
  const token = tokenOfUrl();
  element('token-form').hidden = token !== '';
  if (token && !paused) stream.open(token, lastId);
  else if (!token) setState('stopped', 'Not connected');
}

element('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = element('token').value.trim();
  element('token').value = '';
  history.replaceState(null, '', `#${new URLSearchParams({ token })}`);
  connect();
});

element('pause').addEventListener('click', () => {
  paused = !paused;
  element('pause').setAttribute('aria-pressed', paused);
  element('pause').textContent = paused ? 'Resume' : 'Pause';
  if (paused) {
    stream.close();
    setState('paused', 'Paused');
  } else {
    connect();
  }
});

element('gap-close').addEventListener('click', () => (element('gaps').hidden = true));

for (const choice of document.querySelectorAll('[data-origin][aria-pressed]')) {
  choice.addEventListener('click', () => {
    for (const other of document.querySelectorAll('[data-origin][aria-pressed]')) other.setAttribute('aria-pressed', other === choice);
    grid.show(choice.dataset.origin);
  });
}

window.addEventListener('hashchange', connect);
window.addEventListener('pagehide', () => stream.close());
window.addEventListener('pageshow', (event) => event.persisted && connect());
setInterval(() => figures.draw(seen.size), 500);
restore();
figures.draw(seen.size);
connect();
