// Logout: by the browser, by the application, and what is left after it.
import { Jar, encode, send } from '../http.mjs';
import { group, mutations, one, variants } from '../cases.mjs';
import { foreign, now, rewritten, signed } from '../jose.mjs';
import { callback } from '../realm.mjs';
import { secretOf } from '../subject.mjs';

const ask = (subject, parameters, jar) => send({ url: `${subject.at('logout')}?${encode(parameters)}`, jar });
const post = (subject, form) => subject.post('logout', form);
const hinted = async (subject) => ({ id_token_hint: (await subject.tokens('app', { fresh: true })).id_token, post_logout_redirect_uri: callback, state: 'a state' });
const direct = async (subject) => ({ refresh_token: (await subject.tokens('app', { fresh: true })).refresh_token, ...secretOf('app') });

/** By somebody who is signed in in this browser. */
const signedIn = (name, make) => one(name, async (subject) => {
  const jar = new Jar();
  const answer = await subject.login(subject.request('app'), { jar });
  const code = new URL(answer.headers.location[0]).searchParams.get('code');
  const tokens = JSON.parse((await subject.exchange('app', code)).text);
  return ask(subject, await make(subject, tokens), jar);
});

export default group('logout',
  group('by the browser',
    mutations(['id_token_hint', 'post_logout_redirect_uri', 'state'], hinted, ask),
    variants({
      'with the client': { client_id: 'app' },
      'with another client': { client_id: 'hybrid' },
      'with an unknown client': { client_id: 'nobody' },
      'with a foreign address': { post_logout_redirect_uri: 'http://evil.test/' },
      'with the old parameter': { post_logout_redirect_uri: undefined, redirect_uri: callback },
      'with an access token as hint': async (subject) => ({ id_token_hint: (await subject.tokens()).access_token }),
      'with a changed hint': async (subject) => ({ id_token_hint: rewritten((await subject.tokens()).id_token, { sub: 'x' }) }),
      'with a foreign hint': (subject) => ({ id_token_hint: signed({ iss: subject.issuer, aud: 'app', sub: 'x', exp: now() + 60, iat: now(), typ: 'ID' }, foreign) }),
      'with languages': { ui_locales: 'de' },
      'with an unknown parameter': { something: 'else' },
    }, hinted, ask),
    one('of nobody', (subject) => ask(subject, {})),
    one('of nobody, with a client', (subject) => ask(subject, { client_id: 'app' })),
    one('of nobody, with a client and an address', (subject) => ask(subject, { client_id: 'app', post_logout_redirect_uri: callback })),
    one('of nobody, with an address', (subject) => ask(subject, { post_logout_redirect_uri: callback })),
    signedIn('signed in', (_subject, { id_token: hint }) => ({ id_token_hint: hint, post_logout_redirect_uri: callback })),
    signedIn('signed in, without address', (_subject, { id_token: hint }) => ({ id_token_hint: hint })),
    signedIn('signed in, without hint', () => ({ client_id: 'app', post_logout_redirect_uri: callback })),
    signedIn('signed in, with nothing', () => ({})),
    one('confirmed', async (subject) => {
      const jar = new Jar();
      await subject.login(subject.request('app'), { jar });
      const page = await ask(subject, { client_id: 'app', post_logout_redirect_uri: callback }, jar);
      return subject.submit(page, { confirmLogout: 'Logout' }, jar);
    }),
    one('then authorized without a page', async (subject) => {
      const jar = new Jar();
      await subject.login(subject.request('app'), { jar });
      const page = await ask(subject, { client_id: 'app' }, jar);
      await subject.submit(page, { confirmLogout: 'Logout' }, jar);
      return send({ url: subject.authorization(subject.request('app', { prompt: 'none' })), jar });
    }),
    one('by POST', async (subject) => send({ url: subject.at('logout'), form: await hinted(subject) })),
    one('by POST with nothing', (subject) => send({ url: subject.at('logout'), form: {} })),
    one('confirmation of nothing', (subject) => send({ url: `${subject.at('logout')}/logout-confirm`, form: {} })),
  ),
  group('by the application',
    mutations(['refresh_token', 'client_id', 'client_secret'], direct, post),
    variants({
      'with an access token': async (subject) => ({ refresh_token: (await subject.tokens()).access_token }),
      'with a token of another client': async (subject) => ({ refresh_token: (await subject.tokens('hybrid')).refresh_token }),
      'with a wrong secret': { client_secret: 'wrong' },
      'of a disabled client': secretOf('disabled'),
      'of a public client': async (subject) => ({ refresh_token: (await subject.tokens('public', { fresh: true })).refresh_token, client_id: 'public', client_secret: undefined }),
      'of an offline token': async (subject) => ({ refresh_token: (await subject.tokens('app', { scope: 'openid offline_access', username: 'offline', fresh: true })).refresh_token }),
    }, direct, post),
    one('twice', async (subject) => {
      const parameters = await direct(subject);
      return { first: await post(subject, parameters), again: await post(subject, parameters) };
    }),
    one('from a script of another origin', async (subject) => subject.post('logout', await direct(subject), { origin: 'http://127.0.0.1:9' })),
  ),
  group('by another provider',
    one('nothing', (subject) => subject.post('logout/backchannel-logout', {})),
    one('nonsense', (subject) => subject.post('logout/backchannel-logout', { logout_token: 'nonsense' })),
    one('a foreign token', (subject) => subject.post('logout/backchannel-logout', { logout_token: signed({ iss: 'https://nobody.test', aud: 'x', iat: now(), jti: 'x', events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, sub: 'x' }) })),
    one('by GET', (subject) => send({ url: subject.at('logout/backchannel-logout') })),
  ),
);
