// Client-initiated backchannel authentication: what is asked of the server, and what the
// authentication device's side answers it.
import { send } from '../http.mjs';
import { group, mutations, one, variants } from '../cases.mjs';
import { basic, secretOf } from '../subject.mjs';

const CIBA = 'urn:openid:params:grant-type:ciba';
const ask = (subject, form) => subject.post('ext/ciba/auth', form);
const build = async () => ({ scope: 'openid', login_hint: 'alice', binding_message: 'W4SCT', ...secretOf('app') });
const call = (subject, body, headers = {}) => send({ url: subject.at('ext/ciba/auth/callback'), json: body, headers });

export default group('backchannel authentication',
  // The channel to the person's device is set up nowhere: what is right ends in the same refusal.
  mutations(['scope', 'login_hint', 'binding_message', 'client_id', 'client_secret'], build, ask),
  variants({
    'of nobody': { login_hint: 'nobody' },
    'of a disabled account': { login_hint: 'disabled' },
    'with two hints': { login_hint_token: 'token' },
    'with a token as hint': { login_hint: undefined, login_hint_token: 'token' },
    'with an ID token as hint': async (subject) => ({ login_hint: undefined, id_token_hint: (await subject.tokens()).id_token }),
    'without openid': { scope: 'profile' },
    'for an unknown scope': { scope: 'openid nonsense' },
    'with an expiry': { requested_expiry: '60' },
    'with an expiry that is none': { requested_expiry: 'soon' },
    'with an expiry in the past': { requested_expiry: '-1' },
    'with a message that is far too long': { binding_message: 'x'.repeat(500) },
    'with acr_values': { acr_values: '1' },
    'with a user code': { user_code: '1234' },
    'with a notification token': { client_notification_token: 'token' },
    'by a client that may not': secretOf('hybrid'),
    'by a public client': { client_id: 'public', client_secret: undefined },
    'by a disabled client': secretOf('disabled'),
    'with a wrong secret': { client_secret: 'wrong' },
    'with a request object': { request: 'nonsense' },
  }, build, ask),
  one('by basic', (subject) => subject.post('ext/ciba/auth', { scope: 'openid', login_hint: 'alice' }, basic('app'))),
  one('decision without a token', (subject) => call(subject, { status: 'SUCCEED' })),
  one('decision with a wrong token', (subject) => call(subject, { status: 'SUCCEED' }, { authorization: 'Bearer nonsense' })),
  one('decision with an access token', async (subject) => call(subject, { status: 'SUCCEED' }, { authorization: `Bearer ${await subject.own()}` })),
  one('polled for nothing', (subject) => subject.post('token', { grant_type: CIBA, ...secretOf('app') })),
  one('polled for nonsense', (subject) => subject.post('token', { grant_type: CIBA, auth_req_id: 'nonsense', ...secretOf('app') })),
  one('polled by a client that may not', (subject) => subject.post('token', { grant_type: CIBA, auth_req_id: 'nonsense', ...secretOf('hybrid') })),
  one('polled with an access token', async (subject) => subject.post('token', { grant_type: CIBA, auth_req_id: await subject.own(), ...secretOf('app') })),
);
