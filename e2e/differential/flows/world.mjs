// What scenarios need on a server: realms, a client and users for each scenario, flows, and what is to be seen
// afterwards.
import { json, send } from '../http.mjs';
import { Mailbox } from '../../mailbox.mjs';

export const password = 'correct horse battery';
/** Nothing listens here: nobody goes there. */
const CALLBACK = 'http://127.0.0.1:9/callback';

/** What hashing passwords costs is not what is compared. */
const CHEAP = 'hashAlgorithm(argon2) and hashIterations(1)';

/** The realms, by what is special in them. */
const REALMS = {
  plain: { registrationAllowed: true, resetPasswordAllowed: true, rememberMe: true, passwordPolicy: `length(5) and ${CHEAP}`, otpPolicyLookAheadWindow: 4 },
  closed: { loginWithEmailAllowed: false },
  email: { registrationAllowed: true, registrationEmailAsUsername: true, verifyEmail: true, resetPasswordAllowed: true },
  lockout: { bruteForceProtected: true, failureFactor: 2, quickLoginCheckMilliSeconds: 0, waitIncrementSeconds: 600, maxFailureWaitSeconds: 900, resetPasswordAllowed: true },
  forever: { bruteForceProtected: true, permanentLockout: true, failureFactor: 2, quickLoginCheckMilliSeconds: 0 },
  levels: { attributes: { 'acr.loa.map': JSON.stringify({ bronze: 1, silver: 2 }) } },
};

export class World {
  #token;

  static async make(name, base, admin, secret) {
    const world = new World();
    Object.assign(world, { name, base, admin, secret, made: [], mailbox: await Mailbox.start() });
    // Names that meet nobody else's on a server that is shared.
    world.prefix = `flows-${process.pid}`;
    for (const [kind, settings] of Object.entries(REALMS)) {
      const realm = `${world.prefix}-${kind}`;
      await world.call('POST', '/admin/realms', {
        realm, enabled: true, eventsEnabled: true, smtpServer: world.mailbox.settings, sslRequired: 'external', passwordPolicy: CHEAP, ...settings,
      });
      world.made.push(realm);
      world.#token = undefined;
      // What a realm does not have switched on by itself.
      for (const alias of ['TERMS_AND_CONDITIONS', 'delete_account']) {
        const path = `/admin/realms/${realm}/authentication/required-actions/${alias}`;
        await world.call('PUT', path, { ...await world.call('GET', path), enabled: true });
      }
    }
    return world;
  }

  async end() {
    for (const realm of this.made) await this.call('DELETE', `/admin/realms/${realm}`);
    this.mailbox.stop();
  }

  /** A call of the Admin API: the JSON of the answer, or the id of what was made. */
  async call(method, path, body) {
    if (!this.#token || this.#token.until < Date.now()) {
      const answer = json(await send({
        url: `${this.base}/realms/master/protocol/openid-connect/token`,
        form: { grant_type: 'password', client_id: 'admin-cli', username: this.admin, password: this.secret },
      }));
      this.#token = { text: answer.access_token, until: Date.now() + 30_000 };
    }
    const answer = await send({ url: `${this.base}${path}`, method, json: body, headers: { authorization: `Bearer ${this.#token.text}` } });
    if (answer.status >= 300) throw new Error(`${this.name}: ${method} ${path}: ${answer.status} ${answer.text}`);
    const made = answer.headers.location?.[0]?.split('/').pop();
    return made ?? (answer.text === '' ? undefined : JSON.parse(answer.text));
  }

