import assert from 'node:assert/strict';

export const about = 'applications';

export async function prepare(world) {
  await world.client('asks', { consentRequired: true, attributes: { policyUri: `${world.origin}/privacy`, tosUri: `${world.origin}/terms` } });
  await world.client('television', { name: 'Television', attributes: { 'oauth2.device.authorization.grant.enabled': 'true' } });
  for (const name of ['first', 'second']) {
    await world.client(name, {
      name: `The ${name} shop`, frontchannelLogout: true,
      attributes: { 'frontchannel.logout.url': `${world.origin}/${name}/logout`, 'post.logout.redirect.uris': world.callback },
    });
  }
}

export const walks = {
  // spec: ENDUI-16
  consent: async (w, world) => {
    await world.user(world.unique);
    const asked = world.authorization({ client_id: 'asks', scope: 'openid profile email' });
    await w.open(asked);
    await world.signIn(w, world.unique);
    await w.at('login-oauth-grant');
    assert.ok((await w.text('#kc-page-title')).includes('Webshop'));
    assert.ok((await w.page.$$('.scopes li')).length >= 2);
    await w.press('#kc-cancel');
    assert.equal(world.returned(w).get('error'), 'access_denied');
    await w.open(asked);
    await w.at('login-oauth-grant');
    await w.press('#kc-login');
    assert.ok(world.returned(w).get('code'));
  },

  'a device': async (w, world) => {
    await world.user(world.unique);
    const begun = await fetch(world.endpoint('auth/device'), { method: 'POST', body: new URLSearchParams({ client_id: 'television' }) });
    const { verification_uri: address, user_code: code } = await begun.json();
    await w.open(address);
    await w.at('login-oauth2-device-verify-user-code');
    await w.fill('#device-user-code', 'WRONG-CODE');
    await w.press('#kc-submit');
    await w.at('login-oauth2-device-verify-user-code', 'error');
    await w.fill('#device-user-code', code);
    await w.press('#kc-submit');
    await world.signIn(w, world.unique);
    await w.at('login-oauth-grant', 'device');
    await w.press('#kc-login');
    await w.at('info', 'device');
  },

  'an answer by form': async (w, world) => {
    await world.user(world.unique);
    // What sends the form at once is held back, so that there is a page to look at.
    if (w.mode.javascript) {
      await w.page.setRequestInterception(true);
      w.page.on('request', (request) => {
        if (request.url().endsWith('/submit.js') && !w.released) request.respond({ status: 200, contentType: 'text/javascript', body: '' });
        else request.continue();
      });
    }
    await w.open(world.authorization({ response_mode: 'form_post' }));
    await world.signIn(w, world.unique);
    await w.at('form-post');
    await w.press('form button');
    world.returned(w);
    if (w.mode.javascript) {
      w.released = true;
      await w.open(world.authorization({ response_mode: 'form_post' }));
      await w.page.waitForFunction((url) => location.href === url, {}, world.callback);
    }
  },

  'the way out': async (w, world) => {
    await world.user(world.unique);
    for (const client_id of ['first', 'second']) {
      await w.open(world.authorization({ client_id }));
      if (await w.has('#username')) await world.signIn(w, world.unique);
      world.returned(w);
    }
    await w.open(world.endpoint('logout'));
    await w.at('logout-confirm');
    await w.press('#kc-logout');
    await w.at('frontchannel-logout');
    const frames = await w.page.$$eval('iframe', (all) => all.map((frame) => new URL(frame.src).pathname));
    assert.deepEqual(frames.sort(), ['/first/logout', '/second/logout']);
    await w.open(world.endpoint('logout'));
    await w.at('info', 'signed-out');
  },
};
