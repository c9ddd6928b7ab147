// Chromium for the tests of the consoles: a person's own profile, what went wrong meanwhile, and axe.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import puppeteer from 'puppeteer-core';

import { base } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const launch = () => puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--lang=en-US',
    // Pages that are not in front are walked, too.
    '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding'],
  defaultViewport: { width: 1280, height: 900 },
});

/** How long anything may take on a slow machine, in milliseconds. */
const PATIENCE = 60_000;

/** A page of a browser profile, and what failed on it since it was last asked. */
export class Person {
  #problems = [];
  #open = new Set();
  /** Answers that are no problem: `(response) => boolean`. */
  expected = () => false;

  static async of(profile) {
    const person = new Person();
    // A window of its own: a page behind another one draws nothing, and nothing is waited for there.
    person.page = await profile.newPage({ type: 'window' });
    person.page.setDefaultTimeout(PATIENCE);
    person.#watch();
    return person;
  }

  #watch() {
    const { page } = this;
    page.on('pageerror', (error) => this.#problems.push(`page error: ${error.message}`));
    page.on('request', (request) => this.#open.add(request));
    page.on('requestfinished', (request) => this.#open.delete(request));
    page.on('requestfailed', (request) => this.#open.delete(request));
    page.on('response', (response) => {
      if (response.status() >= 400 && response.url().startsWith(base) && !this.expected(response)) {
        this.#problems.push(`${response.status()} ${response.request().method()} ${response.url().slice(base.length)}`);
      }
    });
  }

  /** No page error and no failed call since the last time. */
  nothingFailed() {
    const problems = this.#problems;
    this.#problems = [];
    assert.deepEqual(problems, []);
  }

  forget() {
    this.#problems = [];
    this.#open.clear();
  }

  /** Opens the address anew; what an earlier page waited for is nobody's any more. */
  async visit(address) {
    await this.page.goto('about:blank');
    this.#open.clear();
    await this.page.goto(address);
  }

  /** Signs in on the login page that is shown. */
  async login(username, password) {
    await this.page.waitForSelector('#username');
    await this.page.type('#username', username);
    await this.page.type('#password', password);
    await Promise.all([this.page.waitForNavigation(), this.page.click('#kc-login')]);
  }

  /** Waits until nothing is under way and nothing turns any more. */
  async settled() {
    let quiet = 0;
    for (const end = Date.now() + PATIENCE; Date.now() < end && quiet < 4;) {
      const turns = await this.page.evaluate(() => document.querySelector('#app:empty, .pf-v5-c-spinner, .pf-v5-c-skeleton') !== null).catch(() => true);
      quiet = turns || this.#open.size > 0 ? 0 : quiet + 1;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    assert.equal(quiet, 4, 'it stays loading');
  }

  /** What stands in the middle of the screen. */
  text() {
    return this.page.$eval('#app', (element) => element.innerText);
  }

  /** Violations that axe calls serious or critical, but for `known`: rules that are allowed at a place. */
  async accessible(known = () => false) {
    if (!await this.page.evaluate(() => 'axe' in window)) await this.page.evaluate(axe);
    const found = await this.page.evaluate(async () => {
      const { violations } = await window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], iframes: false, resultTypes: ['violations'],
        // An experimental rule: names that say less than what is seen are a nuisance, not a wall.
        rules: { 'label-content-name-mismatch': { enabled: false } },
      });
      return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map((node) => ({ id, html: node.html.slice(0, 200), at: node.target.join(' ') })));
    });
    const violations = found.filter((one) => !known(one)).map(({ id, html, at }) => `${id}: ${at}: ${html}`);
    assert.deepEqual(violations, []);
  }

  async shoot(folder, name) {
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: `${folder}/${name}.png` });
  }

  /** Clicks the element that is found by a selector or, with `::-p-text(…)` and the like, by its text. */
  async click(selector) {
    await this.page.locator(selector).setTimeout(PATIENCE).click();
  }

  /** Replaces what stands in a field. */
  async fill(selector, text) {
    await this.page.locator(selector).setTimeout(PATIENCE).fill(text);
  }

  async shows(selector) {
    await this.page.waitForSelector(selector, { visible: true, timeout: PATIENCE });
  }
}

/** Runs `work` for each of `items`, with so many of `hands` at once as there are. */
export async function shared(items, hands, work) {
  const rest = [...items];
  await Promise.all(hands.map(async (hand) => {
    while (rest.length > 0) await work(hand, rest.shift());
  }));
}
