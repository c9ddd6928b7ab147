// A person in a browser without scripts, on one of the servers: what happens is written down in the
// form that two servers can have in common.
import { Jar, json, location, send } from '../http.mjs';

const unescaped = (html) => html.replace(/&quot;/g, '"').replace(/&#x27;|&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag);
  return found ? unescaped(found[1] ?? found[2]) : undefined;
};

/** The page's forms: id, address, what they would send, and the names of all that can be filled in. */
function forms(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, inside]) => {
    const values = {};
    const names = new Set();
    for (const [tag] of inside.matchAll(/<(?:input|textarea|select|button)\b[^>]*>/gi)) {
      const name = attribute(tag, 'name');
      if (!name) continue;
      names.add(name);
      const type = attribute(tag, 'type') ?? (tag.startsWith('<button') ? 'submit' : 'text');
      const ticked = !['checkbox', 'radio'].includes(type) || /\schecked\b/i.test(tag);
      if (type !== 'submit' && type !== 'button' && ticked) values[name] = attribute(tag, 'value') ?? (type === 'checkbox' ? 'on' : '');
    }
    return { id: attribute(` ${head}`, 'id') ?? '', action: attribute(` ${head}`, 'action') ?? '', values, names };
  });
}

/** The answer to a form sends on by 303 here, by 302 there (docs/differences.md, "The answer to a form"). */
const kind = (status) => (status === 302 || status === 303 ? 'redirect' : status);

const ANOTHER_WAY = 'kc-select-try-another-way-form';

export class Person {
  /** `server` is ours or theirs, `where` the realm and client of the scenario. */
  constructor(server, where, trace) {
    Object.assign(this, { server, where, trace });
    this.jar = new Jar();
  }

  /** The same person in another browser: nothing in common but what is known to the person. */
  elsewhere() {
    const other = new Person(this.server, this.where, this.trace);
    other.links = this.links;
    return other;
  }

  /** Another tab of the same browser. */
  tab() {
    const other = this.elsewhere();
    other.jar = this.jar;
    return other;
  }

  endpoint = (name) => `${this.server.base}/realms/${this.where.realm}/protocol/openid-connect/${name}`;

  action = (name) => `${this.server.base}/realms/${this.where.realm}/login-actions/${name}`;

  authorization = (extra = {}) => `${this.endpoint('auth')}?${new URLSearchParams({
    client_id: this.where.client, redirect_uri: this.where.callback, response_type: 'code', scope: 'openid', state: 'a-state', ...extra,
  })}`;

  /** Opens the application's login. */
  login = (label = 'login', extra = {}) => this.open(label, this.authorization(extra));

  async open(label, url) {
    return this.#arrive(label, await send({ url: new URL(url, this.server.base).href, jar: this.jar }));
  }

  /** Fills a form in and sends it: the first of the page, or the one with this id. */
  async submit(label, fields, { form: id, action, without = [] } = {}) {
    const all = forms(this.answer.text);
    const form = id ? all.find((one) => one.id === id) : all.find((one) => one.id !== ANOTHER_WAY && one.action !== '');
    if (!form) throw new Error(`${label}: no form on ${this.answer.status} ${this.id}`);
    const values = { ...form.values, ...fields };
    for (const name of without) delete values[name];
    const url = new URL(form.action, this.answer.url);
    const changed = action ? action(url) : url;
    return this.#arrive(label, await send({ url: changed.href, form: values, jar: this.jar }));
  }

  /** Sends a form as it was at an earlier moment, as somebody who has gone back. */
  async submitOf(page, label, fields) {
    this.answer = page.answer;
    return this.submit(label, fields);
  }

  /** Follows a link of the page, by the id of its element (which may be a button with a script) or of one around it. */
  async follow(label, id) {
    const html = this.answer.text;
    const at = html.indexOf(`id="${id}"`);
    if (at < 0) throw new Error(`${label}: nothing with the id ${id} on ${this.id}`);
    const own = html.slice(html.lastIndexOf('<', at), html.indexOf('>', at) + 1);
    const script = /location(?:\.href)?\s*=\s*['"]([^'"]+)['"]/.exec(unescaped(own))?.[1];
    const link = attribute(own, 'href') ?? script ?? attribute(/<a\b[^>]*>/i.exec(html.slice(at))?.[0] ?? '', 'href');
    if (!link) throw new Error(`${label}: no link ${id} on ${this.id}`);
    return this.open(label, new URL(link, this.answer.url).href);
  }

  /** What the page was, to come back to. */
  get now() {
    return { answer: this.answer };
  }

  get html() {
    return this.answer.text;
  }

