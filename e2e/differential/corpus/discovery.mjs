// Documents that anybody may read, and what is at addresses that nothing is at.
import { send } from '../http.mjs';
import { group, one } from '../cases.mjs';

const get = (name, path, options = {}, headers = {}) => one(name, (subject) => send({ url: `${subject.issuer}${path}`, headers, method: options.method }), options);
const anywhere = (name, path, method) => one(name, (subject) => send({ url: `${subject.base}${path}`, method }));

const posts = ['token', 'token/introspect', 'revoke', 'auth/device', 'ext/par/request', 'ext/ciba/auth'];

export default group('discovery',
  get('the realm', ''),
  get('OpenID Connect metadata', '/.well-known/openid-configuration'),
  get('OAuth metadata', '/.well-known/oauth-authorization-server'),
  get('keys', '/protocol/openid-connect/certs'),
  get('metadata for a script of another origin', '/.well-known/openid-configuration', {}, { origin: 'http://127.0.0.1:9' }),
  get('keys for a script of another origin', '/protocol/openid-connect/certs', {}, { origin: 'http://127.0.0.1:9' }),
  get('unknown well-known document', '/.well-known/nothing'),
  get('frame for session checks', '/protocol/openid-connect/login-status-iframe.html'),
  get('frame starts without client', '/protocol/openid-connect/login-status-iframe.html/init'),
  get('frame starts for a client', '/protocol/openid-connect/login-status-iframe.html/init?client_id=app&origin=http%3A%2F%2F127.0.0.1%3A9'),
  get('frame starts for a foreign origin', '/protocol/openid-connect/login-status-iframe.html/init?client_id=app&origin=http%3A%2F%2Fevil.test'),
  get('frame starts for an unknown client', '/protocol/openid-connect/login-status-iframe.html/init?client_id=nobody&origin=http%3A%2F%2F127.0.0.1%3A9'),
  get('third party cookies, first step', '/protocol/openid-connect/3p-cookies/step1.html'),
  get('third party cookies, second step', '/protocol/openid-connect/3p-cookies/step2.html'),
  get('unknown endpoint', '/protocol/openid-connect/nothing'),
  get('unknown protocol', '/protocol/nothing'),
  get('metadata by POST', '/.well-known/openid-configuration', { method: 'POST' }),
  get('keys by DELETE', '/protocol/openid-connect/certs', { method: 'DELETE' }),
  get('metadata by HEAD', '/.well-known/openid-configuration', { method: 'HEAD' }),
  anywhere('unknown realm', '/realms/nowhere'),
  anywhere('metadata of an unknown realm', '/realms/nowhere/.well-known/openid-configuration'),
  anywhere('keys of an unknown realm', '/realms/nowhere/protocol/openid-connect/certs'),
  anywhere('authorization in an unknown realm', '/realms/nowhere/protocol/openid-connect/auth?client_id=app&response_type=code'),
  anywhere('nothing', '/nothing'),
  posts.map((endpoint) => [
    get(`${endpoint} by GET`, `/protocol/openid-connect/${endpoint}`),
    get(`${endpoint} by PUT`, `/protocol/openid-connect/${endpoint}`, { method: 'PUT' }),
    one(`${endpoint} with an empty body`, (subject) => send({ url: subject.at(endpoint), method: 'POST' })),
    one(`${endpoint} with JSON`, (subject) => send({ url: subject.at(endpoint), json: { client_id: 'app', client_secret: 'app-secret' } })),
    one(`${endpoint} in an unknown realm`, (subject) => send({ url: `${subject.base}/realms/nowhere/protocol/openid-connect/${endpoint}`, form: { client_id: 'app' } })),
    one(`${endpoint}, preflight`, (subject) => send({
      url: subject.at(endpoint), method: 'OPTIONS',
      headers: { origin: 'http://127.0.0.1:9', 'access-control-request-method': 'POST' },
    })),
  ]),
);
