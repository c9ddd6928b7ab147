// Device authorization (RFC 8628): from the device, and at the page for the code.
import { Jar, encode, json, send } from '../http.mjs';
import { group, mutations, one, variants } from '../cases.mjs';
import { password } from '../realm.mjs';
import { basic, challenge, secretOf } from '../subject.mjs';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const ask = (subject, form) => subject.post('auth/device', form);
const build = async () => ({ client_id: 'public', scope: 'openid' });
const visit = (subject, parameters, jar) => send({ url: `${subject.issuer}/device?${encode(parameters)}`, jar });
const poll = (subject, code) => subject.post('token', { grant_type: DEVICE, client_id: 'public', device_code: code });

/** The person opens the address, signs in and decides; the last page, and what the device gets. */
const decided = (name, decision, fields = {}) => one(name, async (subject) => {
  const { user_code: userCode, device_code: deviceCode } = json(await ask(subject, { client_id: 'public', scope: 'openid' }));
  const jar = new Jar();
  const login = await subject.follow(await visit(subject, { user_code: userCode }, jar), jar);
  const asks = await subject.submit(login, { username: 'alice', password, ...fields }, jar);
  const end = await subject.submit(asks, decision, jar);
  return { asks, end, device: await poll(subject, deviceCode), again: await poll(subject, deviceCode) };
});

export default group('device',
  mutations(['client_id', 'scope'], build, ask),
  variants({
    'by a confidential client': secretOf('app'),
    'by a confidential client without secret': { client_id: 'app' },
    'with a wrong secret': { client_id: 'app', client_secret: 'wrong' },
    'by a client that may not': secretOf('hybrid'),
    'by a public client that may not': { client_id: 'pkce' },
    'by a disabled client': secretOf('disabled'),
    'by a bearer-only client': { client_id: 'bearer', client_secret: 'bearer-secret' },
    'with a challenge': { code_challenge: challenge, code_challenge_method: 'S256' },
    'with a challenge of an unknown method': { code_challenge: challenge, code_challenge_method: 'nonsense' },
    'for an unknown scope': { scope: 'openid nonsense' },
    'with an unknown parameter': { something: 'else' },
  }, build, ask),
  one('by basic', (subject) => subject.post('auth/device', { scope: 'openid' }, basic('app'))),
  one('from a script of another origin', (subject) => subject.post('auth/device', { client_id: 'public' }, { origin: 'http://127.0.0.1:9' })),
  group('page',
    one('without code', (subject) => visit(subject, {})),
    one('with an unknown code', (subject) => visit(subject, { user_code: 'AAAA-BBBB' })),
    one('with an empty code', (subject) => visit(subject, { user_code: '' })),
    one('with a code that is too long', (subject) => visit(subject, { user_code: 'A'.repeat(5_000) })),
    one('with a code', async (subject) => visit(subject, { user_code: json(await ask(subject, { client_id: 'public' })).user_code })),
    one('the code by POST', async (subject) => send({ url: `${subject.issuer}/device`, form: { device_user_code: json(await ask(subject, { client_id: 'public' })).user_code } })),
    one('an unknown code by POST', (subject) => send({ url: `${subject.issuer}/device`, form: { device_user_code: 'AAAA-BBBB' } })),
    one('status', (subject) => send({ url: `${subject.issuer}/device/status` })),
  ),
  decided('accepted', { accept: 'Yes' }),
  decided('refused', { cancel: 'No' }),
);