  text(id) {
    const found = new RegExp(`id="${id}"[^>]*>([\\s\\S]*?)<`).exec(this.html);
    return found ? unescaped(found[1]).trim() : undefined;
  }

  value(name) {
    return forms(this.html).flatMap((form) => (name in form.values ? [form.values[name]] : []))[0];
  }

  /** Exchanges the code that the application was sent and writes down what its tokens say. */
  async tokens(label = 'tokens', { loginAgo = false } = {}) {
    if (!this.code) {
      this.note(`${label}.code`, 'none');
      return undefined;
    }
    const answer = await send({
      url: this.endpoint('token'), form: { grant_type: 'authorization_code', client_id: this.where.client, code: this.code, redirect_uri: this.where.callback },
    });
    this.note(`${label}.status`, answer.status);
    const body = json(answer);
    if (answer.status !== 200) return body;
    const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1], 'base64url'));
    this.note(`${label}.acr`, claims.acr);
    this.note(`${label}.amr`, JSON.stringify(claims.amr));
    this.note(`${label}.username`, claims.preferred_username?.replace(/\d{5,}/, '#'));
    this.note(`${label}.claims`, Object.keys(claims).sort().join(' '));
    if (this.authTime !== undefined && loginAgo) this.note(`${label}.auth_time`, claims.auth_time > this.authTime ? 'later' : 'the same');
    this.authTime = claims.auth_time;
    this.tokenSet = body;
    return body;
  }

  /** The direct grant. */
  async grant(label, fields) {
    const answer = await send({
      url: this.endpoint('token'), form: { grant_type: 'password', client_id: this.where.client, scope: 'openid', ...fields },
    });
    this.note(`${label}.status`, answer.status);
    const body = json(answer);
    this.note(`${label}.error`, body.error);
    this.note(`${label}.error_description`, body.error_description);
  }

  note(path, value) {
    if (this.trace.has(path)) throw new Error(`${path} is noted twice`);
    this.trace.set(path, String(value ?? '(absent)'));
  }

  async #arrive(label, first) {
    let answer = first;
    const chain = [kind(answer.status)];
    this.code = undefined;
    for (let hops = 0; location(answer) !== undefined; hops += 1) {
      if (hops > 10) throw new Error(`${label}: redirects without end`);
      const to = new URL(location(answer), answer.url);
      if (to.href.startsWith(this.where.callback)) {
        const given = to.searchParams;
        this.code = given.get('code') ?? undefined;
        const error = given.get('error');
        const status = given.get('kc_action_status');
        chain.push(`application(${[...given.keys()].filter((name) => name !== 'error_description').sort().join(' ')}${error ? ` ${error}` : ''}${status ? ` ${status}` : ''})`);
        this.answer = { ...answer, text: '' };
        this.id = 'application';
        this.note(`${label}.chain`, chain.join(' > '));
        this.note(`${label}.page`, 'application');
        return this;
      }
      chain.push(to.pathname.replace(`/realms/${this.where.realm}/`, ''));
      answer = await send({ url: to.href, jar: this.jar });
      chain.push(kind(answer.status));
    }
    this.answer = answer;
    const html = answer.text;
    this.id = attribute(/<body\b[^>]*>/i.exec(html)?.[0] ?? '', 'data-page-id') ?? 'none';
    this.note(`${label}.chain`, chain.join(' > '));
    this.note(`${label}.page`, this.id);
    const listed = (text, pattern) => [...new Set([...text.matchAll(pattern)].map(([, found]) => found))].sort().join(' ') || 'none';
    this.note(`${label}.errors`, listed(html, /\bid="input-error-(?!container)([^"]+)"/gi));
    const alerts = html.replace(/<[^>]*\bid="input-error"[^>]*>/g, '').replace(/\bpf-m-danger\b/g, 'pf-m-error');
    this.note(`${label}.alert`, listed(alerts, /\bclass="[^"]*\b(?:alert-|c-alert\b[^"]*\bpf-m-)(error|warning|info|success)\b/gi));
    const first_ = forms(html).find((one) => one.id !== ANOTHER_WAY && one.action !== '');
    this.note(`${label}.form`, first_ ? first_.id || '(no id)' : 'none');
    this.note(`${label}.fields`, first_ ? [...first_.names].sort().join(' ') || 'nothing' : 'none');
    this.note(`${label}.ways`, ['reset-login', 'try-another-way', 'kc-registration', 'cancel-aia', 'backToApplication', 'proceedWithAction'].filter(
      (id) => html.includes(`id="${id}"`) || html.includes(`name="${id}"`),
    ).join(' ') || 'none');
    return this;
  }
}
