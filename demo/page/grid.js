// The cars on the page: the newest first, at most `shownMax`, each once. Drawing waits for a frame, so that a burst of
// events costs one pass.

export const shownMax = 60;
const freshFor = 1600;
const mpgMax = 50;

export class Grid {
  #list;
  #template;
  #cards = new Map(); // by car id
  #pending = new Map();
  #frame = 0;
  #origin = '';

  constructor(list, template) {
    this.#list = list;
    this.#template = template;
  }

  // Puts cars in front, or changes those that are there.
  add(cars) {
    for (const car of cars) {
      this.#pending.delete(car.id);
      this.#pending.set(car.id, car);
    }
    for (const id of this.#pending.keys()) {
      if (this.#pending.size <= shownMax) break;
      this.#pending.delete(id);
    }
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  show(origin) {
    this.#origin = origin;
    for (const card of this.#cards.values()) this.#filter(card);
  }

  #draw() {
    this.#frame = 0;
    for (const car of this.#pending.values()) {
      const known = this.#cards.get(car.id);
      const card = known ?? this.#template.content.firstElementChild.cloneNode(true);
      fill(card, car);
      this.#filter(card);
      if (!known) {
        this.#cards.set(car.id, card);
        this.#list.prepend(card);
      }
      mark(card, known ? 'changed' : 'fresh');
    }
    this.#pending.clear();
    for (const [id, card] of this.#cards) {
      if (this.#cards.size <= shownMax) break;
      card.remove();
      this.#cards.delete(id);
    }
  }

  #filter(card) {
    card.hidden = this.#origin !== '' && card.dataset.origin !== this.#origin;
  }
}

function mark(card, name) {
  card.classList.add(name);
  clearTimeout(card.freshTimer);
  card.freshTimer = setTimeout(() => card.classList.remove('fresh', 'changed'), freshFor);
}

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const withUnit = (value, unit) => (value === undefined ? 'unknown' : `${number.format(value)} ${unit}`);

function fill(card, car) {
  const set = (name, text) => (card.querySelector(name).textContent = text);
  card.dataset.origin = car.origin;
  card.dataset.id = car.id;
  set('.make', car.make);
  set('.model', car.model || car.make);
  set('.year', car.year);
  set('.origin', car.origin);
  set('.mpg', withUnit(car.milesPerGallon, 'mpg'));
  set('.hp', withUnit(car.horsepower, 'hp'));
  set('.weight', withUnit(car.weightLbs, 'lb'));
  set('.acceleration', withUnit(car.acceleration, 's'));
  card.querySelector('.meter i').style.setProperty('--share', Math.min(1, (car.milesPerGallon ?? 0) / mpgMax));
}
