// What the scripts that run against a server share: counting, and a realm of their own.
import assert from 'node:assert/strict';

export const base = process.env.BASE_URL;
export const user = { username: 'alice', password: 'correct horse' };

/** Counts steps and prints each as it ends. */
export class Steps {
  #library;
  #passed = 0;
  #failed = 0;

  constructor(library) {
    this.#library = library;
  }

  get failed() {
    return this.#failed;
  }

  step = async (name, work) => {
    try {
      const value = await work();
      this.#passed += 1;
      console.log(`ok: ${this.#library}: ${name}`);
      return value;
    } catch (error) {
      this.#failed += 1;
      const cause = error.cause ? ` (${JSON.stringify(error.cause.body ?? error.cause.message ?? error.cause)})` : '';
      console.log(`FAIL: ${this.#library}: ${name}: ${error.message}${cause}`);
      return undefined;
    }
  };

  /** Prints the counting line, the last one of a script. */
  end() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed === 0 ? 0 : 1;
  }
}

async function answer(url, options = {}) {
  const response = await fetch(url, options);
  const text = await response.text();
  assert.ok(response.ok, `${options.method ?? 'GET'} ${url}: ${response.status} ${text}`);
  return { body: text === '' ? undefined : JSON.parse(text), location: response.headers.get('location') };
}

/** The JSON of an answer that is none of an error. */
export async function json(url, options) {
  return (await answer(url, options)).body;
}

/**
 * The Admin API of a server (ours without) for the administrator: `get(path)`, `put(path, body)`, `remove(path)`,
 * and `post(path, body)`, which answers the new id.
 */
export async function administrator(server = {}) {
  const at = server.base ?? base;
  let token;
  let until = 0;
  // Administrators' tokens are good for a minute.
  const headers = async () => {
    if (Date.now() > until) {
      const { access_token: fresh, expires_in: seconds } = await json(`${at}/realms/master/protocol/openid-connect/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'password', client_id: 'admin-cli',
          username: server.admin ?? process.env.ADMIN ?? 'admin', password: server.password ?? process.env.ADMIN_PASSWORD,
        }),
      });
      token = fresh;
      until = Date.now() + seconds * 500;
    }
    return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  };
  const send = async (method, path, body) => answer(`${at}/admin${path}`, {
    method, headers: await headers(), body: body === undefined ? undefined : JSON.stringify(body),
  });
  return {
    get: async (path) => (await send('GET', path)).body,
    post: async (path, body) => (await send('POST', path, body)).location?.split('/').pop(),
    put: (path, body) => send('PUT', path, body),
    remove: (path) => send('DELETE', path),
  };
}

/** Makes a realm with these clients and one user; answers its issuer. */
export async function setUp(realm, clients, settings = {}) {
  const { post } = await administrator();
  await post('/realms', { realm, enabled: true, ...settings });
  for (const client of clients) await post(`/realms/${realm}/clients`, client);
  await post(`/realms/${realm}/users`, {
    username: user.username, enabled: true, email: 'alice@example.test', emailVerified: true,
    firstName: 'Alice', lastName: 'Liddell',
    credentials: [{ type: 'password', value: user.password, temporary: false }],
  });
  return `${base}/realms/${realm}`;
}
