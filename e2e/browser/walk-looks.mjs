import assert from 'node:assert/strict';

export const about = 'looks';

/** A realm of its own: its settings change on the way. */
async function realm({ admin, mailbox, unique, callback }, settings) {
  const name = `${unique}-realm`;
  await admin.post('/realms', { realm: name, enabled: true, resetPasswordAllowed: true, smtpServer: mailbox.settings, ...settings });
  await admin.post(`/realms/${name}/clients`, { clientId: 'app', publicClient: true, redirectUris: [callback] });
  return name;
}
const auth = ({ base, callback }, name, extra = {}) => `${base}/realms/${name}/protocol/openid-connect/auth?${new URLSearchParams({
  client_id: 'app', redirect_uri: callback, response_type: 'code', scope: 'openid', ...extra,
})}`;
const languages = { internationalizationEnabled: true, supportedLocales: ['en', 'de', 'fr', 'es', 'ar'], defaultLocale: 'es' };
const user = (world, name, username, more = {}) => world.admin.post(`/realms/${name}/users`, {
  username, enabled: true, email: `${username}@example.test`, emailVerified: true, firstName: 'A', lastName: 'L', ...more,
  credentials: [{ type: 'password', value: world.password, temporary: false }],
});
const submit = (w) => w.text('#kc-login');

export const walks = {
  // spec: THEME-01, THEME-02, THEME-05, THEME-06, THEME-08, THEME-09
  'a theme of the realm and of one client': async (w, world) => {
    const name = await realm(world, { loginTheme: 'branded', emailTheme: 'branded', ...languages, supportedLocales: ['en', 'nl', 'ar'], defaultLocale: 'en' });
    await world.admin.post(`/realms/${name}/clients`, { clientId: 'plain', publicClient: true, redirectUris: [world.callback], attributes: { login_theme: 'realmkeep' } });
    const accent = () => w.page.$eval('#kc-login', (button) => getComputedStyle(button).backgroundColor);
    await w.open(auth(world, name));
    assert.equal(await accent(), 'rgb(107, 47, 160)');
    if (w.mode.language === 'en') assert.equal(await submit(w), 'Let me in');
    if (w.mode.javascript) assert.equal(await w.page.$eval('html', (html) => html.dataset.brand), 'here');
    await w.open(auth(world, name, { kc_locale: 'nl' }));
    assert.equal(await submit(w), 'Laat me binnen');
    const login = w.page.url();
    await w.open(auth(world, name, { client_id: 'plain', kc_locale: 'en' }));
    assert.notEqual(await accent(), 'rgb(107, 47, 160)');
    await user(world, name, world.unique);
    await w.open(login);
    await w.press('#kc-form-options a');
    assert.equal(await w.text('#slogan'), 'Altijd aan uw zijde');
    await w.fill('#username', world.unique);
    await w.press('#kc-submit');
    const mail = await world.mailbox.next(`${world.unique}@example.test`);
    assert.match(mail.html, /<p>Branded for /);
    // It is chosen anew without a restart.
    await world.admin.put(`/realms/${name}`, { loginTheme: '' });
    await w.open(auth(world, name));
    assert.notEqual(await accent(), 'rgb(107, 47, 160)');
  },
};
