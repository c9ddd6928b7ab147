// Who signs in to the relying parties, and what their clients have in common.
import assert from 'node:assert/strict';

import { base, user } from './support.mjs';

/** Puts the client into its tokens' audience, as who may introspect them must be. */
export const audience = (client) => ({
  name: 'audience', protocol: 'openid-connect', protocolMapper: 'oidc-audience-mapper',
  config: { 'included.client.audience': client, 'access.token.claim': 'true' },
});

/** A browser without a screen: keeps cookies, follows redirects on our server, fills in forms. */
export class Person {
  #cookies = new Map();

  constructor(credentials = user) {
    this.credentials = credentials;
  }

  /** Follows links until one leads to `until`; that address is the answer. */
  async visit(url, until, options = {}) {
    let at = new URL(url);
    let next = options;
    for (let hop = 0; hop < 20; hop += 1) {
      if (at.href.startsWith(until)) return at;
      const response = await this.#request(at, next);
      next = {};
      if (response.status >= 300 && response.status < 400) {
        at = new URL(response.headers.get('location'), at);
        continue;
      }
      const page = await response.text();
      assert.equal(response.status, 200, `${at.pathname}: ${response.status} ${text(page)}`);
      const form = filledIn(page, at, this.credentials);
      assert.ok(form, `no form to fill in at ${at.pathname}: ${text(page)}`);
      at = form.action;
      next = { method: 'POST', body: form.fields };
    }
    throw new Error(`no end of redirects before ${until}`);
  }

  /** Opens an application's address, signing in where our server asks for it: the application's answer. */
  async open(url) {
    let at = new URL(url);
    let next = {};
    for (let hop = 0; hop < 20; hop += 1) {
      const response = await this.#request(at, next);
      next = {};
      if (response.status >= 300 && response.status < 400) {
        at = new URL(response.headers.get('location'), at);
        continue;
      }
      const page = await response.text();
      if (at.origin !== new URL(base).origin) return { url: at.href, status: response.status, text: page };
      const form = response.status === 200 ? filledIn(page, at, this.credentials) : undefined;
      assert.ok(form, `no form to fill in at ${at.pathname}: ${response.status} ${text(page)}`);
      at = form.action;
      next = { method: 'POST', body: form.fields };
    }
    throw new Error(`no end of redirects from ${url}`);
  }

  async #request(url, options) {
    const headers = { accept: 'text/html' };
    if (this.#cookies.size > 0) {
      headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    }
    const response = await fetch(url, { redirect: 'manual', ...options, headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair, ...attributes] = cookie.split(';');
      const [name, ...value] = pair.split('=');
      if (attributes.some(isOver)) this.#cookies.delete(name.trim());
      else this.#cookies.set(name.trim(), value.join('='));
    }
    return response;
  }
}

/** Whether an attribute of a cookie says that it is to be forgotten. */
function isOver(attribute) {
  const [name, value] = attribute.trim().toLowerCase().split('=');
  return (name === 'max-age' && Number(value) <= 0) || (name === 'expires' && Date.parse(value) < Date.now());
}

/** The page's main form with its hidden fields, what the person would type, and its submit button. */
function filledIn(page, at, credentials) {
  const form = page.match(/<form[^>]*\baction="([^"]*)"[^>]*>([\s\S]*?)<\/form>/i);
  if (!form) return undefined;
  const fields = new URLSearchParams();
  for (const [tag] of form[2].matchAll(/<(?:input|button)\b[^>]*>/gi)) {
    const attribute = (name) => tag.match(new RegExp(`\\b${name}="([^"]*)"`, 'i'))?.[1];
    const name = attribute('name');
    if (!name) continue;
    const type = attribute('type') ?? (tag.startsWith('<button') ? 'submit' : 'text');
    if (name === 'username' || name === 'password') fields.set(name, credentials[name]);
    else if (type === 'hidden') fields.set(name, decode(attribute('value') ?? ''));
    else if (type === 'submit' && !fields.has('pressed') && !['cancel', 'try-another-way'].includes(name)) {
      if (![...fields.keys()].some((key) => ['login', 'accept', 'confirmLogout'].includes(key))) {
        fields.set(name, decode(attribute('value') ?? ''));
      }
    }
  }
  return { action: new URL(decode(form[1]), at), fields };
}

const decode = (value) =>
  value.replaceAll('&quot;', '"').replaceAll('&#x2f;', '/').replaceAll('&#x27;', "'").replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const text = (page) => page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').slice(0, 300);
