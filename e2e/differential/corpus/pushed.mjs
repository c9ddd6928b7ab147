// Pushed authorization requests (RFC 9126).
import { json } from '../http.mjs';
import { group, mutations, one, values, variants } from '../cases.mjs';
import { assertion, foreign, known, now, proof, signed } from '../jose.mjs';
import { callback } from '../realm.mjs';
import { basic, challenge, secretOf } from '../subject.mjs';

const ask = (subject, form) => subject.post('ext/par/request', form);
const build = (client = 'pushed') => async (subject) => ({ ...subject.request(client), ...secretOf(client) });
const push = async (subject, client = 'pushed', changes = {}) => json(await ask(subject, { ...(await build(client)(subject)), ...changes })).request_uri;

const use = (name, parameters, client = 'pushed', changes = {}) => one(name, async (subject) => (
  subject.authorize({ client_id: client, request_uri: await push(subject, client, changes), ...parameters })
));

const objectOf = (subject, client, changes = {}) => ({ iss: client, aud: subject.issuer, exp: now() + 60, iat: now(), nbf: now(), ...subject.request(client), ...changes });

export default group('pushed request',
  mutations(['client_id', 'client_secret', 'redirect_uri', 'response_type', 'scope', 'state'], build(), ask),
  variants({
    'with the address of another': { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
    'with a wrong secret': { client_secret: 'wrong' },
    'by a client that need not': secretOf('app'),
    'by a public client': { client_id: 'public', client_secret: undefined },
    'by a disabled client': secretOf('disabled'),
    'by a bearer-only client': { client_id: 'bearer', client_secret: 'bearer-secret' },
    'by an unknown client': { client_id: 'nobody' },
    'with a foreign redirect address': { redirect_uri: 'http://evil.test/' },
    'with a challenge': { code_challenge: challenge, code_challenge_method: 'S256' },
    'with a bad challenge': { code_challenge: 'short', code_challenge_method: 'S256' },
    'with an unknown method of challenge': { code_challenge: challenge, code_challenge_method: 'nonsense' },
    'without the challenge that the client needs': { client_id: 'pkce', client_secret: undefined },
    'with an unknown parameter': { something: 'else' },
    'with a large parameter': { something: 'x'.repeat(20_000) },
    'with an unknown scope': { scope: 'openid nonsense' },
    'with claims that are none': { claims: '{' },
    'with a thumbprint': { dpop_jkt: challenge },
  }, build(), ask),
  values('response_type', ['token', 'id_token', 'code id_token', 'none', 'nonsense'], build(), ask),
  values('response_mode', ['form_post', 'jwt', 'nonsense'], build(), ask),
  values('prompt', ['none', 'login', 'nonsense', 'none login'], build(), ask),
  one('by basic', async (subject) => subject.post('ext/par/request', subject.request('pushed', { client_id: undefined }), basic('pushed'))),
  one('by an assertion', async (subject) => subject.post('ext/par/request', {
    ...subject.request('jwt'), client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: signed(assertion('jwt', subject.issuer)),
  })),
  one('with a proof', async (subject) => subject.post('ext/par/request', await build()(subject), { dpop: proof('POST', subject.at('ext/par/request')) })),
  one('with a proof and another thumbprint', async (subject) => subject.post('ext/par/request', { ...(await build()(subject)), dpop_jkt: challenge }, { dpop: proof('POST', subject.at('ext/par/request')) })),
  one('from a script of another origin', async (subject) => subject.post('ext/par/request', await build()(subject), { origin: 'http://127.0.0.1:9' })),
  group('object',
    one('signed', async (subject) => ask(subject, { ...secretOf('signed'), request: signed(objectOf(subject, 'signed')) })),
    one('unsigned', async (subject) => ask(subject, { ...secretOf('signed'), request: signed(objectOf(subject, 'signed'), known, { alg: 'none' }) })),
    one('by another key', async (subject) => ask(subject, { ...secretOf('signed'), request: signed(objectOf(subject, 'signed'), foreign) })),
    one('missing', async (subject) => ask(subject, { ...subject.request('signed'), ...secretOf('signed') })),
    one('expired', async (subject) => ask(subject, { ...secretOf('signed'), request: signed(objectOf(subject, 'signed', { exp: now() - 600 })) })),
    one('of another client', async (subject) => ask(subject, { ...secretOf('signed'), request: signed(objectOf(subject, 'signed', { client_id: 'app' })) })),
  ),
  group('used',
    use('as it should be', {}),
    use('with other parameters beside it', { state: 'another state', scope: 'openid email', redirect_uri: 'http://evil.test/' }),
    use('by another client', { client_id: 'app' }),
    use('by no client', { client_id: undefined }),
    use('with form_post', {}, 'pushed', { response_mode: 'form_post' }),
    use('with an error in it', {}, 'pushed', { prompt: 'none', max_age: '0' }),
    one('twice', async (subject) => {
      const parameters = { client_id: 'pushed', request_uri: await push(subject) };
      return { first: await subject.authorize(parameters), again: await subject.authorize(parameters) };
    }),
    one('that nobody pushed', (subject) => subject.authorize({ client_id: 'pushed', request_uri: 'urn:ietf:params:oauth:request_uri:11111111-1111-1111-1111-111111111111' })),
    one('not at all', (subject) => subject.authorize(subject.request('pushed'))),
    one('and redeemed', async (subject) => {
      const answer = await subject.authorize({ client_id: 'pushed', request_uri: await push(subject) });
      return subject.exchange('pushed', new URL(answer.headers.location?.[0] ?? 'none:').searchParams.get('code') ?? 'none', { redirect_uri: callback });
    }),
  ),
);
