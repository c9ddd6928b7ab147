// New accounts and forgotten passwords.
const fields = (w, more = {}) => ({
  username: `new-${w.at}`, email: `new-${w.at}@${w.email.split('@')[1]}`, firstName: 'New', lastName: 'Person',
  password: 'correct horse battery', 'password-confirm': 'correct horse battery', ...more,
});
const toRegister = async (p) => {
  await p.login();
  await p.follow('register', 'kc-registration');
};
const toReset = async (p) => {
  await p.login();
  const [, href] = /href="([^"]*login-actions\/reset-credentials[^"]*)"/.exec(p.html);
  await p.open('forgot', href.replaceAll('&amp;', '&'));
};
const chosen = { 'password-new': 'another one', 'password-confirm': 'another one' };

export default {
  'a new account': async (p, w) => {
    await toRegister(p);
    await p.submit('sent', fields(w));
    await p.tokens();
  },
  'passwords that differ': async (p, w) => {
    await toRegister(p);
    await p.submit('sent', fields(w, { 'password-confirm': 'another' }));
    p.note('kept', p.value('email') === fields(w).email);
  },
  'a password that is too short': async (p, w) => {
    await toRegister(p);
    await p.submit('sent', fields(w, { password: 'abc', 'password-confirm': 'abc' }));
  },
  'no password': async (p, w) => {
    await toRegister(p);
    await p.submit('sent', fields(w, { password: '', 'password-confirm': '' }));
  },
  'nothing filled in': async (p) => {
    await toRegister(p);
    await p.submit('sent', {});
  },
  'a name that is taken': async (p, w) => {
    await toRegister(p);
    await p.submit('sent', fields(w, { username: w.username }));
  },
  'an address that is taken': async (p, w) => {
    await toRegister(p);
    await p.submit('sent', fields(w, { email: w.email }));
  },
  'an address that is none': async (p, w) => {
    await toRegister(p);
    await p.submit('sent', fields(w, { email: 'nowhere' }));
  },
  'where nobody may register': { realm: 'closed', run: async (p) => {
    await p.login();
    await p.open('by address', `${p.endpoint('registrations')}?${new URL(p.authorization()).searchParams}`);
  } },
  'addresses as names': { realm: 'email', user: null, run: async (p, w, world) => {
    await toRegister(p);
    await p.submit('sent', fields(w));
    const mail = await world.mailbox.next(fields(w).email);
    await p.open('link', mail.link);
  } },
  'back to the login': async (p, w) => {
    await toRegister(p);
    const [, href] = /href="([^"]*login-actions\/(?:authenticate|restart)[^"]*)"/.exec(p.html.slice(p.html.indexOf('kc-register-form')));
    await p.open('back', href.replaceAll('&amp;', '&'));
    await p.submit('sent', { username: w.username, password: w.password });
    await p.tokens();
  },
  'a password forgotten': async (p, w, world) => {
    await toReset(p);
    await p.submit('sent', { username: w.username });
    const mail = await world.mailbox.next(w.email);
    await p.open('link', mail.link);
    await p.submit('chosen', chosen);
    await p.tokens();
    await p.tab().open('link twice', mail.link);
  },
  'a password forgotten, the mail read elsewhere': async (p, w, world) => {
    await toReset(p);
    await p.submit('sent', { username: w.email });
    const mail = await world.mailbox.next(w.email);
    const other = p.elsewhere();
    await other.open('link', mail.link);
    await other.submit('chosen', chosen);
    await other.tokens();
  },
  'a password forgotten by nobody': async (p) => {
    await toReset(p);
    await p.submit('sent', { username: 'nobody-at-all' });
  },
  'a password forgotten, without a name': async (p) => {
    await toReset(p);
    await p.submit('sent', { username: '' });
  },
  'a password forgotten by a disabled account': { user: { enabled: false }, run: async (p, w) => {
    await toReset(p);
    await p.submit('sent', { username: w.username });
  } },
  'where nobody may reset': { realm: 'closed', run: async (p, w) => {
    await p.login();
    await p.open('by address', `${p.action('reset-credentials')}?client_id=${w.client}`);
  } },
  'asked by an administrator': async (p, w, world) => {
    await world.call('PUT', `/admin/realms/${w.realm}/users/${w.id}/execute-actions-email?client_id=${w.client}&redirect_uri=${encodeURIComponent(w.callback)}`, ['UPDATE_PASSWORD']);
    const mail = await world.mailbox.next(w.email);
    await p.open('link', mail.link);
    await p.follow('proceed', 'kc-info-message');
    await p.submit('chosen', chosen);
    await p.tab().open('link twice', mail.link);
  },
};
