// The direct grant, and too many wrong guesses.
import { prepared } from './4-second-factors.mjs';

const { withDevice, code, as } = prepared;
const wrong = async (p, w, label) => {
  await p.login(`${label} login`);
  await p.submit(`${label} sent`, { username: w.username, password: 'wrong' });
};

/** Waits until the server has counted so many failures: one of the two counts them a little later. */
async function counted(w, world, failures) {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = await world.call('GET', `/admin/realms/${w.realm}/attack-detection/brute-force/users/${w.id}`);
    if (found.numFailures === failures || found.disabled) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

export default {
  'the direct grant': async (p, w) => { await p.grant('grant', as(w)); },
  'the direct grant, a wrong password': async (p, w) => { await p.grant('grant', { username: w.username, password: 'wrong' }); },
  'the direct grant, an unknown name': async (p) => { await p.grant('grant', { username: 'nobody-at-all', password: 'wrong' }); },
  'the direct grant, no name': async (p) => { await p.grant('grant', { password: 'wrong' }); },
  'the direct grant, no password': async (p, w) => { await p.grant('grant', { username: w.username }); },
  'the direct grant, disabled': { user: { enabled: false }, run: async (p, w) => { await p.grant('grant', as(w)); } },
  'the direct grant, something to do': { user: { requiredActions: ['UPDATE_PASSWORD'] }, run: async (p, w) => { await p.grant('grant', as(w)); } },
  'the direct grant, a code': { user: withDevice, run: async (p, w) => { await p.grant('grant', { ...as(w), totp: code() }); } },
  'the direct grant, no code': { user: withDevice, run: async (p, w) => { await p.grant('grant', as(w)); } },
  'the direct grant, a wrong code': { user: withDevice, run: async (p, w) => { await p.grant('grant', { ...as(w), totp: '000000' }); } },
  'the direct grant, a flow without a password': { directFlow: [['REQUIRED', 'direct-grant-validate-username']], run: async (p, w) => { await p.grant('grant', { username: w.username }); } },
  'locked out for a while': { realm: 'lockout', run: async (p, w, world) => {
    await wrong(p, w, 'first');
    await counted(w, world, 1);
    await wrong(p, w, 'second');
    await counted(w, world, 2);
    await p.login('right login');
    await p.submit('right', as(w));
    await p.grant('grant', as(w));
  } },
  'one wrong guess is forgotten': { realm: 'lockout', run: async (p, w, world) => {
    await wrong(p, w, 'first');
    await counted(w, world, 1);
    await p.submit('right', as(w));
    await counted(w, world, 0);
    const other = p.elsewhere();
    await wrong(other, w, 'second');
    await counted(w, world, 1);
    await other.submit('right again', as(w));
  } },
  'locked out by the direct grant': { realm: 'lockout', run: async (p, w, world) => {
    await p.grant('first', { username: w.username, password: 'wrong' });
    await counted(w, world, 1);
    await p.grant('second', { username: w.username, password: 'wrong' });
    await counted(w, world, 2);
    await p.grant('right', as(w));
    await p.login();
    await p.submit('by the page', as(w));
  } },
  'locked out by codes': { realm: 'lockout', user: withDevice, run: async (p, w, world) => {
    await p.login();
    await p.submit('password', as(w));
    await p.submit('first', { otp: '000000' });
    await counted(w, world, 1);
    await p.submit('second', { otp: '000001' });
    await counted(w, world, 2);
    await p.submit('right', { otp: code() });
  } },
  'locked out, and let in again': { realm: 'lockout', run: async (p, w, world) => {
    await wrong(p, w, 'first');
    await counted(w, world, 1);
    await wrong(p, w, 'second');
    await counted(w, world, 2);
    await world.call('DELETE', `/admin/realms/${w.realm}/attack-detection/brute-force/users/${w.id}`);
    await p.submit('right', as(w));
  } },
  'locked out for good': { realm: 'forever', run: async (p, w, world) => {
    await wrong(p, w, 'first');
    await counted(w, world, 1);
    await wrong(p, w, 'second');
    await counted(w, world, 2);
    await p.submit('right', as(w));
    await p.grant('right grant', as(w));
  } },
};
