// What a user has to do, and what an application asks for.
const as = ({ username, password }) => ({ username, password });
const start = async (p, w, extra = {}) => {
  await p.login('login', extra);
  await p.submit('sent', as(w));
};
const profile = (w, more = {}) => ({ email: w.email, firstName: 'Another', lastName: 'Name', ...more });
const chosen = { 'password-new': 'another one', 'password-confirm': 'another one' };
const actions = (...requiredActions) => ({ requiredActions });

export default {
  'a new password': { user: actions('UPDATE_PASSWORD'), run: async (p, w) => {
    await start(p, w);
    await p.submit('empty', { 'password-new': '', 'password-confirm': '' });
    await p.submit('not the same', { 'password-new': 'one two three', 'password-confirm': 'another' });
    await p.submit('too short', { 'password-new': 'abc', 'password-confirm': 'abc' });
    await p.submit('right', chosen);
    await p.tokens();
  } },
  'a new password left out': { user: actions('UPDATE_PASSWORD'), run: async (p, w) => {
    await start(p, w);
    await p.login('past it');
  } },
  'a new password, cancelled without being asked': { user: actions('UPDATE_PASSWORD'), run: async (p, w) => {
    await start(p, w);
    await p.submit('cancelled', { 'cancel-aia': 'true' });
  } },
  'terms accepted': { user: actions('TERMS_AND_CONDITIONS'), run: async (p, w) => {
    await start(p, w);
    await p.submit('accepted', { accept: 'true' });
    await p.tokens();
  } },
  'terms declined': { user: actions('TERMS_AND_CONDITIONS'), run: async (p, w) => {
    await start(p, w);
    await p.submit('declined', { cancel: 'true' });
  } },
  'a profile': { user: actions('UPDATE_PROFILE'), run: async (p, w) => {
    await start(p, w);
    await p.submit('no address', profile(w, { email: 'nowhere' }));
    await p.submit('no name', profile(w, { firstName: '' }));
    await p.submit('right', profile(w));
    await p.tokens();
  } },
  'a profile with a name that may not change': { user: actions('UPDATE_PROFILE'), run: async (p, w) => {
    await start(p, w);
    await p.submit('sent again', profile(w, { username: 'root' }));
  } },
  'a profile with another\'s address': { user: actions('UPDATE_PROFILE'), run: async (p, w, world) => {
    await world.call('POST', `/admin/realms/${w.realm}/users`, { username: `taken-${w.at}`, email: `taken-${w.at}@example.test`, enabled: true });
    await start(p, w);
    await p.submit('sent again', profile(w, { email: `taken-${w.at}@example.test` }));
  } },
  'a profile that lacks something': { user: { firstName: undefined, lastName: undefined }, run: async (p, w) => {
    await start(p, w);
    if (p.id !== 'application') await p.submit('right', profile(w));
    await p.tokens();
  } },
  'two things to do': { user: actions('UPDATE_PASSWORD', 'TERMS_AND_CONDITIONS'), run: async (p, w) => {
    await start(p, w);
    await p.submit('first', p.id === 'login-terms' ? { accept: 'true' } : chosen);
    await p.submit('second', p.id === 'login-terms' ? { accept: 'true' } : chosen);
    await p.tokens();
  } },
  'an action that there is not': { user: actions('NO_SUCH_ACTION'), run: async (p, w) => {
    await start(p, w);
  } },
  'asked for a new password': async (p, w) => {
    await start(p, w, { kc_action: 'UPDATE_PASSWORD' });
    await p.submit('right', chosen);
    await p.tokens();
  },
  'asked for a new password, and cancelled': async (p, w) => {
    await start(p, w, { kc_action: 'UPDATE_PASSWORD' });
    await p.submit('cancelled', { 'cancel-aia': 'true' });
  },
  'asked for a profile': async (p, w) => {
    await start(p, w, { kc_action: 'UPDATE_PROFILE' });
    await p.submit('right', profile(w));
  },
  'asked for what there is not': async (p, w) => {
    await start(p, w, { kc_action: 'NO_SUCH_ACTION' });
  },
  'asked by somebody who is signed in': async (p, w) => {
    await start(p, w);
    await p.login('again', { kc_action: 'UPDATE_PROFILE' });
    await p.submit('right', profile(w));
  },
  'asked with prompt=none': async (p, w) => {
    await start(p, w);
    await p.login('again', { kc_action: 'UPDATE_PROFILE', prompt: 'none' });
  },
  'asked to delete the account, without the right': async (p, w) => {
    await start(p, w, { kc_action: 'delete_account' });
  },
  'asked to delete a credential': async (p, w, world) => {
    const [password] = await world.credentials(w);
    await start(p, w, { kc_action: `delete_credential:${password.id}` });
  },
  'an address to be verified': { realm: 'email', user: { emailVerified: false }, run: async (p, w, world) => {
    await p.login();
    await p.submit('sent', { username: w.email, password: w.password });
    const mail = await world.mailbox.next(w.email);
    const [, again] = /(?:action|href)="([^"]*login-actions\/required-action[^"]*)"/.exec(p.html);
    await p.open('opened again', again.replaceAll('&amp;', '&'));
    p.note('mails', world.mailbox.count(w.email));
    await p.open('link', mail.link);
    await p.tab().open('link twice', mail.link);
  } },
  'an address verified in another browser': { realm: 'email', user: { emailVerified: false }, run: async (p, w, world) => {
    await p.login();
    await p.submit('sent', { username: w.email, password: w.password });
    const mail = await world.mailbox.next(w.email);
    const other = p.elsewhere();
    await other.open('link', mail.link);
    if (/id="proceedWithAction"/.test(other.html)) await other.follow('confirmed', 'proceedWithAction');
    else if (/click|here/i.test(other.html)) await other.open('confirmed', /href="([^"]*action-token[^"]*)"/.exec(other.html)[1].replaceAll('&amp;', '&'));
    await p.login('then');
  } },
};
