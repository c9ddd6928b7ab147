// One person's way through pages in one browser: what a page must be is checked at each.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const DESKTOP = { width: 1280, height: 900 };
// By its width alone: a change of the kind of device loads the page again, which sends its form again.
const MOBILE = { width: 360, height: 740 };

/** Where screenshots go, if they are wanted. */
const screens = process.env.SCREENS;

/** Pictures kept besides those of a wide, light page in English. */
const OTHERS = [
  'login-dark', 'login-mobile', 'login-ar', 'login-ar-dark', 'login-ar-mobile', 'login-otp-dark', 'login-otp-mobile', 'login-config-totp-dark',
  'login-config-totp-mobile', 'login-config-totp-ar', 'login-oauth-grant-dark', 'login-oauth-grant-ar', 'register-error-dark', 'register-mobile',
  'register-ar', 'login-update-profile-error-ar', 'select-authenticator-dark', 'select-authenticator-ar', 'terms-dark', 'delete-account-confirm-dark',
  'login-recovery-authn-code-config-dark', 'login-recovery-authn-code-config-mobile',
];

/** How a page is looked at; `language` is what the browser asks for. */
export const MODES = [
  { name: 'English', language: 'en', javascript: true },
  { name: 'Arabic', language: 'ar', javascript: true },
  { name: 'no JavaScript', language: 'en', javascript: false },
];

export class Walk {
  /** Names of the templates that were seen, over all walks. */
  static seen = new Set();

  /** `origins`: what pages may load from and lead to, besides the server. */
  constructor(browser, mode, base, origins) {
    Object.assign(this, { browser, mode, base, origins, complaints: [] });
  }

  async begin() {
    this.context = await this.browser.createBrowserContext();
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(20_000);
    await this.page.setJavaScriptEnabled(this.mode.javascript);
    await this.page.setViewport(DESKTOP);
    await this.page.setExtraHTTPHeaders({ 'accept-language': this.mode.language });
    const note = (text) => this.complaints.push(text);
    this.page.on('console', (message) => {
      // The browser says so of every answer with an error status.
      const own = message.text().startsWith('Failed to load resource: the server responded with a status of 4');
      if (['error', 'warn'].includes(message.type()) && !own) note(`console: ${message.text()}`);
    });
    this.page.on('pageerror', (error) => note(`script: ${error.message}`));
    this.page.on('request', (request) => {
      const url = request.url();
      const known = url.startsWith('data:') || [this.base, ...this.origins].some((origin) => url.startsWith(`${origin}/`));
      if (!known) note(`a request to ${url}`);
    });
    return this;
  }

  async end() {
    await this.context.close();
  }

  async open(url) {
    return this.page.goto(url);
  }

  async fill(selector, text) {
    await this.page.$eval(selector, (element) => { element.value = ''; });
    await this.page.type(selector, text);
  }

  async press(selector) {
    // By the keyboard: where a page is long, nothing has to be scrolled to.
    await this.page.focus(selector);
    const [response] = await Promise.all([this.page.waitForNavigation(), this.page.keyboard.press('Enter')]);
    return response;
  }

  /** Sends a form of these fields, whatever the page shows. */
  async send(action, fields) {
    const send = (to, all) => {
      const form = document.createElement('form');
      form.action = to;
      form.method = 'post';
      for (const [name, value] of Object.entries(all)) {
        const input = document.createElement('input');
        Object.assign(input, { type: 'hidden', name, value });
        form.append(input);
      }
      document.body.append(form);
      form.submit();
    };
    await Promise.all([this.page.waitForNavigation(), this.page.evaluate(send, action, fields)]);
  }

  async has(selector) {
    return (await this.page.$(selector)) !== null;
  }

  async text(selector) {
    return this.page.$eval(selector, (element) => element.textContent.trim());
  }

