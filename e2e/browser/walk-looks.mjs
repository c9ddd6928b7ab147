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
const lang = (w) => w.page.$eval('html', (html) => html.lang);
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

  // spec: UPANN-18, UPANN-19, UPANN-22, UPANN-23
  'fields that scripts of a theme change': async (w, world) => {
    const name = await realm(world, { loginTheme: 'branded', registrationAllowed: true });
    const profile = await world.admin.get(`/realms/${name}/users/profile`);
    const permissions = { view: ['admin', 'user'], edit: ['admin', 'user'] };
    profile.attributes.push(
      { name: 'phone', displayName: 'Phone', permissions, annotations: { kcNumberFormat: '({2}) {5}-{4}', kcNumberUnFormat: '{11}' } },
      { name: 'town', displayName: 'Town', permissions, annotations: { kcShout: 'loudly', kcCounted: 'yes' } },
    );
    await world.admin.put(`/realms/${name}/users/profile`, profile);
    await w.open(auth(world, name));
    await w.press('#kc-registration a');
    const email = `${world.unique}@example.test`;
    const fields = { username: world.unique, email, firstName: 'A', lastName: 'L', password: world.password, 'password-confirm': world.password, phone: '12345678901', town: 'Oz' };
    for (const [field, text] of Object.entries(fields)) await w.fill(`#${field}`, text);
    const value = (field) => w.page.$eval(`#${field}`, (e) => e.value);
    const scripts = w.mode.javascript;
    assert.equal(await value('phone'), scripts ? '(12) 34567-8901' : '12345678901');
    assert.equal(await value('town'), scripts ? 'OZ' : 'Oz');
    if (scripts) {
      // As many fields as the page has with this annotation, by a module that does it all itself.
      assert.equal(await w.page.$eval('html', (html) => html.dataset.counted), '1');
      // A field that comes later, and goes.
      await w.page.evaluate(() => {
        const later = document.createElement('input');
        later.id = 'later';
        later.setAttribute('data-kcShout', 'softly');
        document.querySelector('main').append(later);
      });
      await w.page.waitForSelector('#later[data-shouts]');
      await w.page.$eval('#later', (e) => e.remove());
      await w.page.waitForSelector('html[data-hushed="softly"]');
    }
    await w.press('#kc-register');
    assert.ok(world.returned(w).get('code'));
    const [{ attributes }] = await world.admin.get(`/realms/${name}/users?username=${world.unique}`);
    assert.deepEqual(attributes.phone, ['12345678901']);
    assert.deepEqual(attributes.town, [scripts ? 'OZ' : 'Oz']);
  },

  // spec: L10N-02, L10N-03, L10N-04, L10N-07, L10N-08, L10N-09, L10N-10, L10N-11, L10N-12, L10N-14, L10N-15
  'whose language it is': async (w, world) => {
    const name = await realm(world, languages);
    const id = await user(world, name, world.unique, { attributes: { locale: ['fr'] } });
    const own = async () => (await world.admin.get(`/realms/${name}/users/${id}`)).attributes.locale;
    // What the realm falls back to, what the browser wants, what the application wants.
    await w.page.setExtraHTTPHeaders({ 'accept-language': 'tlh' });
    await w.open(auth(world, name));
    assert.equal(await lang(w), 'es');
    await w.page.setExtraHTTPHeaders({ 'accept-language': 'de-AT, en;q=0.5' });
    await w.open(auth(world, name));
    assert.equal(await lang(w), 'de');
    await w.open(auth(world, name, { ui_locales: 'tlh ar' }));
    assert.equal(await lang(w), 'ar');
    // A text of the realm's own.
    await world.admin.post(`/realms/${name}/localization/ar`, { doLogIn: 'لندخل' });
    await w.open(auth(world, name, { ui_locales: 'tlh ar' }));
    assert.equal(await submit(w), 'لندخل');
    // The user's own, once it is known who that is.
    const signIn = async () => {
      await w.fill('#username', world.unique);
      await w.fill('#password', world.password);
      await w.press('#kc-login');
    };
    await signIn();
    assert.deepEqual(await own(), ['fr']);
    await w.open(auth(world, name, { kc_action: 'UPDATE_PASSWORD' }));
    if (await w.has('#password')) {
      await w.fill('#password', world.password);
      await w.press('#kc-login');
    }
    assert.equal(await lang(w), 'fr');
    // Chosen on the page: it goes before all, stays in the browser, and becomes the user's.
    const choice = await w.page.$eval('#kc-locale a[hreflang=en]', (link) => link.href);
    await w.open(choice);
    assert.equal(await lang(w), 'en');
    await w.press('[name=cancel-aia]');
    await w.open(`${world.base}/realms/${name}/protocol/openid-connect/logout`);
    await w.press('#kc-logout');
    await w.open(auth(world, name));
    assert.equal(await lang(w), 'en');
    await w.open(await w.page.$eval('#kc-locale a[hreflang=ar]', (link) => link.href));
    await signIn();
    assert.deepEqual(await own(), ['ar']);
    // Where the realm has one language, nothing is offered.
    await world.admin.put(`/realms/${name}`, { internationalizationEnabled: false });
    await w.open(auth(world, name, { ui_locales: 'ar', prompt: 'login' }));
    assert.equal(await lang(w), 'en');
    assert.ok(!await w.has('#kc-locale'));
  },
};