  /** Makes the client and the user of a scenario. */
  async stage({ realm: kind = 'plain', user = {}, flow, directFlow, settings = {} }, at) {
    const realm = `${this.prefix}-${kind}`;
    const where = { realm, client: `app-${at}`, username: `person-${at}`, callback: CALLBACK, at, password };
    where.email = `${where.username}@${this.name}.example.test`;
    const overrides = {};
    if (flow) overrides.browser = await this.flow(realm, `browser-${at}`, flow);
    if (directFlow) overrides.direct_grant = await this.flow(realm, `direct-${at}`, directFlow);
    await this.call('POST', `/admin/realms/${realm}/clients`, {
      clientId: where.client, publicClient: true, directAccessGrantsEnabled: true, redirectUris: [CALLBACK], baseUrl: 'http://127.0.0.1:9/',
      authenticationFlowBindingOverrides: overrides, ...settings,
    });
    if (user) {
      where.id = await this.call('POST', `/admin/realms/${realm}/users`, {
        username: where.username, enabled: true, email: where.email, emailVerified: true, firstName: 'First', lastName: 'Last', ...user,
        credentials: user.credentials ?? [{ type: 'password', value: password, temporary: false }],
      });
      for (const name of user.realmRoles ?? []) {
        await this.call('POST', `/admin/realms/${realm}/roles`, { name });
        const role = await this.call('GET', `/admin/realms/${realm}/roles/${name}`);
        await this.call('POST', `/admin/realms/${realm}/users/${where.id}/role-mappings/realm`, [role]);
      }
    }
    return where;
  }

  /** A flow of `[requirement, step, configuration]`, where a list is a sub-flow; answers its id. */
  async flow(realm, alias, tree) {
    const base = `/admin/realms/${realm}/authentication`;
    const id = await this.call('POST', `${base}/flows`, { alias, providerId: 'basic-flow', topLevel: true, builtIn: false });
    const order = [];
    const add = async (into, children) => {
      for (const [at, [requirement, step, config]] of children.entries()) {
        order.push({ requirement, config });
        if (Array.isArray(step)) {
          const name = `${into}-${at}`;
          await this.call('POST', `${base}/flows/${into}/executions/flow`, { alias: name, type: 'basic-flow', provider: 'registration-page-form', description: '' });
          await add(name, step);
        } else {
          await this.call('POST', `${base}/flows/${into}/executions/execution`, { provider: step });
        }
      }
    };
    await add(alias, tree);
    const executions = await this.call('GET', `${base}/flows/${alias}/executions`);
    for (const [at, { requirement, config }] of order.entries()) {
      await this.call('PUT', `${base}/flows/${alias}/executions`, { ...executions[at], requirement });
      if (config) await this.call('POST', `${base}/executions/${executions[at].id}/config`, { alias: `${alias}-config-${at}`, config });
    }
    return id;
  }

  user = (where) => this.call('GET', `/admin/realms/${where.realm}/users/${where.id}`);

  credentials = (where) => this.call('GET', `/admin/realms/${where.realm}/users/${where.id}/credentials`);

  /** What became of the user, and the events of the client. */
  async outcome(where, trace) {
    if (where.id) {
      const user = await this.call('GET', `/admin/realms/${where.realm}/users/${where.id}`).catch(() => undefined);
      trace.set('user', user ? 'exists' : 'gone');
      if (user) {
        trace.set('user.enabled', String(user.enabled));
        trace.set('user.emailVerified', String(user.emailVerified));
        trace.set('user.requiredActions', (user.requiredActions ?? []).sort().join(' ') || 'none');
        trace.set('user.credentials', (await this.credentials(where)).map(({ type, userLabel }) => (userLabel ? `${type}(${userLabel})` : type)).join(' ') || 'none');
        trace.set('user.sessions', String((await this.call('GET', `/admin/realms/${where.realm}/users/${where.id}/sessions`)).length));
      }
    }
    const events = await this.call('GET', `/admin/realms/${where.realm}/events?client=${where.client}&max=100`);
    const names = events.map(({ type, error }) => (error ? `${type} ${error}` : type));
    for (const name of new Set(names)) {
      trace.set(`event ${name}`, `${names.filter((one) => one === name).length} times`);
      // The oldest: later ones may tell of what was there before.
      const { details = {}, userId, sessionId } = events[names.lastIndexOf(name)];
      trace.set(`event ${name} details`, Object.keys(details).sort().join(' ') || 'none');
      trace.set(`event ${name} about`, [userId ? 'user' : '', sessionId ? 'session' : ''].join(' ').trim() || 'nobody');
    }
  }
}