  /** The page is of this template, and is as pages must be. `variant` names it among those of its template. */
  async at(template, variant = '') {
    const id = await this.page.$eval('body', (body) => body.dataset.pageId).catch(() => undefined);
    const said = await this.page.$$eval('.error, .alert, #kc-error-message', (all) => all.map((e) => e.textContent.trim())).catch(() => []);
    assert.equal(id, `login-${template}`, `at ${this.page.url()}, which says ${JSON.stringify(said)}`);
    Walk.seen.add(template);
    await this.#structure();
    if (this.mode.javascript) {
      await this.#look(variant === '' ? template : `${template}-${variant}`);
    }
    assert.deepEqual(this.complaints, [], template);
  }

  /** What every page has, whichever it is. */
  async #structure() {
    const found = await this.page.evaluate(() => ({
      lang: document.documentElement.lang,
      dir: document.documentElement.dir,
      title: document.title,
      headings: document.querySelectorAll('h1').length,
      heading: document.querySelector('#kc-page-title')?.textContent.trim(),
      inline: document.querySelectorAll('[style], style, script:not([src]), [onclick], [onload], [onsubmit]').length,
      ids: [...document.querySelectorAll('[id]')].map((e) => e.id),
      // A key that no text was found for would be shown as it is.
      keys: document.body.innerText.match(/\$\{\S+\}|\b[a-z]+[A-Z]\w*(Message|Title|Text|Name)\b/g) ?? [],
    }));
    const { language } = this.mode;
    assert.equal(found.lang, language);
    assert.equal(found.dir, language === 'ar' ? 'rtl' : 'ltr');
    assert.match(found.title, /\S/);
    assert.equal(found.headings, 1);
    assert.match(found.heading, /\S/);
    assert.equal(found.inline, 0, 'inline scripts or styles');
    assert.deepEqual(found.ids.filter((id, at) => found.ids.indexOf(id) !== at), [], 'ids that stand twice');
    assert.deepEqual(found.keys, [], 'texts that are missing');
  }

  async #look(name) {
    const suffix = this.mode.language === 'en' ? '' : `-${this.mode.language}`;
    for (const scheme of ['light', 'dark']) {
      await this.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await this.#accessible(`${scheme}`);
      await this.#shoot(`${name}${suffix}${scheme === 'dark' ? '-dark' : ''}`);
    }
    await this.page.emulateMediaFeatures([]);
    await this.page.setViewport(MOBILE);
    await this.#accessible('mobile');
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `the page is ${wide} px wider than a phone`);
    await this.#shoot(`${name}${suffix}-mobile`);
    await this.page.setViewport(DESKTOP);
  }

  async #accessible(how) {
    if (!await this.page.evaluate(() => 'axe' in window)) await this.page.evaluate(axe);
    const violations = await this.page.evaluate(async () => {
      const { violations: all } = await window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], iframes: false,
      });
      return all.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html.slice(0, 120)).join(' ; ')}`);
    });
    assert.deepEqual(violations, [], `accessibility, ${how}`);
  }

  async #shoot(name) {
    // All in one way, a few in others.
    const plain = !/-(ar|dark|mobile)\b/.test(name);
    if (screens === undefined || (!plain && !OTHERS.includes(name))) return;
    mkdirSync(screens, { recursive: true });
    const path = `${screens}/${name}.png`;
    const clip = await this.page.evaluate(() => {
      const whole = document.documentElement.getBoundingClientRect();
      const card = document.querySelector('main').getBoundingClientRect();
      const below = (document.querySelector('nav') ?? document.querySelector('main')).getBoundingClientRect();
      const x = Math.max(card.x - 64, 0);
      const y = Math.max(card.y - 32, 0);
      return { x, y, width: whole.width - 2 * x, height: Math.min(below.bottom + 32, Math.max(whole.height, innerHeight)) - y };
    });
    await this.page.screenshot({ path, clip });
    execFileSync('pngquant', ['--force', '--strip', '--speed', '1', '--output', path, '32', path]);
  }
}
