// One of the two servers, and what a test needs of it: endpoints, a person in a browser, codes, tokens.
import { Jar, encode, json, location, send } from './http.mjs';
import { now, sha256 } from './jose.mjs';
import { forms } from './observe.mjs';
import { callback, password, realm, representation } from './realm.mjs';

export const verifier = 'differential-differential-differential-0123';
export const challenge = sha256(verifier);

/** The credentials of a client of the realm in a form. */
export const secretOf = (client) => (['public', 'pkce', 'implicit', 'bound'].includes(client)
  ? { client_id: client }
  : { client_id: client, client_secret: `${client}-secret` });

export const basic = (name, secret = `${name}-secret`) => ({ authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}` });

/** Fields that are sent only where they are meant. */
const BUTTONS = new Set(['accept', 'cancel', 'confirmLogout', 'rememberMe', 'login', 'tryAnotherWay']);

export class Subject {
  #admin;
  #jars = new Map();

  constructor(name, base, administrator) {
    this.name = name;
    this.base = base;
    this.administrator = administrator;
    this.issuer = `${base}/realms/${realm}`;
  }

  /** The address of a protocol endpoint, `token` or `ext/par/request`. */
  at = (endpoint) => `${this.issuer}/protocol/openid-connect/${endpoint}`;

  post = (endpoint, form, headers = {}) => send({ url: this.at(endpoint), form, headers });

  /** A token of the administrator; it lives for a minute. */
  async adminToken() {
    if (!this.#admin || this.#admin.until < now()) {
      const answer = await send({
        url: `${this.base}/realms/master/protocol/openid-connect/token`,
        form: { grant_type: 'password', client_id: 'admin-cli', ...this.administrator },
      });
      const { access_token: token } = json(answer);
      if (!token) throw new Error(`the administrator cannot sign in at ${this.base}: ${answer.status} ${answer.text}`);
      this.#admin = { token, until: now() + 30 };
    }
    return this.#admin.token;
  }

  /** A request to the Admin API, `path` below `/admin/realms/differential`. */
  async admin(method, path, body, headers = {}) {
    const authorization = `Bearer ${await this.adminToken()}`;
    return send({ url: `${this.base}/admin/realms/${realm}${path}`, method, json: body, headers: { authorization, ...headers } });
  }

  /** Makes the realm anew. */
  async setUp() {
    const authorization = `Bearer ${await this.adminToken()}`;
    await send({ url: `${this.base}/admin/realms/${realm}`, method: 'DELETE', headers: { authorization } });
    const made = await send({ url: `${this.base}/admin/realms`, json: representation(), headers: { authorization } });
    if (made.status !== 201) throw new Error(`${this.name} does not take the realm: ${made.status} ${made.text}`);
    // Rights in the new realm come with a token that is newer.
    this.#admin = undefined;
  }

  async tearDown() {
    await this.admin('DELETE', '');
  }

  /** The authorization request's address. */
  authorization = (parameters) => `${this.at('auth')}?${encode(parameters)}`;

  /** The parameters of an ordinary authorization request of a client. */
  request = (client, changes = {}) => ({
    client_id: client, redirect_uri: callback, response_type: 'code', scope: 'openid', state: 'a state', nonce: 'a nonce',
    ...(client === 'pkce' ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}), ...changes,
  });

  /** Fills the first form of a page in and sends it; the server's own redirects are followed. */
  async submit(answer, fields, jar) {
    const [form] = forms(answer.text);
    if (!form) throw new Error(`no form in ${answer.status} ${answer.url}`);
    const hidden = Object.fromEntries(form.fields.filter(([name]) => !BUTTONS.has(name)));
    return this.follow(await send({ url: new URL(form.action, answer.url).href, form: { ...hidden, ...fields }, jar }), jar);
  }

  /** Goes on while the server sends the browser to itself. */
  async follow(answer, jar) {
    let current = answer;
    for (let step = 0; step < 8; step += 1) {
      const to = location(current);
      if (to === undefined || !new URL(to, current.url).href.startsWith(`${this.base}/`)) return current;
      current = await send({ url: new URL(to, current.url).href, jar });
    }
    throw new Error(`redirects without end at ${current.url}`);
  }

  /** A person signs in by the login page; the answer that leaves the server, or its next page. */
  async login(parameters, { username = 'alice', secret = password, jar = new Jar() } = {}) {
    const first = await this.follow(await send({ url: this.authorization(parameters), jar }), jar);
    return this.submit(first, { username, password: secret, credentialId: '' }, jar);
  }

  /** A browser of its own in which this person is signed in already. */
  async browser(username = 'alice') {
    const known = this.#jars.get(username);
    if (known && location(await send({ url: this.authorization(this.request('app', { prompt: 'none' })), jar: known.copy() }))?.includes('code=')) return known.copy();
    const jar = new Jar();
    const answer = await this.login(this.request('app'), { username, jar });
    if (!location(answer)) throw new Error(`${this.name}: ${username} cannot sign in: ${answer.status}`);
    this.#jars.set(username, jar);
    return jar.copy();
  }

  /** The answer to an authorization request in the browser of somebody who is signed in. */
  async authorize(parameters, username = 'alice') {
    const jar = await this.browser(username);
    return this.follow(await send({ url: this.authorization(parameters), jar }), jar);
  }

  /** A code for the client, by a session that others share or, `fresh`, by a login of its own. */
  async code(client = 'app', changes = {}, { fresh = false, username = 'alice' } = {}) {
    const parameters = this.request(client, changes);
    const answer = fresh ? await this.login(parameters, { username }) : await this.authorize(parameters, username);
    const code = new URL(location(answer) ?? 'none:').searchParams.get('code');
    if (!code) throw new Error(`${this.name}: no code for ${client}: ${answer.status} ${location(answer)}`);
    return code;
  }

  exchange = (client, code, changes = {}, headers = {}) => this.post('token', {
    grant_type: 'authorization_code', code, redirect_uri: callback, ...secretOf(client),
    ...(client === 'pkce' ? { code_verifier: verifier } : {}), ...changes,
  }, headers);

  /** The tokens that the client gets for somebody who has signed in. */
  async tokens(client = 'app', { scope = 'openid', ...options } = {}) {
    const answer = await this.exchange(client, await this.code(client, { scope }, options));
    if (answer.status !== 200) throw new Error(`${this.name}: no tokens for ${client}: ${answer.status} ${answer.text}`);
    return json(answer);
  }

  /** A token of the client's own account. */
  async own(client = 'app') {
    return json(await this.post('token', { grant_type: 'client_credentials', ...secretOf(client) })).access_token;
  }
}
