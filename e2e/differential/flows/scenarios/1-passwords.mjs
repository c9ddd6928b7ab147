// Names and passwords.
const as = ({ username, password }) => ({ username, password });

export default {
  'the right password': async (p, w) => {
    await p.login();
    await p.submit('sent', as(w));
    await p.tokens();
  },
  'a wrong password, then the right one': async (p, w) => {
    await p.login();
    await p.submit('wrong', { username: w.username, password: 'wrong' });
    await p.submit('right', as(w));
    await p.tokens();
  },
  'an unknown name': async (p) => {
    await p.login();
    await p.submit('sent', { username: 'nobody-at-all', password: 'wrong' });
  },
  'no name': async (p) => {
    await p.login();
    await p.submit('sent', { username: '', password: 'wrong' });
  },
  'no password': async (p, w) => {
    await p.login();
    await p.submit('sent', { username: w.username, password: '' });
  },
  'no fields at all': async (p) => {
    await p.login();
    await p.submit('sent', {}, { without: ['username', 'password', 'credentialId', 'rememberMe'] });
  },
  'a disabled account': {
    user: { enabled: false },
    run: async (p, w) => {
      await p.login();
      await p.submit('sent', as(w));
    },
  },
  'a disabled account and a wrong password': {
    user: { enabled: false },
    run: async (p, w) => {
      await p.login();
      await p.submit('sent', { username: w.username, password: 'wrong' });
    },
  },
  'the e-mail address as name': async (p, w) => {
    await p.login();
    await p.submit('sent', { username: w.email, password: w.password });
    await p.tokens();
  },
  'the e-mail address where only names count': {
    realm: 'closed',
    run: async (p, w) => {
      await p.login();
      await p.submit('sent', { username: w.email, password: w.password });
    },
  },
  'a name in capitals': async (p, w) => {
    await p.login();
    await p.submit('sent', { username: w.username.toUpperCase(), password: w.password });
    await p.tokens();
  },
  'a name with spaces around it': async (p, w) => {
    await p.login();
    await p.submit('sent', { username: ` ${w.username} `, password: w.password });
  },
  'a hint': async (p, w) => {
    await p.login('login', { login_hint: w.username });
    p.note('hinted', p.value('username') === w.username);
    await p.submit('sent', { password: w.password });
  },
  'kept signed in': async (p, w) => {
    await p.login();
    await p.submit('sent', { ...as(w), rememberMe: 'on' });
    await p.tokens();
    p.note('cookie', /KEYCLOAK_REMEMBER_ME/.test(p.jar.header()));
  },
  'a temporary password': {
    user: { credentials: [{ type: 'password', value: 'correct horse battery', temporary: true }] },
    run: async (p, w) => {
      await p.login();
      await p.submit('sent', as(w));
      await p.submit('chosen', { 'password-new': 'another one', 'password-confirm': 'another one' });
      await p.tokens();
    },
  },
  'no password to check': {
    user: { credentials: [] },
    run: async (p, w) => {
      await p.login();
      await p.submit('sent', as(w));
    },
  },
};
