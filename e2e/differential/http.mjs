// Requests as they are written: nothing is followed, nothing is added, cookies only from a jar.
import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

/** Name and value pairs of a form or a query: a list is a repeated parameter, `undefined` is left out. */
export function pairs(parameters) {
  if (Array.isArray(parameters)) return parameters;
  return Object.entries(parameters).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return Array.isArray(value) ? value.map((one) => [name, one]) : [[name, value]];
  });
}

export const encode = (parameters) => new URLSearchParams(pairs(parameters)).toString();

/**
 * Sends one request: `{ method, url, headers, form | json | body }`. The answer has `status`,
 * `headers` (lower case names, lists), `text` and the `url` that was asked.
 */
export function send(request) {
  const headers = { ...request.headers };
  let { body, method } = request;
  if (request.form !== undefined) {
    body = encode(request.form);
    headers['content-type'] ??= 'application/x-www-form-urlencoded';
  } else if (request.json !== undefined) {
    body = typeof request.json === 'string' ? request.json : JSON.stringify(request.json);
    headers['content-type'] ??= 'application/json';
  }
  method ??= body === undefined ? 'GET' : 'POST';
  if (request.jar) {
    const cookies = request.jar.header();
    if (cookies) headers.cookie = cookies;
  }
  if (body !== undefined) headers['content-length'] = Buffer.byteLength(body);
  return new Promise((resolve, reject) => {
    const outgoing = http.request(request.url, { method, headers, agent, timeout: 60_000 }, (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const answer = {
          status: incoming.statusCode,
          headers: incoming.headersDistinct,
          text: Buffer.concat(chunks).toString('utf8'),
          url: request.url,
        };
        request.jar?.take(answer);
        resolve(answer);
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within a minute: ${request.url}`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export const location = (answer) => answer.headers.location?.[0];

/** The answer's body, which has to be JSON. */
export function json(answer) {
  try {
    return JSON.parse(answer.text);
  } catch {
    throw new Error(`no JSON from ${answer.url}: ${answer.status} ${answer.text.slice(0, 200)}`);
  }
}

/** A browser's cookies of one host. `Secure` is not looked at: loopback passes for a secure origin. */
export class Jar {
  #cookies;

  constructor(cookies = []) {
    this.#cookies = new Map(cookies);
  }

  /** A browser with the same cookies, which goes its own way. */
  copy = () => new Jar(this.#cookies);

  take(answer) {
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      const gone = value === '' || attributes.some((one) => /^max-age=0$/i.test(one));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }

  header() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }
}
