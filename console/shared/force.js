const FORCE = 'Realmkeep-Force';

let meant = false;

/** Whether a change is meant although what it changes is managed elsewhere (docs/reference). */
export function meanChanges(yes) {
  meant = yes;
}

/** The library's calls say so, too; they all go through `fetch`. */
export function watchCalls() {
  const send = window.fetch.bind(window);
  window.fetch = (input, options = {}) => {
    const isRequest = input instanceof Request;
    const address = isRequest ? input.url : String(input);
    const method = (options.method ?? (isRequest ? input.method : 'GET')).toUpperCase();
    if (!meant || method === 'GET' || !address.includes('/admin/realms/')) return send(input, options);
    const headers = new Headers(options.headers ?? (isRequest ? input.headers : undefined));
    headers.set(FORCE, '?1');
    return send(input, { ...options, headers });
  };
}
