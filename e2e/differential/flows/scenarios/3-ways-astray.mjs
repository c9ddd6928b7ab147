// Tabs, the back button, reloads, and addresses and fields that were tampered with.
const as = ({ username, password }) => ({ username, password });
const changed = (name, value) => (url) => {
  if (value === undefined) url.searchParams.delete(name);
  else url.searchParams.set(name, value);
  return url;
};
const tampered = (name, value) => async (p, w) => {
  await p.login();
  await p.submit('sent', as(w), { action: changed(name, value) });
};
const otherRealm = (url) => {
  url.pathname = url.pathname.replace(/realms\/[^/]+/, 'realms/master');
  return url;
};

export default {
  'two tabs, first the first': async (p, w) => {
    await p.login('first');
    const second = p.tab();
    await second.login('second');
    await p.submit('first sent', as(w));
    await p.tokens();
    await second.submit('second sent', as(w));
  },
  'two tabs, first the second': async (p, w) => {
    await p.login('first');
    const second = p.tab();
    await second.login('second');
    await second.submit('second sent', as(w));
    await p.submit('first sent', as(w));
  },
  'a form sent twice': async (p, w) => {
    await p.login();
    const form = p.now;
    await p.submit('sent', as(w));
    await p.submitOf(form, 'again', as(w));
  },
  'a form from before the wrong password': async (p, w) => {
    await p.login();
    const form = p.now;
    await p.submit('wrong', { username: w.username, password: 'wrong' });
    await p.submitOf(form, 'back and right', as(w));
    await p.tokens();
  },
  'a reload of the first page': async (p, w) => {
    await p.login();
    await p.login('again');
    await p.submit('sent', as(w));
    await p.tokens();
  },
  'a form\'s address opened': async (p) => {
    await p.login();
    const [, action] = /<form\b[^>]*\baction="([^"]*login-actions[^"]*)"/.exec(p.html);
    await p.open('opened', action.replaceAll('&amp;', '&'));
  },
  'the restart of the first page': async (p, w) => {
    await p.login();
    const [, action] = /<form\b[^>]*\baction="([^"]*login-actions[^"]*)"/.exec(p.html);
    await p.open('restarted', action.replaceAll('&amp;', '&').replace('login-actions/authenticate', 'login-actions/restart'));
    await p.submit('sent', as(w));
    await p.tokens();
  },
  'no cookies': async (p, w) => {
    await p.login();
    const other = p.elsewhere();
    other.answer = p.answer;
    await other.submit('sent', as(w));
  },
  'no parameters': async (p) => {
    await p.open('opened', p.action('authenticate'));
  },
  'no parameters, and a login under way': async (p) => {
    await p.login();
    await p.open('opened', p.action('authenticate'));
  },
  'another session code': tampered('session_code', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'),
  'no session code': tampered('session_code', undefined),
  'another execution': tampered('execution', '00000000-0000-0000-0000-000000000000'),
  'another tab': tampered('tab_id', 'AAAAAAAAAAA'),
  'another client': tampered('client_id', 'account'),
  'an unknown client': tampered('client_id', 'nobody'),
  'another client_data': tampered('client_data', 'AAAA'),
  'another realm': async (p, w) => {
    await p.login();
    await p.submit('sent', as(w), { action: otherRealm });
  },
  'required actions before a login': async (p) => {
    await p.login();
    await p.open('opened', p.action('required-action'));
  },
  'a required action that nobody asked for': async (p, w) => {
    await p.login();
    await p.submit('sent', as(w), {
      action: (url) => {
        url.pathname = url.pathname.replace('authenticate', 'required-action');
        url.searchParams.set('execution', 'UPDATE_PASSWORD');
        return url;
      },
    });
  },
  'a form that is too large': async (p, w) => {
    await p.login();
    await p.submit('sent', { username: w.username, password: 'x'.repeat(100_000) });
  },
  'a consent without a login': async (p) => {
    await p.open('opened', `${p.action('consent')}?client_id=account`);
  },
  'a link of a mail that is none': async (p) => {
    await p.open('opened', `${p.action('action-token')}?key=abc`);
  },
  'registration by its address': async (p) => {
    await p.open('opened', `${p.endpoint('registrations')}?${new URL(p.authorization()).searchParams}`);
  },
  'a forgotten password by its address': async (p, w) => {
    await p.open('opened', `${p.action('reset-credentials')}?client_id=${w.client}`);
  },
};
