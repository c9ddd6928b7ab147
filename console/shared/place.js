const KEY = 'realmkeep.console.place';

/**
 * The screen is the address's fragment, and a redirect URI has none (RFC 6749 section 3.1.2): it is
 * put aside before the login and put back when the login leads here again.
 */
export function keepPlace() {
  const { pathname, search, hash } = window.location;
  const query = new URLSearchParams(search);
  if (query.has('state')) {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    if (kept !== null && hash === '') window.history.replaceState(null, '', pathname + search + kept);
  } else if (hash !== '') {
    sessionStorage.setItem(KEY, hash);
    window.history.replaceState(null, '', pathname + search);
  }
}

/**
 * The library follows its own links from one realm to another; an address that was typed, or the way
 * back, needs it to start anew.
 */
export function followRealm() {
  const realm = (address) => new URL(address).hash.split('/')[1];
  window.addEventListener('hashchange', ({ oldURL, newURL }) => {
    if (realm(newURL) && realm(oldURL) !== realm(newURL)) window.location.reload();
  });
}
