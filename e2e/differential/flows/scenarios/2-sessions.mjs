// Who is signed in already, and what applications ask of that.
const signIn = async (p, w, label = 'in') => {
  await p.login(`${label} login`);
  await p.submit(`${label} sent`, { username: w.username, password: w.password });
  await p.tokens(`${label} tokens`);
};

export default {
  'once more': async (p, w) => {
    await signIn(p, w);
    await p.login('again');
    await p.tokens('again tokens', { loginAgo: true });
  },
  'prompt=none without a session': async (p) => {
    await p.login('login', { prompt: 'none' });
  },
  'prompt=none with a session': async (p, w) => {
    await signIn(p, w);
    await p.login('again', { prompt: 'none' });
    await p.tokens();
  },
  'prompt=none with something to do': {
    user: { requiredActions: ['UPDATE_PASSWORD'] },
    run: async (p, w) => {
      await p.login();
      await p.submit('sent', { username: w.username, password: w.password });
      await p.tab().login('again', { prompt: 'none' });
    },
  },
  'prompt=login': async (p, w) => {
    await signIn(p, w);
    await p.login('again', { prompt: 'login' });
    await p.submit('wrong', { password: 'wrong' });
    await p.submit('right', { password: w.password });
    await p.tokens();
  },
  'prompt=login, and another name': async (p, w, world) => {
    const other = `other-${w.at}`;
    await world.call('POST', `/admin/realms/${w.realm}/users`, {
      username: other, enabled: true, email: `${other}@example.test`, firstName: 'O', lastName: 'T', credentials: [{ type: 'password', value: w.password }],
    });
    await signIn(p, w);
    await p.login('again', { prompt: 'login' });
    await p.submit('sent', { username: other, password: w.password });
  },
  'max_age=0': async (p, w) => {
    await signIn(p, w);
    // A login of this second is not too old for either.
    await new Promise((resolve) => { setTimeout(resolve, 2_000); });
    await p.login('again', { max_age: '0' });
    await p.submit('sent', { password: w.password });
    await p.tokens();
  },
  'max_age that is not over': async (p, w) => {
    await signIn(p, w);
    await p.login('again', { max_age: '1000' });
    await p.tokens('again tokens', { loginAgo: true });
  },
  'prompt=create': async (p) => {
    await p.login('login', { prompt: 'create' });
  },
  'prompt=select_account': async (p, w) => {
    await signIn(p, w);
    await p.login('again', { prompt: 'select_account' });
  },
  'consent asked for': async (p, w) => {
    await signIn(p, w);
    await p.login('again', { prompt: 'consent', scope: 'openid email' });
  },
  'consent refused, then given': {
    settings: { consentRequired: true },
    run: async (p, w) => {
      await p.login();
      await p.submit('sent', { username: w.username, password: w.password });
      await p.submit('refused', { cancel: 'No' });
      await p.login('again');
      if (p.id === 'login-login') await p.submit('again sent', { username: w.username, password: w.password });
      await p.submit('given', { accept: 'Yes' });
      await p.tokens();
    },
  },
  'signed out': async (p, w) => {
    await signIn(p, w);
    await p.open('out', `${p.endpoint('logout')}?${new URLSearchParams({ client_id: w.client })}`);
    await p.submit('confirmed', { confirmLogout: 'yes' });
    await p.login('again');
  },
  'signed out with a hint': async (p, w) => {
    await signIn(p, w);
    await p.open('out', `${p.endpoint('logout')}?${new URLSearchParams({ id_token_hint: p.tokenSet.id_token, post_logout_redirect_uri: w.callback })}`);
    await p.login('again');
  },
  'signed out by an administrator': async (p, w, world) => {
    await signIn(p, w);
    await world.call('POST', `/admin/realms/${w.realm}/users/${w.id}/logout`);
    await p.login('again');
  },
  'disabled since': async (p, w, world) => {
    await signIn(p, w);
    await world.call('PUT', `/admin/realms/${w.realm}/users/${w.id}`, { ...await world.user(w), enabled: false });
    await p.login('again');
  },
};
