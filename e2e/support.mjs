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
 * The Admin API for the administrator: `get(path)`, `put(path, body)`, and `post(path, body)`, which answers the
 * new id.
 */
export async function administrator() {
  const { access_token: token } = await json(`${base}/realms/master/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'password', client_id: 'admin-cli',
      username: process.env.ADMIN ?? 'admin', password: process.env.ADMIN_PASSWORD,
    }),
  });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return {
    get: (path) => json(`${base}/admin${path}`, { headers }),
    put: async (path, body) => {
      await answer(`${base}/admin${path}`, { method: 'PUT', headers, body: JSON.stringify(body) });
    },
    post: async (path, body) => {
      const { location } = await answer(`${base}/admin${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      return location?.split('/').pop();
    },
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
